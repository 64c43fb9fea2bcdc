/* agents - connections to delivery agents: requests out, answers in
 *
 * A transport has a few connections to private/NAME; many requests run on each.  An agent
 * that retires closes its reading side, answers what it has and closes; one that crashes
 * just closes.  A request without an answer is given to another agent once, at once; then
 * the transport is suspended for transport_retry_time and the recipients are deferred.
 */
#include "base/log.h"
#include "base/memory.h"
#include "ipc/tags.h"
#include "net/dial.h"
#include "transport.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINKS_MAX     8
#define LINK_LOAD     8 /* requests on a connection before another one is opened */
#define ATTEMPTS_MAX  2 /* agents that may lose one request */
#define LOST_PAUSE    (CLOCK_SECOND / 20)
#define LOST_PATIENCE (30 * CLOCK_SECOND)

struct agent_link {
    struct list_link link;
    struct transport *t; /* NULL: forgotten */
    struct ipc *ipc;
    bool is_closing;      /* sends nothing more */
    unsigned users;       /* the reader, and fibers inside ipc_send */
    struct tags requests; /* struct entry */
};

/* --- life of a connection --- */

static void link_release(struct agent_link *l)
{
    if (--l->users > 0)
        return;
    ipc_close(l->ipc);
    tags_done(&l->requests);
    memory_free(l);
}

/* A request whose agent went away without an answer. */
static void entry_lost(struct entry *x)
{
    if (x->unanswered == 0) {
        transport_entry_ended(x, SCHEDULE_NEITHER);
        return;
    }
    if (x->attempts < ATTEMPTS_MAX && !x->work->is_aborted &&
        !transport_is_suspended(x->transport)) {
        transport_entry_again(x);
        return;
    }
    struct transport *t = x->transport;
    log_warning(
        "transport %s failure -- see a previous warning/fatal/panic logfile record "
        "for the problem description",
        t->name);
    transport_suspend(t, "4.3.0", "unknown mail transport error");
    transport_entry_ended(x, SCHEDULE_NEITHER);
}

/* What the agent sent on before its end may still be on its way into the queue: let it
 * come in before the request is given to another one. */
static void lost_fiber(void *arg)
{
    struct entry *x = arg;
    struct qmgr *q = x->transport->q;
    int64_t deadline = clock_in(LOST_PATIENCE);
    do
        (void)fiber_sleep(LOST_PAUSE);
    while (submitters_are_replacing(q, message_id(x->work->m)) &&
           clock_mono() < deadline);
    entry_lost(x);
}

static void link_lost(struct agent_link *l)
{
    l->is_closing = true;
    list_remove(&l->link);
    l->t->n_agents--;
    if (l->requests.n_taken > 0)
        log_debug("%s: an agent went away with %u requests", l->t->name,
                  (unsigned)l->requests.n_taken);
    struct entry *x;
    for (uint32_t i = 0; (x = tags_next(&l->requests, &i)) != NULL;) {
        tags_give_at(&l->requests, i - 1);
        x->work->m->maybe_tried = true;
        fiber_spawn("lost request", lost_fiber, x);
    }
    transport_poke(l->t);
}

static enum schedule_feedback feedback_of(const struct entry *x)
{
    return x->is_bad ? SCHEDULE_BAD : SCHEDULE_GOOD;
}

/* False when the agent does what it may not. */
static bool take_message(struct agent_link *l, struct ipc_message *m)
{
    if (ipc_message_type(m) != IPC_DELIVERED) {
        log_warning("%s: unexpected message %s", l->t->name,
                    ipc_type_name(ipc_message_type(m)));
        return false;
    }
    uint64_t tag = ipc_get_u64(m, IPC_ATTR_TAG, 0);
    struct entry *x = tags_find(&l->requests, tag);
    if (x == NULL) {
        log_warning("%s: answer to no request", l->t->name);
        return false;
    }
    transport_resume(l->t);
    if (!result_take(l->t->q, x, m))
        return true;
    tags_give(&l->requests, tag);
    transport_entry_ended(x, feedback_of(x));
    return true;
}

static void reader(void *arg)
{
    struct agent_link *l = arg;
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    for (;;) {
        struct ipc_message *m = ipc_receive(l->ipc, a, CLOCK_NEVER, &e);
        if (m == NULL)
            break;
        bool good = take_message(l, m);
        ipc_message_close_fds(m);
        if (!good)
            break;
        arena_reset(a);
    }
    if (!view_eq(view_of(e.text), VIEW("closed")) && error_is_set(&e))
        log_warning("%s: %s", l->t->name, error_cstr(&e));
    arena_free(a);
    shutdown(ipc_fd(l->ipc), SHUT_RDWR);
    link_lost(l);
    link_release(l);
}

static bool say_hello(struct agent_link *l, struct error *e)
{
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_message_new(a, IPC_HELLO);
    ipc_put_u64(m, IPC_ATTR_VERSION, ipc_version());
    ipc_put_cstr(m, IPC_ATTR_NAME, "qmgr");
    bool good = ipc_send(l->ipc, m, clock_in(l->t->q->set.ipc_timeout), e);
    arena_free(a);
    return good;
}

static struct agent_link *link_open(struct transport *t, struct error *e)
{
    if (t->path[0] == '\0') {
        error_set(e, "4.3.5", "transport name too long for a socket");
        return NULL;
    }
    int fd = dial_seqpacket(t->path, clock_in(t->q->set.ipc_timeout), e);
    if (fd < 0)
        return NULL;
    struct agent_link *l = NEW(struct agent_link);
    l->t = t;
    l->ipc = ipc_open(fd);
    l->users = 2; /* the reader, and this call */
    list_append(&t->agents, &l->link);
    t->n_agents++;
    fiber_spawn("agent", reader, l);
    if (!say_hello(l, e))
        l->is_closing = true;
    return l;
}

