/* milter_macros - what is told to milters of mail that came without SMTP
 *
 * And what a server's session tells them in the same words.
 */
#ifndef CLEANUP_MILTER_MACROS_H
#define CLEANUP_MILTER_MACROS_H

#include "base/str.h"
#include "rewrite/rewrite.h"

/* A milter_macro_fn; CONTEXT is a struct cleanup. */
bool milter_macro_value(void *context, struct view name, struct str *value);

/* A macro about ADDRESS, where it goes: PART is what stands behind "{mail_" or "{rcpt_":
 * "addr}", "host}" or "mailer}".  False: it cannot be resolved now.  May suspend. */
bool milter_macro_of_address(struct rewrite *r, struct view address, struct view part,
                             struct str *value);

/* One macro and what it is worth now. */
struct milter_macro {
    const char *name; /* "{client_addr}" */
    struct view value;
};
/* NAME's value among the N of KNOWN; NULL when it is none of them. */
const struct view *milter_macro_find(const struct milter_macro *known, size_t n,
                                     struct view name);

#endif
