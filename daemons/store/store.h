/* store - what the files of the dispatcher share
 *
 * login's links come in (links.c), each session is looked up and given to the worker
 * process of its user (dispatch.c), and workers come and go (workers.c).  What runs in a
 * worker is in worker.c and session.h.
 */
#ifndef STORE_DAEMON_H
#define STORE_DAEMON_H

#include "base/hash.h"
#include "ipc/ipc.h"
#include "service/service.h"
#include "store/place_find.h"

#include <sys/stat.h>

struct store {
    struct service *service;
    const struct conf *conf;
    struct places *places;
    struct list links;   /* of struct link */
    struct list workers; /* of struct worker_process */
    struct hash *users;  /* of struct user, by login name */
    struct hash *handed; /* of struct handed, by tag */
    uint64_t last_tag;
    struct waitq changed; /* a worker ended */
    bool is_stopping;
    ino_t log_inode; /* of the log file that workers have */
};
extern struct store store;

/* A connection of a program that gives sessions. */
struct link {
    struct list_link in_store;
    struct ipc *ipc; /* NULL: gone */
    unsigned references;
};
struct link *link_retain(struct link *l);
void link_release(struct link *l);
/* Send M, if the link still is there.  May suspend. */
void link_send(struct link *l, const struct ipc_message *m);
void link_refuse(struct link *l, uint64_t tag, const char *status, const char *text);

/* A process with the rights of one uid, for users who hash to its slot. */
struct worker_process {
    struct list_link in_store;
    uid_t uid;
    gid_t gid;
    unsigned slot;
    pid_t pid;
    struct ipc *ipc; /* NULL: it ended */
    unsigned busy;   /* sessions and questions */
    unsigned references;
    int64_t idle_since;
    bool is_retiring; /* gets nothing new */
    bool has_old_log;
};

/* What is known of a login name while it is logged in. */
struct user {
    unsigned sessions, pop3_sessions;
    int64_t last_pop3; /* login, monotonic; 0: none that counts */
};

/* A session, or a question, that a worker has. */
struct handed {
    uint64_t tag; /* ours, to the worker */
    struct link *link;
    uint64_t link_tag;
    struct worker_process *worker;
    char *user_name;
    bool is_session, is_pop3, is_taken, is_relayed;
};

/* --- dispatch.c --- */
/* A message of a link; takes ARENA over, in which it is.  May suspend. */
void dispatch_request(struct link *l, struct ipc_message *m, struct arena *arena);
/* A message of a worker.  May suspend. */
void dispatch_answer(struct worker_process *w, struct ipc_message *m);
/* W ended: those who wait for it hear so. */
void dispatch_worker_ended(struct worker_process *w);

/* --- workers.c --- */
/* The worker for FOUND, whose login name is USER; started when there is none.  NULL with
 * *E. */
struct worker_process *worker_get(const struct place_found *found, struct view user,
                                  struct error *e) MUST_CHECK;
bool worker_send(struct worker_process *w, const struct ipc_message *m,
                 struct error *e) MUST_CHECK;
/* One session or question less. */
void worker_done(struct worker_process *w);
/* All workers get nothing new, and end with their last session: after a reload. */
void workers_retire(void);
/* End them now, sessions are told.  May suspend. */
void workers_stop(void);
void workers_care_fiber(void *arg);

/* --- worker.c: in the child --- */
struct worker_start {
    int channel;
    const struct conf *conf;
    const struct place_found *found;
    bool acts_for_users;
};
int worker_main(void *start);

#endif
