/* context - from the configuration to an OpenSSL context, and from that to a session's
 * limits
 *
 * Whatever cannot be had disables TLS with a text that says so: better no TLS than
 * one that is weaker than asked for.
 */
#include "base/log.h"
#include "base/number.h"
#include "tls/keys.h"
#include "tls/private.h"

#include <errno.h>
#include <openssl/conf.h>
#include <openssl/dh.h>
#include <openssl/err.h>
#include <openssl/pem.h>

/* Names of OpenSSL's options: tls_disable_workarounds and tls_ssl_options. */
static const struct {
    const char *name;
    uint64_t bit;
} options[] = {
    {"LEGACY_SERVER_CONNECT", SSL_OP_LEGACY_SERVER_CONNECT},
    {"TLSEXT_PADDING", SSL_OP_TLSEXT_PADDING},
    {"DONT_INSERT_EMPTY_FRAGMENTS", SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS},
    {"CRYPTOPRO_TLSEXT_BUG", SSL_OP_CRYPTOPRO_TLSEXT_BUG},
    {"SAFARI_ECDHE_ECDSA_BUG", SSL_OP_SAFARI_ECDHE_ECDSA_BUG},
    {"NO_TICKET", SSL_OP_NO_TICKET},
    {"NO_COMPRESSION", SSL_OP_NO_COMPRESSION},
    {"NO_RENEGOTIATION", SSL_OP_NO_RENEGOTIATION},
    {"NO_SESSION_RESUMPTION_ON_RENEGOTIATION",
     SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION},
    {"PRIORITIZE_CHACHA", SSL_OP_PRIORITIZE_CHACHA},
    {"ENABLE_MIDDLEBOX_COMPAT", SSL_OP_ENABLE_MIDDLEBOX_COMPAT},
    {"ENABLE_KTLS", SSL_OP_ENABLE_KTLS},
    {"NO_ENCRYPT_THEN_MAC", SSL_OP_NO_ENCRYPT_THEN_MAC},
    {"NO_EXTENDED_MASTER_SECRET", SSL_OP_NO_EXTENDED_MASTER_SECRET},
};

bool tls_library_init(const struct conf *c, struct error *e)
{
    static bool is_done;
    struct view file = conf_view(c, P_tls_config_file);
    struct view name = conf_view(c, P_tls_config_name);
    if (is_done)
        return true;
    OPENSSL_INIT_SETTINGS *settings = OPENSSL_INIT_new();
    uint64_t how = OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS;
    bool is_default = view_eq(file, VIEW("default"));
    if (!is_default && !view_eq(file, VIEW("none")) &&
        (file.n == 0 || file.p[0] != '/')) {
        error_set(e, "4.3.5",
                  "non-default tls_config_file = %.*s is not an absolute pathname, "
                  "disabling TLS support",
                  VIEW_FMT(file));
        OPENSSL_INIT_free(settings);
        return false;
    }
    how |= view_eq(file, VIEW("none")) ? OPENSSL_INIT_NO_LOAD_CONFIG
                                       : OPENSSL_INIT_LOAD_CONFIG;
    if (!is_default && (how & OPENSSL_INIT_LOAD_CONFIG))
        OPENSSL_INIT_set_config_filename(settings, conf_cstr(c, P_tls_config_file));
    if (name.n > 0)
        OPENSSL_INIT_set_config_appname(settings, conf_cstr(c, P_tls_config_name));
    if (!is_default || name.n > 0)
        OPENSSL_INIT_set_config_file_flags(settings, 0); /* mistakes count */
    is_done = OPENSSL_init_ssl(how, settings) == 1;
    OPENSSL_INIT_free(settings);
    if (is_done)
        return true;
    tls_log_errors();
    error_set(e, "4.3.5",
              "error loading the '%.*s' settings from the %.*s OpenSSL configuration "
              "file, disabling TLS support",
              VIEW_FMT(name), VIEW_FMT(file));
    return false;
}

/* Bits of LIST: names of the table, or one number to base 16. */
static uint64_t parse_options(const char *parameter, struct view list)
{
    struct view word;
    uint64_t bits = 0, number;
    while (view_token(&list, VIEW(" \t\r\n,"), &word)) {
        size_t i = 0, n = sizeof options / sizeof options[0];
        while (i < n && !view_eq_case(word, view_of(options[i].name)))
            i++;
        if (i < n)
            bits |= options[i].bit;
        else if (view_starts_case(word, VIEW("0x")) &&
                 number_parse_base(view_from(word, 2), 16, UINT64_MAX, &number))
            bits |= number;
        else
            log_warning("unknown TLS option \"%.*s\" in %s", VIEW_FMT(word), parameter);
    }
    return bits;
}

