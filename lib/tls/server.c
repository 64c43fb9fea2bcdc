/* server - the server's side: keys by name, client certificates, tickets
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "format/address.h"
#include "format/base64.h"
#include "tls/key_link.h"
#include "tls/keys.h"
#include "tls/private.h"
#include "tls/self_signed.h"
#include "tls/tickets.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

struct tls_server {
    const struct conf *conf;
    SSL_CTX *ctx;
    struct tls_files *files;
    struct maps *names; /* tls_server_sni_maps */
    const EVP_MD *digest;
    void (*unreadable)(void *arg);
    void *arg;
    /* The ciphers of the first session are the context's, so those like it need not parse
     * the list again. */
    bool has_usual, usual_mandatory, usual_asks;
};

/* --- keys by the name that the client asks for --- */

/* What the table says: names of files, or (postmap -F) their content in base64. */
static SSL_CTX *context_of(const struct tls_server *t, struct view value,
                           struct view name)
{
    struct error e = ERROR_INIT;
    unsigned n = 0;
    struct str pem = STR_INIT(TLS_FILE_MAX);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_dh_auto(ctx, 1);
    SSL_CTX_set_security_level(ctx, 0);
    bool good;
    if (view_starts(value, VIEW("LS0tLS"))) /* "-----" */
        good = base64_decode(value, &pem) &&
               tls_keys_load_pem(ctx, str_view(&pem), "table", &n, &e);
    else
        good = tls_keys_load_chains(ctx, conf_directory(t->conf), value, NULL, &n, &e);
    if (pem.p)
        OPENSSL_cleanse(pem.p, pem.n);
    str_done(&pem);
    if (good && n > 0)
        return ctx;
    log_warning("tls_server_sni_maps: %.*s: %s", VIEW_FMT(name),
                error_is_set(&e) ? e.text : "no keys");
    SSL_CTX_free(ctx);
    return NULL;
}

/* The name itself, then ".parent" domains. */
static enum table_result find_name(struct tls_server *t, struct view name,
                                   struct arena *a, struct view *value)
{
    struct error e = ERROR_INIT;
    struct view key = name;
    for (;;) {
        enum table_result found = maps_get(t->names, key, a, value, &e);
        size_t dot = view_find(view_from(key, 1), '.');
        if (found == TABLE_ERROR)
            log_warning("tls_server_sni_maps: %.*s: %s", VIEW_FMT(key), e.text);
        if (found != TABLE_NOT_FOUND || dot == VIEW_NPOS)
            return found;
        key = view_from(key, dot + 1);
    }
}

/* OpenSSL's call-back while it reads the client's hello.  May suspend. */
static int choose_keys(SSL *ssl, int *alert, void *arg)
{
    struct tls_layer *layer = SSL_get_app_data(ssl);
    struct view name = view_of(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)), value;
    (void)arg;
    if (name.n == 0)
        return SSL_TLSEXT_ERR_NOACK;
    if (!hostname_is_valid(name)) {
        log_warning("TLS SNI from %.*s is invalid: %.*s", VIEW_FMT(layer->peer),
                    VIEW_FMT(name));
        return SSL_TLSEXT_ERR_NOACK;
    }
    struct arena *a = arena_new();
    enum table_result found = find_name(layer->server, name, a, &value);
    SSL_CTX *ctx = found == TABLE_FOUND ? context_of(layer->server, value, name) : NULL;
    if (ctx) {
        layer->server_name_found = SSL_set_SSL_CTX(ssl, ctx) != NULL;
        SSL_CTX_free(ctx);
    } else if (found == TABLE_NOT_FOUND) {
        log_info("TLS SNI %.*s from %.*s not matched, using default chain",
                 VIEW_FMT(name), VIEW_FMT(layer->peer));
    }
    arena_free(a);
    ERR_clear_error();
    if (found == TABLE_ERROR || (found == TABLE_FOUND && !layer->server_name_found)) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    return layer->server_name_found ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* --- set-up --- */

