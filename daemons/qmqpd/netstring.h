/* netstring - "5:hello," on a stream (cr.yp.to/proto/netstrings.txt) */
#ifndef QMQPD_NETSTRING_H
#define QMQPD_NETSTRING_H

#include "net/stream.h"

enum netstring_result {
    NETSTRING_OK,
    NETSTRING_SYNTAX,
    NETSTRING_TOO_LONG, /* longer than the limit */
    NETSTRING_LOST,     /* the connection is gone */
    NETSTRING_TIMEOUT
};

/* The digits and the colon in front; at most LIMIT bytes may follow.  May suspend. */
enum netstring_result netstring_length(struct stream *s, uint64_t limit, uint64_t *n);
/* The comma behind.  May suspend. */
enum netstring_result netstring_end(struct stream *s);
/* A whole one, appended to OUT, whose limit counts; *TAKEN gets the bytes that it took
 * up. May suspend. */
enum netstring_result netstring_read(struct stream *s, struct str *out, uint64_t *taken);
/* All the bytes of a netstring that holds N. */
uint64_t netstring_size(uint64_t n);
/* The result that belongs to R. */
enum netstring_result netstring_failure(enum stream_result r);

#endif
