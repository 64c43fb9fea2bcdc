/* milter_macros - what is told to milters of mail that came without SMTP
 */
#ifndef CLEANUP_MILTER_MACROS_H
#define CLEANUP_MILTER_MACROS_H

#include "base/str.h"

/* A milter_macro_fn; CONTEXT is a struct cleanup. */
bool milter_macro_value(void *context, struct view name, struct str *value);

#endif
