/* digest - stored passwords that are a plain or salted digest: {SSHA}, {SHA256},
 * {PLAIN-MD5} ...
 *
 * Weak by today's measure; read because tables hold them, with the suffixes .HEX and .B64
 * of Dovecot.  Private to lib/sasl.
 */
#ifndef SASL_DIGEST_H
#define SASL_DIGEST_H

#include "sasl/password.h"

bool digest_is_known(struct view scheme);
enum password_match digest_check(struct view scheme, struct view value,
                                 struct view password, struct error *e) MUST_CHECK;
bool digest_make(struct view scheme, struct view password, struct str *out,
                 struct error *e) MUST_CHECK;

#endif
