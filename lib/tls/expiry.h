/* expiry - certificates that are about to run out
 *
 * Told in the log by the processes that use them, and by `diligence check`.
 */
#ifndef TLS_EXPIRY_H
#define TLS_EXPIRY_H

#include "tls/role.h"

/* Days before the end from which on there is a warning. */
#define TLS_EXPIRY_DAYS 14

typedef void tls_expiry_fn(struct view text, void *arg);
/* Call TELL for each certificate among the parameters of ROLE that ends within
 * TLS_EXPIRY_DAYS, or has ended: "certificate x in /file ends in 3 days (date)".  Files
 * that cannot be read are passed over.  Does not suspend. */
void tls_expiry_check(const struct conf *c, const struct tls_role *role,
                      tls_expiry_fn *tell, void *arg);

#endif
