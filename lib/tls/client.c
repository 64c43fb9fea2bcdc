/* client - the client's side: what the policy asks, and what the server proved
 *
 * The handshake goes on whatever certificate comes; afterwards the facts say how far
 * it can be trusted, and tls_policy_accepts() whether that is enough.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "format/address.h"
#include "tls/dane.h"
#include "tls/key_link.h"
#include "tls/private.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>

struct tls_client {
    const struct conf *conf;
    const struct tls_role *role;
    SSL_CTX *ctx;
    struct tls_files *files;
    struct tls_sessions *sessions; /* NULL: none are kept */
    const EVP_MD *digest;
    bool has_dane;
};

/* --- set-up --- */

/* OpenSSL has a session to keep; 1: we took it over. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_layer *t = SSL_get_app_data(ssl);
    if (!t || !t->sessions)
        return 0;
    tls_sessions_put(t->sessions, t->session_key, session);
    return 1;
}

/* tls_dane_digests: which digests of TLSA records count, best first. */
static bool set_dane(struct tls_client *t)
{
    struct view list = conf_view(t->conf, P_tls_dane_digests), word, name, text;
    uint8_t order = 0xff;
    if (SSL_CTX_dane_enable(t->ctx) != 1)
        return false;
    /* Not listed, not used. */
    (void)SSL_CTX_dane_mtype_set(t->ctx, NULL, 1, 0);
    (void)SSL_CTX_dane_mtype_set(t->ctx, NULL, 2, 0);
    while (view_token(&list, VIEW(" \t\r\n,"), &word)) {
        uint64_t number = 0;
        bool has_number = view_cut(word, '=', &name, &text);
        const EVP_MD *digest = tls_digest(name);
        uint64_t known = view_eq_case(name, VIEW("sha256"))   ? 1
                         : view_eq_case(name, VIEW("sha512")) ? 2
                                                              : 0;
        if ((has_number && !number_parse_u64(text, 1, 254, &number)) ||
            (!has_number && !known) || (known && number && number != known) || !digest ||
            SSL_CTX_dane_mtype_set(t->ctx, digest, (uint8_t)(number ? number : known),
                                   order--) != 1) {
            log_warning("tls_dane_digests: \"%.*s\" cannot be used: DANE is off",
                        VIEW_FMT(word));
            return false;
        }
    }
    ERR_clear_error();
    return true;
}

static bool set_up(struct tls_client *t, struct error *e)
{
    unsigned n = 0;
    int64_t lifetime = conf_time(t->conf, t->role->session_timeout);
    t->digest = tls_digest(conf_view(t->conf, t->role->fingerprint_digest));
    if (!t->digest) {
        error_set(e, "4.3.5",
                  "digest algorithm \"%.*s\" not found: disabling TLS support",
                  VIEW_FMT(conf_view(t->conf, t->role->fingerprint_digest)));
        return false;
    }
    t->ctx = tls_context_new(t->conf, t->role, t->files, &n, e);
    if (!t->ctx)
        return false;
    t->has_dane = set_dane(t);
    SSL_CTX_set_timeout(t->ctx, (long)(lifetime / CLOCK_SECOND));
    SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
    if (t->sessions) {
        SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_CLIENT |
                                                   SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(t->ctx, keep_session);
    }
    return true;
}

struct tls_client *tls_client_new(const struct conf *c, bool lmtp, struct error *e)
{
    if (!tls_library_init(c, e))
        return NULL;
    struct tls_client *t = NEW(struct tls_client);
    t->conf = c;
    t->role = lmtp ? &tls_role_lmtp : &tls_role_smtp;
    t->files = tls_files_new();
    if (conf_view(c, t->role->session_cache).n > 0)
        t->sessions = tls_sessions_new(conf_time(c, t->role->session_timeout));
    if (set_up(t, e))
        return t;
    tls_client_free(t);
    return NULL;
}

void tls_client_free(struct tls_client *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->ctx);
    tls_files_free(t->files);
    tls_sessions_free(t->sessions);
    memory_free(t);
}

