/* collect - what came of a handshake
 */
#include "base/log.h"
#include "tls/private.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* "prime256v1": OpenSSL's short name. */
static struct view curve_of(EVP_PKEY *key, struct arena *a)
{
    char name[64];
    size_t n = 0;
    if (EVP_PKEY_get_group_name(key, name, sizeof name, &n) != 1)
        return VIEW_NONE;
    return arena_dup(a, view_of(name));
}

/* How the keys of the exchange were made.  TLSv1.3 has that apart from the cipher. */
static void collect_exchange(SSL *ssl, struct arena *a, struct tls_facts *f)
{
    EVP_PKEY *key = NULL;
    if (SSL_get_peer_tmp_key(ssl, &key) != 1 || !key) {
        ERR_clear_error();
        return;
    }
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_DH:
        f->exchange = VIEW("DHE");
        f->exchange_bits = EVP_PKEY_get_bits(key);
        break;
    case EVP_PKEY_EC:
        f->exchange = VIEW("ECDHE");
        f->exchange_curve = curve_of(key, a);
        break;
    default:
        f->exchange = view_of(OBJ_nid2sn(EVP_PKEY_get_base_id(key)));
        break;
    }
    EVP_PKEY_free(key);
}

static void collect_signature(EVP_PKEY *key, int digest, struct arena *a,
                              struct tls_signature *out)
{
    if (!key)
        return;
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS: /* TLSv1.3 has no other way to sign with RSA */
        out->name = VIEW("RSA-PSS");
        out->bits = EVP_PKEY_get_bits(key);
        break;
    case EVP_PKEY_EC:
        out->name = VIEW("ECDSA");
        out->curve = curve_of(key, a);
        break;
    default:
        out->name = view_of(OBJ_nid2sn(EVP_PKEY_get_base_id(key)));
        break;
    }
    if (digest != NID_undef)
        out->digest = view_of(OBJ_nid2sn(digest));
}

static void collect_signatures(SSL *ssl, struct arena *a, struct tls_facts *f)
{
    int digest = NID_undef;
    X509 *peer = SSL_get0_peer_certificate(ssl);
    bool is_server = SSL_is_server(ssl);
    struct tls_signature *own = is_server ? &f->server : &f->client;
    struct tls_signature *theirs = is_server ? &f->client : &f->server;
    if (SSL_get_signature_nid(ssl, &digest) == 1)
        collect_signature(SSL_get_privatekey(ssl), digest, a, own);
    digest = NID_undef;
    if (peer && SSL_get_peer_signature_nid(ssl, &digest) == 1)
        collect_signature(X509_get0_pubkey(peer), digest, a, theirs);
}

/* The digest of the server's certificate that its own signature is made with; MD5 and
 * SHA-1 count as SHA-256 (RFC 5929 4.1). */
static struct view end_point(SSL *ssl, struct arena *a)
{
    unsigned char value[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    int nid = NID_undef;
    X509 *x =
        SSL_is_server(ssl) ? SSL_get_certificate(ssl) : SSL_get0_peer_certificate(ssl);
    if (!x || OBJ_find_sigid_algs(X509_get_signature_nid(x), &nid, NULL) != 1)
        return VIEW_NONE;
    const EVP_MD *digest = nid == NID_md5 || nid == NID_sha1 || nid == NID_undef
                               ? EVP_sha256()
                               : EVP_get_digestbynid(nid);
    if (!digest || X509_digest(x, digest, value, &n) != 1)
        return VIEW_NONE;
    return arena_dup(a, (struct view){(char *)value, n});
}

/* RFC 9266: only where the session's keys depend on the whole handshake. */
static struct view exporter(SSL *ssl, struct arena *a)
{
    static const struct view label = VIEW("EXPORTER-Channel-Binding");
    unsigned char value[32];
    if (SSL_version(ssl) < TLS1_3_VERSION ||
        SSL_export_keying_material(ssl, value, sizeof value, label.p, label.n, NULL, 0,
                                   0) != 1)
        return VIEW_NONE;
    return arena_dup(a, (struct view){(char *)value, sizeof value});
}

void tls_collect(SSL *ssl, const EVP_MD *digest, struct view peer, struct arena *a,
                 struct tls_facts *f)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    X509 *x = SSL_get0_peer_certificate(ssl);
    f->protocol = view_of(SSL_get_version(ssl));
    f->cipher = view_of(SSL_CIPHER_get_name(cipher));
    f->bits = SSL_CIPHER_get_bits(cipher, &f->all_bits);
    f->resumed = SSL_session_reused(ssl);
    if (SSL_version(ssl) >= TLS1_3_VERSION) {
        collect_exchange(ssl, a, f);
        if (!f->resumed)
            collect_signatures(ssl, a, f);
    }
    f->exporter = exporter(ssl, a);
    f->end_point = end_point(ssl, a);
    f->peer = x ? TLS_PEER_UNTRUSTED : TLS_PEER_ANONYMOUS;
    if (x) {
        f->subject = tls_certificate_subject(x, peer, a);
        f->issuer = tls_certificate_issuer(x, peer, a);
        f->fingerprint = tls_certificate_fingerprint(x, digest, a);
        f->key_fingerprint = tls_certificate_key_fingerprint(x, digest, a);
    }
    ERR_clear_error();
}

