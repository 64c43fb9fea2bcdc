/* self_signed - a certificate of our own, so that encryption works before there is a
 * better one (S036)
 */
#ifndef TLS_SELF_SIGNED_H
#define TLS_SELF_SIGNED_H

#include "conf/conf.h"

/* Where it is: $data_directory/smtpd-self-signed.pem, key and certificate in one. */
struct view tls_self_signed_path(const struct conf *c, struct str *out);
/* See that it is there; made for $myhostname when it is not, readable by its owner alone.
 * Several may call this at a time.  False with *E. */
bool tls_self_signed_ensure(const struct conf *c, struct error *e) MUST_CHECK;
/* PEM text of a new key (ECDSA P-256; RSA of BITS when not 0) and a certificate for NAME
 * that lasts DAYS, appended to OUT. */
bool tls_self_signed_make(const char *name, int days, unsigned bits, struct str *out,
                          struct error *e) MUST_CHECK;

#endif