static void renew(void *arg)
{
    struct tls_client *t = arg;
    struct error e = ERROR_INIT;
    struct tls_files *old = t->files;
    SSL_CTX *before = t->ctx;
    t->files = tls_files_new();
    if (set_up(t, &e)) {
        SSL_CTX_free(before);
    } else {
        t->ctx = before;
        log_warning("%s; the certificates stay as they were", e.text);
    }
    tls_files_free(old);
    tls_files_watch(t->files, renew, t);
}

void tls_client_watch(struct tls_client *t)
{
    tls_files_watch(t->files, renew, t);
    key_link_watch(renew, t);
}

/* --- before the handshake --- */

/* One PEM object of a trust anchor file: a certificate, or a bare key. */
static bool add_anchor(SSL *ssl, struct view type, const unsigned char *der, long n)
{
    bool is_key = view_eq(type, VIEW("PUBLIC KEY"));
    return SSL_dane_tlsa_add(ssl, 2, is_key ? 1 : 0, 0, der, (size_t)n) > 0;
}

static bool add_anchors(SSL *ssl, const char *path)
{
    char *type, *header;
    unsigned char *der;
    long n;
    bool good = true;
    unsigned added = 0;
    BIO *bio = BIO_new_file(path, "r");
    if (!bio)
        log_warning("error opening trust anchor file: %s: %s", path, strerror(errno));
    while (good && bio && PEM_read_bio(bio, &type, &header, &der, &n) == 1) {
        good = add_anchor(ssl, view_of(type), der, n);
        added += good;
        OPENSSL_free(type);
        OPENSSL_free(header);
        OPENSSL_free(der);
    }
    BIO_free(bio);
    ERR_clear_error();
    if (bio && added == 0)
        log_warning("error: no trust anchors in file: %s", path);
    return good && added > 0;
}

/* The authorities are those of the policy alone. */
static bool set_anchors(const struct tls_client *t, SSL *ssl,
                        const struct tls_connect *how, struct arena *a)
{
    struct view rest = how->policy->trust_anchors, path;
    bool good = t->has_dane && SSL_dane_enable(ssl, NULL) == 1;
    while (good && view_token(&rest, VIEW(" \t\r\n,"), &path))
        good = add_anchors(ssl, arena_cstr(a, path));
    if (!good)
        log_warning("%.*s: error configuring local trust anchors", VIEW_FMT(how->peer));
    return good;
}

static bool set_records(const struct tls_client *t, SSL *ssl,
                        const struct tls_connect *how, struct arena *a)
{
    const struct tls_dane *dane = how->dane;
    unsigned added = 0;
    if (!t->has_dane || SSL_dane_enable(ssl, arena_cstr(a, dane->base)) != 1) {
        log_warning("%.*s: error enabling DANE-based certificate validation",
                    VIEW_FMT(how->peer));
        return false;
    }
    /* DANE-EE needs no names (RFC 7672 3.1.1); other records take the domain as well. */
    (void)SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    if (how->nexthop.n > 0)
        (void)SSL_add1_host(ssl, arena_cstr(a, how->nexthop));
    for (size_t i = 0; i < dane->records.n; i++) {
        const struct dns_tlsa_record *r = &dane->records.items[i];
        if (tls_dane_is_usable(t->conf, r) &&
            SSL_dane_tlsa_add(ssl, r->usage, r->selector, r->matching,
                              (const unsigned char *)r->data.p, r->data.n) > 0)
            added++;
    }
    ERR_clear_error();
    if (added == 0)
        log_warning("%.*s: all TLSA records unusable", VIEW_FMT(how->peer));
    return added > 0;
}

