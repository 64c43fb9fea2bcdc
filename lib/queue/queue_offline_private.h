/* queue_offline_private - the queue in the hands of a command; private to lib/queue */
#ifndef QUEUE_QUEUE_OFFLINE_PRIVATE_H
#define QUEUE_QUEUE_OFFLINE_PRIVATE_H

#include "queue/journal.h"
#include "queue/queue_offline.h"

/* A message that lives in the journal. */
struct journaled {
    struct list_link link;
    struct queue_id id;
    struct journal_hold hold;
    uint32_t *marks;
    size_t n_marks;
};

struct queue_offline {
    bool was_root;
    struct queue_dir dir;
    int lock;
    struct journal *journal;
    struct list live;        /* of journaled */
    struct hash *file_marks; /* by ID: journaled with marks for a queue file */
};

/* Lock, journal and directories; close also what a failed open left.  May suspend. */
bool queue_offline_open(struct queue_offline *o, const struct conf *c,
                        struct error *e) MUST_CHECK;
void queue_offline_close(struct queue_offline *o);
/* The super-user acts as the owner of the queue, so that what is written stays the
 * owner's. */
bool queue_offline_become_owner(struct queue_offline *o, const struct conf *c,
                                struct error *e) MUST_CHECK;
void queue_offline_become_root(const struct queue_offline *o);

#endif
