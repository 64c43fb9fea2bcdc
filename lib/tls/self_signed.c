/* self_signed - a certificate of our own; see self_signed.h */
#include "tls/self_signed.h"

#include "base/log.h"
#include "base/number.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#define DAYS 3650

struct view tls_self_signed_path(const struct conf *c, struct str *out)
{
    str_setf(out, "%s/smtpd-self-signed.pem", conf_cstr(c, P_data_directory));
    return str_view(out);
}

static bool add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool good = extension && X509_add_ext(x, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

/* "DNS:a,DNS:b" */
static bool alternative_names(const struct tls_names *names, struct str *out)
{
    for (size_t i = 0; i < names->n; i++)
        str_addf(out, "%sDNS:%s", i ? "," : "", names->items[i]);
    return !out->overflow && names->n > 0;
}

/* A common name has 64 bytes at most; the alternative names are what counts. */
static bool set_common_name(X509_NAME *subject, const struct tls_names *names)
{
    size_t n = strlen(names->items[0]);
    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                      (const unsigned char *)names->items[0],
                                      n > 64 ? 64 : (int)n, -1, 0) == 1;
}

static bool set_names(X509 *x, const struct tls_names *names)
{
    struct str text = STR_INIT(8192);
    X509_NAME *subject = X509_get_subject_name(x);
    bool good = alternative_names(names, &text) && set_common_name(subject, names) &&
                X509_set_issuer_name(x, subject) == 1 &&
                add_extension(x, NID_subject_alt_name, str_cstr(&text));
    str_done(&text);
    return good;
}

static bool set_serial(X509 *x)
{
    unsigned char bytes[16];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] &= 0x7f;
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x));
    BN_free(number);
    return good;
}

static X509 *sign(EVP_PKEY *key, const struct tls_names *names, int days)
{
    X509 *x = X509_new();
    if (x && X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
        X509_gmtime_adj(X509_getm_notBefore(x), -3600) &&
        X509_time_adj_ex(X509_getm_notAfter(x), days, 0, NULL) &&
        X509_set_pubkey(x, key) == 1 && set_names(x, names) &&
        add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
        X509_sign(x, key, EVP_sha256()) > 0)
        return x;
    X509_free(x);
    return NULL;
}

/* The content of BIO behind OUT, and an error when GOOD is false or it does not fit. */
static bool finish(BIO *bio, bool good, const char *what, struct str *out,
                   struct error *e)
{
    char *text;
    long n = good ? BIO_get_mem_data(bio, &text) : 0;
    good = good && str_add(out, (struct view){text, (size_t)n});
    BIO_free(bio);
    if (!good) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        error_set(e, "4.3.0", "cannot make %s: %s", what, reason ? reason : "bad input");
    }
    ERR_clear_error();
    return good;
}

bool tls_key_make(const char *algorithm, const char *bits, struct str *out,
                  struct error *e)
{
    uint64_t length = 2048;
    EVP_PKEY *key = NULL;
    BIO *bio = BIO_new(BIO_s_secmem());
    if (strcmp(algorithm, "ecdsa") == 0)
        key = EVP_EC_gen(!*bits || strcmp(bits, "secp256r1") == 0 ? "P-256" : bits);
    else if (strcmp(algorithm, "rsa") == 0 &&
             (!*bits || number_parse_u64(view_of(bits), 1024, 16384, &length)))
        key = EVP_RSA_gen((unsigned)length);
    bool good =
        key && bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    EVP_PKEY_free(key);
    return finish(bio, good, "a private key", out, e);
}

static EVP_PKEY *read_key(struct view pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return key;
}

bool tls_certificate_make(struct view key, const struct tls_names *names, int days,
                          struct str *out, struct error *e)
{
    EVP_PKEY *own = read_key(key);
    X509 *x = own ? sign(own, names, days) : NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    bool good = x && bio && PEM_write_bio_X509(bio, x) == 1;
    X509_free(x);
    EVP_PKEY_free(own);
    return finish(bio, good, "a certificate", out, e);
}

static bool request_names(X509_REQ *r, const struct tls_names *names)
{
    struct str text = STR_INIT(8192);
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    X509_EXTENSION *extension =
        alternative_names(names, &text)
            ? X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, str_cstr(&text))
            : NULL;
    bool good = list && extension && sk_X509_EXTENSION_push(list, extension) > 0;
    if (!good)
        X509_EXTENSION_free(extension);
    good = good && X509_REQ_add_extensions(r, list) == 1 &&
           set_common_name(X509_REQ_get_subject_name(r), names);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    str_done(&text);
    return good;
}

