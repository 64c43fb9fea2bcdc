/* transport - one delivery service: dispatching, and what happens when it is out of order
 */
#include "transport.h"
#include "base/log.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>

/* The line of one message at one transport. */
struct work_job {
    struct work_job *next;
    struct transport *transport;
    struct schedule_job line;
};

/* --- limits --- */

/* The process limit of service NAME in master.cf: so many deliveries run at a time. */
static unsigned process_limit(const struct qmgr *q, struct view name)
{
    const struct master_cf *m = &q->routing->master_cf;
    for (size_t i = 0; i < m->n; i++)
        if (m->items[i].type == SERVICE_UNIX && view_eq(m->items[i].name, name)) {
            int limit = m->items[i].maxproc;
            return limit < 0    ? q->set.process_limit
                   : limit == 0 ? 10000
                                : (unsigned)limit;
        }
    return q->set.process_limit;
}

static struct feedback feedback_of(const struct conf *c, struct view name,
                                   enum parameter p)
{
    struct feedback f;
    struct view text = conf_transport_view(c, name, p);
    if (feedback_parse(text, &f))
        return f;
    log_warning("transport %.*s: bad concurrency feedback \"%.*s\", using 1",
                VIEW_FMT(name), VIEW_FMT(text));
    return (struct feedback){FEEDBACK_FIXED, 1};
}

static unsigned number_of(const struct conf *c, struct view name, enum parameter p)
{
    int64_t n = conf_transport_int(c, name, p);
    return n < 0 ? 0 : n > INT32_MAX ? INT32_MAX : (unsigned)n;
}

static struct schedule_limits limits_of(const struct qmgr *q, struct view name)
{
    const struct conf *c = q->routing->conf;
    struct schedule_limits l = {
        .window =
            {
                .initial = number_of(c, name, P_initial_destination_concurrency),
                .limit = number_of(c, name, P_default_destination_concurrency_limit),
                .cohort_limit = number_of(
                    c, name, P_default_destination_concurrency_failed_cohort_limit),
                .positive = feedback_of(
                    c, name, P_default_destination_concurrency_positive_feedback),
                .negative = feedback_of(
                    c, name, P_default_destination_concurrency_negative_feedback),
            },
        .recipient_limit = number_of(c, name, P_default_destination_recipient_limit),
        .transport_limit = process_limit(q, name),
        .rate_delay = conf_transport_time(c, name, P_default_destination_rate_delay),
        .transport_rate_delay =
            conf_transport_time(c, name, P_default_transport_rate_delay),
    };
    return l;
}

void transports_reconfigure(struct qmgr *q)
{
    LIST_FOR_EACH (struct transport, t, &q->all_transports, link) {
        struct schedule_limits l = limits_of(q, view_of(t->name));
        schedule_set_limits(&t->schedule, &l);
        transport_poke(t);
    }
}

/* --- dispatching --- */

void transport_poke(struct transport *t)
{
    t->is_asked = true;
    waitq_wake_one(&t->work);
}

/* The fiber that starts deliveries. */
static void dispatcher(void *arg)
{
    struct transport *t = arg;
    while (!t->q->is_stopping) {
        t->is_asked = false;
        struct schedule_entry *s = schedule_pick(&t->schedule, clock_mono());
        if (s) {
            struct entry *x = CONTAINER_OF(s, struct entry, scheduled);
            x->is_running = true;
            x->work->waiting--;
            x->work->running++;
            if (!agents_deliver(t, x))
                transport_entry_ended(x, SCHEDULE_NEITHER);
        } else if (!t->is_asked) {
            (void)waitq_wait(&t->work, schedule_next_time(&t->schedule));
        }
    }
}