static uint64_t workarounds_disabled(struct view list)
{
    /* CVE-2010-4180 and CVE-2005-2969 name bugs that OpenSSL lost long ago. */
    struct str rest = STR_INIT(4096);
    struct view word;
    while (view_token(&list, VIEW(" \t\r\n,"), &word)) {
        if (view_starts_case(word, VIEW("CVE-")))
            continue;
        str_add(&rest, word);
        str_add_char(&rest, ' ');
    }
    uint64_t bits = parse_options("tls_disable_workarounds", str_view(&rest));
    str_done(&rest);
    return bits;
}

static void set_options(SSL_CTX *ctx, const struct conf *c, const struct tls_role *role)
{
    uint64_t off = workarounds_disabled(conf_view(c, P_tls_disable_workarounds));
    uint64_t on = parse_options("tls_ssl_options", conf_view(c, P_tls_ssl_options));
    SSL_CTX_set_options(ctx, (SSL_OP_ALL & ~off) | on | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_clear_options(ctx, off);
    if (role->is_server && conf_bool(c, P_tls_preempt_cipherlist))
        SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
}

static bool set_authorities(SSL_CTX *ctx, const struct conf *c,
                            const struct tls_role *role, struct error *e)
{
    const char *file = conf_cstr(c, role->ca_file), *path = conf_cstr(c, role->ca_path);
    if (conf_bool(c, P_tls_append_default_CA) &&
        SSL_CTX_set_default_verify_paths(ctx) != 1)
        tls_log_errors();
    if ((*file && SSL_CTX_load_verify_file(ctx, file) != 1) ||
        (*path && SSL_CTX_load_verify_dir(ctx, path) != 1)) {
        error_set(e, "4.3.5",
                  "cannot load Certification Authority data, %s%s%s%s%s%s: disabling TLS "
                  "support",
                  *file ? "CAfile=\"" : "", file, *file ? "\"" : "",
                  *path ? " CApath=\"" : "", path, *path ? "\"" : "");
        tls_log_errors();
        return false;
    }
    /* The names of authorities that clients may choose their certificate by. */
    if (role->is_server && *file)
        SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(file));
    ERR_clear_error();
    return true;
}

/* The curves and groups of grade "auto" that OpenSSL knows, else those of one curve. */
static void set_groups(SSL_CTX *ctx, const struct conf *c, const struct tls_role *role)
{
    struct view grade = role->is_server
                            ? view_trim_space(conf_view(c, P_smtpd_tls_eecdh_grade))
                            : VIEW("auto");
    struct str list = STR_INIT(2048);
    struct view word, rest[2] = {conf_view(c, P_tls_eecdh_auto_curves),
                                 conf_view(c, P_tls_ffdhe_auto_groups)};
    if (view_eq_case(grade, VIEW("none")))
        rest[0] = VIEW_NONE;
    else if (view_eq_case(grade, VIEW("strong")))
        rest[0] = conf_view(c, P_tls_eecdh_strong_curve);
    else if (view_eq_case(grade, VIEW("ultra")))
        rest[0] = conf_view(c, P_tls_eecdh_ultra_curve);
    else if (!view_eq_case(grade, VIEW("auto")))
        log_warning("unrecognized \"smtpd_tls_eecdh_grade\" value \"%.*s\"; using "
                    "\"auto\"",
                    VIEW_FMT(grade));
    for (int i = 0; i < 2; i++) {
        while (view_token(&rest[i], VIEW(" \t\r\n,:"), &word)) {
            size_t before = list.n;
            str_addf(&list, "%s%.*s", before ? ":" : "", VIEW_FMT(word));
            if (SSL_CTX_set1_groups_list(ctx, list.p) == 1)
                continue;
            ERR_clear_error();
            log_debug("ignoring unknown curve or group \"%.*s\"", VIEW_FMT(word));
            str_truncate(&list, before);
        }
    }
    if (list.n > 0 && SSL_CTX_set1_groups_list(ctx, list.p) != 1)
        tls_log_errors();
    str_done(&list);
}

/* Finite fields before TLSv1.3: of a file, or such as fit the key. */
static void set_parameters(SSL_CTX *ctx, const struct conf *c)
{
    const char *path = conf_cstr(c, P_smtpd_tls_dh1024_param_file);
    SSL_CTX_set_dh_auto(ctx, 1);
    if (!*path || strcmp(path, "auto") == 0)
        return;
    BIO *bio = BIO_new_file(path, "r");
    EVP_PKEY *group = bio ? PEM_read_bio_Parameters(bio, NULL) : NULL;
    if (!bio)
        log_warning("error opening DH parameter file \"%s\": %s -- using compiled-in "
                    "defaults",
                    path, strerror(errno));
    else if (!group || SSL_CTX_set0_tmp_dh_pkey(ctx, group) != 1) {
        log_warning("error decoding DH parameters from file \"%s\" -- using compiled-in "
                    "defaults",
                    path);
        EVP_PKEY_free(group);
    } else {
        SSL_CTX_set_dh_auto(ctx, 0); /* it would go first */
    }
    BIO_free(bio);
    ERR_clear_error();
}

