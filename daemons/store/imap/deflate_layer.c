/* deflate_layer - COMPRESS=DEFLATE below a stream (RFC 4978)
 *
 * Neither side keeps a dictionary of more than 32 KiB.  Bytes that were compressed and
 * could not be sent yet wait in `unsent`; the stream repeats its write until they left.
 */
#include "deflate_layer.h"

#include "base/list.h"
#include "base/memory.h"
#include "net/stream_layer.h"

#include <errno.h>
#include <unistd.h>
#include <zlib.h>

#define INPUT_BYTES  4096
#define OUTPUT_BYTES 16384
/* Of one write: what deflate makes of it fits into OUTPUT_BYTES. */
#define SLICE_BYTES 12288

struct deflate_layer {
    struct stream_layer layer;
    int fd;
    z_stream in, out;
    char input[INPUT_BYTES];
    struct str pending; /* came before the layer did */
    char unsent[OUTPUT_BYTES];
    size_t unsent_at, unsent_n;
    size_t accepted; /* bytes of the stream that lie in `unsent` */
};

static struct deflate_layer *self(struct stream_layer *l)
{
    return CONTAINER_OF(l, struct deflate_layer, layer);
}

/* Give inflate more bytes: those that came early, then the descriptor's. */
static ssize_t refill(struct deflate_layer *d, enum stream_want *want)
{
    ssize_t got;

    if (d->pending.n > 0) {
        got = (ssize_t)(d->pending.n < INPUT_BYTES ? d->pending.n : INPUT_BYTES);
        memcpy(d->input, d->pending.p, (size_t)got);
        str_consume(&d->pending, (size_t)got);
    } else {
        do
            got = read(d->fd, d->input, INPUT_BYTES);
        while (got < 0 && errno == EINTR);
    }
    *want = STREAM_WANT_READ;
    if (got > 0) {
        d->in.next_in = (Bytef *)d->input;
        d->in.avail_in = (uInt)got;
    }
    return got;
}

static ssize_t layer_read(struct stream_layer *l, char *p, size_t n,
                          enum stream_want *want)
{
    struct deflate_layer *d = self(l);

    d->in.next_out = (Bytef *)p;
    d->in.avail_out = n > INT32_MAX ? INT32_MAX : (uInt)n;
    for (;;) {
        /* Also without input: inflate may hold output back from the last call. */
        int result = inflate(&d->in, Z_SYNC_FLUSH);
        ssize_t made = (char *)d->in.next_out - p;

        if (made > 0)
            return made;
        if (result == Z_STREAM_END)
            return 0;
        if (result != Z_OK && result != Z_BUF_ERROR) {
            errno = EPROTO;
            return -1;
        }
        ssize_t got = refill(d, want);
        if (got <= 0)
            return got;
    }
}

/* Send what is compressed; false with errno. */
static bool send_unsent(struct deflate_layer *d, enum stream_want *want)
{
    while (d->unsent_at < d->unsent_n) {
        ssize_t sent = write(d->fd, d->unsent + d->unsent_at, d->unsent_n - d->unsent_at);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0) {
            *want = STREAM_WANT_WRITE;
            return false;
        }
        d->unsent_at += (size_t)sent;
    }
    d->unsent_at = d->unsent_n = 0;
    return true;
}

static ssize_t layer_write(struct stream_layer *l, const char *p, size_t n,
                           enum stream_want *want)
{
    struct deflate_layer *d = self(l);

    if (d->unsent_n == 0) {
        d->accepted = n < SLICE_BYTES ? n : SLICE_BYTES;
        d->out.next_in = (Bytef *)(uintptr_t)p;
        d->out.avail_in = (uInt)d->accepted;
        d->out.next_out = (Bytef *)d->unsent;
        d->out.avail_out = OUTPUT_BYTES;
        if (deflate(&d->out, Z_SYNC_FLUSH) != Z_OK || d->out.avail_in > 0) {
            errno = EPROTO;
            return -1;
        }
        d->unsent_n = OUTPUT_BYTES - d->out.avail_out;
    }
    return send_unsent(d, want) ? (ssize_t)d->accepted : -1;
}

static size_t layer_pending(struct stream_layer *l)
{
    return self(l)->in.avail_in + self(l)->pending.n;
}

static void layer_close(struct stream_layer *l)
{
    struct deflate_layer *d = self(l);

    inflateEnd(&d->in);
    deflateEnd(&d->out);
    str_done(&d->pending);
    memory_free(d);
}

bool deflate_layer_start(struct stream *s, struct view pending)
{
    struct deflate_layer *d = NEW(struct deflate_layer);

    d->layer = (struct stream_layer){.read = layer_read,
                                     .write = layer_write,
                                     .pending = layer_pending,
                                     .close = layer_close};
    d->fd = stream_fd(s);
    str_init(&d->pending, pending.n);
    str_add(&d->pending, pending);
    if (inflateInit2(&d->in, -MAX_WBITS) != Z_OK ||
        deflateInit2(&d->out, DEFLATE_LEVEL, Z_DEFLATED, -MAX_WBITS, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        layer_close(&d->layer);
        return false;
    }
    stream_drop_input(s);
    stream_set_layer(s, &d->layer);
    return true;
}