struct transport *transport_get(struct qmgr *q, struct view name)
{
    struct transport *t = hash_get(q->transports, name);
    if (t)
        return t;
    t = memory_alloc(sizeof *t + name.n + 1);
    memcpy(t->name, name.p, name.n);
    t->q = q;
    struct schedule_limits l = limits_of(q, name);
    schedule_init(&t->schedule, &l);
    list_init(&t->agents);
    WAITQ_INIT(&t->work);
    struct view directory = conf_queue_directory(q->routing->conf);
    char *path = memory_alloc(directory.n + 1);
    memcpy(path, directory.p, directory.n);
    if (!endpoint_path(path, ENDPOINT_PRIVATE, name, t->path))
        t->path[0] = '\0';
    memory_free(path);
    hash_put(q->transports, name, t);
    list_append(&q->all_transports, &t->link);
    fiber_spawn("dispatcher", dispatcher, t);
    return t;
}

/* --- entries --- */

static struct schedule_job *job_of(struct work *w, struct transport *t)
{
    for (struct work_job *j = w->jobs; j; j = j->next)
        if (j->transport == t)
            return &j->line;
    struct work_job *j = ARENA_NEW(w->arena, struct work_job);
    j->transport = t;
    j->next = w->jobs;
    w->jobs = j;
    return &j->line;
}

/* A destination takes most of the active window: say so now and then. */
static void warn_clogged(struct transport *t, struct schedule_destination *d)
{
    struct qmgr *q = t->q;
    uint64_t used = d->entries.n + d->busy;
    int64_t now = clock_mono();
    if (q->set.clog_warn_time == 0 || used < 5 || used * 5 < q->set.active_limit * 4 ||
        (d->warned_at != 0 && now - d->warned_at < q->set.clog_warn_time))
        return;
    d->warned_at = now;
    log_warning("mail for %s is using up %llu of %llu active queue entries", d->name,
                (unsigned long long)used, (unsigned long long)q->active);
    if (!q->set.helpful_warnings)
        return;
    log_warning("you may need to increase the main.cf %s_destination_concurrency_limit "
                "from %u",
                t->name, t->schedule.limits.window.limit);
    log_warning("please avoid flushing the whole queue when you have");
    log_warning("lots of deferred mail, that is bad for performance");
    log_warning("to turn off these warnings specify: qmgr_clog_warn_time = 0");
}

void transport_add(struct entry *x, struct schedule_destination *d)
{
    struct work *w = x->work;
    list_remove(&x->in_work);
    list_append(&w->entries, &x->in_work);
    w->waiting++;
    schedule_add(d, job_of(w, x->transport), &x->scheduled);
    warn_clogged(x->transport, d);
    transport_poke(x->transport);
}

