/* layer - TLS between a stream's buffers and its descriptor
 *
 * OpenSSL reads and writes the descriptor itself and never waits: what it wants is told
 * to the stream, which has the deadlines.  OpenSSL's error queue belongs to the
 * thread, not to the fiber, so each call starts with an empty one.
 */
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "tls/private.h"

#include <errno.h>
#include <openssl/err.h>

void tls_log_errors(void)
{
    unsigned long code;
    const char *file, *data, *function;
    int line, flags;
    while ((code = ERR_get_error_all(&file, &line, &function, &data, &flags)) != 0) {
        char text[256];
        ERR_error_string_n(code, text, sizeof text);
        if (flags & ERR_TXT_STRING)
            log_warning("TLS library problem: %s:%s:%d:%s:", text, file, line, data);
        else
            log_warning("TLS library problem: %s:%s:%d:", text, file, line);
    }
}

/* What the return value of an SSL call means to a stream. */
static ssize_t result_of(SSL *ssl, int value, enum stream_want *want)
{
    int error = errno;
    switch (SSL_get_error(ssl, value)) {
    case SSL_ERROR_WANT_READ:
        *want = STREAM_WANT_READ;
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_WANT_WRITE:
        *want = STREAM_WANT_WRITE;
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        if (error == 0 || error == EAGAIN)
            error = ECONNRESET;
        break;
    default:
        tls_log_errors();
        error = ECONNRESET;
        break;
    }
    errno = error;
    return -1;
}

static struct tls_layer *self(struct stream_layer *l)
{
    return CONTAINER_OF(l, struct tls_layer, layer);
}

static ssize_t layer_read(struct stream_layer *l, char *p, size_t n,
                          enum stream_want *want)
{
    SSL *ssl = self(l)->ssl;
    ERR_clear_error();
    errno = 0;
    int got = SSL_read(ssl, p, n > INT32_MAX ? INT32_MAX : (int)n);
    return got > 0 ? got : result_of(ssl, got, want);
}

static ssize_t layer_write(struct stream_layer *l, const char *p, size_t n,
                           enum stream_want *want)
{
    SSL *ssl = self(l)->ssl;
    ERR_clear_error();
    errno = 0;
    int sent = SSL_write(ssl, p, n > INT32_MAX ? INT32_MAX : (int)n);
    if (sent > 0)
        return sent;
    ssize_t result = result_of(ssl, sent, want);
    if (result == 0)
        errno = ECONNRESET;
    return -1;
}

static size_t layer_pending(struct stream_layer *l)
{
    int n = SSL_pending(self(l)->ssl);
    return n > 0 ? (size_t)n : 0;
}

static void layer_close(struct stream_layer *l)
{
    struct tls_layer *t = self(l);
    SSL_free(t->ssl);
    ERR_clear_error();
    memory_free(t);
}

struct tls_layer *tls_layer_new(struct stream *s, SSL *ssl)
{
    struct tls_layer *t = NEW(struct tls_layer);
    t->layer = (struct stream_layer){.read = layer_read,
                                     .write = layer_write,
                                     .pending = layer_pending,
                                     .close = layer_close};
    t->ssl = ssl;
    SSL_set_fd(ssl, stream_fd(s));
    SSL_set_app_data(ssl, t);
    stream_set_layer(s, &t->layer);
    return t;
}

struct tls_layer *tls_layer_of(const struct stream *s)
{
    struct stream_layer *l = stream_layer(s);
    return l && l->close == layer_close ? self(l) : NULL;
}

static int step(struct stream_layer *l, enum stream_want *want)
{
    SSL *ssl = self(l)->ssl;
    ERR_clear_error();
    errno = 0;
    int value = SSL_do_handshake(ssl);
    if (value == 1)
        return 0;
    int error = errno;
    switch (SSL_get_error(ssl, value)) {
    case SSL_ERROR_WANT_READ:
        *want = STREAM_WANT_READ;
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_WANT_WRITE:
        *want = STREAM_WANT_WRITE;
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_SYSCALL:
        errno = error == EAGAIN || error == 0 ? ECONNRESET : error;
        return -1;
    default:
        errno = EPROTO; /* the reason is in OpenSSL's queue */
        return -1;
    }
}

