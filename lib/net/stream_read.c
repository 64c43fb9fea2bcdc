/* stream_read - the input side of a stream: fill the buffer, cut lines from it
 *
 * A view that a read gave stays valid because nothing moves or frees the
 * buffer but fill(), which only the next read calls.
 */
#include "base/log.h"
#include "base/memory.h"
#include "net/stream_private.h"

#include <assert.h>
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Show the next piece of the memory that the stream reads. */
static enum stream_result fill_memory(struct stream *s)
{
    size_t n = s->memory.n;

    if (n == 0)
        return STREAM_EOF;
    if (s->chunk && n > s->chunk)
        n = s->chunk;
    s->in.end += n;
    s->memory = view_from(s->memory, n);
    return STREAM_OK;
}

/* Room behind the last byte, for a buffer that can hold at least NEED bytes. */
static void make_room(struct stream *s, size_t need)
{
    struct stream_bytes *in = &s->in;

    if (!in->p)
        stream_buffer_take(in);
    if (in->start > 0 && (in->start == in->end || in->end == in->cap)) {
        memmove(in->p, in->p + in->start, stream_bytes_left(in));
        in->end -= in->start;
        in->start = 0;
    }
    if (in->end < in->cap)
        return;
    size_t cap = in->cap * 2 < need ? in->cap * 2 : need;
    assert(cap > in->cap); /* else the caller had its NEED bytes already */
    in->p = memory_resize(in->p, cap);
    in->cap = cap;
}

/* One attempt: bytes, 0 at the end, or -1 with errno and *WANT. */
static ssize_t try_read(struct stream *s, char *p, size_t n, enum stream_want *want)
{
    ssize_t got;

    *want = STREAM_WANT_READ;
    do {
        if (s->layer)
            got = s->layer->read(s->layer, p, n, want);
        else if (s->is_socket)
            got = recv(s->fd, p, n, 0);
        else
            got = read(s->fd, p, n);
        if (got < 0 && errno == ENOTSOCK && s->is_socket) {
            s->is_socket = false;
            errno = EINTR;
        }
    } while (got < 0 && errno == EINTR);
    return got;
}

/* With nothing to read, an idle session holds no buffer. */
static enum stream_result wait_for(struct stream *s, enum stream_want want, int64_t end)
{
    if (stream_bytes_left(&s->in) == 0)
        stream_buffer_give(&s->in);
    return want == STREAM_WANT_READ ? stream_wait_read(s, end)
                                    : stream_wait_write(s, end);
}

/* A socket that gave less than asked is drained: the next read waits at once,
 * without a system call that would only say so. */
static void note_drained(struct stream *s, size_t got, size_t asked)
{
    if (!s->layer && s->is_watched && got < asked && !s->watch.hangup)
        s->watch.readable = false;
}

static enum stream_result fill_fd(struct stream *s, size_t need, int64_t end)
{
    enum stream_want want = STREAM_WANT_READ;
    bool must_wait = !s->layer && s->is_watched && !s->watch.readable;

    for (;;) {
        if (must_wait) {
            enum stream_result r = wait_for(s, want, end);
            if (r != STREAM_OK)
                return r;
        }
        make_room(s, need);
        size_t room = s->in.cap - s->in.end;
        ssize_t got = try_read(s, s->in.p + s->in.end, room, &want);
        if (got > 0) {
            s->in.end += (size_t)got;
            note_drained(s, (size_t)got, room);
            stream_account(s, (size_t)got);
            return STREAM_OK;
        }
        if (got == 0) {
            s->at_eof = true;
            return STREAM_EOF;
        }
        if (errno != EAGAIN)
            return stream_fail(s, errno);
        if (want == STREAM_WANT_READ)
            s->watch.readable = false;
        else
            s->watch.writable = false;
        must_wait = true;
    }
}

/* Get at least one more byte.  *END is when the operation must be done, 0 before
 * the first call of it. */
static enum stream_result fill(struct stream *s, size_t need, int64_t *end)
{
    if (s->fd < 0)
        return fill_memory(s);
    if (*end == 0 || s->renews_timeout)
        *end = stream_operation_end(s);
    if (stream_bytes_left(&s->out) > 0 || s->out_result != STREAM_OK) {
        enum stream_result r = stream_send_all(s, *end, false);
        if (r != STREAM_OK)
            return r;
    }
    return s->at_eof ? STREAM_EOF : fill_fd(s, need, *end);
}

