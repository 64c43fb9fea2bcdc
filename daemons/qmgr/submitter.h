/* submitter - one connection to public/qmgr */
#ifndef QMGR_SUBMITTER_H
#define QMGR_SUBMITTER_H

#include "qmgr.h"

#define SPILLS_MAX 256 /* nameless files that one submitter may have open */

struct submitter {
    struct list_link link;
    struct qmgr *q;
    struct ipc *ipc;
    bool is_owner;    /* of the queue, or the super-user */
    bool may_replace; /* an agent that acts for users: may mark recipients as done */
    bool wants_state, state_is_new;
    bool is_closed;
    struct waitq work;
    unsigned users; /* reader, writer, commits under way; the last one frees */
    uint64_t *committed;
    size_t n_committed, cap_committed;
    struct list refused; /* of struct refusal */
    ino_t spills[SPILLS_MAX];
    unsigned n_spills;
    struct error error; /* of the reader's request */
};

/* Answers are queued; the last user of S frees it. */
void submitter_release(struct submitter *s);
void submitter_answer_committed(struct submitter *s, uint64_t tag);
void submitter_answer_refused(struct submitter *s, uint64_t tag, const struct error *e);
/* commits.c: a COMMIT message.  May suspend. */
void commit_take(struct submitter *s, struct ipc_message *m);

#endif