/* The name for SNI; empty: none is sent.  False when the policy asks for nonsense. */
static bool server_name(const struct tls_connect *how, struct view *name)
{
    *name = how->policy->servername;
    if (how->dane)
        *name = VIEW_NONE; /* SSL_dane_enable() has set it */
    else if (view_eq_case(*name, VIEW("hostname")))
        *name = how->host;
    else if (view_eq_case(*name, VIEW("nexthop")))
        *name = how->nexthop;
    else if (name->n > 0 && !hostname_is_valid(*name)) {
        log_warning("%.*s: invalid servername \"%.*s\"", VIEW_FMT(how->peer),
                    VIEW_FMT(*name));
        return false;
    }
    return true;
}

static bool set_server_name(SSL *ssl, const struct tls_connect *how, struct arena *a)
{
    struct view name;
    if (!server_name(how, &name))
        return false;
    if (name.n > TLSEXT_MAXLEN_host_name) {
        log_warning("%.*s: ignoring too long SNI hostname: %.*s", VIEW_FMT(how->peer),
                    VIEW_FMT(view_sub(name, 0, 100)));
        return true;
    }
    if (name.n == 0 || host_literal_is_valid(name, NULL))
        return true;
    return SSL_set_tlsext_host_name(ssl, arena_cstr(a, name)) == 1;
}

/* Sessions are shared by what has the same server and the same policy. */
static struct view session_key(const struct tls_connect *how, struct arena *a)
{
    const struct tls_policy *p = how->policy;
    return arena_printf(a, "%.*s&%.*s&%s&%x-%x-%x&%d&%.*s&%.*s&%.*s&%.*s",
                        VIEW_FMT(how->peer), VIEW_FMT(how->helo),
                        tls_level_name(p->level), p->protocols.excluded,
                        (unsigned)p->protocols.least, (unsigned)p->protocols.greatest,
                        (int)p->grade, VIEW_FMT(p->exclude), VIEW_FMT(p->own_exclude),
                        VIEW_FMT(p->servername), VIEW_FMT(p->trust_anchors));
}

static void offer_session(struct tls_client *t, struct tls_layer *layer,
                          const struct tls_connect *how, struct arena *a)
{
    if (!t->sessions || how->dane) /* records may have changed since */
        return;
    layer->sessions = t->sessions;
    layer->session_key = session_key(how, a);
    SSL_SESSION *session = tls_sessions_find(t->sessions, layer->session_key);
    if (session && SSL_set_session(layer->ssl, session) == 1 && how->loglevel >= 2)
        log_info("%.*s: reloaded session from smtp cache", VIEW_FMT(how->peer));
    ERR_clear_error();
}

void tls_forget_session(struct stream *s)
{
    struct tls_layer *t = tls_layer_of(s);
    if (t && t->sessions)
        tls_sessions_remove(t->sessions, t->session_key);
}

/* --- after it --- */

/* Does the certificate bear a name that the policy asks for? */
static bool names_match(const struct tls_client *t, X509 *x,
                        const struct tls_connect *how, struct arena *a)
{
    bool many = conf_bool(t->conf, P_tls_wildcard_matches_multiple_labels);
    const struct tls_policy *p = how->policy;
    for (size_t i = 0; i < p->n_match; i++) {
        struct view pattern = p->match[i];
        if (view_eq_case(pattern, VIEW("nexthop")))
            pattern = how->nexthop;
        else if (view_eq_case(pattern, VIEW("hostname")))
            pattern = how->host;
        else if (view_eq_case(pattern, VIEW("dot-nexthop")))
            pattern = arena_printf(a, ".%.*s", VIEW_FMT(how->nexthop));
        if (tls_certificate_matches(x, pattern, many, a))
            return true;
    }
    return false;
}

