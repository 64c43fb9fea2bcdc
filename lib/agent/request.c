/* request - delivery requests and their answers as messages */
#include "agent/agent_private.h"

#include "base/log.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Bytes kept free in an answer for the attributes that are not per recipient. */
#define RESULT_ROOM  (16 * 1024)
#define TEXT_MAX     4096
#define NAME_MAX_MTA 512

bool agent_check_hello(const struct ipc_message *m)
{
    if (ipc_get_u64(m, IPC_ATTR_VERSION, 0) == ipc_version())
        return true;
    struct view name = ipc_get_view(m, IPC_ATTR_NAME);
    log_warning("%.*s is of another build; restart the whole mail system",
                VIEW_FMT(name));
    return false;
}

static void read_envelope(const struct ipc_message *m, struct envelope *env)
{
    env->arrival = ipc_get_i64(m, IPC_ATTR_ARRIVAL, 0);
    env->sender = ipc_get_view(m, IPC_ATTR_SENDER);
    env->flags = (uint32_t)ipc_get_u64(m, IPC_ATTR_FLAGS, 0);
    env->ret = (enum dsn_ret)ipc_get_u64(m, IPC_ATTR_RET, 0);
    env->envid = ipc_get_view(m, IPC_ATTR_ENVID);
    env->client_name = ipc_get_view(m, IPC_ATTR_CLIENT_NAME);
    env->client_address = ipc_get_view(m, IPC_ATTR_CLIENT_ADDRESS);
    env->client_port = ipc_get_view(m, IPC_ATTR_CLIENT_PORT);
    env->helo_name = ipc_get_view(m, IPC_ATTR_HELO_NAME);
    env->protocol_name = ipc_get_view(m, IPC_ATTR_PROTOCOL_NAME);
    env->sasl_method = ipc_get_view(m, IPC_ATTR_SASL_METHOD);
    env->sasl_username = ipc_get_view(m, IPC_ATTR_SASL_USERNAME);
    env->sasl_sender = ipc_get_view(m, IPC_ATTR_SASL_SENDER);
    env->log_ident = ipc_get_view(m, IPC_ATTR_LOG_IDENT);
    env->rewrite_context = ipc_get_view(m, IPC_ATTR_REWRITE_CONTEXT);
}

static size_t count_recipients(const struct ipc_message *m)
{
    struct ipc_value v;
    size_t position = 0, n = 0;

    while (ipc_next(m, &position, &v))
        n += v.attr == IPC_ATTR_RECIPIENT;
    return n;
}

/* RECIPIENT starts one; what follows is about it. */
static bool read_recipients(const struct ipc_message *m, struct delivery *d,
                            struct error *e)
{
    struct delivery_recipient *r = NULL;
    struct ipc_value v;
    size_t position = 0;

    d->recipients =
        arena_alloc_array(d->arena, count_recipients(m) + 1, sizeof *d->recipients);
    while (ipc_next(m, &position, &v)) {
        if (v.attr == IPC_ATTR_RECIPIENT) {
            r = &d->recipients[d->n_recipients++];
            r->in.address = r->in.original = v.view;
            r->index = (unsigned)(d->n_recipients - 1);
            continue;
        }
        bool about_recipient = v.attr == IPC_ATTR_ORIGINAL || v.attr == IPC_ATTR_ORCPT ||
                               v.attr == IPC_ATTR_NOTIFY || v.attr == IPC_ATTR_INDEX;
        if (about_recipient && !r) {
            error_set(e, "4.3.0", "recipient attributes without a recipient");
            return false;
        }
        if (v.attr == IPC_ATTR_ORIGINAL)
            r->in.original = v.view;
        else if (v.attr == IPC_ATTR_ORCPT)
            r->in.orcpt = v.view;
        else if (v.attr == IPC_ATTR_NOTIFY)
            r->in.notify = (uint8_t)v.u64;
        else if (v.attr == IPC_ATTR_INDEX)
            r->index = (unsigned)v.u64;
    }
    return true;
}

