/* views - the queue as it is at one moment, for listing, reading and changing it */
#ifndef QMGR_VIEWS_H
#define QMGR_VIEWS_H

#include "qmgr.h"
#include "queue/queue_list.h"

struct sight {
    struct queue_id id;
    enum queue_name shown, where;
    bool has_file;
    int fd; /* of the journal segment */
    uint32_t offset, size;
    uint32_t *marks;
    size_t n_marks;
};

struct snapshot {
    struct qmgr *q;
    struct sight *items;
    size_t n;
    struct arena *arena;
    struct queue_list list;
    struct view site;
    int fd;
    struct error error;
};

/* The queue in which M is shown; QUEUE_NAMES: it is not to be seen. */
enum queue_name view_queue_of(const struct message *m);
/* All messages that are to be seen. */
struct snapshot *snapshot_take(struct qmgr *q);
void snapshot_free(struct snapshot *s);
/* Answers; *FD is a descriptor that goes with it, to be closed after sending. May
 * suspend. */
struct ipc_message *view_list(struct qmgr *q, struct arena *a, int *fd);
struct ipc_message *view_read(struct qmgr *q, struct arena *a, struct view id, int *fd);
struct ipc_message *view_refusal(struct arena *a, const char *status, const char *text);

#endif
