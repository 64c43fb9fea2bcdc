/* active - the active window: which messages are loaded and under delivery
 *
 * New mail and due deferred mail wait in two lines and enter in turn, so a backlog does
 * not hold up new mail (qmgr(8), "leaky bucket" and "fairness").  Deferred mail waits in
 * a heap of times; a queue run takes what is due, without looking at the disk.
 */
#include "base/log.h"
#include "base/memory.h"
#include "qmgr.h"
#include "submission/submission.h"
#include "table/match.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#define ACTIVATORS_MAX 8
#define FLOW_HIGH      1000 /* new messages that wait before submitters are slowed down */
#define FLOW_LOW       500

/* --- lines --- */

static void update_flow(struct qmgr *q)
{
    int64_t delay = q->flow_delay;
    if (q->n_incoming > FLOW_HIGH)
        delay = q->set.in_flow_delay;
    else if (q->n_incoming < FLOW_LOW)
        delay = 0;
    if (delay == q->flow_delay)
        return;
    q->flow_delay = delay;
    submitters_tell_state(q);
}

void active_enqueue(struct qmgr *q, struct message *m, bool is_new)
{
    heap_remove(&q->retry, &m->retry);
    list_remove(&m->link);
    m->state = MESSAGE_WAITING;
    list_append(is_new ? &q->incoming : &q->due, &m->link);
    if (is_new) {
        q->n_incoming++;
        m->is_new = true;
        update_flow(q);
    }
    /* What waits long needs no memory; the journal or its file has it. */
    if (m->work && (memory_is_short(q) || q->active >= q->set.active_limit))
        work_free(q, m->work);
}

/* Out of its line. */
static void dequeue(struct qmgr *q, struct message *m)
{
    list_remove(&m->link);
    if (m->is_new) {
        m->is_new = false;
        q->n_incoming--;
        update_flow(q);
    }
}

void active_forget(struct qmgr *q, struct message *m)
{
    if (m->state == MESSAGE_WAITING)
        dequeue(q, m);
}

void active_defer(struct qmgr *q, struct message *m, int64_t due)
{
    if (m->state == MESSAGE_WAITING)
        dequeue(q, m);
    heap_remove(&q->retry, &m->retry);
    m->state = MESSAGE_DEFERRED;
    heap_add(&q->retry, &m->retry, due);
}

static void count_active(struct qmgr *q, const struct work *w, bool comes)
{
    const struct envelope *env = &w->image.envelope;
    uint64_t probes = (env->flags & MESSAGE_PROBE) != 0;
    q->active_recipients += comes ? env->n_recipients : -(uint64_t)env->n_recipients;
    q->active_probes += comes ? probes : -probes;
}

void active_leave(struct qmgr *q, struct message *m)
{
    if (m->state != MESSAGE_ACTIVE)
        return;
    q->active--;
    if (m->work) {
        count_active(q, m->work, false);
        work_free(q, m->work);
    }
    m->state = MESSAGE_WAITING;
    active_poke(q);
}

/* --- queue runs --- */

void active_run(struct qmgr *q, bool every)
{
    int64_t now = clock_wall();
    struct heap_link *first;
    while ((first = heap_first(&q->retry)) != NULL && (every || first->key <= now)) {
        struct message *m = CONTAINER_OF(first, struct message, retry);
        m->is_flushed |= every;
        active_enqueue(q, m, false);
    }
    active_poke(q);
}

void active_runs(void *arg)
{
    struct qmgr *q = arg;
    while (!q->is_stopping) {
        active_run(q, false);
        (void)fiber_sleep(q->set.queue_run_delay);
    }
}

/* --- letting in --- */

static void to_corrupt(struct qmgr *q, struct message *m, const struct error *why)
{
    log_warning("%s: %s", m->id, error_cstr(why));
    if (!m->has_file) {
        /* Only a damaged disk does this: the record was valid at the replay. */
        log_error("%s: the message in the queue journal is damaged", m->id);
        active_defer(q, m, clock_wall() + q->set.retry.maximal);
        return;
    }
    log_warning("saving corrupt file \"%s\" from queue \"%s\" to queue \"corrupt\"",
                m->id, queue_name_text((enum queue_name)m->where));
    (void)queue_dir_rename(&q->dir, message_id(m), (enum queue_name)m->where,
                           QUEUE_NAME_CORRUPT);
    message_free(q, m);
}

