/* defer_log - why recipients of a message wait: the file defer/ID
 *
 * Written by qmgr after each pass that left recipients behind, read for the queue listing
 * and for the report when a message expires.  Blocks of "name=value" lines with an empty
 * line behind each, one block a recipient, in order of the recipients' numbers.  Losing
 * it loses nothing but words, so it is never synced.  Functions block on the disk; safe
 * in threads.
 */
#ifndef QUEUE_DEFER_LOG_H
#define QUEUE_DEFER_LOG_H

#include "base/arena.h"
#include "queue/queue_dir.h"

struct defer_reason {
    uint32_t index; /* of the recipient in the envelope */
    struct view recipient;
    struct view status;
    struct view text;
    struct view diagnostic_type, diagnostic, remote_mta;
};
#define DEFER_LOG_MAX (16u << 20)

bool defer_log_write(const struct queue_dir *d, struct view id,
                     const struct defer_reason *reasons, size_t n, struct error *e);
/* *OUT has *N reasons in A; none (and true) when there is no file. */
bool defer_log_read(const struct queue_dir *d, struct view id, struct arena *a,
                    struct defer_reason **out, size_t *n, struct error *e);
/* The pure part of the latter: a damaged block is left out. */
void defer_log_parse(struct view bytes, struct arena *a, struct defer_reason **out,
                     size_t *n);
bool defer_log_format(const struct defer_reason *reasons, size_t n, struct str *out);
/* The reason of recipient INDEX, or NULL. */
const struct defer_reason *defer_log_find(const struct defer_reason *reasons, size_t n,
                                          uint32_t index);

#endif