void entry_defer(struct entry *x, const char *status, const char *format, ...)
{
    struct work *w = x->work;
    char text[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (uint32_t i = x->first; i != UINT32_MAX; i = w->routes[i].next)
        if (!w->outcomes[i].is_answered)
            result_local(x->transport->q, w, i, false, view_of(status), "%s", text);
    x->unanswered = 0;
}

/* X is neither waiting nor running any more. */
static void entry_close(struct entry *x)
{
    struct work *w = x->work;
    list_remove(&x->in_work);
    if (w->waiting == 0 && w->running == 0)
        finish_work(x->transport->q, w);
    else
        work_relax(x->transport->q, w);
}

/* Take what waits for D and defer it. */
static void defer_destination(struct schedule_destination *d)
{
    struct schedule_entry *s;
    while ((s = schedule_take(d)) != NULL) {
        struct entry *x = CONTAINER_OF(s, struct entry, scheduled);
        x->work->waiting--;
        entry_defer(x, d->dead_status, "delivery temporarily suspended: %s",
                    d->dead_text);
        entry_close(x);
    }
}

static void log_feedback(const struct transport *t, const struct schedule_destination *d,
                         enum schedule_feedback f)
{
    if (t->q->set.feedback_debug)
        log_info("%s: %s: feedback %s, concurrency %u, busy %u", t->name, d->name,
                 f == SCHEDULE_GOOD ? "positive" : "negative", d->window.concurrency,
                 d->busy);
}

/* D is dead now: remember it for the shortest back-off time. */
static void bury(struct transport *t, struct schedule_destination *d,
                 const struct entry *x)
{
    struct qmgr *q = t->q;
    schedule_kill(d, clock_mono() + q->set.retry.minimal, view_of(x->dead_status),
                  x->dead_text);
    log_debug("%s: destination %s is dead: %.*s", t->name, d->name,
              VIEW_FMT(x->dead_text));
    schedule_revive_due(&t->schedule, clock_mono(), false);
    if (t->schedule.n_dead > q->set.recipient_limit) /* the memory of them is bounded */
        schedule_revive(
            LIST_FIRST(struct schedule_destination, &t->schedule.dead, dead_link));
    defer_destination(d);
}

void transport_entry_ended(struct entry *x, enum schedule_feedback f)
{
    struct transport *t = x->transport;
    struct schedule_destination *d = x->scheduled.destination;
    x->is_running = false;
    x->work->running--;
    if (x->unanswered > 0)
        entry_defer(x, "4.3.0", "unknown mail transport error");
    bool is_alive = schedule_end(&x->scheduled, f, clock_mono());
    if (f != SCHEDULE_NEITHER)
        log_feedback(t, d, f);
    if (!is_alive && d->dead_until == 0)
        bury(t, d, x);
    schedule_forget(d);
    transport_poke(t);
    entry_close(x);
}

void transport_entry_again(struct entry *x)
{
    struct transport *t = x->transport;
    struct schedule_destination *d = x->scheduled.destination;
    x->is_running = false;
    x->work->running--;
    x->work->waiting++;
    schedule_add(d, job_of(x->work, t), &x->scheduled);
    (void)schedule_end(&x->scheduled, SCHEDULE_NEITHER, clock_mono());
    transport_poke(t);
}

void transport_withdraw(struct work *w)
{
    LIST_FOR_EACH_SAFE (struct entry, x, &w->entries, in_work) {
        if (x->is_running)
            continue;
        struct schedule_destination *d = x->scheduled.destination;
        schedule_remove(&x->scheduled);
        schedule_forget(d);
        list_remove(&x->in_work);
        w->waiting--;
    }
}

/* --- health --- */

bool transport_is_suspended(struct transport *t)
{
    if (t->suspended_until != 0 && clock_mono() >= t->suspended_until)
        t->suspended_until = 0;
    return t->suspended_until != 0;
}

void transport_resume(struct transport *t)
{
    t->suspended_until = 0;
}

/* Defer what waits in the whole transport. */
static void defer_all(struct transport *t)
{
    size_t position = 0;
    struct view name;
    void *value;
    struct schedule_destination *d;
    do {
        d = NULL;
        while (hash_next(t->schedule.destinations, &position, &name, &value)) {
            struct schedule_destination *each = value;
            if (heap_first(&each->entries)) {
                d = each;
                break;
            }
        }
        struct schedule_entry *s;
        while (d && (s = schedule_take(d)) != NULL) {
            struct entry *x = CONTAINER_OF(s, struct entry, scheduled);
            x->work->waiting--;
            entry_defer(x, t->status, "%s", t->reason);
            entry_close(x);
        }
    } while (d);
}

void transport_suspend(struct transport *t, const char *status, const char *reason)
{
    t->suspended_until = clock_in(t->q->set.transport_retry_time);
    snprintf(t->status, sizeof t->status, "%s", status);
    snprintf(t->reason, sizeof t->reason, "%s", reason);
    defer_all(t);
}

void transports_forgive(struct qmgr *q)
{
    LIST_FOR_EACH (struct transport, t, &q->all_transports, link) {
        t->suspended_until = 0;
        schedule_revive_due(&t->schedule, 0, true);
        transport_poke(t);
    }
}
