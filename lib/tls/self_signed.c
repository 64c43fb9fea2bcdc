/* self_signed - a certificate of our own; see self_signed.h */
#include "tls/self_signed.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
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

static bool set_names(X509 *x, const char *name)
{
    char alternative[300];
    X509_NAME *subject = X509_get_subject_name(x);
    size_t n = strlen(name);
    if (n > 255)
        return false;
    (void)snprintf(alternative, sizeof alternative, "DNS:%s", name);
    /* A common name has 64 bytes at most; the alternative name is what counts. */
    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                      (const unsigned char *)name, n > 64 ? 64 : (int)n,
                                      -1, 0) == 1 &&
           X509_set_issuer_name(x, subject) == 1 &&
           add_extension(x, NID_subject_alt_name, alternative);
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

static X509 *sign(EVP_PKEY *key, const char *name, int days)
{
    X509 *x = X509_new();
    if (x && X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
        X509_gmtime_adj(X509_getm_notBefore(x), -3600) &&
        X509_time_adj_ex(X509_getm_notAfter(x), days, 0, NULL) &&
        X509_set_pubkey(x, key) == 1 && set_names(x, name) &&
        add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
        X509_sign(x, key, EVP_sha256()) > 0)
        return x;
    X509_free(x);
    return NULL;
}

bool tls_self_signed_make(const char *name, int days, unsigned bits, struct str *out,
                          struct error *e)
{
    char *text;
    EVP_PKEY *key = bits ? EVP_RSA_gen(bits) : EVP_EC_gen("P-256");
    X509 *x = key ? sign(key, name, days) : NULL;
    BIO *bio = BIO_new(BIO_s_secmem());
    bool good = x && bio &&
                PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
                PEM_write_bio_X509(bio, x) == 1;
    long n = good ? BIO_get_mem_data(bio, &text) : 0;
    good = good && str_add(out, (struct view){text, (size_t)n});
    BIO_free(bio);
    X509_free(x);
    EVP_PKEY_free(key);
    if (!good)
        error_set(e, "4.3.0", "cannot make a certificate for %s: %s", name,
                  ERR_reason_error_string(ERR_peek_last_error()));
    ERR_clear_error();
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
        good = tls_self_signed_make(conf_cstr(c, P_myhostname), DAYS, 0, &text, e) &&
               publish(str_cstr(&path), str_view(&text), e);
    }
    if (text.p)
        OPENSSL_cleanse(text.p, text.n);
    str_done(&text);
    str_done(&path);
    return good;
}
