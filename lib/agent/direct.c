/* direct - requests to delivery agents, by transport; see direct.h */
#include "agent/direct.h"

#include "base/log.h"
#include "base/memory.h"
#include "ipc/call.h"
#include "ipc/endpoint.h"
#include "ipc/tags.h"
#include "run/fiber.h"

#include <stdio.h>
#include <sys/socket.h>

#define DIAL_TIMEOUT (10 * CLOCK_SECOND)

/* A connection to the agent of one transport. */
struct direct_link {
    struct list_link in_direct;
    struct direct *direct;
    char *transport;
    struct ipc *ipc;
    struct tags requests; /* of struct request */
    unsigned users;       /* the reader, and fibers inside ipc_send */
    bool is_lost;
};

struct direct {
    const struct conf *conf;
    struct list links;
};

/* One that waits, on its fiber's stack. */
struct request {
    struct direct_job *job;
    bool is_done;
    struct waitq answered;
};

struct direct *direct_open(const struct conf *c)
{
    struct direct *d = NEW(struct direct);

    d->conf = c;
    list_init(&d->links);
    return d;
}

/* --- answers --- */

/* INDEX starts a recipient; what follows is about it. */
static void take_results(struct direct_job *j, const struct ipc_message *m)
{
    struct direct_recipient *r = NULL;
    struct ipc_value v;
    size_t position = 0;

    while (ipc_next(m, &position, &v)) {
        if (v.attr == IPC_ATTR_INDEX)
            r = v.u64 < j->n ? j->recipients[v.u64] : NULL;
        else if (r && v.attr == IPC_ATTR_OUTCOME)
            r->outcome = (enum outcome)v.u64;
        else if (r && v.attr == IPC_ATTR_RECIPIENT_STATUS)
            (void)snprintf(r->status, sizeof r->status, "%.*s", VIEW_FMT(v.view));
        else if (r && v.attr == IPC_ATTR_RECIPIENT_TEXT)
            r->text = arena_dup(j->arena, v.view);
    }
}

static void answer(struct request *r)
{
    r->is_done = true;
    waitq_wake_all(&r->answered);
}

static bool take_message(struct direct_link *l, const struct ipc_message *m)
{
    if (ipc_message_type(m) != IPC_DELIVERED) {
        log_warning("%s: unexpected message %s", l->transport,
                    ipc_type_name(ipc_message_type(m)));
        return false;
    }
    uint64_t tag = ipc_get_u64(m, IPC_ATTR_TAG, 0);
    struct request *r = tags_find(&l->requests, tag);
    if (!r)
        return true; /* nobody waits any more */
    take_results(r->job, m);
    if (!ipc_get_u64(m, IPC_ATTR_MORE, 0)) {
        tags_give(&l->requests, tag);
        answer(r);
    }
    return true;
}

/* --- connections --- */

static void release(struct direct_link *l)
{
    if (--l->users > 0)
        return;
    ipc_close(l->ipc);
    tags_done(&l->requests);
    memory_free(l->transport);
    memory_free(l);
}

static void lose(struct direct_link *l)
{
    uint32_t position = 0;
    struct request *r;

    l->is_lost = true;
    list_remove(&l->in_direct);
    (void)shutdown(ipc_fd(l->ipc), SHUT_RDWR);
    while ((r = tags_next(&l->requests, &position)) != NULL) {
        tags_give_at(&l->requests, position - 1);
        answer(r);
    }
}

static void reader(void *arg)
{
    struct direct_link *l = arg;
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct ipc_message *m;
    bool good = true;

    while (good && (m = ipc_receive(l->ipc, a, CLOCK_NEVER, &e)) != NULL) {
        good = take_message(l, m);
        ipc_message_close_fds(m);
        arena_reset(a);
    }
    arena_free(a);
    lose(l);
    release(l);
}

static struct direct_link *find_link(const struct direct *d, struct view transport)
{
    LIST_FOR_EACH (struct direct_link, l, &d->links, in_direct)
        if (view_eq(view_of(l->transport), transport))
            return l;
    return NULL;
}

static struct direct_link *get_link(struct direct *d, struct view transport,
                                    struct error *e)
{
    struct direct_link *l = find_link(d, transport);

    if (l)
        return l;
    struct ipc *ipc = ipc_dial(conf_view(d->conf, P_queue_directory), ENDPOINT_PRIVATE,
                               transport, log_tag(), clock_in(DIAL_TIMEOUT), e);
    if (!ipc)
        return NULL;
    l = find_link(d, transport);
    if (l) { /* another session was faster */
        ipc_close(ipc);
        return l;
    }
    l = NEW(struct direct_link);
    l->direct = d;
    l->ipc = ipc;
    l->transport = memory_alloc(transport.n + 1);
    memcpy(l->transport, transport.p, transport.n);
    l->users = 1;
    list_append(&d->links, &l->in_direct);
    fiber_spawn("agent", reader, l);
    return l;
}

