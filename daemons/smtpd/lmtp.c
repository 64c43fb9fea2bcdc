/* lmtp - deliver at once, answer for each recipient; see lmtp.h
 *
 * The content goes through cleanup as any other, but addresses are not mapped: they are
 * those of mailboxes already.  At the end the agents of the recipients' transports get it
 * by descriptor, and their answers, which mean "on disk", are the replies.
 */
#include "lmtp.h"

#include "agent/direct.h"
#include "base/log.h"
#include "transaction.h"

#include <fcntl.h>
#include <unistd.h>

struct target {
    struct target *next;
    struct direct_recipient r;
    struct view transport, nexthop;
    bool is_asked;
};

struct lmtp {
    struct target *first, **end;
    unsigned n;
};

void lmtp_setup(struct smtpd *d)
{
    d->sink = &mailbox_sink;
    d->direct = direct_open(d->conf);
}

/* --- recipients --- */

static bool refuse(struct transaction *t, const char *reply, struct view address)
{
    t->refusal = arena_printf(t->arena, "%s: <%.*s>", reply, VIEW_FMT(address));
    return false;
}

static bool mailbox_recipient(struct session *s, struct view address, struct view orcpt,
                              unsigned notify)
{
    struct transaction *t = s->transaction;
    struct resolved to;
    struct error e = ERROR_INIT;

    if (resolve_address(s->server->rewrite, t->sender, address, t->arena, &to, &e) != OK)
        return refuse(t, "451 4.3.0 Error: recipient cannot be resolved", address);
    if (to.is_error || (to.class != CLASS_LOCAL && to.class != CLASS_VIRTUAL_MAILBOX))
        return refuse(t, "550 5.1.1 Error: no mailbox of this system", address);
    struct target *x = ARENA_NEW(t->arena, struct target);
    x->transport = to.transport;
    x->nexthop = to.nexthop;
    x->r.in = (struct recipient){.address = to.recipient,
                                 .original = arena_dup(t->arena, address),
                                 .orcpt = orcpt,
                                 .notify = (uint8_t)notify};
    *t->lmtp->end = x;
    t->lmtp->end = &x->next;
    t->lmtp->n++;
    return queue_recipient(s, address, orcpt, notify);
}

/* --- delivery --- */

/* All targets that go the way of FIRST. */
static size_t gather(struct target *first, struct direct_recipient **out)
{
    size_t n = 0;

    for (struct target *x = first; x; x = x->next) {
        if (x->is_asked || !view_eq(x->transport, first->transport) ||
            !view_eq(x->nexthop, first->nexthop))
            continue;
        x->is_asked = true;
        out[n++] = &x->r;
    }
    return n;
}

/* Most recipients of one request, whose message has to hold their addresses. */
#define TOGETHER 50

static void deliver(struct session *s, struct direct_job *j, struct target *first)
{
    struct lmtp *l = s->transaction->lmtp;
    struct direct_recipient **all =
        arena_alloc_array(j->arena, l->n, sizeof(struct direct_recipient *));
    size_t n = gather(first, all);

    j->transport = first->transport;
    j->nexthop = first->nexthop;
    for (size_t at = 0; at < n; at += TOGETHER) {
        j->recipients = all + at;
        j->n = n - at < TOGETHER ? n - at : TOGETHER;
        direct_deliver(s->server->direct, j);
    }
}

/* The draft is complete: in place of the queue. */
static void taken(void *arg, const struct envelope *env)
{
    struct session *s = arg;
    struct transaction *t = s->transaction;
    struct direct_job j = {.id = draft_id(t->direct_draft),
                           .size = draft_size(t->direct_draft),
                           .fd = draft_fd(t->direct_draft),
                           .envelope = env,
                           .arena = t->arena};

    t->is_taken = true;
    if (j.fd < 0)
        return; /* what has no result is deferred */
    (void)fcntl(j.fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
    for (struct target *x = t->lmtp->first; x; x = x->next)
        if (!x->is_asked)
            deliver(s, &j, x);
}

static bool mailbox_open(struct session *s, struct error *e)
{
    struct transaction *t = s->transaction;

    t->lmtp = ARENA_NEW(t->arena, struct lmtp);
    t->lmtp->end = &t->lmtp->first;
    t->direct_draft = draft_open_direct(s->server->queue, taken, s, e);
    return t->direct_draft && queue_begin_draft(s, t->direct_draft);
}

/* --- replies --- */

/* Of the same kind as the status: full mailboxes have a code of their own. */
static int code_of(const struct direct_recipient *r)
{
    bool is_full = view_ends(view_of(r->status), VIEW(".2.2"));

    if (r->outcome == OUTCOME_BOUNCED)
        return is_full ? 552 : 550;
    return is_full ? 452 : 451;
}

static bool is_good(const struct direct_recipient *r)
{
    return r->outcome == OUTCOME_SENT || r->outcome == OUTCOME_EXPANDED ||
           r->outcome == OUTCOME_RELAYED || r->outcome == OUTCOME_PASSED_ON;
}

void lmtp_reply(struct session *s)
{
    struct transaction *t = s->transaction;

    for (const struct target *x = t->lmtp->first; x; x = x->next) {
        const struct direct_recipient *r = &x->r;
        if (!t->is_taken || is_good(r)) /* not taken: an action threw it away */
            reply(s, "250 2.1.5 <%.*s> delivered", VIEW_FMT(r->in.original));
        else
            reply(s, "%d %s <%.*s> %.*s", code_of(r), r->status[0] ? r->status : "4.3.0",
                  VIEW_FMT(r->in.original),
                  VIEW_FMT(r->text.n > 0 ? r->text : VIEW("mailbox is not available")));
    }
}

const struct sink mailbox_sink = {.open = mailbox_open,
                                  .recipient = mailbox_recipient,
                                  .begin = queue_begin,
                                  .line = queue_line,
                                  .finish = queue_finish,
                                  .abort = queue_abort};
