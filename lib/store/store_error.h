/* store_error - what a failed system call on a mailbox means for the mail
 *
 * Private to lib/store.
 */
#ifndef STORE_STORE_ERROR_H
#define STORE_STORE_ERROR_H

#include "base/error.h"

/* Set E from errno: a full disk or a busy file is temporary (4.3.0, 4.2.0), a quota or a
 * size limit is final (5.2.2), all else has STATUS. */
void store_error_errno(struct error *e, const char *status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
