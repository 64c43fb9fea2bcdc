/* load_tls - TLS for the load generator; see load_tls.h */
#include "load_tls.h"

#include "base/list.h"
#include "base/memory.h"
#include "net/stream_layer.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

struct load_layer {
    struct stream_layer layer;
    SSL *ssl;
};

static struct {
    SSL_CTX *ctx;
    SSL_SESSION *session;
    bool resume;
    uint64_t resumed;
} tls;

static SSL *ssl_of(struct stream_layer *l)
{
    return CONTAINER_OF(l, struct load_layer, layer)->ssl;
}

static ssize_t outcome(SSL *ssl, int value, enum stream_want *want)
{
    if (value > 0)
        return value;
    int error = SSL_get_error(ssl, value);
    ERR_clear_error();
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    *want = error == SSL_ERROR_WANT_WRITE ? STREAM_WANT_WRITE : STREAM_WANT_READ;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN
                                                                          : ECONNRESET;
    return -1;
}

static ssize_t layer_read(struct stream_layer *l, char *p, size_t n,
                          enum stream_want *want)
{
    return outcome(ssl_of(l), SSL_read(ssl_of(l), p, (int)n), want);
}

static ssize_t layer_write(struct stream_layer *l, const char *p, size_t n,
                           enum stream_want *want)
{
    return outcome(ssl_of(l), SSL_write(ssl_of(l), p, (int)n), want);
}

static size_t layer_pending(struct stream_layer *l)
{
    return (size_t)SSL_pending(ssl_of(l));
}

static void layer_close(struct stream_layer *l)
{
    (void)SSL_shutdown(ssl_of(l));
    ERR_clear_error();
    SSL_free(ssl_of(l));
    memory_free(CONTAINER_OF(l, struct load_layer, layer));
}

static int step(struct stream_layer *l, enum stream_want *want)
{
    return outcome(ssl_of(l), SSL_do_handshake(ssl_of(l)), want) > 0 ? 0 : -1;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(tls.session);
    tls.session = session;
    return 1;
}

bool load_tls_init(bool resume)
{
    tls.resume = resume;
    tls.ctx = SSL_CTX_new(TLS_client_method());
    if (!tls.ctx)
        return false;
    SSL_CTX_set_mode(tls.ctx,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (resume) {
        SSL_CTX_set_session_cache_mode(tls.ctx, SSL_SESS_CACHE_CLIENT |
                                                    SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(tls.ctx, keep_session);
    }
    return true;
}

bool load_tls_start(struct stream *s)
{
    struct load_layer *l = NEW(struct load_layer);
    l->layer = (struct stream_layer){layer_read, layer_write, layer_pending, layer_close};
    l->ssl = SSL_new(tls.ctx);
    SSL_set_fd(l->ssl, stream_fd(s));
    SSL_set_connect_state(l->ssl);
    if (tls.resume && tls.session) {
        SSL_SESSION *again = SSL_SESSION_dup(tls.session); /* which OpenSSL uses once */
        SSL_set_session(l->ssl, again);
        SSL_SESSION_free(again);
    }
    stream_set_layer(s, &l->layer);
    if (stream_layer_run(s, step) != STREAM_OK)
        return false;
    tls.resumed += SSL_session_reused(l->ssl) == 1;
    return true;
}

uint64_t load_tls_resumed(void)
{
    return tls.resumed;
}
