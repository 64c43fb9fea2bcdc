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

/* The parameters of one role that name keys, as they were given. */
enum {
    TLS_KEYS_CHAINS, /* ..._chain_files */
    TLS_KEYS_RSA,    /* a certificate's file, and behind it its key's */
    TLS_KEYS_ECDSA = TLS_KEYS_RSA + 2,
    TLS_KEYS_DSA = TLS_KEYS_ECDSA + 2,
    TLS_KEY_FILES = TLS_KEYS_DSA + 2
};
struct tls_key_names {
    const struct tls_role *role;
    struct view files[TLS_KEY_FILES];
};
void tls_key_names(const struct conf *c, const struct tls_role *role,
                   struct tls_key_names *out);

/* Use the keys that the parameters of ROLE name in CTX.  *N gets their number, which may
 * be 0.  False with *E when one that is named cannot be used.  Where there is a tlsmgr
 * the private keys stay with it, and so do those of its self-signed certificate; else the
 * files are read here, watched by FILES, and their ends told in the log.  May suspend on
 * a fiber; elsewhere blocks. */
bool tls_keys_load(SSL_CTX *ctx, const struct conf *c, const struct tls_role *role,
                   struct tls_files *files, unsigned *n, struct error *e) MUST_CHECK;
/* The same from NAMES, always from the files.  Relative names count from DIRECTORY. */
bool tls_keys_load_named(SSL_CTX *ctx, const char *directory,
                         const struct tls_key_names *names, struct tls_files *files,
                         unsigned *n, struct error *e) MUST_CHECK;
/* The keys and chains of LIST, file names. */
bool tls_keys_load_chains(SSL_CTX *ctx, const char *directory, struct view list,
                          struct tls_files *files, unsigned *n,
                          struct error *e) MUST_CHECK;
/* The same from PEM text, which NAME stands for in *E. */
bool tls_keys_load_pem(SSL_CTX *ctx, struct view pem, const char *name, unsigned *n,
                       struct error *e) MUST_CHECK;
/* Has ROLE any key among its parameters, or is it told to have none ("none")? */
bool tls_keys_are_named(const struct conf *c, const struct tls_role *role);

#endif
