/* keys - private keys and certificate chains; see keys.h
 *
 * All forms come down to one sequence of PEM objects: key, certificate, issuers, key,
 * certificate ...  A chain is put to use when the next key or the end comes.
 */
#include "tls/keys.h"

#include "base/log.h"
#include "tls/expiry.h"
#include "tls/key_link.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>

/* What was read and not yet put to use. */
struct sequence {
    SSL_CTX *ctx;
    EVP_PKEY *key;
    X509 *leaf;
    STACK_OF(X509) * issuers;
    unsigned n; /* chains in use */
    const char *where;
    bool takes_keys, takes_certificates; /* else passed over */
};

static void forget(struct sequence *s)
{
    EVP_PKEY_free(s->key);
    X509_free(s->leaf);
    sk_X509_pop_free(s->issuers, X509_free);
    s->key = NULL;
    s->leaf = NULL;
    s->issuers = NULL;
    ERR_clear_error();
}

/* Put the chain to use. */
static bool use(struct sequence *s, struct error *e)
{
    if (!s->key && !s->leaf)
        return true;
    if (!s->leaf) {
        error_set(e, "4.3.5",
                  "error loading certificate chain: key in %s not followed by a "
                  "certificate",
                  s->where);
        return false;
    }
    if (SSL_CTX_use_cert_and_key(s->ctx, s->leaf, s->key, s->issuers, 1) != 1) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        error_set(e, "4.3.5", "key in %s does not match next certificate: %s", s->where,
                  reason ? reason : "unusable");
        return false;
    }
    s->n++;
    forget(s);
    return true;
}

static bool take_key(struct sequence *s, EVP_PKEY *key, struct error *e)
{
    if (!key) {
        error_set(e, "4.3.5", "error loading private key from %s", s->where);
        return false;
    }
    if (!use(s, e)) {
        EVP_PKEY_free(key);
        return false;
    }
    s->key = key;
    return true;
}

static bool take_certificate(struct sequence *s, X509 *certificate, struct error *e)
{
    if (!certificate) {
        error_set(e, "4.3.5", "error loading certificate from %s", s->where);
        return false;
    }
    if (!s->key) {
        X509_free(certificate);
        error_set(e, "4.3.5", "error loading chain from %s: key not first", s->where);
        return false;
    }
    if (!s->leaf) {
        s->leaf = certificate;
        return true;
    }
    if (!s->issuers)
        s->issuers = sk_X509_new_null();
    if (s->issuers && sk_X509_push(s->issuers, certificate) > 0)
        return true;
    X509_free(certificate);
    error_set(e, "4.3.5", "error loading certificate chain from %s: out of memory",
              s->where);
    return false;
}

/* One PEM object of TYPE. */
static bool take_object(struct sequence *s, struct view type, const unsigned char *p,
                        long n, struct error *e)
{
    if (view_eq(type, VIEW("CERTIFICATE")) || view_eq(type, VIEW("X509 CERTIFICATE")))
        return !s->takes_certificates || take_certificate(s, d2i_X509(NULL, &p, n), e);
    if (view_eq(type, VIEW("TRUSTED CERTIFICATE")))
        return !s->takes_certificates ||
               take_certificate(s, d2i_X509_AUX(NULL, &p, n), e);
    if (view_ends(type, VIEW("PRIVATE KEY"))) /* PKCS#8, "RSA ...", "EC ..." */
        return !s->takes_keys || take_key(s, d2i_AutoPrivateKey(NULL, &p, n), e);
    log_debug("loading %s: ignoring PEM type: %.*s", s->where, VIEW_FMT(type));
    return true;
}

static bool take_pem(struct sequence *s, struct view pem, struct error *e)
{
    char *name, *header;
    unsigned char *data;
    long n;
    bool good = true;
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    while (good && bio && PEM_read_bio(bio, &name, &header, &data, &n) == 1) {
        good = take_object(s, view_of(name), data, n, e);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, (size_t)n);
    }
    BIO_free(bio);
    ERR_clear_error(); /* the end is an error to the PEM reader */
    return good;
}

static bool take_file(struct sequence *s, const char *directory, struct view path,
                      struct tls_files *files, struct error *e)
{
    struct str name = STR_INIT(1024), text = STR_INIT(TLS_FILE_MAX);
    if (path.n > 0 && path.p[0] != '/')
        str_addf(&name, "%s/", directory);
    str_add(&name, path);
    s->where = str_cstr(&name);
    bool good = tls_files_read(files, s->where, &text);
    if (!good)
        error_set_errno(e, "4.3.5", "error opening chain file: %s", s->where);
    good = good && take_pem(s, str_view(&text), e);
    if (text.p)
        OPENSSL_cleanse(text.p, text.n);
    s->where = "chain";
    str_done(&text);
    str_done(&name);
    return good;
}

bool tls_keys_load_pem(SSL_CTX *ctx, struct view pem, const char *name, unsigned *n,
                       struct error *e)
{
    struct sequence s = {
        .ctx = ctx, .where = name, .takes_keys = true, .takes_certificates = true};
    bool good = take_pem(&s, pem, e) && use(&s, e);
    forget(&s);
    *n = s.n;
    return good;
}

