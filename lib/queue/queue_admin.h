/* queue_admin - what postqueue, postsuper and postcat ask of the queue
 *
 * Each call asks the running qmgr over public/qmgr.  When none is running the call
 * takes the queue's lock and does the same work on journal and files itself, so the
 * commands need not know the difference.  Calls may be made on a fiber, or by a
 * plain program that has no loop: then they run one of their own for the time of
 * the call.  May suspend.
 *
 * Changes and queue_admin_read want the super-user or the owner of the queue; flushing
 * and listing are free for whoever may open the socket (the set-gid postqueue).
 */
#ifndef QUEUE_QUEUE_ADMIN_H
#define QUEUE_QUEUE_ADMIN_H

#include "base/error.h"
#include "conf/conf.h"
#include "queue/queue_id.h"

enum queue_request {
    QUEUE_DELETE,     /* postsuper -d */
    QUEUE_HOLD,       /* postsuper -h */
    QUEUE_RELEASE,    /* postsuper -H */
    QUEUE_REQUEUE,    /* postsuper -r */
    QUEUE_EXPIRE,     /* postsuper -e */
    QUEUE_EXPIRE_ALL, /* postsuper -f: as -e, and taken off hold */
    QUEUE_FLUSH,      /* postqueue -f, sendmail -q */
    QUEUE_FLUSH_ID,   /* postqueue -i */
    QUEUE_FLUSH_SITE, /* postqueue -s, ETRN */
    QUEUE_REQUESTS
};
/* "delete", "hold" ...: as they travel in QUEUE_CONTROL. */
const char *queue_request_name(enum queue_request request);

/* What a request is about; empty views say "any". */
struct queue_selection {
    struct view id;         /* one queue ID, or "ALL" */
    struct view site;       /* QUEUE_FLUSH_SITE only */
    struct view queue_name; /* "hold" "incoming" "active" "deferred" */
};

/* Do REQUEST to what SELECTION names; *COUNT messages were changed (0 when there was no
 * such message, which is no error).  With qmgr down: QUEUE_FLUSH is refused (TEMPFAIL,
 * "mail system is down"), QUEUE_FLUSH_ID and _SITE mark the messages as due. */
enum result queue_admin_control(const struct conf *c, enum queue_request request,
                                const struct queue_selection *selection, uint64_t *count,
                                struct error *e) MUST_CHECK;
/* All messages as lines of JSON in the form of "postqueue -j", in a memory file at
 * position 0 that the caller closes; *COUNT lines. */
enum result queue_admin_list(const struct conf *c, int *fd, uint64_t *count,
                             struct error *e) MUST_CHECK;
/* One message in queue-file form (content, envelope, footer: queue_file.h reads it);
 * QUEUE_NAME gets "incoming", "active", "deferred", "hold" or "corrupt".  PERMFAIL when
 * there is no such message.  The caller closes *FD. */
enum result queue_admin_read(const struct conf *c, struct view id, int *fd,
                             char queue_name[16], struct error *e) MUST_CHECK;
/* postsuper -s and -p with qmgr down: make missing queue directories, put files where
 * hash_queue_names wants them, move unreadable ones to corrupt/, remove what crashes
 * left behind.  With qmgr running this is its own business and *REPAIRED is 0. */
enum result queue_admin_repair(const struct conf *c, uint64_t *repaired,
                               struct error *e) MUST_CHECK;

#endif
