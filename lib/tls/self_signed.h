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
/* PEM text of a new key and a certificate for NAME that lasts DAYS, appended to OUT. */
bool tls_self_signed_make(const char *name, int days, struct str *out,
                          struct error *e) MUST_CHECK;

/* --- the parts, for `diligence tls`; PEM text is appended to OUT --- */
struct tls_names {
    size_t n;
    const char *const *items; /* host names; the first is the common name */
};
/* ALGORITHM "rsa" or "ecdsa"; BITS "2048", or the name of a curve, or "". */
bool tls_key_make(const char *algorithm, const char *bits, struct str *out,
                  struct error *e) MUST_CHECK;
/* A certificate that KEY (PEM) signs for itself. */
bool tls_certificate_make(struct view key, const struct tls_names *names, int days,
                          struct str *out, struct error *e) MUST_CHECK;
/* A request to an authority (PKCS#10). */
bool tls_request_make(struct view key, const struct tls_names *names, struct str *out,
                      struct error *e) MUST_CHECK;
bool tls_key_is_ec(struct view key);
/* Can the files be used together? */
bool tls_pair_check(const char *certificate, const char *key, struct error *e) MUST_CHECK;
/* SHA-256 of the public key in hex, as "3 1 1" TLSA records have it. */
bool tls_key_digest(struct view key, struct str *out, struct error *e) MUST_CHECK;

#endif