bool tls_handshake(struct stream *s, const char *name, const char *direction,
                   struct view peer)
{
    enum stream_result result = stream_layer_run(s, step);
    if (result == STREAM_OK)
        return true;
    if (result == STREAM_ERROR && stream_errno(s) == EPROTO) {
        log_info("%s error %s %.*s: -1", name, direction, VIEW_FMT(peer));
        tls_log_errors();
    } else if (result == STREAM_TIMEOUT) {
        log_info("%s error %s %.*s: Connection timed out", name, direction,
                 VIEW_FMT(peer));
    } else {
        log_info("%s error %s %.*s: %s", name, direction, VIEW_FMT(peer),
                 stream_strerror(s, result));
    }
    return false;
}

static void tell_step(const SSL *ssl, int where, int value)
{
    const char *side = where & SSL_ST_CONNECT  ? "SSL_connect"
                       : where & SSL_ST_ACCEPT ? "SSL_accept"
                                               : "undefined";
    if (where & SSL_CB_LOOP)
        log_info("%s:%s", side, SSL_state_string_long(ssl));
    else if (where & SSL_CB_ALERT) {
        const char *direction = where & SSL_CB_READ ? "read" : "write";
        if ((value & 0xff) != SSL3_AD_CLOSE_NOTIFY)
            log_info("SSL3 alert %s:%s:%s", direction, SSL_alert_type_string_long(value),
                     SSL_alert_desc_string_long(value));
    } else if (where & SSL_CB_EXIT && value == 0) {
        log_info("%s:failed in %s", side, SSL_state_string_long(ssl));
    }
}

/* Loglevel 3: the bytes of the handshake, which end with it; 4: all of the session, up to
 * ..._tls_trace_size_limit. */
static long tell_bytes(BIO *bio, int operation, const char *p, size_t n, int argi,
                       long argl, int value, size_t *done)
{
    static const size_t line = 16;
    struct tls_layer *t = (struct tls_layer *)(void *)BIO_get_callback_arg(bio);
    (void)argi;
    (void)argl;
    bool is_read = operation == (BIO_CB_READ | BIO_CB_RETURN);
    if ((!is_read && operation != (BIO_CB_WRITE | BIO_CB_RETURN)) || t->trace_bytes == 0)
        return value;
    size_t moved = value > 0 && done ? *done : 0;
    log_info("%s %p (%zu bytes => %zd)", is_read ? "read from" : "write to", (void *)bio,
             n, value > 0 ? (ssize_t)moved : (ssize_t)-1);
    if (moved >= t->trace_bytes) {
        moved = (size_t)t->trace_bytes;
        log_info("trace size limit reached");
    }
    t->trace_bytes -= moved;
    for (size_t at = 0; at < moved; at += line) {
        struct str text = STR_INIT(128);
        for (size_t i = at; i < at + line && i < moved; i++)
            str_addf(&text, "%02x ", (unsigned char)p[i]);
        log_info("%04zx %s", at, str_cstr(&text));
        str_done(&text);
    }
    return value;
}

void tls_trace(struct tls_layer *t, int loglevel, uint64_t most)
{
    if (loglevel >= 2)
        SSL_set_info_callback(t->ssl, tell_step);
    if (loglevel < 3)
        return;
    t->trace_bytes = most;
    BIO_set_callback_ex(SSL_get_rbio(t->ssl), tell_bytes);
    BIO_set_callback_arg(SSL_get_rbio(t->ssl), (char *)t);
}

void tls_bye(struct stream *s)
{
    struct tls_layer *t = tls_layer_of(s);
    if (!t || !SSL_is_init_finished(t->ssl))
        return;
    ERR_clear_error();
    if (SSL_shutdown(t->ssl) < 0)
        ERR_clear_error();
}