/* The next N bytes, which are there. */
static struct view take(struct stream *s, size_t n)
{
    struct view v = {s->in.p + s->in.start, n};

    assert(n <= stream_bytes_left(&s->in));
    s->in.start += n;
    s->scanned = 0;
    return v;
}

/* Cut a line, or the first LIMIT bytes of one that is longer; false when more
 * bytes are needed to tell. */
static bool take_line(struct stream *s, size_t limit, struct view *line, int *ending,
                      enum stream_result *result)
{
    const char *p = s->in.p + s->in.start;
    size_t left = stream_bytes_left(&s->in);
    size_t span = left < limit + 2 ? left : limit + 2;
    const char *lf = NULL;

    if (s->scanned < span)
        lf = memchr(p + s->scanned, '\n', span - s->scanned);
    if (lf) {
        size_t n = (size_t)(lf - p);
        int ended = n > 0 && p[n - 1] == '\r' ? 2 : 1;
        if (n - (size_t)(ended - 1) <= limit) {
            *line = view_sub(take(s, n + 1), 0, n + 1 - (size_t)ended);
            *ending = ended;
            *result = STREAM_OK;
            return true;
        }
    } else if (left <= limit || (left == limit + 1 && p[limit] == '\r')) {
        s->scanned = span;
        return false;
    }
    *line = take(s, limit);
    *result = STREAM_TOO_LONG;
    return true;
}

enum stream_result stream_read_line(struct stream *s, size_t limit, struct view *line,
                                    int *ending)
{
    enum stream_result result = STREAM_OK;
    int64_t end = 0;

    assert(limit > 0 && limit < SIZE_MAX / 2);
    *line = VIEW_NONE;
    *ending = 0;
    while (!take_line(s, limit, line, ending, &result)) {
        result = fill(s, limit + 2, &end);
        if (result == STREAM_EOF) {
            size_t left = stream_bytes_left(&s->in);
            *line = take(s, left < limit ? left : limit);
            return left > limit ? STREAM_TOO_LONG : STREAM_EOF;
        }
        if (result != STREAM_OK)
            return result;
    }
    return result;
}

enum stream_result stream_read_some(struct stream *s, size_t limit, struct view *out)
{
    int64_t end = 0;

    assert(limit > 0);
    *out = VIEW_NONE;
    if (stream_bytes_left(&s->in) == 0) {
        enum stream_result r = fill(s, 1, &end);
        if (r != STREAM_OK)
            return r;
    }
    size_t left = stream_bytes_left(&s->in);
    *out = take(s, left < limit ? left : limit);
    return STREAM_OK;
}

enum stream_result stream_read_exact(struct stream *s, size_t n, struct str *out)
{
    int64_t end = 0;

    if (out->n > out->limit || out->limit - out->n < n)
        return STREAM_TOO_LONG;
    while (n > 0) {
        size_t left = stream_bytes_left(&s->in);
        if (left == 0) {
            enum stream_result r = fill(s, 1, &end);
            if (r != STREAM_OK)
                return r;
            continue;
        }
        left = left < n ? left : n;
        str_add(out, take(s, left));
        n -= left;
    }
    return STREAM_OK;
}

size_t stream_pending(struct stream *s)
{
    return stream_bytes_left(&s->in);
}

bool stream_has_input(struct stream *s)
{
    int n = 0;

    if (stream_bytes_left(&s->in) > 0)
        return true;
    if (s->fd < 0)
        return s->memory.n > 0;
    if (s->layer && s->layer->pending(s->layer) > 0)
        return true;
    return !s->at_eof && ioctl(s->fd, FIONREAD, &n) == 0 && n > 0;
}

struct view stream_peek(struct stream *s)
{
    return (struct view){s->in.p + s->in.start, stream_bytes_left(&s->in)};
}

void stream_give_input(struct stream *s, struct view v)
{
    assert(s->fd >= 0 && stream_bytes_left(&s->in) == 0 && v.n <= STREAM_BUFFER);
    if (v.n == 0)
        return;
    stream_buffer_take(&s->in);
    memcpy(s->in.p, v.p, v.n);
    s->in.end = v.n;
}

void stream_drop_input(struct stream *s)
{
    s->in.start = s->in.end;
    s->scanned = 0;
}

void stream_unread(struct stream *s, size_t n)
{
    assert(n <= s->in.start);
    s->in.start -= n;
    s->scanned = 0;
}
