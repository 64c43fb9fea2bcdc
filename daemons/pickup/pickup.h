/* pickup - what local users submitted goes from maildrop/ into the queue
 *
 * main.c: start and reload.  scan.c: which files, how many at a time.  message.c: one
 * file (read this first).  postlog.c: log lines of programs that may not write the log
 * file.
 */
#ifndef PICKUP_PICKUP_H
#define PICKUP_PICKUP_H

#include "base/hash.h"
#include "cleanup/cleanup.h"
#include "queue/draft.h"
#include "run/fiber.h"
#include "service/service.h"
#include "submission/submission.h"

#define MAILDROP "maildrop"

/* The opened tables of one configuration; messages under way keep theirs over a reload.
 */
struct setup {
    const struct conf *conf;
    struct rewrite *rewrite;
    struct cleanup_setup *cleanup;
    unsigned cleanup_flags;
    unsigned references;
};

struct pickup {
    struct setup *setup;
    struct queue_link *link;
    struct slots slots;     /* messages at a time */
    struct hash *under_way; /* names of files that a fiber works on */
    struct waitq kicked;
    bool is_kicked, is_stopping;
    int64_t paused_until; /* the queue could not take mail: no new attempt before this */
};

/* One file of maildrop/. */
struct message {
    struct pickup *pickup;
    struct setup *setup;
    char name[QUEUE_ID_MAX];
    char path[sizeof MAILDROP + QUEUE_ID_MAX];
};

struct setup *setup_open(const struct conf *c);
void setup_unref(struct setup *s);

/* Look at maildrop/ now, and again when asked; runs for ever. */
void scan_fiber(void *arg);
void scan_kick(struct pickup *p);

enum message_end {
    MESSAGE_TAKEN,  /* in the queue (or thrown away by rule), and removed */
    MESSAGE_LEFT,   /* stays for a later attempt */
    MESSAGE_SHUNNED /* not ours to read: left alone without retry */
};
/* Bring the file into the queue.  May suspend. */
enum message_end message_take(struct message *m);

/* Serve a datagram socket with log lines; a fiber. */
void postlog_fiber(void *arg); /* struct service_socket */

#endif