bool tls_request_make(struct view key, const struct tls_names *names, struct str *out,
                      struct error *e)
{
    EVP_PKEY *own = read_key(key);
    X509_REQ *r = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());
    bool good = own && r && bio && X509_REQ_set_version(r, X509_REQ_VERSION_1) == 1 &&
                X509_REQ_set_pubkey(r, own) == 1 && request_names(r, names) &&
                X509_REQ_sign(r, own, EVP_sha256()) > 0 &&
                PEM_write_bio_X509_REQ(bio, r) == 1;
    X509_REQ_free(r);
    EVP_PKEY_free(own);
    return finish(bio, good, "a certificate request", out, e);
}

bool tls_key_digest(struct view key, struct str *out, struct error *e)
{
    EVP_PKEY *own = read_key(key);
    unsigned char *der = NULL, value[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    int length = own ? i2d_PUBKEY(own, &der) : 0;
    bool good =
        length > 0 && EVP_Digest(der, (size_t)length, value, &n, EVP_sha256(), NULL) == 1;
    for (unsigned i = 0; i < n; i++)
        str_addf(out, "%02X", value[i]);
    OPENSSL_free(der);
    EVP_PKEY_free(own);
    ERR_clear_error();
    if (!good)
        error_set(e, "4.3.0", "no private key");
    return good;
}

bool tls_key_is_ec(struct view key)
{
    EVP_PKEY *own = read_key(key);
    bool is_ec = own && EVP_PKEY_get_base_id(own) == EVP_PKEY_EC;
    EVP_PKEY_free(own);
    ERR_clear_error();
    return is_ec;
}

bool tls_pair_check(const char *certificate, const char *key, struct error *e)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    bool good = ctx && SSL_CTX_use_certificate_chain_file(ctx, certificate) == 1 &&
                SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1 &&
                SSL_CTX_check_private_key(ctx) == 1;
    if (!good)
        error_set(e, "4.3.5", "%s and %s cannot be used together: %s", certificate, key,
                  ERR_reason_error_string(ERR_peek_last_error()));
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

bool tls_self_signed_make(const char *name, int days, struct str *out, struct error *e)
{
    const struct tls_names names = {.n = 1, .items = (const char *const[]){name}};
    struct str key = STR_INIT(65536);
    bool good = tls_key_make("ecdsa", "", &key, e) && str_add(out, str_view(&key)) &&
                tls_certificate_make(str_view(&key), &names, days, out, e);
    if (key.p)
        OPENSSL_cleanse(key.p, key.n);
    str_done(&key);
    return good;
}

static bool write_all(int fd, struct view text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            text = view_from(text, (size_t)n);
    }
    return fsync(fd) == 0;
}

/* Under a name of this process first; who links it to PATH first has made it. */
static bool publish(const char *path, struct view text, struct error *e)
{
    struct str draft = STR_INIT(1024);
    str_addf(&draft, "%s.%ld", path, (long)getpid());
    int fd = open(str_cstr(&draft), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool is_written = fd >= 0 && write_all(fd, text);
    bool is_first = is_written && link(str_cstr(&draft), path) == 0;
    bool good = is_first || (is_written && errno == EEXIST);
    if (!good)
        error_set_errno(e, "4.3.0", "cannot write %s", path);
    if (fd >= 0) {
        close(fd);
        (void)unlink(str_cstr(&draft));
    }
    str_done(&draft);
    if (is_first)
        log_info("made a self-signed certificate: %s", path);
    return good;
}

bool tls_self_signed_ensure(const struct conf *c, struct error *e)
{
    struct str path = STR_INIT(1000), text = STR_INIT(65536);
    (void)tls_self_signed_path(c, &path);
    bool good = access(str_cstr(&path), F_OK) == 0;
    if (!good) {
        good = tls_self_signed_make(conf_cstr(c, P_myhostname), DAYS, &text, e) &&
               publish(str_cstr(&path), str_view(&text), e);
    }
    if (text.p)
        OPENSSL_cleanse(text.p, text.n);
    str_done(&text);
    str_done(&path);
    return good;
}