/* Have M's envelope in memory; false when M went elsewhere.  May suspend. */
static bool load(struct qmgr *q, struct message *m)
{
    struct error e = ERROR_INIT;
    if (m->work)
        return true;
    active_poke(q); /* others need not wait for the disk */
    enum result result = work_load(q, m, &e);
    if (m->is_gone || m->work == NULL) {
        if (m->is_gone)
            return false;
        if (result == PERMFAIL) {
            to_corrupt(q, m, &e);
        } else if (e.saved_errno == ENOENT) {
            message_free(q, m); /* deleted behind our back */
        } else {
            log_warning("%s: %s", m->id, error_cstr(&e));
            active_defer(q, m, clock_wall() + q->set.retry.minimal);
        }
        return false;
    }
    return true;
}

static bool has_room(const struct qmgr *q)
{
    return !q->is_settling && q->active < q->set.active_limit &&
           (q->active == 0 || q->active_recipients < q->set.recipient_limit);
}

static struct message *next_waiting(struct qmgr *q)
{
    static bool was_new;
    bool take_new = list_is_empty(&q->due) || (!list_is_empty(&q->incoming) && !was_new);
    struct list *line = take_new ? &q->incoming : &q->due;
    struct message *m = LIST_FIRST(struct message, line, link);
    if (m == NULL)
        return NULL;
    was_new = take_new;
    dequeue(q, m);
    return m;
}

static void log_active(const struct qmgr *q, const struct work *w)
{
    const struct envelope *env = &w->image.envelope;
    log_info("%s: from=<%.*s>, size=%" PRIu64 ", nrcpt=%zu (queue active)", w->m->id,
             VIEW_FMT(log_address(q, env->sender, w->arena)), w->image.content_size,
             work_count_recipients(w));
}

/* Requests that came while M was waiting or on disk: true when M is dealt with.  May
 * suspend. */
static bool obey_marks(struct qmgr *q, struct message *m)
{
    struct error e = ERROR_INIT;
    uint32_t flags = m->work->image.envelope.flags;
    if (m->wants_delete) {
        active_leave(q, m);
        finish_remove(q, m, true);
        return true;
    }
    if (m->wants_hold || (flags & MESSAGE_HOLD && m->where != QUEUE_NAME_DEFERRED)) {
        if (!park_message(q, m, QUEUE_NAME_HOLD, clock_wall(), &e)) {
            log_warning("%s: hold: %s", m->id, error_cstr(&e));
            active_leave(q, m);
            active_defer(q, m, clock_wall() + q->set.retry.minimal);
            return true;
        }
        active_leave(q, m);
        if (!m->is_gone)
            m->state = MESSAGE_HELD;
        return true;
    }
    if (flags & MESSAGE_REQUEUE) {
        if (requeue_message(q, m->work, &e)) {
            active_leave(q, m);
            finish_remove(q, m, true);
        } else {
            log_warning("%s: requeue: %s", m->id, error_cstr(&e));
            active_leave(q, m);
            active_defer(q, m, clock_wall() + q->set.retry.minimal);
        }
        return true;
    }
    return false;
}

/* M enters the active window.  May suspend. */
static void activate(struct qmgr *q, struct message *m)
{
    m->state = MESSAGE_ACTIVE;
    q->active++;
    message_hold(m);
    if (!load(q, m)) {
        q->active--;
        message_release(m);
        return;
    }
    struct work *w = m->work;
    count_active(q, w, true);
    q->count.activated++;
    w->active_since = clock_wall();
    w->outcomes =
        arena_alloc_array(w->arena, w->image.envelope.n_recipients, sizeof *w->outcomes);
    result_expanded_lists(w);
    if (!obey_marks(q, m)) {
        log_active(q, w);
        resolve_work(q, w);
    }
    message_release(m);
}

static void activator(void *arg)
{
    struct qmgr *q = arg;
    struct message *m;
    while (!q->is_stopping && has_room(q) && (m = next_waiting(q)) != NULL)
        activate(q, m);
    q->activators--;
}

void active_poke(struct qmgr *q)
{
    if (q->is_stopping || !has_room(q) || q->activators >= ACTIVATORS_MAX ||
        (list_is_empty(&q->incoming) && list_is_empty(&q->due)))
        return;
    q->activators++;
    fiber_spawn("activator", activator, q);
}