/* "/C=FR/CN=x", bounded. */
static void add_name(X509_NAME *name, struct str *out)
{
    char text[512];
    X509_NAME_oneline(name, text, sizeof text);
    str_add_cstr(out, text);
}

void tls_log_untrusted(SSL *ssl, long result, struct view peer, bool is_server,
                       int64_t depth)
{
    X509 *x = SSL_get0_peer_certificate(ssl);
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    struct str issuer = STR_INIT(600);
    const char *side = is_server ? "client" : "server";
    switch (result) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        log_info("certificate verification failed for %.*s: self-signed certificate",
                 VIEW_FMT(peer));
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        if (chain && sk_X509_num(chain) > 0)
            x = sk_X509_value(chain, sk_X509_num(chain) - 1);
        if (x)
            add_name(X509_get_issuer_name(x), &issuer);
        log_info("certificate verification failed for %.*s: untrusted issuer %s",
                 VIEW_FMT(peer), str_cstr(&issuer));
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        log_info("%s certificate verification failed for %.*s: certificate not yet valid",
                 side, VIEW_FMT(peer));
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        log_info("%s certificate verification failed for %.*s: certificate has expired",
                 side, VIEW_FMT(peer));
        break;
    case X509_V_ERR_INVALID_PURPOSE:
        log_info("certificate verification failed for %.*s: not designated for use as a "
                 "%s certificate",
                 VIEW_FMT(peer), side);
        break;
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
        log_info("certificate verification failed for %.*s: certificate chain longer "
                 "than limit(%lld)",
                 VIEW_FMT(peer), (long long)depth);
        break;
    default:
        log_info("%s certificate verification failed for %.*s: num=%ld:%s", side,
                 VIEW_FMT(peer), result, X509_verify_cert_error_string(result));
        break;
    }
    str_done(&issuer);
}

static void add_certificate(X509 *x, int at, const EVP_MD *digest, struct arena *a,
                            struct str *out)
{
    char *pem;
    BIO *bio = BIO_new(BIO_s_mem());
    str_addf(out, "%2d subject: ", at);
    add_name(X509_get_subject_name(x), out);
    str_add(out, VIEW("\n    issuer: "));
    add_name(X509_get_issuer_name(x), out);
    str_addf(out, "\n   cert digest=%.*s\n   pkey digest=%.*s\n",
             VIEW_FMT(tls_certificate_fingerprint(x, digest, a)),
             VIEW_FMT(tls_certificate_key_fingerprint(x, digest, a)));
    if (bio && PEM_write_bio_X509(bio, x) == 1) {
        long n = BIO_get_mem_data(bio, &pem);
        str_add(out, (struct view){pem, (size_t)n});
    }
    BIO_free(bio);
}

bool tls_peer_chain(struct stream *s, const struct conf *c, struct str *out)
{
    struct tls_layer *t = tls_layer_of(s);
    STACK_OF(X509) *chain = t ? SSL_get_peer_cert_chain(t->ssl) : NULL;
    const EVP_MD *digest = tls_digest(conf_view(c, P_smtp_tls_fingerprint_digest));
    struct arena *a = arena_new();
    for (int i = 0; chain && i < sk_X509_num(chain); i++)
        add_certificate(sk_X509_value(chain, i), i, digest, a, out);
    arena_free(a);
    ERR_clear_error();
    return chain && sk_X509_num(chain) > 0;
}