bool tls_keys_load_chains(SSL_CTX *ctx, const char *directory, struct view list,
                          struct tls_files *files, unsigned *n, struct error *e)
{
    struct view path;
    struct sequence s = {.ctx = ctx, .takes_keys = true, .takes_certificates = true};
    bool good = true;
    while (good && view_token(&list, VIEW(" \t\r\n,"), &path))
        good = take_file(&s, directory, path, files, e);
    s.where = "the last file";
    good = good && use(&s, e);
    forget(&s);
    *n = s.n;
    if (good && s.n == 0) {
        error_set(e, "4.3.5", "error loading private keys and certificates: none found");
        good = false;
    }
    return good;
}

/* One algorithm: a file with the certificates, one with the key. */
static bool load_pair(SSL_CTX *ctx, const char *directory, const char *kind,
                      const struct view pair[2], struct tls_files *files, unsigned *n,
                      struct error *e)
{
    struct view certificates = view_trim_space(pair[0]), keys = view_trim_space(pair[1]);
    struct sequence s = {.ctx = ctx, .takes_keys = true};
    if (certificates.n == 0 || view_eq_case(certificates, VIEW("none")))
        return true;
    bool good = take_file(&s, directory, keys, files, e);
    if (good && !s.key)
        error_set(e, "4.3.5", "no key");
    if (!good || !s.key) {
        error_prefix(e,
                     "cannot get %s private key from file \"%.*s\": disabling TLS "
                     "support: ",
                     kind, VIEW_FMT(keys));
        forget(&s);
        return false;
    }
    s.takes_keys = false;
    s.takes_certificates = true;
    good = take_file(&s, directory, certificates, files, e) && s.leaf;
    s.where = "the key's file";
    if (!good)
        error_prefix(e,
                     "cannot get %s certificate from file \"%.*s\": disabling TLS "
                     "support: ",
                     kind, VIEW_FMT(certificates));
    else
        good = use(&s, e);
    *n += s.n;
    forget(&s);
    return good;
}

void tls_key_names(const struct conf *c, const struct tls_role *role,
                   struct tls_key_names *out)
{
    const enum parameter parameters[TLS_KEY_FILES] = {
        role->chain_files, role->cert_file,  role->key_file, role->eccert_file,
        role->eckey_file,  role->dcert_file, role->dkey_file};
    out->role = role;
    for (size_t i = 0; i < TLS_KEY_FILES; i++)
        out->files[i] = conf_view(c, parameters[i]);
}

bool tls_keys_are_named(const struct conf *c, const struct tls_role *role)
{
    return conf_view(c, role->chain_files).n > 0 || conf_view(c, role->cert_file).n > 0 ||
           conf_view(c, role->dcert_file).n > 0 || conf_view(c, role->eccert_file).n > 0;
}

bool tls_keys_load_named(SSL_CTX *ctx, const char *directory,
                         const struct tls_key_names *names, struct tls_files *files,
                         unsigned *n, struct error *e)
{
    const struct view *f = names->files;
    const char *prefix = names->role->prefix;
    *n = 0;
    if (f[TLS_KEYS_CHAINS].n > 0) {
        if (f[TLS_KEYS_RSA].n > 0 || f[TLS_KEYS_ECDSA].n > 0 || f[TLS_KEYS_DSA].n > 0)
            log_warning("Both %s_chain_files and one or more of the legacy "
                        "%s_{cert,dcert,eccert}_file are non-empty; the legacy "
                        "parameters will be ignored",
                        prefix, prefix);
        return tls_keys_load_chains(ctx, directory, f[TLS_KEYS_CHAINS], files, n, e);
    }
    return load_pair(ctx, directory, "RSA", &f[TLS_KEYS_RSA], files, n, e) &&
           load_pair(ctx, directory, "ECDSA", &f[TLS_KEYS_ECDSA], files, n, e) &&
           load_pair(ctx, directory, "DSA", &f[TLS_KEYS_DSA], files, n, e);
}

static void warn_of_end(struct view text, void *arg)
{
    (void)arg;
    log_warning("%.*s", VIEW_FMT(text));
}

bool tls_keys_load(SSL_CTX *ctx, const struct conf *c, const struct tls_role *role,
                   struct tls_files *files, unsigned *n, struct error *e)
{
    struct tls_key_names names;
    tls_key_names(c, role, &names);
    *n = 0;
    if (role->is_server || tls_keys_are_named(c, role)) {
        switch (key_link_load(ctx, c, &names, n, e)) {
        case KEY_LINK_DONE:
            return true;
        case KEY_LINK_FAILED:
            return false;
        case KEY_LINK_ABSENT:
            break;
        }
    }
    if (!tls_keys_load_named(ctx, conf_directory(c), &names, files, n, e))
        return false;
    tls_expiry_check(c, role, warn_of_end, NULL);
    return true;
}
