/* queue_list - the queue as lines of JSON, in the form of "postqueue -j"
 *
 * Shared by qmgr and by the commands when qmgr is down.  Lines gather in a memory file.
 * Blocks on the disk: for worker threads.
 */
#ifndef QUEUE_QUEUE_LIST_H
#define QUEUE_QUEUE_LIST_H

#include "queue/defer_log.h"
#include "queue/queue_file.h"

struct queue_list {
    const struct queue_dir *dir;
    struct arena *arena; /* emptied after each message */
    struct str buffer;
    int fd;
    uint64_t count, written;
    bool failed;
};

bool queue_list_open(struct queue_list *l, const struct queue_dir *d,
                     struct error *e) MUST_CHECK;
/* One line: the message ID in the queue called SHOWN_AS. */
void queue_list_add(struct queue_list *l, const char *shown_as, struct view id,
                    uint64_t content_size, const struct envelope *env,
                    const struct defer_reason *reasons, size_t n_reasons);
/* The same for an image of SIZE bytes at OFFSET of FD, with MARKS applied; and for a file
 * of the queue.  What cannot be read is left out: it has just gone. */
void queue_list_image(struct queue_list *l, const char *shown_as, struct view id, int fd,
                      uint64_t offset, uint64_t size, const uint32_t *marks,
                      size_t n_marks);
void queue_list_file(struct queue_list *l, const char *shown_as, enum queue_name where,
                     struct view id);
void queue_list_file_marked(struct queue_list *l, const char *shown_as,
                            enum queue_name where, struct view id, const uint32_t *marks,
                            size_t n_marks);
/* The memory file, at position 0, which is the caller's now; -1 with *E. Ends the list.
 */
int queue_list_take(struct queue_list *l, struct error *e);

/* Append V as a JSON string with its quotes. */
bool queue_json_string(struct view v, struct str *out);

#endif
