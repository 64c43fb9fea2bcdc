/* agent - the delivery side of the queue manager's protocol
 *
 * One fiber receives requests; each request is a fiber of its own and answers when it is
 * done, in any order.  When the other side goes away or the process retires, requests
 * that run are finished; their answers then get lost, and the queue manager tries again.
 */
#include "agent/agent_private.h"
#include "agent/flush.h"

#include "base/log.h"
#include "base/memory.h"
#include "run/fiber.h"

#include <unistd.h>

/* What all sessions of the process share. */
static struct {
    bool is_ready;
    enum parameter filter;
    bool has_filter;
    struct slots running; /* deliveries at a time */
    struct agent_policy policy;
} process;

struct session {
    struct service *service;
    struct ipc *ipc;
    agent_deliver_fn *deliver;
    int64_t began; /* wall clock */
    int64_t timeout;
    unsigned users; /* its own fiber, and one for each request that runs */
    struct waitq idle;
};

struct job {
    struct session *session;
    struct arena *arena;
    struct delivery *delivery;
    uint64_t tag;
};

void agent_set_status_filter(enum parameter p)
{
    process.filter = p;
    process.has_filter = true;
}

/* Read the configuration at the first session. */
static void make_ready(const struct service *s)
{
    const struct conf *c = s->conf;

    if (process.is_ready)
        return;
    process.is_ready = true;
    slots_init(&process.running, s->max_sessions);
    enum parameter filter =
        process.has_filter ? process.filter : P_default_delivery_status_filter;
    struct maps *maps = maps_open(c, conf_view(c, filter), 0);
    if (maps_is_empty(maps)) {
        maps_close(maps);
        maps = NULL;
    }
    process.policy = (struct agent_policy){
        .soft_bounce = conf_bool(c, P_soft_bounce),
        .external_form =
            !view_eq_case(conf_view(c, P_info_log_address_format), VIEW("internal")),
        .original_recipient = conf_bool(c, P_enable_original_recipient),
        .delay_digits = (int)conf_int(c, P_delay_logging_resolution_limit),
        .status_filter = maps,
    };
}

/* Was the message here before this connection, that is before qmgr's or our own last
 * start? */
static bool is_old(const struct session *s, const struct delivery *d)
{
    return d->arrival < s->began;
}

/* The last one to leave closes. */
static void leave(struct session *s)
{
    if (--s->users == 1)
        waitq_wake_all(&s->idle);
    if (s->users > 0)
        return;
    ipc_close(s->ipc);
    memory_free(s);
}

/* Whoever asked is not told of a success that could still be lost. */
static void flush_results(struct delivery *d)
{
    struct error e = ERROR_INIT;

    if (agent_flush(d->checkpoint_path, &e)) {
        d->not_yet_durable = false;
        return;
    }
    log_warning("%s: %s", d->id.text, error_cstr(&e));
    for (size_t i = 0; i < d->n_recipients; i++) {
        struct delivery_recipient *r = &d->recipients[i];
        if (r->outcome == OUTCOME_SENT)
            delivery_deferred(d, r, r->relay, &e);
    }
    d->not_yet_durable = false;
}

/* The fiber of one request. */
static void run_job(void *arg)
{
    struct job *job = arg;
    struct session *s = job->session;
    struct delivery *d = job->delivery;
    struct error e = ERROR_INIT;

    d->agent_start = clock_wall();
    s->deliver(s->service, d);
    if (d->must_be_durable && d->not_yet_durable)
        flush_results(d);
    if (!agent_send_results(s->ipc, job->tag, d, s->timeout, &e))
        log_warning("%s: results lost: %s", d->id.text, error_cstr(&e));
    close(d->content_fd);
    arena_free(job->arena);
    memory_free(job);
    slots_give(&process.running);
    leave(s);
}

/* Start a fiber for the request M in A, which it takes over; waits for a free slot.  May
 * suspend. */
static bool start_job(struct session *s, struct arena *a, struct ipc_message *m)
{
    struct error e = ERROR_INIT;
    struct delivery *d = agent_parse_request(a, m, &process.policy, &e);

    if (!d) {
        log_warning("delivery request: %s", error_cstr(&e));
        return false;
    }
    if (!ipc_has(m, IPC_ATTR_REPEAT))
        d->maybe_repeated = is_old(s, d);
    if (slots_take(&process.running, CLOCK_NEVER) != WAKE_OK) {
        close(d->content_fd);
        return false;
    }
    struct job *job = NEW(struct job);
    *job = (struct job){s, a, d, ipc_get_u64(m, IPC_ATTR_TAG, 0)};
    s->users++;
    fiber_spawn("delivery", run_job, job);
    return true;
}

/* Take one message.  False at the end. */
static bool take_message(struct session *s)
{
    struct error e = ERROR_INIT;
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_receive(s->ipc, a, CLOCK_NEVER, &e);
    bool go_on = false;

    if (m && ipc_message_type(m) == IPC_DELIVER) {
        if (start_job(s, a, m))
            return true;
    } else if (m && ipc_message_type(m) == IPC_HELLO) {
        go_on = agent_check_hello(m);
    } else if (m) {
        log_warning("unexpected message %s", ipc_type_name(ipc_message_type(m)));
    } else if (strcmp(e.text, "closed") != 0) {
        log_warning("delivery requests: %s", error_cstr(&e));
    }
    if (m)
        ipc_message_close_fds(m);
    arena_free(a);
    return go_on;
}

void agent_session(struct service *service, int fd, agent_deliver_fn *deliver)
{
    struct session *s = NEW(struct session);

    make_ready(service);
    *s = (struct session){.service = service,
                          .deliver = deliver,
                          .ipc = ipc_open(fd),
                          .began = clock_wall(),
                          .timeout = conf_time(service->conf, P_ipc_timeout),
                          .users = 1};
    WAITQ_INIT(&s->idle);
    while (take_message(s))
        ;
    while (s->users > 1 && waitq_wait(&s->idle, CLOCK_NEVER) == WAKE_OK)
        ;
    leave(s);
}