/* The connection with the least to do; a new one when all are busy.  The caller releases
 * it. */
static struct agent_link *link_for(struct transport *t, struct error *e)
{
    struct agent_link *best = NULL;
    LIST_FOR_EACH (struct agent_link, l, &t->agents, link)
        if (!l->is_closing &&
            (best == NULL || l->requests.n_taken < best->requests.n_taken))
            best = l;
    unsigned most = t->schedule.limits.transport_limit;
    most = most < LINKS_MAX ? most : LINKS_MAX;
    if (best == NULL || (best->requests.n_taken >= LINK_LOAD && t->n_agents < most)) {
        struct agent_link *fresh = link_open(t, e);
        if (fresh || best == NULL)
            return fresh;
        error_clear(e);
        if (best->is_closing)
            return NULL;
    }
    best->users++;
    return best;
}

/* --- requests --- */

static void put_some(struct ipc_message *m, enum ipc_attr attr, struct view v)
{
    if (v.n > 0)
        ipc_put_view(m, attr, v);
}

static void put_envelope(struct ipc_message *m, const struct envelope *env)
{
    ipc_put_u64(m, IPC_ATTR_FLAGS, env->flags);
    ipc_put_u64(m, IPC_ATTR_RET, env->ret);
    ipc_put_view(m, IPC_ATTR_ENVID, env->envid);
    ipc_put_i64(m, IPC_ATTR_ARRIVAL, env->arrival);
    put_some(m, IPC_ATTR_CLIENT_NAME, env->client_name);
    put_some(m, IPC_ATTR_CLIENT_ADDRESS, env->client_address);
    put_some(m, IPC_ATTR_CLIENT_PORT, env->client_port);
    put_some(m, IPC_ATTR_HELO_NAME, env->helo_name);
    put_some(m, IPC_ATTR_PROTOCOL_NAME, env->protocol_name);
    put_some(m, IPC_ATTR_SASL_METHOD, env->sasl_method);
    put_some(m, IPC_ATTR_SASL_USERNAME, env->sasl_username);
    put_some(m, IPC_ATTR_SASL_SENDER, env->sasl_sender);
    put_some(m, IPC_ATTR_LOG_IDENT, env->log_ident);
    put_some(m, IPC_ATTR_REWRITE_CONTEXT, env->rewrite_context);
}

static struct ipc_message *request_of(struct arena *a, struct entry *x, uint64_t tag)
{
    struct work *w = x->work;
    const struct envelope *env = &w->image.envelope;
    struct ipc_message *m = ipc_message_new(a, IPC_DELIVER);
    ipc_put_u64(m, IPC_ATTR_TAG, tag);
    ipc_put_cstr(m, IPC_ATTR_QUEUE_ID, w->m->id);
    ipc_put_u64(m, IPC_ATTR_CONTENT_SIZE, w->image.content_size);
    ipc_put_cstr(m, IPC_ATTR_TRANSPORT, x->transport->name);
    ipc_put_view(m, IPC_ATTR_NEXTHOP, x->nexthop);
    ipc_put_view(m, IPC_ATTR_SENDER, work_sender(w, x->first));
    put_envelope(m, env);
    ipc_put_i64(m, IPC_ATTR_ACTIVE, w->active_since);
    ipc_put_u64(m, IPC_ATTR_REPEAT, w->m->maybe_tried);
    for (uint32_t i = x->first; i != UINT32_MAX; i = w->routes[i].next) {
        const struct recipient *in = &env->recipients[i];
        if (w->outcomes[i].is_answered) /* by an agent that went away then */
            continue;
        ipc_put_view(m, IPC_ATTR_RECIPIENT, w->routes[i].recipient);
        ipc_put_view(m, IPC_ATTR_ORIGINAL, in->original.n ? in->original : in->address);
        if (in->orcpt.n > 0)
            ipc_put_view(m, IPC_ATTR_ORCPT, in->orcpt);
        if (in->notify)
            ipc_put_u64(m, IPC_ATTR_NOTIFY, in->notify);
        ipc_put_u64(m, IPC_ATTR_INDEX, i);
    }
    ipc_put_fd(m, w->content_fd);
    return m;
}

/* Send X on L; false when L takes nothing more. */
static bool link_send(struct agent_link *l, struct entry *x, struct error *e)
{
    struct arena *a = arena_new();
    uint64_t tag = tags_take(&l->requests, x);
    struct ipc_message *m = request_of(a, x, tag);
    x->attempts++;
    bool sent = ipc_send(l->ipc, m, clock_in(l->t->q->set.ipc_timeout), e);
    arena_free(a);
    if (sent)
        return true;
    l->is_closing = true; /* answers may still come */
    if (tags_find(&l->requests, tag) != x)
        return true; /* the reader noticed first, and has dealt with X */
    tags_give(&l->requests, tag);
    x->attempts--;
    return false;
}

bool agents_deliver(struct transport *t, struct entry *x)
{
    struct error e = ERROR_INIT;
    if (!work_open_content(t->q, x->work, &e)) {
        log_warning("%s", error_cstr(&e));
        entry_defer(x, "4.3.0", "cannot read the queue file");
        return false;
    }
    for (int attempt = 0; attempt < 3; attempt++) {
        error_clear(&e);
        struct agent_link *l = link_for(t, &e);
        if (l == NULL)
            break;
        bool sent = !l->is_closing && link_send(l, x, &e);
        link_release(l);
        if (sent)
            return true;
    }
    log_warning("connect to transport private/%s: %s", t->name,
                error_is_set(&e) ? error_cstr(&e) : "connection lost");
    transport_suspend(t, "4.3.0", "mail transport unavailable");
    return false;
}
