/* key_link - private keys that stay with tlsmgr
 *
 * A server or client of TLS has certificates and, for each, the id of a key; what only
 * the key can do (to sign, to decrypt) tlsmgr does on request, so that a fault in what
 * reads from the network shows no key.  docs/decisions/0015-private-keys.md.
 */
#ifndef TLS_KEY_LINK_H
#define TLS_KEY_LINK_H

#include "tls/keys.h"

#define TLS_KEY_ID_BYTES 32
#define TLS_BLOCK_MAX    2048

enum tls_role_name { TLS_ROLE_SERVER, TLS_ROLE_SMTP, TLS_ROLE_LMTP };
enum tls_keys_state {
    TLS_KEYS_HERE,       /* the answer has them */
    TLS_KEYS_UNKNOWN,    /* not in the configuration that tlsmgr has read */
    TLS_KEYS_UNUSABLE,   /* with a text that says why */
    TLS_KEYS_OTHER_KINDS /* neither RSA nor ECDSA: whoever needs them reads them */
};
enum tls_key_operation {
    TLS_KEY_RSA_SIGN,     /* PKCS #1 v1.5 */
    TLS_KEY_RSA_SIGN_PSS, /* of a block that is padded already */
    TLS_KEY_RSA_DECRYPT,  /* PKCS #1 v1.5 */
    TLS_KEY_RSA_DECRYPT_RAW,
    TLS_KEY_ECDSA_SIGN
};

enum key_link_result {
    KEY_LINK_DONE,
    KEY_LINK_FAILED, /* with *E */
    KEY_LINK_ABSENT  /* there is no tlsmgr, or it cannot keep such keys */
};
/* Put what goes with NAMES into CTX; *N: how many keys.  May suspend on a fiber;
 * elsewhere (before the loop runs) blocks. */
enum key_link_result key_link_load(SSL_CTX *ctx, const struct conf *c,
                                   const struct tls_key_names *names, unsigned *n,
                                   struct error *e) MUST_CHECK;
/* Call RENEW(ARG) on a fiber whenever tlsmgr has new keys.  Needs the loop. */
void key_link_watch(void (*renew)(void *arg), void *arg);

/* Let tlsmgr do OPERATION with key ID on IN; up to ROOM bytes go to OUT.  The number of
 * bytes, or -1.  Suspends; needs a fiber. */
int key_link_use(const unsigned char id[TLS_KEY_ID_BYTES],
                 enum tls_key_operation operation, struct view in, unsigned char *out,
                 size_t room) MUST_CHECK;

/* --- key_method.c --- */
/* The id of a public key: SHA-256 of its DER form.  False when there is none. */
bool tls_key_id(EVP_PKEY *key, unsigned char id[TLS_KEY_ID_BYTES]) MUST_CHECK;
/* Can tlsmgr keep keys of this kind? */
bool tls_key_is_keepable(const EVP_PKEY *key);
/* A key that looks like that of certificate X and asks tlsmgr for what it cannot do
 * itself.  NULL when it is of another kind. */
EVP_PKEY *tls_key_of_certificate(X509 *x) MUST_CHECK;

#endif
