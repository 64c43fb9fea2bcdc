/* keys - private keys with their certificate chains, from PEM files into a context
 *
 * postconf(5): smtpd_tls_chain_files, smtpd_tls_cert_file and their kin.
 */
#ifndef TLS_KEYS_H
#define TLS_KEYS_H

#include "base/error.h"
#include "tls/files.h"
#include "tls/role.h"

#include <openssl/ssl.h>

/* Use the keys that the parameters of ROLE name in CTX.  *N gets their number, which may
 * be 0.  False with *E when one that is named cannot be used.  The files are watched by
 * FILES. */
bool tls_keys_load(SSL_CTX *ctx, const struct conf *c, const struct tls_role *role,
                   struct tls_files *files, unsigned *n, struct error *e) MUST_CHECK;
/* The keys and chains of LIST, file names; relative ones count from the configuration
 * directory. */
bool tls_keys_load_chains(SSL_CTX *ctx, const struct conf *c, struct view list,
                          struct tls_files *files, unsigned *n,
                          struct error *e) MUST_CHECK;
/* The same from PEM text, which NAME stands for in *E. */
bool tls_keys_load_pem(SSL_CTX *ctx, struct view pem, const char *name, unsigned *n,
                       struct error *e) MUST_CHECK;
/* Has ROLE any key among its parameters, or is it told to have none ("none")? */
bool tls_keys_are_named(const struct conf *c, const struct tls_role *role);

#endif