void direct_close(struct direct *d)
{
    LIST_FOR_EACH_SAFE (struct direct_link, l, &d->links, in_direct)
        lose(l);
    memory_free(d);
}

/* --- asking --- */

static void put_if(struct ipc_message *m, enum ipc_attr attr, struct view v)
{
    if (v.n > 0)
        ipc_put_view(m, attr, v);
}

static void put_envelope(struct ipc_message *m, const struct envelope *env)
{
    ipc_put_view(m, IPC_ATTR_SENDER, env->sender);
    ipc_put_u64(m, IPC_ATTR_FLAGS, env->flags);
    ipc_put_u64(m, IPC_ATTR_RET, env->ret);
    ipc_put_view(m, IPC_ATTR_ENVID, env->envid);
    ipc_put_i64(m, IPC_ATTR_ARRIVAL, env->arrival);
    ipc_put_i64(m, IPC_ATTR_ACTIVE, clock_wall());
    put_if(m, IPC_ATTR_CLIENT_NAME, env->client_name);
    put_if(m, IPC_ATTR_CLIENT_ADDRESS, env->client_address);
    put_if(m, IPC_ATTR_CLIENT_PORT, env->client_port);
    put_if(m, IPC_ATTR_HELO_NAME, env->helo_name);
    put_if(m, IPC_ATTR_PROTOCOL_NAME, env->protocol_name);
    put_if(m, IPC_ATTR_SASL_METHOD, env->sasl_method);
    put_if(m, IPC_ATTR_SASL_USERNAME, env->sasl_username);
    put_if(m, IPC_ATTR_SASL_SENDER, env->sasl_sender);
    put_if(m, IPC_ATTR_LOG_IDENT, env->log_ident);
    put_if(m, IPC_ATTR_REWRITE_CONTEXT, env->rewrite_context);
}

static struct ipc_message *request_of(const struct direct_job *j, uint64_t tag,
                                      struct arena *a)
{
    struct ipc_message *m = ipc_message_new(a, IPC_DELIVER);

    ipc_put_u64(m, IPC_ATTR_TAG, tag);
    ipc_put_view(m, IPC_ATTR_QUEUE_ID, queue_id_view(j->id));
    ipc_put_u64(m, IPC_ATTR_CONTENT_SIZE, j->size);
    ipc_put_view(m, IPC_ATTR_TRANSPORT, j->transport);
    ipc_put_view(m, IPC_ATTR_NEXTHOP, j->nexthop);
    put_envelope(m, j->envelope);
    ipc_put_u64(m, IPC_ATTR_REPEAT, 0);
    ipc_put_u64(m, IPC_ATTR_DURABLE, 1);
    for (size_t i = 0; i < j->n; i++) {
        const struct recipient *in = &j->recipients[i]->in;
        ipc_put_view(m, IPC_ATTR_RECIPIENT, in->address);
        ipc_put_view(m, IPC_ATTR_ORIGINAL,
                     in->original.n > 0 ? in->original : in->address);
        put_if(m, IPC_ATTR_ORCPT, in->orcpt);
        if (in->notify)
            ipc_put_u64(m, IPC_ATTR_NOTIFY, in->notify);
        ipc_put_u64(m, IPC_ATTR_INDEX, i);
    }
    ipc_put_fd(m, j->fd);
    return m;
}

/* Send J and wait for all its results; false with *E. */
static bool ask(struct direct *d, struct direct_job *j, struct error *e)
{
    int64_t timeout = conf_time(d->conf, P_ipc_timeout);
    struct request r = {.job = j};
    struct direct_link *l = get_link(d, j->transport, e);

    if (!l)
        return false;
    WAITQ_INIT(&r.answered);
    uint64_t tag = tags_take(&l->requests, &r);
    struct arena *a = arena_new();
    l->users++;
    bool is_sent = ipc_send(l->ipc, request_of(j, tag, a), clock_in(timeout), e);
    arena_free(a);
    int64_t end = clock_in(timeout);
    while (is_sent && !r.is_done && waitq_wait(&r.answered, end) == WAKE_OK)
        ;
    if (tags_find(&l->requests, tag) == &r)
        tags_give(&l->requests, tag);
    bool is_lost = l->is_lost;
    release(l);
    if (is_sent && !r.is_done)
        error_set(e, "4.4.2", "the delivery agent does not answer");
    else if (is_sent && is_lost)
        error_set(e, "4.3.0", "the delivery agent went away");
    return is_sent && r.is_done;
}

void direct_deliver(struct direct *d, struct direct_job *j)
{
    struct error e = ERROR_INIT;

    if (!ask(d, j, &e))
        log_warning("transport %.*s: %s", VIEW_FMT(j->transport), error_cstr(&e));
    for (size_t i = 0; i < j->n; i++) {
        struct direct_recipient *r = j->recipients[i];
        if (r->outcome != OUTCOME_NONE)
            continue;
        r->outcome = OUTCOME_DEFERRED;
        (void)snprintf(r->status, sizeof r->status, "%s", "4.3.0");
        r->text = VIEW("mailbox is not available at this time");
    }
}
