/* stream - open, close, settings and waiting; see stream_read.c and stream_write.c */
#include "net/stream.h"

#include "base/log.h"
#include "base/memory.h"
#include "net/stream_private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT (300 * CLOCK_SECOND)
/* A stream that never has to wait lets others run after that many bytes. */
#define BURST ((size_t)256 * 1024)

static struct stream *stream_new(int fd)
{
    struct stream *s = NEW(struct stream);

    s->fd = fd;
    s->timeout = DEFAULT_TIMEOUT;
    s->deadline = CLOCK_NEVER;
    return s;
}

struct stream *stream_open_fd(int fd)
{
    assert(fd >= 0);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 ||
        (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0))
        log_panic("stream_open_fd: descriptor %d: errno %d", fd, errno);
    struct stream *s = stream_new(fd);
    s->is_socket = true;
    return s;
}

struct stream *stream_open_memory(struct view input, struct str *output)
{
    struct stream *s = stream_new(-1);

    s->memory = input;
    s->sink = output;
    s->in.p = (char *)(uintptr_t)input.p; /* read only, as all of the input side is */
    s->in.cap = input.n;
    return s;
}

void stream_set_chunk(struct stream *s, size_t n)
{
    assert(s->fd < 0);
    s->chunk = n;
}

int stream_take_fd(struct stream *s)
{
    int fd = s->fd;

    if (s->layer)
        s->layer->close(s->layer);
    if (s->is_watched)
        watch_remove(&s->watch);
    if (fd >= 0)
        stream_buffer_give(&s->in); /* memory input is the caller's */
    stream_buffer_give(&s->out);
    memory_free(s);
    return fd;
}

void stream_close(struct stream *s)
{
    int fd = stream_take_fd(s);

    if (fd >= 0)
        close(fd);
}

int stream_fd(const struct stream *s)
{
    return s->fd;
}

void stream_set_layer(struct stream *s, struct stream_layer *l)
{
    assert(s->fd >= 0 && !s->layer);
    assert(stream_bytes_left(&s->in) == 0 && stream_bytes_left(&s->out) == 0);
    s->layer = l;
}

struct stream_layer *stream_layer(const struct stream *s)
{
    return s->layer;
}

void stream_set_timeout(struct stream *s, int64_t usec)
{
    s->timeout = usec;
}

void stream_renew_timeout(struct stream *s, bool renews)
{
    s->renews_timeout = renews;
}

void stream_set_deadline(struct stream *s, int64_t deadline)
{
    s->deadline = deadline;
}

int stream_errno(const struct stream *s)
{
    return s->saved_errno;
}

const char *stream_strerror(const struct stream *s, enum stream_result r)
{
    switch (r) {
    case STREAM_OK:
        return "no error";
    case STREAM_EOF:
        return "lost connection";
    case STREAM_TIMEOUT:
        return "timed out";
    case STREAM_TOO_LONG:
        return "line too long";
    case STREAM_ERROR:
        break;
    }
    switch (s->saved_errno) {
    case EPIPE:
    case ECONNRESET:
        return "lost connection";
    case ETIMEDOUT:
        return "timed out";
    case ECANCELED:
        return "stopped";
    default:
        return strerror(s->saved_errno);
    }
}

int64_t stream_operation_end(const struct stream *s)
{
    int64_t end = clock_in(s->timeout);

    return end < s->deadline ? end : s->deadline;
}

enum stream_result stream_fail(struct stream *s, int error_number)
{
    s->saved_errno = error_number;
    return STREAM_ERROR;
}

static enum stream_result wake_result(struct stream *s, enum wake wake)
{
    switch (wake) {
    case WAKE_OK:
        return STREAM_OK;
    case WAKE_TIMEOUT:
        return STREAM_TIMEOUT;
    case WAKE_CANCELLED:
        break;
    }
    return stream_fail(s, ECANCELED);
}

void stream_account(struct stream *s, size_t n)
{
    s->burst += n;
    if (s->burst < BURST || !fiber_self())
        return;
    s->burst = 0;
    fiber_yield();
}

static void ensure_watched(struct stream *s)
{
    if (s->is_watched)
        return;
    watch_add(&s->watch, s->fd);
    s->is_watched = true;
    s->watch.readable = s->watch.writable = false; /* what is ready is reported at once */
}

enum stream_result stream_wait_read(struct stream *s, int64_t end)
{
    ensure_watched(s);
    if (s->watch.readable)
        return STREAM_OK;
    s->burst = 0;
    return wake_result(s, watch_wait_read(&s->watch, end));
}

enum stream_result stream_wait_write(struct stream *s, int64_t end)
{
    ensure_watched(s);
    if (s->watch.writable)
        return STREAM_OK;
    s->burst = 0;
    return wake_result(s, watch_wait_write(&s->watch, end));
}

enum stream_result stream_layer_run(struct stream *s, int (*step)(struct stream_layer *l,
                                                                  enum stream_want *want))
{
    int64_t end = stream_operation_end(s);
    for (;;) {
        enum stream_want want = STREAM_WANT_READ;
        if (step(s->layer, &want) == 0)
            return STREAM_OK;
        if (errno != EAGAIN)
            return stream_fail(s, errno);
        if (want == STREAM_WANT_READ)
            s->watch.readable = false;
        else
            s->watch.writable = false;
        enum stream_result r = want == STREAM_WANT_READ ? stream_wait_read(s, end)
                                                        : stream_wait_write(s, end);
        if (r != STREAM_OK)
            return r;
    }
}
