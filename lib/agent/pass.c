/* pass - hand a recipient on to another delivery agent of this instance */
#include "agent/pass.h"

#include "agent/agent_private.h"
#include "agent/flush.h"
#include "base/log.h"
#include "ipc/endpoint.h"
#include "net/dial.h"

#include <stdio.h>

#define DIAL_TIME (10 * CLOCK_SECOND)

struct pass {
    struct service *service;
    struct delivery *d;
    struct delivery_recipient *r;
    struct view transport, nexthop;
    struct ipc *ipc;
    struct arena *arena;
};

static bool connect_agent(struct pass *p, struct error *e)
{
    char path[ENDPOINT_PATH_BYTES];
    const char *queue = conf_cstr(p->service->conf, P_queue_directory);

    if (!endpoint_path(queue, ENDPOINT_PRIVATE, p->transport, path)) {
        error_set(e, "4.3.5", "bad transport name \"%.*s\"", VIEW_FMT(p->transport));
        return false;
    }
    int fd = dial_seqpacket(path, clock_in(DIAL_TIME), e);
    if (fd < 0)
        return false;
    p->ipc = ipc_open(fd);
    return true;
}

static void put_if(struct ipc_message *m, enum ipc_attr attr, struct view v)
{
    if (v.n > 0)
        ipc_put_view(m, attr, v);
}

static void put_client(struct ipc_message *m, const struct envelope *env)
{
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

static struct ipc_message *make_request(const struct pass *p)
{
    const struct delivery *d = p->d;
    const struct recipient *in = &p->r->in;
    struct ipc_message *m = ipc_message_new(p->arena, IPC_DELIVER);

    ipc_put_u64(m, IPC_ATTR_TAG, 1);
    ipc_put_view(m, IPC_ATTR_QUEUE_ID, queue_id_view(&d->id));
    ipc_put_u64(m, IPC_ATTR_CONTENT_SIZE, d->content_size);
    ipc_put_view(m, IPC_ATTR_SENDER, d->envelope.sender);
    ipc_put_view(m, IPC_ATTR_TRANSPORT, p->transport);
    ipc_put_view(m, IPC_ATTR_NEXTHOP, p->nexthop);
    ipc_put_u64(m, IPC_ATTR_FLAGS, d->envelope.flags);
    ipc_put_u64(m, IPC_ATTR_RET, d->envelope.ret);
    ipc_put_view(m, IPC_ATTR_ENVID, d->envelope.envid);
    ipc_put_i64(m, IPC_ATTR_ARRIVAL, d->arrival);
    ipc_put_i64(m, IPC_ATTR_ACTIVE, d->active);
    put_client(m, &d->envelope);
    ipc_put_u64(m, IPC_ATTR_REPEAT, d->maybe_repeated);
    ipc_put_view(m, IPC_ATTR_RECIPIENT, in->address);
    ipc_put_view(m, IPC_ATTR_ORIGINAL, in->original);
    ipc_put_view(m, IPC_ATTR_ORCPT, in->orcpt);
    ipc_put_u64(m, IPC_ATTR_NOTIFY, in->notify);
    ipc_put_u64(m, IPC_ATTR_INDEX, p->r->index);
    ipc_put_fd(m, d->content_fd);
    return m;
}

/* The answer's attributes into the recipient. */
static void read_result(struct pass *p, const struct ipc_message *m)
{
    struct arena *a = p->d->arena;
    struct delivery_recipient *r = p->r;
    struct ipc_value v;
    size_t position = 0;

    while (ipc_next(m, &position, &v)) {
        if (v.attr == IPC_ATTR_OUTCOME)
            r->outcome = (enum outcome)v.u64;
        else if (v.attr == IPC_ATTR_RECIPIENT_STATUS)
            snprintf(r->status, sizeof r->status, "%.*s", VIEW_FMT(v.view));
        else if (v.attr == IPC_ATTR_RECIPIENT_TEXT)
            r->text = arena_dup(a, v.view);
        else if (v.attr == IPC_ATTR_DIAGNOSTIC)
            r->diagnostic = arena_dup(a, v.view);
        else if (v.attr == IPC_ATTR_DIAGNOSTIC_TYPE)
            r->diagnostic_type = arena_dup(a, v.view);
        else if (v.attr == IPC_ATTR_REMOTE_MTA)
            r->remote_mta = arena_dup(a, v.view);
    }
}

/* The other agent wants a checkpoint of PATH: ask for it too, or, when another one is
 * asked for already, flush now. */
static bool take_checkpoint(struct pass *p, struct view path, struct error *e)
{
    struct delivery *d = p->d;

    if (path.n == 0)
        return true;
    if (!d->not_yet_durable || view_eq(path, view_of(d->checkpoint_path))) {
        d->not_yet_durable = true;
        snprintf(d->checkpoint_path, sizeof d->checkpoint_path, "%.*s", VIEW_FMT(path));
        return true;
    }
    return agent_flush(arena_cstr(d->arena, path), e);
}

/* Ask and wait for the answer. */
static bool exchange(struct pass *p, struct error *e)
{
    int64_t timeout = conf_time(p->service->conf, P_ipc_timeout);
    struct ipc_message *hello = ipc_message_new(p->arena, IPC_HELLO);

    ipc_put_u64(hello, IPC_ATTR_VERSION, ipc_version());
    ipc_put_cstr(hello, IPC_ATTR_NAME, p->service->name);
    if (!ipc_send(p->ipc, hello, clock_in(timeout), e) ||
        !ipc_send(p->ipc, make_request(p), clock_in(timeout), e))
        return false;
    struct ipc_message *m = ipc_receive(p->ipc, p->arena, clock_in(timeout), e);
    if (!m)
        return false;
    if (ipc_message_type(m) != IPC_DELIVERED) {
        error_set(e, "4.3.0", "unexpected answer");
        ipc_message_close_fds(m);
        return false;
    }
    if (!take_checkpoint(p, ipc_get_view(m, IPC_ATTR_CHECKPOINT), e))
        return false;
    read_result(p, m);
    return true;
}

void delivery_pass(struct service *s, struct delivery *d, struct delivery_recipient *r,
                   struct view target, struct view relay)
{
    struct pass p = {.service = s, .d = d, .r = r, .arena = arena_new()};
    struct error e = ERROR_INIT;

    view_cut(target, ':', &p.transport, &p.nexthop);
    if (p.nexthop.n == 0)
        p.nexthop = d->nexthop;
    if (!connect_agent(&p, &e) || !exchange(&p, &e)) {
        error_prefix(&e, "transport %.*s: ", VIEW_FMT(p.transport));
        delivery_deferred(d, r, relay, &e);
    }
    if (p.ipc)
        ipc_close(p.ipc);
    arena_free(p.arena);
}
