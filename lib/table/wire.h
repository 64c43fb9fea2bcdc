/* wire - a blocking connection with time limits, for the clients of network tables
 *
 * Used in worker threads and commands only; sessions on fibers have net/stream.
 */
#ifndef TABLE_WIRE_H
#define TABLE_WIRE_H

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

struct wire {
    int fd;           /* -1: not connected */
    int64_t deadline; /* of all that follows; monotonic */
    int64_t opened, used;
    struct str input; /* read and not yet given away */
    size_t given;     /* in front of it: the line that wire_line() gave last */
};

void wire_init(struct wire *w);
void wire_close(struct wire *w);
bool wire_is_open(const struct wire *w);
/* Connect to "inet:host:port", "host:port", "[::1]:port" or "unix:path" (inet is tried in
 * the order of the addresses that the name has). */
bool wire_open(struct wire *w, struct view endpoint, struct error *e) MUST_CHECK;
/* Close W when it was idle for IDLE_MAX or is older than LIFE_MAX (microseconds), or when
 * the server has closed it. */
void wire_expire(struct wire *w, int64_t idle_max, int64_t life_max);
/* Send all of V. */
bool wire_send(struct wire *w, struct view v, struct error *e) MUST_CHECK;
/* One line without its end (LF or CR LF), at most LIMIT bytes, valid until the next
 * call. */
bool wire_line(struct wire *w, size_t limit, struct view *line,
               struct error *e) MUST_CHECK;
/* Exactly N bytes, appended to OUT. */
bool wire_bytes(struct wire *w, size_t n, struct str *out, struct error *e) MUST_CHECK;

#endif