SSL_CTX *tls_context_new(const struct conf *c, const struct tls_role *role,
                         struct tls_files *files, unsigned *n_keys, struct error *e)
{
    *n_keys = 0;
    SSL_CTX *ctx =
        SSL_CTX_new(role->is_server ? TLS_server_method() : TLS_client_method());
    if (!ctx) {
        tls_log_errors();
        error_set(e, "4.3.5", "cannot allocate a TLS context: disabling TLS support");
        return NULL;
    }
    /* Protocols, grades and exclusions say what is good enough; encryption to anybody is
     * better with a weak key than none, as Postfix has it. */
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, 0);
    SSL_CTX_set_max_proto_version(ctx, 0);
    SSL_CTX_set_verify_depth(ctx, (int)conf_int(c, role->verify_depth) + 1);
    set_options(ctx, c, role);
    set_groups(ctx, c, role);
    if (role->is_server)
        set_parameters(ctx, c);
    if (set_authorities(ctx, c, role, e) && tls_keys_load(ctx, c, role, files, n_keys, e))
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

static enum parameter grade_list(enum tls_grade grade)
{
    switch (grade) {
    case TLS_GRADE_HIGH:
        return P_tls_high_cipherlist;
    case TLS_GRADE_LOW:
        return P_tls_low_cipherlist;
    case TLS_GRADE_EXPORT: /* as Postfix, which has no weaker list any more */
    case TLS_GRADE_MEDIUM:
        return P_tls_medium_cipherlist;
    case TLS_GRADE_NULL:
        break;
    }
    return P_tls_null_cipherlist;
}

bool tls_session_limit_versions(SSL *ssl, struct view peer, const struct tls_protocols *p)
{
    static const struct {
        unsigned bit;
        uint64_t option;
    } versions[] = {{TLS_NO_SSL3, SSL_OP_NO_SSLv3},
                    {TLS_NO_1_0, SSL_OP_NO_TLSv1},
                    {TLS_NO_1_1, SSL_OP_NO_TLSv1_1},
                    {TLS_NO_1_2, SSL_OP_NO_TLSv1_2},
                    {TLS_NO_1_3, SSL_OP_NO_TLSv1_3}};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        if (p->excluded & versions[i].bit)
            SSL_set_options(ssl, versions[i].option);
    }
    /* SSLv2 is a bound that holds by itself. */
    if (SSL_set_min_proto_version(ssl, p->least < SSL3_VERSION ? 0 : p->least) == 1 &&
        SSL_set_max_proto_version(ssl, p->greatest) == 1)
        return true;
    log_warning("%.*s: error setting TLS version to: 0x%04x..0x%04x", VIEW_FMT(peer),
                (unsigned)p->least, (unsigned)p->greatest);
    return false;
}

bool tls_cipher_list(const struct conf *c, struct view peer, enum tls_grade grade,
                     struct view excluded, struct view more_excluded,
                     struct view always_excluded, struct str *out)
{
    struct view bad;
    str_add(out, conf_view(c, grade_list(grade)));
    if (tls_ciphers_exclude(excluded, out, &bad) &&
        tls_ciphers_exclude(more_excluded, out, &bad) &&
        tls_ciphers_exclude(always_excluded, out, &bad))
        return true;
    log_warning("%.*s: invalid unary '!+-@' in cipher exclusion: %.*s", VIEW_FMT(peer),
                VIEW_FMT(bad));
    return false;
}

bool tls_session_limit(SSL *ssl, const struct conf *c, struct view peer,
                       const struct tls_protocols *protocols, enum tls_grade grade,
                       struct view excluded, struct view more_excluded,
                       struct view always_excluded)
{
    struct str list = STR_INIT(8192);
    bool good =
        tls_session_limit_versions(ssl, peer, protocols) &&
        tls_cipher_list(c, peer, grade, excluded, more_excluded, always_excluded, &list);
    ERR_clear_error();
    if (good && SSL_set_cipher_list(ssl, str_cstr(&list)) != 1) {
        log_warning("%.*s: error setting cipher grade: \"%s\"", VIEW_FMT(peer),
                    str_cstr(&list));
        tls_log_errors();
        good = false;
    }
    str_done(&list);
    return good;
}
