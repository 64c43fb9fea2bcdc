/* key_method - keys for OpenSSL whose private half is elsewhere; see key_link.h
 *
 * OpenSSL calls these methods in the middle of a handshake, on the session's fiber, which
 * waits there for tlsmgr's answer.  Methods of RSA and EC_KEY are the older way
 * (providers are the newer one), and a tenth of the code.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tls/key_link.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

static int rsa_index = -1, ec_index = -1;
static RSA_METHOD *rsa_method;
static EC_KEY_METHOD *ec_method;

bool tls_key_id(EVP_PKEY *key, unsigned char id[TLS_KEY_ID_BYTES])
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    if (n <= 0)
        return false;
    SHA256(der, (size_t)n, id);
    OPENSSL_free(der);
    return true;
}

bool tls_key_is_keepable(const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "EC");
}

static void free_id(void *parent, void *id, CRYPTO_EX_DATA *data, int index, long argl,
                    void *argp)
{
    (void)parent;
    (void)data;
    (void)index;
    (void)argl;
    (void)argp;
    OPENSSL_free(id);
}

static struct view bytes(const unsigned char *p, int n)
{
    return (struct view){(const char *)p, n > 0 ? (size_t)n : 0};
}

static int rsa_use(RSA *rsa, enum tls_key_operation operation, const unsigned char *from,
                   int n, unsigned char *to)
{
    const unsigned char *id = RSA_get_ex_data(rsa, rsa_index);
    return id ? key_link_use(id, operation, bytes(from, n), to, (size_t)RSA_size(rsa))
              : -1;
}

/* What OpenSSL calls private encryption is a signature. */
static int rsa_sign(int n, const unsigned char *from, unsigned char *to, RSA *rsa,
                    int padding)
{
    if (padding != RSA_PKCS1_PADDING && padding != RSA_NO_PADDING)
        return -1;
    return rsa_use(rsa,
                   padding == RSA_NO_PADDING ? TLS_KEY_RSA_SIGN_PSS : TLS_KEY_RSA_SIGN,
                   from, n, to);
}

static int rsa_decrypt(int n, const unsigned char *from, unsigned char *to, RSA *rsa,
                       int padding)
{
    if (padding != RSA_PKCS1_PADDING && padding != RSA_NO_PADDING)
        return -1;
    return rsa_use(
        rsa, padding == RSA_NO_PADDING ? TLS_KEY_RSA_DECRYPT_RAW : TLS_KEY_RSA_DECRYPT,
        from, n, to);
}

static int ec_sign(int type, const unsigned char *digest, int n, unsigned char *out,
                   unsigned *out_n, const BIGNUM *k, const BIGNUM *r, EC_KEY *key)
{
    const unsigned char *id = EC_KEY_get_ex_data(key, ec_index);
    (void)type;
    (void)k;
    (void)r;
    int got = id ? key_link_use(id, TLS_KEY_ECDSA_SIGN, bytes(digest, n), out,
                                (size_t)ECDSA_size(key))
                 : -1;
    *out_n = got > 0 ? (unsigned)got : 0;
    return got > 0;
}

static ECDSA_SIG *ec_sign_parts(const unsigned char *digest, int n, const BIGNUM *k,
                                const BIGNUM *r, EC_KEY *key)
{
    unsigned char der[TLS_BLOCK_MAX];
    const unsigned char *p = der;
    unsigned der_n = 0;
    if (!ec_sign(0, digest, n, der, &der_n, k, r, key))
        return NULL;
    return d2i_ECDSA_SIG(NULL, &p, (long)der_n);
}

static bool make_methods(void)
{
    int (*setup)(EC_KEY *, BN_CTX *, BIGNUM **, BIGNUM **) = NULL;
    if (rsa_method && ec_method)
        return true;
    rsa_index = RSA_get_ex_new_index(0, NULL, NULL, NULL, free_id);
    ec_index = EC_KEY_get_ex_new_index(0, NULL, NULL, NULL, free_id);
    rsa_method = RSA_meth_dup(RSA_get_default_method());
    ec_method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
    if (!rsa_method || !ec_method || rsa_index < 0 || ec_index < 0)
        return false;
    EC_KEY_METHOD_get_sign(EC_KEY_OpenSSL(), NULL, &setup, NULL);
    EC_KEY_METHOD_set_sign(ec_method, ec_sign, setup, ec_sign_parts);
    return RSA_meth_set1_name(rsa_method, "tlsmgr") == 1 &&
           RSA_meth_set_priv_enc(rsa_method, rsa_sign) == 1 &&
           RSA_meth_set_priv_dec(rsa_method, rsa_decrypt) == 1;
}

/* A method must be set before the EVP_PKEY takes the key: it looks for one then. */
static bool take_rsa(EVP_PKEY *out, EVP_PKEY *public, unsigned char *id)
{
    RSA *rsa = RSAPublicKey_dup(EVP_PKEY_get0_RSA(public));
    if (rsa && RSA_set_method(rsa, rsa_method) == 1 &&
        RSA_set_ex_data(rsa, rsa_index, id) == 1) {
        if (EVP_PKEY_assign_RSA(out, rsa) == 1)
            return true;
        RSA_set_ex_data(rsa, rsa_index, NULL);
    }
    RSA_free(rsa);
    return false;
}

static bool take_ec(EVP_PKEY *out, EVP_PKEY *public, unsigned char *id)
{
    EC_KEY *key = EC_KEY_dup(EVP_PKEY_get0_EC_KEY(public));
    if (key && EC_KEY_set_method(key, ec_method) == 1 &&
        EC_KEY_set_ex_data(key, ec_index, id) == 1) {
        if (EVP_PKEY_assign_EC_KEY(out, key) == 1)
            return true;
        EC_KEY_set_ex_data(key, ec_index, NULL);
    }
    EC_KEY_free(key);
    return false;
}

EVP_PKEY *tls_key_of_certificate(X509 *x)
{
    EVP_PKEY *public = X509_get0_pubkey(x), *key = EVP_PKEY_new();
    unsigned char *id = OPENSSL_malloc(TLS_KEY_ID_BYTES);
    bool good = public && key && id && make_methods() && tls_key_is_keepable(public) &&
                tls_key_id(public, id) &&
                (EVP_PKEY_is_a(public, "RSA") ? take_rsa(key, public, id)
                                              : take_ec(key, public, id));
    ERR_clear_error();
    if (good)
        return key;
    OPENSSL_free(id);
    EVP_PKEY_free(key);
    return NULL;
}