static void set_resumption(struct tls_server *t, SSL_CTX *ctx)
{
    const struct conf *c = t->conf;
    int64_t period = conf_time(c, P_smtpd_tls_session_cache_timeout);
    bool has_cache = conf_view(c, P_smtpd_tls_session_cache_database).n > 0;
    bool has_ids = conf_bool(c, P_smtpd_tls_always_issue_session_ids);
    SSL_CTX_set_timeout(ctx, (long)(period / CLOCK_SECOND));
    (void)SSL_CTX_set_num_tickets(ctx, 1); /* who comes back gets another one */
    (void)tls_tickets_use(ctx, conf_cstr(c, P_tls_session_ticket_cipher), period);
    if (has_cache)
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
    else if (has_ids)
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER |
                                                SSL_SESS_CACHE_NO_INTERNAL |
                                                SSL_SESS_CACHE_NO_AUTO_CLEAR);
    else
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (!maps_is_empty(t->names))
        SSL_CTX_set_tlsext_servername_callback(ctx, choose_keys);
    if (conf_bool(c, P_tls_trust_server_ccerts))
        SSL_CTX_set_purpose(ctx, X509_PURPOSE_ANY);
}

static bool add_own_keys(struct tls_server *t, SSL_CTX *ctx, unsigned *n, struct error *e)
{
    struct str path = STR_INIT(1024);
    bool good =
        tls_self_signed_ensure(t->conf, e) &&
        tls_keys_load_chains(ctx, conf_directory(t->conf),
                             tls_self_signed_path(t->conf, &path), t->files, n, e);
    str_done(&path);
    return good;
}

/* Read all anew. */
static SSL_CTX *make_context(struct tls_server *t, struct error *e)
{
    unsigned n = 0;
    SSL_CTX *ctx = tls_context_new(t->conf, &tls_role_server, t->files, &n, e);
    if (!ctx)
        return NULL;
    if (n == 0 && !tls_keys_are_named(t->conf, &tls_role_server) &&
        !add_own_keys(t, ctx, &n, e)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    if (n == 0 && conf_bool(t->conf, P_smtpd_tls_ask_ccert))
        log_warning("Need a server cert to request client certs");
    set_resumption(t, ctx);
    return ctx;
}

struct tls_server *tls_server_new(const struct conf *c, struct error *e)
{
    if (!tls_library_init(c, e))
        return NULL;
    struct tls_server *t = NEW(struct tls_server);
    t->conf = c;
    t->files = tls_files_new();
    t->names = maps_open(c, conf_view(c, P_tls_server_sni_maps), TABLE_FOLD);
    t->digest = tls_digest(conf_view(c, P_smtpd_tls_fingerprint_digest));
    if (t->digest)
        t->ctx = make_context(t, e);
    else
        error_set(e, "4.3.5",
                  "digest algorithm \"%.*s\" not found: disabling TLS support",
                  VIEW_FMT(conf_view(c, P_smtpd_tls_fingerprint_digest)));
    if (t->ctx)
        return t;
    tls_server_free(t);
    return NULL;
}

void tls_server_free(struct tls_server *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->ctx);
    tls_files_free(t->files);
    maps_close(t->names);
    memory_free(t);
}

/* Files changed: use them for the sessions that come.  What cannot be used leaves the old
 * ones in place. */
static void renew(void *arg)
{
    struct tls_server *t = arg;
    struct error e = ERROR_INIT;
    struct tls_files *old = t->files;
    t->files = tls_files_new();
    SSL_CTX *fresh = make_context(t, &e);
    if (fresh) {
        SSL_CTX_free(t->ctx);
        t->ctx = fresh;
        t->has_usual = false;
        log_info("certificates were read anew");
    } else if (e.saved_errno == EACCES && t->unreadable) {
        t->unreadable(t->arg);
    } else {
        log_warning("%s; the certificates stay as they were", e.text);
    }
    tls_files_free(old);
    tls_files_watch(t->files, renew, t);
}

void tls_server_watch(struct tls_server *t, void (*unreadable)(void *arg), void *arg)
{
    t->unreadable = unreadable;
    t->arg = arg;
    tls_files_watch(t->files, renew, t);
    key_link_watch(renew, t);
}

/* --- the handshake --- */