struct delivery *agent_parse_request(struct arena *a, struct ipc_message *m,
                                     const struct agent_policy *policy, struct error *e)
{
    struct delivery *d = ARENA_NEW(a, struct delivery);

    d->arena = a;
    d->policy = policy;
    if (!queue_id_parse(ipc_get_view(m, IPC_ATTR_QUEUE_ID), &d->id)) {
        error_set(e, "4.3.0", "not a queue ID");
        return NULL;
    }
    d->content_size = ipc_get_u64(m, IPC_ATTR_CONTENT_SIZE, 0);
    d->transport = ipc_get_view(m, IPC_ATTR_TRANSPORT);
    d->nexthop = ipc_get_view(m, IPC_ATTR_NEXTHOP);
    d->arrival = ipc_get_i64(m, IPC_ATTR_ARRIVAL, 0);
    d->active = ipc_get_i64(m, IPC_ATTR_ACTIVE, 0);
    d->maybe_repeated = ipc_get_u64(m, IPC_ATTR_REPEAT, 0) != 0;
    d->must_be_durable = ipc_get_u64(m, IPC_ATTR_DURABLE, 0) != 0;
    read_envelope(m, &d->envelope);
    if (!read_recipients(m, d, e))
        return NULL;
    d->content_fd = ipc_take_fd(m, 0);
    if (d->content_fd < 0) {
        error_set(e, "4.3.0", "no content");
        return NULL;
    }
    return d;
}

/* Add V when it is not empty, cut to what the list of messages allows. */
static void put_bounded(struct ipc_message *m, enum ipc_attr attr, struct view v,
                        size_t max)
{
    if (v.n > 0)
        ipc_put_view(m, attr, view_sub(v, 0, max));
}

/* May a report that tells which way the mail went be wanted? */
static bool wants_relay(const struct delivery *d, const struct delivery_recipient *r)
{
    return (r->in.notify & NOTIFY_SUCCESS) ||
           (d->envelope.flags & (MESSAGE_VERIFY | MESSAGE_TRACE | MESSAGE_DELAY_SENT));
}

static void put_result(struct ipc_message *m, const struct delivery *d,
                       const struct delivery_recipient *r)
{
    ipc_put_u64(m, IPC_ATTR_INDEX, r->index);
    ipc_put_u64(m, IPC_ATTR_OUTCOME, r->outcome);
    if (r->status[0])
        ipc_put_cstr(m, IPC_ATTR_RECIPIENT_STATUS, r->status);
    put_bounded(m, IPC_ATTR_RECIPIENT_TEXT, r->text, TEXT_MAX);
    put_bounded(m, IPC_ATTR_DIAGNOSTIC_TYPE, r->diagnostic_type, 32);
    put_bounded(m, IPC_ATTR_DIAGNOSTIC, r->diagnostic, TEXT_MAX);
    put_bounded(m, IPC_ATTR_REMOTE_MTA, r->remote_mta, NAME_MAX_MTA);
    if (wants_relay(d, r) && !view_eq(r->relay, VIEW("none")))
        put_bounded(m, IPC_ATTR_RELAY, r->relay, NAME_MAX_MTA);
}

/* What is said once, in the first answer. */
static void put_common(struct ipc_message *m, const struct delivery *d)
{
    if (d->not_yet_durable)
        ipc_put_cstr(m, IPC_ATTR_CHECKPOINT, d->checkpoint_path);
    if (d->destination_dead) {
        ipc_put_cstr(m, IPC_ATTR_DEAD_STATUS, d->dead_status);
        ipc_put_view(m, IPC_ATTR_DEAD_TEXT, view_sub(d->dead_text, 0, TEXT_MAX));
    }
}

bool agent_send_results(struct ipc *c, uint64_t tag, const struct delivery *d,
                        int64_t timeout, struct error *e)
{
    struct arena *a = arena_new();
    size_t i = 0;
    bool ok;

    do {
        struct ipc_message *m = ipc_message_new(a, IPC_DELIVERED);
        ipc_put_u64(m, IPC_ATTR_TAG, tag);
        put_common(m, d);
        while (i < d->n_recipients && ipc_message_size(m) < IPC_MAX_BYTES - RESULT_ROOM)
            put_result(m, d, &d->recipients[i++]);
        if (i < d->n_recipients)
            ipc_put_u64(m, IPC_ATTR_MORE, 1);
        ok = ipc_send(c, m, clock_in(timeout), e);
        arena_reset(a);
    } while (ok && i < d->n_recipients);
    arena_free(a);
    return ok;
}
