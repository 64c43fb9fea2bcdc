/* stream_write - the output side of a stream: collect, then send at once
 *
 * A buffer exists from the first byte to the moment all is sent.
 */
#include "base/memory.h"
#include "net/stream_private.h"

#include <errno.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

/* Most bytes of a file for one system call, so that others get their turn. */
#define FILE_SLICE ((size_t)256 * 1024)

/* One attempt: bytes taken, or -1 with errno and *WANT. */
static ssize_t try_write(struct stream *s, const char *p, size_t n, bool more,
                         enum stream_want *want)
{
    ssize_t sent;

    *want = STREAM_WANT_WRITE;
    do {
        if (s->layer)
            sent = s->layer->write(s->layer, p, n, want);
        else if (s->is_socket)
            sent = send(s->fd, p, n, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
        else
            sent = write(s->fd, p, n);
        if (sent < 0 && errno == ENOTSOCK && s->is_socket) {
            s->is_socket = false;
            errno = EINTR;
        }
    } while (sent < 0 && errno == EINTR);
    return sent;
}

/* After EAGAIN: wait for what was wanted. */
static enum stream_result wait_for(struct stream *s, enum stream_want want, int64_t end)
{
    if (want == STREAM_WANT_READ) {
        s->watch.readable = false;
        return stream_wait_read(s, end);
    }
    s->watch.writable = false;
    return stream_wait_write(s, end);
}

/* Send N bytes from P; *SENT counts also when not all went. */
static enum stream_result send_bytes(struct stream *s, const char *p, size_t n, bool more,
                                     int64_t end, size_t *sent)
{
    enum stream_want want;

    *sent = 0;
    while (*sent < n) {
        ssize_t did = try_write(s, p + *sent, n - *sent, more, &want);
        if (did >= 0) {
            *sent += (size_t)did;
            stream_account(s, (size_t)did);
            continue;
        }
        if (errno != EAGAIN)
            return stream_fail(s, errno);
        enum stream_result r = wait_for(s, want, end);
        if (r != STREAM_OK)
            return r;
    }
    return STREAM_OK;
}

enum stream_result stream_send_all(struct stream *s, int64_t end, bool more)
{
    size_t sent, left = stream_bytes_left(&s->out);

    if (s->out_result != STREAM_OK || left == 0)
        return s->out_result;
    s->out_result = send_bytes(s, s->out.p + s->out.start, left, more, end, &sent);
    s->out.start += sent;
    if (stream_bytes_left(&s->out) == 0)
        stream_buffer_give(&s->out);
    return s->out_result;
}

/* Room in the output buffer, sending what is there when it is full; NULL after
 * an error. */
static char *out_room(struct stream *s, size_t *n)
{
    if (s->out.p && s->out.end == s->out.cap)
        (void)stream_send_all(s, stream_operation_end(s), true);
    if (s->out_result != STREAM_OK)
        return NULL;
    if (!s->out.p)
        stream_buffer_take(&s->out);
    *n = s->out.cap - s->out.end;
    return s->out.p + s->out.end;
}

static void write_memory(struct stream *s, struct view v)
{
    if (s->sink && !str_add(s->sink, v))
        s->out_result = stream_fail(s, ENOSPC);
}

/* V fills a buffer of its own: send it from where it is. */
static void write_direct(struct stream *s, struct view v)
{
    int64_t end = stream_operation_end(s);
    size_t sent;

    if (stream_send_all(s, end, true) == STREAM_OK)
        s->out_result = send_bytes(s, v.p, v.n, false, end, &sent);
}

void stream_write(struct stream *s, struct view v)
{
    size_t room;

    if (s->out_result != STREAM_OK || v.n == 0)
        return;
    if (s->fd < 0) {
        write_memory(s, v);
        return;
    }
    if (v.n >= STREAM_BUFFER) {
        write_direct(s, v);
        return;
    }
    while (v.n > 0) {
        char *p = out_room(s, &room);
        if (!p)
            return;
        size_t n = v.n < room ? v.n : room;
        memcpy(p, v.p, n);
        s->out.end += n;
        v = view_from(v, n);
    }
}

/* What did not fit into the buffer as it is. */
static void print_long(struct stream *s, size_t n, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
static void print_long(struct stream *s, size_t n, const char *format, va_list args)
{
    char *text = memory_alloc(n + 1);

    vsnprintf(text, n + 1, format, args);
    stream_write(s, (struct view){text, n});
    memory_free(text);
}

void stream_printf(struct stream *s, const char *format, ...)
{
    va_list args, again;
    size_t room = 0;
    char *p = NULL;

    if (s->out_result != STREAM_OK || (s->fd >= 0 && !(p = out_room(s, &room))))
        return;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(p, room, format, args);
    if (n >= 0 && (size_t)n < room)
        s->out.end += (size_t)n;
    else if (n > 0)
        print_long(s, (size_t)n, format, again);
    va_end(again);
    va_end(args);
}

enum stream_result stream_flush(struct stream *s)
{
    if (stream_bytes_left(&s->out) == 0) {
        if (s->out.p)
            stream_buffer_give(&s->out);
        return s->out_result;
    }
    return stream_send_all(s, stream_operation_end(s), false);
}

size_t stream_unsent(const struct stream *s)
{
    return stream_bytes_left(&s->out);
}

/* Through the output buffer: memory streams, layers, and where sendfile cannot. */
static enum stream_result copy_file(struct stream *s, int fd, int64_t offset,
                                    int64_t length)
{
    struct stream_bytes piece;

    stream_buffer_take(&piece);
    while (length > 0 && s->out_result == STREAM_OK) {
        size_t n = length < (int64_t)piece.cap ? (size_t)length : piece.cap;
        ssize_t got = pread(fd, piece.p, n, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            s->out_result = stream_fail(s, got < 0 ? errno : ENODATA);
            break;
        }
        stream_write(s, (struct view){piece.p, (size_t)got});
        offset += got;
        length -= got;
    }
    stream_buffer_give(&piece);
    return stream_flush(s);
}

enum stream_result stream_send_file(struct stream *s, int fd, int64_t offset,
                                    int64_t length)
{
    int64_t end = stream_operation_end(s);

    if (s->fd < 0 || s->layer)
        return copy_file(s, fd, offset, length);
    if (stream_send_all(s, end, length > 0) != STREAM_OK)
        return s->out_result;
    while (length > 0 && s->out_result == STREAM_OK) {
        size_t slice = length < (int64_t)FILE_SLICE ? (size_t)length : FILE_SLICE;
        ssize_t sent = sendfile(s->fd, fd, &offset, slice);
        if (sent > 0) {
            length -= sent;
            stream_account(s, (size_t)sent);
        } else if (sent == 0) {
            s->out_result =
                stream_fail(s, ENODATA); /* the file is shorter than promised */
        } else if (errno == EINVAL || errno == ENOSYS) {
            return copy_file(s, fd, offset, length);
        } else if (errno == EAGAIN) {
            s->out_result = wait_for(s, STREAM_WANT_WRITE, end);
        } else if (errno != EINTR) {
            s->out_result = stream_fail(s, errno);
        }
    }
    return s->out_result;
}
