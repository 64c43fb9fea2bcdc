/* bounce - what the parts of the bounce program share
 *
 * main.c starts it, session.c takes requests from qmgr, decide.c says who is told, post.c
 * makes the mail.
 */
#ifndef BOUNCE_BOUNCE_H
#define BOUNCE_BOUNCE_H

#include "dsn/dsn.h"
#include "dsn/notice.h"

/* Of the process. */
struct bouncer {
    const struct conf *conf;
    struct rewrite *rewrite;
    struct cleanup_setup *cleanup;
    struct queue_link *queue;
    struct dsn_templates templates;
    struct arena *arena; /* the file of templates */
    unsigned notify;     /* notify_classes */
};

/* One request. */
struct report {
    struct arena *arena;
    enum dsn_kind kind;
    struct queue_id id; /* the message that is reported */
    uint32_t flags;     /* its MESSAGE_... */
    enum dsn_ret ret;
    struct view return_to; /* who hears of it: the sender, but for VERP */
    struct dsn_original original;
    struct report_recipient *recipients;
    size_t n;
};

/* decide.c: make the notifications that are due.  OK also when none is; TEMPFAIL with *E
 * when one could not be made and qmgr should ask again.  May suspend. */
enum result report_answer(struct bouncer *b, const struct report *r,
                          struct error *e) MUST_CHECK;

/* post.c: one notification. */
struct mailing {
    struct view from, to;
    bool for_postmaster;
    bool all; /* whatever NOTIFY the recipients gave */
    enum dsn_ret ret;
    bool finishes; /* qmgr may forget the reported recipients when this is in the queue */
    const char *log; /* "sender non-delivery notification" */
};
/* OK without a message when NOTIFY leaves no recipient to tell of.  May suspend. */
enum result report_post(struct bouncer *b, const struct report *r,
                        const struct mailing *m, struct error *e) MUST_CHECK;

/* session.c */
void bounce_session(struct bouncer *b, int fd, int64_t timeout);

#endif
