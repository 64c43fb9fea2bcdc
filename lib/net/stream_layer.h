/* stream_layer - what may lie between a stream's buffers and its descriptor
 *
 * TLS implements this.  A layer reads and writes the descriptor itself, never waits,
 * and says what it waits for; the stream does the waiting, with its deadlines.
 */
#ifndef NET_STREAM_LAYER_H
#define NET_STREAM_LAYER_H

#include "net/stream.h"

#include <sys/types.h>

enum stream_want { STREAM_WANT_READ, STREAM_WANT_WRITE };

struct stream_layer {
    /* At most N bytes into P: their number, 0 at the end, or -1 with errno; with
     * EAGAIN, *WANT is what the descriptor must become ready for. */
    ssize_t (*read)(struct stream_layer *l, char *p, size_t n, enum stream_want *want);
    /* Likewise for sending; a call that gave EAGAIN is repeated with the same bytes. */
    ssize_t (*write)(struct stream_layer *l, const char *p, size_t n,
                     enum stream_want *want);
    /* Bytes that a read would give without asking the descriptor. */
    size_t (*pending)(struct stream_layer *l);
    /* Called once when the stream closes or is taken apart; must not wait. */
    void (*close)(struct stream_layer *l);
};

/* Put L between S and its descriptor from here on.  No input or output may be waiting
 * in S: stream_flush() and stream_drop_input() before. */
void stream_set_layer(struct stream *s, struct stream_layer *l);
struct stream_layer *stream_layer(const struct stream *s);
/* Repeat STEP (a handshake) while it gives -1 with EAGAIN, waiting in between for what it
 * wants, within the stream's time-out and deadline.  May suspend. */
enum stream_result stream_layer_run(struct stream *s,
                                    int (*step)(struct stream_layer *l,
                                                enum stream_want *want)) MUST_CHECK;

#endif
