/* stream - buffered bytes with deadlines over a socket, a pipe or memory
 *
 * A session takes a stream and nothing else, so the same session function runs
 * on a socket, in a unit test on memory, and in a fuzzer.  (TLS slips in below
 * with stream_set_layer; see tls.h when it exists.)
 *
 * Buffers are taken when bytes come and given back when a wait begins with
 * them empty, so an idle session holds none.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

struct stream;

/* Most bytes that stream_give_input() takes. */
#define STREAM_INPUT_MAX ((size_t)64 * 1024)

enum stream_result {
    STREAM_OK,
    STREAM_EOF,      /* the other side closed */
    STREAM_TIMEOUT,  /* nothing (or not all) came in time */
    STREAM_TOO_LONG, /* line: the limit was reached first; the bytes so far are given */
    STREAM_ERROR     /* errno is kept in stream_errno() */
};

/* A stream over descriptor FD (made non-blocking), which it owns. */
struct stream *stream_open_fd(int fd);
/* A stream whose input is INPUT (kept as a view) and whose output is appended to
 * OUTPUT (may be NULL).  Never waits; at the end of INPUT it gives EOF. */
struct stream *stream_open_memory(struct view input, struct str *output);
/* Tests: give a memory stream's input in pieces of at most N bytes. */
void stream_set_chunk(struct stream *s, size_t n);
/* Flush is the caller's business; unsent output is dropped.  Closes the fd. */
void stream_close(struct stream *s);
/* Detach: returns the fd (or -1) and frees the stream. */
int stream_take_fd(struct stream *s);
int stream_fd(const struct stream *s);

/* Longest time one operation may wait, in microseconds (default 300 s). */
void stream_set_timeout(struct stream *s, int64_t usec);
/* Let each piece of input that comes renew the time-out: the limit is that of silence,
 * not of the operation. */
void stream_renew_timeout(struct stream *s, bool renews);
/* A fixed end for all following operations (monotonic), beside the time-out;
 * CLOCK_NEVER for none.  For smtpd_per_request_deadline and the like. */
void stream_set_deadline(struct stream *s, int64_t deadline);
int stream_errno(const struct stream *s);
/* "timed out", "lost connection" ...: words for log and DSN. */
const char *stream_strerror(const struct stream *s, enum stream_result r);

/* Read one line.  *LINE excludes the line end and points into the stream's buffer: valid
 * until the next read call.  *ENDING tells how it ended: 2 CR LF, 1 bare LF, 0 no
 * line end (EOF or TOO_LONG).  Lines longer than LIMIT give STREAM_TOO_LONG with the
 * first LIMIT bytes; the following call goes on with the rest.  STREAM_EOF may come with
 * a last line that has no end.  NUL bytes are kept.  After STREAM_TIMEOUT the call may be
 * repeated.  Output that waits is flushed before waiting for input.  May suspend. */
enum stream_result stream_read_line(struct stream *s, size_t limit, struct view *line,
                                    int *ending) MUST_CHECK;
/* At least one byte, at most LIMIT, as a view into the buffer; consumed at the next
 * read call.  May suspend. */
enum stream_result stream_read_some(struct stream *s, size_t limit,
                                    struct view *out) MUST_CHECK;
/* Exactly N bytes appended to OUT; STREAM_TOO_LONG, with nothing read, when OUT cannot
 * hold them.  What came before another failure stays in OUT.  May suspend. */
enum stream_result stream_read_exact(struct stream *s, size_t n,
                                     struct str *out) MUST_CHECK;
/* Give back the last N bytes of the view that the last read call gave: they are read
 * again. */
void stream_unread(struct stream *s, size_t n);
/* Bytes already here without waiting (a command pipelined behind the last). */
size_t stream_pending(struct stream *s);
/* As stream_pending, but asks the kernel once, without waiting. */
bool stream_has_input(struct stream *s);
/* Look at pending bytes without taking them. */
struct view stream_peek(struct stream *s);
/* Put V in front of what is read next: what another process had read already.  Before
 * the first read call, or when no input is pending; at most STREAM_INPUT_MAX. */
void stream_give_input(struct stream *s, struct view v);
/* Throw away pending input (STARTTLS). */
void stream_drop_input(struct stream *s);

/* Append to the output buffer; a full buffer (64 KiB) is sent.  V longer than that is
 * sent from where it is.  Errors stick and
 * show at flush.  May suspend. */
void stream_write(struct stream *s, struct view v);
void stream_printf(struct stream *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Send all that waits.  May suspend. */
enum stream_result stream_flush(struct stream *s) MUST_CHECK;
/* Bytes not yet sent. */
size_t stream_unsent(const struct stream *s);
/* Send LENGTH bytes of file FD from OFFSET after what waits (sendfile where it can).
 * May suspend. */
enum stream_result stream_send_file(struct stream *s, int fd, int64_t offset,
                                    int64_t length) MUST_CHECK;

#endif
