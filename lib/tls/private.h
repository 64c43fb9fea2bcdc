/* private - what the files of tls share
 *
 * role.c names the parameters of each side, files.c reads and watches key files, keys.c
 * puts them into a context, context.c makes that from the configuration, layer.c
 * carries the bytes, certificate.c and collect.c learn about the peer, server.c and
 * client.c shake hands.
 */
#ifndef TLS_PRIVATE_H
#define TLS_PRIVATE_H

#include "net/stream_layer.h"
#include "tls/files.h"
#include "tls/role.h"
#include "tls/tls.h"

#include <openssl/ssl.h>

/* --- context.c --- */
/* A context with all that does not depend on the session.  *N_KEYS counts the keys.  NULL
 * with *E. */
SSL_CTX *tls_context_new(const struct conf *c, const struct tls_role *role,
                         struct tls_files *files, unsigned *n_keys, struct error *e);
/* Versions of one session.  False: the log was told. */
bool tls_session_limit_versions(SSL *ssl, struct view peer,
                                const struct tls_protocols *protocols) MUST_CHECK;
/* GRADE's ciphers without those of the three lists, in OpenSSL's words, appended to OUT.
 * False: the log was told. */
bool tls_cipher_list(const struct conf *c, struct view peer, enum tls_grade grade,
                     struct view excluded, struct view more_excluded,
                     struct view always_excluded, struct str *out) MUST_CHECK;
/* Both.  False: the log was told. */
bool tls_session_limit(SSL *ssl, const struct conf *c, struct view peer,
                       const struct tls_protocols *protocols, enum tls_grade grade,
                       struct view excluded, struct view more_excluded,
                       struct view always_excluded) MUST_CHECK;
/* Log what OpenSSL has in its queue: "TLS library problem: ...". */
void tls_log_errors(void);

/* --- layer.c --- */
struct tls_layer {
    struct stream_layer layer;
    SSL *ssl;
    long verify_error;    /* the first, X509_V_... */
    uint64_t trace_bytes; /* that may still be shown */
    /* Server: */
    struct tls_server *server;
    struct view peer;
    bool server_name_found;
    /* Client: what the session cache needs. */
    struct tls_sessions *sessions;
    struct view session_key;
};
/* Put SSL, which it takes over, between S and its descriptor. */
struct tls_layer *tls_layer_new(struct stream *s, SSL *ssl);
/* The layer of S when it is ours, else NULL. */
struct tls_layer *tls_layer_of(const struct stream *s);
/* The handshake; false with the log told: "SSL_accept error from PEER: ...". */
bool tls_handshake(struct stream *s, const char *name, const char *direction,
                   struct view peer) MUST_CHECK;
/* Loglevel 2 and up: tell each step; 3 and up: MOST bytes. */
void tls_trace(struct tls_layer *t, int loglevel, uint64_t most);

/* --- verify.c --- */
/* Ask for the peer's certificate and go on whatever it is. */
void tls_verify_leniently(SSL *ssl);
/* X509_V_OK, or what was wrong with it first. */
long tls_verify_result(SSL *ssl);

/* --- sessions.c --- */
/* Sessions with servers, in memory, for resumption. */
struct tls_sessions;
struct tls_sessions *tls_sessions_new(int64_t lifetime);
void tls_sessions_free(struct tls_sessions *c);
/* NULL when there is none; stays the cache's. */
SSL_SESSION *tls_sessions_find(struct tls_sessions *c, struct view key);
/* Takes SESSION over. */
void tls_sessions_put(struct tls_sessions *c, struct view key, SSL_SESSION *session);
void tls_sessions_remove(struct tls_sessions *c, struct view key);

/* --- certificate.c --- */
/* "AB:CD:..." of the whole certificate, of its public key; empty when the digest is not
 * known. */
struct view tls_certificate_fingerprint(X509 *x, const EVP_MD *digest, struct arena *a);
struct view tls_certificate_key_fingerprint(X509 *x, const EVP_MD *digest,
                                            struct arena *a);
/* The digest that is called NAME; NULL when OpenSSL has none. */
const EVP_MD *tls_digest(struct view name);
/* Common names: printable UTF-8 or empty.  Of an issuer without one, its organisation. */
struct view tls_certificate_subject(X509 *x, struct view peer, struct arena *a);
struct view tls_certificate_issuer(X509 *x, struct view peer, struct arena *a);
/* Does the certificate name one that PATTERN means: "host.example", or ".example" for
 * all below it?  SUBJECT_TOO: the common name counts when there are no other names. */
bool tls_certificate_matches(X509 *x, struct view pattern, bool many_labels,
                             struct arena *a);
/* A name of a certificate (perhaps "*.example") against PATTERN; pure. */
bool tls_name_matches(struct view name, struct view pattern, bool many_labels);
/* Does X match one of PRINTS ("ab:cd" or "ABCD")? */
bool tls_fingerprint_is_listed(X509 *x, const EVP_MD *digest, const struct view *prints,
                               size_t n, struct arena *a);

/* --- collect.c --- */
/* Protocol, cipher, exchange, and the names and prints of the peer's certificate. */
void tls_collect(SSL *ssl, const EVP_MD *digest, struct view peer, struct arena *a,
                 struct tls_facts *f);
/* "certificate verification failed for PEER: ..." for what X509_V_... RESULT says. */
void tls_log_untrusted(SSL *ssl, long result, struct view peer, bool is_server,
                       int64_t depth);

#endif