static enum tls_peer_status judge(const struct tls_client *t, SSL *ssl,
                                  const struct tls_connect *how, struct arena *a)
{
    X509 *x = SSL_get0_peer_certificate(ssl);
    const struct tls_policy *p = how->policy;
    if (!x)
        return TLS_PEER_ANONYMOUS;
    if (p->level == TLS_LEVEL_FINGERPRINT)
        return tls_fingerprint_is_listed(x, t->digest, p->match, p->n_match, a)
                   ? TLS_PEER_VERIFIED
                   : TLS_PEER_UNTRUSTED;
    bool is_trusted = tls_verify_result(ssl) == X509_V_OK;
    if (!is_trusted)
        return TLS_PEER_UNTRUSTED;
    if (how->dane) /* names are part of it */
        return p->level == TLS_LEVEL_HALF_DANE ? TLS_PEER_TRUSTED : TLS_PEER_VERIFIED;
    return tls_policy_by_name(p) && names_match(t, x, how, a) ? TLS_PEER_VERIFIED
                                                              : TLS_PEER_TRUSTED;
}

static void report(const struct tls_client *t, SSL *ssl, const struct tls_connect *how,
                   const struct tls_facts *f)
{
    long result = tls_verify_result(ssl);
    bool wanted = tls_policy_must_match(how->policy) || how->loglevel >= 2;
    if (f->peer == TLS_PEER_UNTRUSTED && wanted) {
        if (f->resumed)
            log_info("%.*s: re-using session with untrusted certificate, look for "
                     "details earlier in the log",
                     VIEW_FMT(how->peer));
        else if (how->policy->level == TLS_LEVEL_FINGERPRINT || how->dane)
            log_info("certificate verification failed for %.*s: not trusted by local or "
                     "TLSA policy",
                     VIEW_FMT(how->peer));
        else
            tls_log_untrusted(ssl, result, how->peer, false,
                              conf_int(t->conf, t->role->verify_depth));
    }
    if (f->peer != TLS_PEER_ANONYMOUS && how->loglevel >= 2)
        log_info("%.*s: subject_CN=%.*s, issuer_CN=%.*s, fingerprint=%.*s, "
                 "pkey_fingerprint=%.*s",
                 VIEW_FMT(how->peer), VIEW_FMT(f->subject), VIEW_FMT(f->issuer),
                 VIEW_FMT(f->fingerprint), VIEW_FMT(f->key_fingerprint));
    if (how->loglevel >= 1)
        tls_facts_log(f, "to", how->peer);
}

static bool prepare(struct tls_client *t, SSL *ssl, const struct tls_connect *how,
                    struct arena *a)
{
    const struct tls_policy *p = how->policy;
    if (!tls_session_limit(ssl, t->conf, how->peer, &p->protocols, p->grade, p->exclude,
                           p->own_exclude,
                           tls_policy_must_match(p) ? VIEW("aNULL") : VIEW_NONE))
        return false;
    if (how->dane && !set_records(t, ssl, how, a))
        return false;
    if (!how->dane && tls_policy_by_name(p) && p->trust_anchors.n > 0 &&
        !set_anchors(t, ssl, how, a))
        return false;
    return set_server_name(ssl, how, a);
}

bool tls_connect(struct tls_client *t, struct stream *s, const struct tls_connect *how,
                 struct arena *a, struct tls_facts *facts)
{
    *facts = (struct tls_facts){.bits = 0};
    if (how->loglevel >= 2)
        log_info("setting up TLS connection to %.*s", VIEW_FMT(how->peer));
    SSL *ssl = SSL_new(t->ctx);
    if (!ssl || !prepare(t, ssl, how, a)) {
        tls_log_errors();
        SSL_free(ssl);
        return false;
    }
    struct tls_layer *layer = tls_layer_new(s, ssl);
    offer_session(t, layer, how, a);
    tls_verify_leniently(ssl);
    SSL_set_connect_state(ssl);
    tls_trace(layer, how->loglevel, (uint64_t)conf_int(t->conf, t->role->trace_size));
    if (!tls_handshake(s, "SSL_connect", "to", how->peer)) {
        tls_forget_session(s);
        return false;
    }
    if (how->loglevel < 4)
        BIO_set_callback_ex(SSL_get_rbio(ssl), NULL);
    tls_collect(ssl, t->digest, how->peer, a, facts);
    facts->peer = judge(t, ssl, how, a);
    report(t, ssl, how, facts);
    return true;
}
