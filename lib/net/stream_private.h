/* stream_private - what the files of the stream share
 *
 * stream.c opens and closes, stream_read.c fills and reads, stream_write.c
 * collects and sends, stream_buffer.c keeps buffers for reuse.
 */
#ifndef NET_STREAM_PRIVATE_H
#define NET_STREAM_PRIVATE_H

#include "net/stream.h"
#include "net/stream_layer.h"
#include "run/loop.h"

#define STREAM_BUFFER ((size_t)64 * 1024)

/* A run of bytes in a buffer: p[start..end) waits to be read or sent. */
struct stream_bytes {
    char *p; /* NULL while no buffer is held */
    size_t start, end, cap;
};

struct stream {
    struct watch watch;
    int fd;          /* -1: memory */
    bool is_watched; /* registered with the loop, which happens at the first wait */
    bool is_socket;  /* recv and send; else read and write */
    bool at_eof;     /* the other side has closed */
    struct stream_layer *layer;

    struct stream_bytes in;
    size_t scanned; /* bytes from in.start on that hold no LF */
    struct stream_bytes out;
    enum stream_result out_result; /* sticks */

    struct view memory; /* input not yet shown, when fd is -1 */
    struct str *sink;   /* output, when fd is -1; may be NULL */
    size_t chunk;       /* most bytes to show at once; 0 for no limit */

    size_t burst; /* bytes moved since the last wait */
    int64_t timeout, deadline;
    bool renews_timeout; /* with each piece of input */
    int saved_errno;
};

/* A buffer of STREAM_BUFFER bytes. */
void stream_buffer_take(struct stream_bytes *b);
/* Give it back, whatever its size. */
void stream_buffer_give(struct stream_bytes *b);
static inline size_t stream_bytes_left(const struct stream_bytes *b)
{
    return b->end - b->start;
}

/* When an operation that starts now must be done. */
int64_t stream_operation_end(const struct stream *s);
/* Wait for the direction; STREAM_OK when it may be tried again.  May suspend. */
enum stream_result stream_wait_read(struct stream *s, int64_t end);
enum stream_result stream_wait_write(struct stream *s, int64_t end);
/* Count N bytes moved without a wait, and let others run once in a while.  May suspend.
 */
void stream_account(struct stream *s, size_t n);
/* Keep errno and give STREAM_ERROR. */
enum stream_result stream_fail(struct stream *s, int error_number);
/* Send all that waits before END; MORE tells the kernel that more follows.  May suspend.
 */
enum stream_result stream_send_all(struct stream *s, int64_t end, bool more);

#endif