static bool limit(struct tls_server *t, SSL *ssl, const struct tls_accept *how)
{
    const struct conf *c = t->conf;
    const struct tls_role *r = &tls_role_server;
    struct tls_protocols protocols;
    enum tls_grade grade;
    struct view list =
        conf_view(c, how->mandatory ? r->mandatory_protocols : r->protocols);
    struct view word = conf_view(c, how->mandatory ? r->mandatory_ciphers : r->ciphers);
    if (!tls_protocols_parse(list, &protocols)) {
        log_warning("%.*s: Invalid TLS protocol list \"%.*s\": aborting TLS session",
                    VIEW_FMT(how->peer), VIEW_FMT(list));
        return false;
    }
    if (!tls_grade_parse(view_trim_space(word), &grade)) {
        log_warning("%.*s: invalid cipher grade: \"%.*s\"", VIEW_FMT(how->peer),
                    VIEW_FMT(word));
        return false;
    }
    if (!tls_session_limit_versions(ssl, how->peer, &protocols))
        return false;
    if (t->has_usual && t->usual_mandatory == how->mandatory &&
        t->usual_asks == how->ask_certificate)
        return true; /* they came with the context */
    struct str ciphers = STR_INIT(8192);
    bool good =
        tls_cipher_list(c, how->peer, grade, conf_view(c, r->exclude),
                        how->mandatory ? conf_view(c, r->mandatory_exclude) : VIEW_NONE,
                        how->ask_certificate ? VIEW("aNULL") : VIEW_NONE, &ciphers);
    ERR_clear_error();
    if (good && SSL_set_cipher_list(ssl, str_cstr(&ciphers)) != 1) {
        log_warning("%.*s: error setting cipher grade: \"%s\"", VIEW_FMT(how->peer),
                    str_cstr(&ciphers));
        good = false;
    }
    if (good && !t->has_usual &&
        SSL_CTX_set_cipher_list(t->ctx, str_cstr(&ciphers)) == 1) {
        t->has_usual = true;
        t->usual_mandatory = how->mandatory;
        t->usual_asks = how->ask_certificate;
    }
    str_done(&ciphers);
    return good;
}

static void report(SSL *ssl, const struct tls_accept *how, const struct tls_facts *f,
                   int64_t depth)
{
    if (f->peer != TLS_PEER_ANONYMOUS && how->loglevel >= 2)
        log_info("%.*s: subject_CN=%.*s, issuer=%.*s, fingerprint=%.*s, "
                 "pkey_fingerprint=%.*s",
                 VIEW_FMT(how->peer), VIEW_FMT(f->subject), VIEW_FMT(f->issuer),
                 VIEW_FMT(f->fingerprint), VIEW_FMT(f->key_fingerprint));
    if (f->peer == TLS_PEER_UNTRUSTED && how->ask_certificate && how->loglevel >= 1)
        tls_log_untrusted(ssl, tls_verify_result(ssl), how->peer, true, depth);
    if (how->loglevel >= 1)
        tls_facts_log(f, "from", how->peer);
}

bool tls_accept(struct tls_server *t, struct stream *s, const struct tls_accept *how,
                struct arena *a, struct tls_facts *facts)
{
    *facts = (struct tls_facts){.asked = how->ask_certificate};
    if (how->loglevel >= 2)
        log_info("setting up TLS connection from %.*s", VIEW_FMT(how->peer));
    tls_tickets_refresh();
    SSL *ssl = SSL_new(t->ctx);
    if (!ssl || !limit(t, ssl, how)) {
        tls_log_errors();
        SSL_free(ssl);
        return false;
    }
    size_t n =
        how->service.n > SSL_MAX_SID_CTX_LENGTH ? SSL_MAX_SID_CTX_LENGTH : how->service.n;
    SSL_set_session_id_context(ssl, (const unsigned char *)how->service.p, (unsigned)n);
    struct tls_layer *layer = tls_layer_new(s, ssl);
    layer->server = t;
    layer->peer = how->peer;
    if (how->ask_certificate)
        tls_verify_leniently(ssl);
    SSL_set_accept_state(ssl);
    tls_trace(layer, how->loglevel,
              (uint64_t)conf_int(t->conf, tls_role_server.trace_size));
    if (!tls_handshake(s, "SSL_accept", "from", how->peer))
        return false;
    if (how->loglevel < 4)
        BIO_set_callback_ex(SSL_get_rbio(ssl), NULL);
    tls_collect(ssl, t->digest, how->peer, a, facts);
    if (facts->peer == TLS_PEER_UNTRUSTED && tls_verify_result(ssl) == X509_V_OK)
        facts->peer = TLS_PEER_TRUSTED;
    if (layer->server_name_found)
        facts->server_name =
            arena_dup(a, view_of(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)));
    report(ssl, how, facts, conf_int(t->conf, tls_role_server.verify_depth));
    return true;
}
