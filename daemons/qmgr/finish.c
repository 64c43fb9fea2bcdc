/* finish - the end of a pass over a message
 *
 * In the common case all recipients are done: one record in the journal and the message
 * is gone. Otherwise a fiber tells the sender what failed, and parks what is left in
 * deferred/ with the time of its next attempt.
 */
#include "base/log.h"
#include "base/memory.h"
#include "qmgr.h"
#include "queue/defer_log.h"
#include "run/thread.h"

#include <stdio.h>

/* --- removing --- */

struct remove_job {
    struct queue_dir dir;
    struct queue_id id;
    enum queue_name where;
};

static void remove_work(void *arg)
{
    struct remove_job *job = arg;
    (void)queue_dir_unlink(&job->dir, job->where, queue_id_view(&job->id));
    (void)queue_dir_unlink(&job->dir, QUEUE_NAME_DEFER, queue_id_view(&job->id));
}

static void remove_fiber(void *arg)
{
    thread_run(remove_work, arg);
    memory_free(arg);
}

void finish_remove(struct qmgr *q, struct message *m, bool quiet)
{
    journal_done(q->journal, message_id(m));
    q->count.removed++;
    if (!q->is_loaded)
        loader_note_done(q, message_id(m));
    if (!quiet)
        log_info("%s: removed", m->id);
    if (m->has_file) {
        struct remove_job *job = NEW(struct remove_job);
        job->dir = q->dir;
        snprintf(job->id.text, sizeof job->id.text, "%s", m->id);
        job->where = (enum queue_name)m->where;
        fiber_spawn("remove", remove_fiber, job);
    }
    message_free(q, m);
}

/* All recipients are done; M leaves, perhaps after the next checkpoint. */
static void remove_done(struct qmgr *q, struct work *w)
{
    struct message *m = w->m;
    bool waits = w->any_checkpoint;
    active_leave(q, m);
    if (!waits) {
        finish_remove(q, m, false);
        return;
    }
    log_info("%s: removed", m->id);
    checkpoint_remove(q, m);
}

/* --- what the pass has brought --- */

/* Recipients of a redirected message that the first one stood for. */
static void settle_followers(struct work *w)
{
    for (size_t i = 0; i < w->image.envelope.n_recipients; i++) {
        struct outcome_record *o = &w->outcomes[i];
        if (o->follows == 0)
            continue;
        if (w->image.envelope.recipients[o->follows - 1].status == RECIPIENT_DONE)
            work_mark(w, i);
    }
}

static bool is_pending(const struct work *w, size_t i)
{
    return w->image.envelope.recipients[i].status == RECIPIENT_PENDING;
}

static bool wants_success_report(const struct qmgr *q, const struct work *w)
{
    const struct envelope *env = &w->image.envelope;
    if (env->flags & (MESSAGE_VERIFY | MESSAGE_TRACE))
        return true;
    for (size_t i = 0; i < env->n_recipients; i++)
        if (w->outcomes[i].is_answered && report_wants_success(q, w, i))
            return true;
    return false;
}

/* The marks of all recipients that are done, before something that takes time. */
static void write_marks(struct qmgr *q, struct work *w)
{
    const struct envelope *env = &w->image.envelope;
    if (w->any_checkpoint)
        return;
    for (size_t i = 0; i < env->n_recipients; i++)
        if (env->recipients[i].status == RECIPIENT_DONE && w->outcomes[i].is_answered) {
            uint32_t mark = (uint32_t)i;
            journal_hold_current(q->journal, &w->m->hold);
            journal_mark(q->journal, message_id(w->m), &mark, 1);
        }
}

static size_t count_outcome(const struct work *w, uint8_t outcome)
{
    size_t n = 0;
    for (size_t i = 0; i < w->image.envelope.n_recipients; i++)
        n += is_pending(w, i) && w->outcomes[i].is_answered &&
             w->outcomes[i].outcome == outcome;
    return n;
}

/* --- the sender is told --- */

/* After the report (or without, where none is wanted): recipients with OUTCOME are done.
 */
static void mark_outcome(struct qmgr *q, struct work *w, uint8_t outcome)
{
    for (size_t i = 0; i < w->image.envelope.n_recipients; i++) {
        if (!is_pending(w, i) || !w->outcomes[i].is_answered ||
            w->outcomes[i].outcome != outcome)
            continue;
        uint32_t mark = (uint32_t)i;
        work_mark(w, i);
        journal_hold_current(q->journal, &w->m->hold);
        journal_mark(q->journal, message_id(w->m), &mark, 1);
    }
}

/* The sender knows of the lists among its recipients. */
static void mark_lists(struct qmgr *q, struct work *w)
{
    for (size_t i = 0; i < w->image.envelope.n_recipients; i++) {
        uint32_t mark = (uint32_t)i;
        if (w->image.envelope.recipients[i].status != RECIPIENT_EXPANDED)
            continue;
        work_mark(w, i);
        if (w->n_pending == 0)
            continue; /* the message ends here */
        journal_hold_current(q->journal, &w->m->hold);
        journal_mark(q->journal, message_id(w->m), &mark, 1);
    }
}

static void report_failures(struct qmgr *q, struct work *w)
{
    size_t n = count_outcome(w, OUTCOME_BOUNCED);
    if (n == 0 || (w->image.envelope.flags & MESSAGE_VERIFY))
        return;
    q->count.bounced += n;
    if (report_send(q, w, REPORT_KIND_FAILURE))
        mark_outcome(q, w, OUTCOME_BOUNCED);
}

static void report_successes(struct qmgr *q, struct work *w)
{
    uint32_t flags = w->image.envelope.flags;
    if (flags & (MESSAGE_VERIFY | MESSAGE_TRACE)) {
        if (report_send(q, w, REPORT_KIND_VERIFY) && (flags & MESSAGE_VERIFY))
            for (size_t i = 0; i < w->image.envelope.n_recipients; i++)
                work_mark(w, i);
        return;
    }
    /* What is lost here is words: the mail was delivered all the same. */
    if (wants_success_report(q, w) && report_send(q, w, REPORT_KIND_SUCCESS))
        mark_lists(q, w);
}

static void report_delay(struct qmgr *q, struct work *w)
{
    struct envelope *env = &w->image.envelope;
    uint32_t mark = JOURNAL_MARK_DELAY_SENT;
    if (w->n_pending == 0 || env->sender.n == 0 ||
        (env->flags & (MESSAGE_DELAY_SENT | MESSAGE_NO_DELAY_DSN)) ||
        !retry_wants_warning(&q->set.retry, clock_wall(), env->arrival) ||
        !report_send(q, w, REPORT_KIND_DELAY))
        return;
    env->flags |= MESSAGE_DELAY_SENT;
    journal_hold_current(q->journal, &w->m->hold);
    journal_mark(q->journal, message_id(w->m), &mark, 1);
}

/* --- expiration --- */

struct reasons_job {
    struct qmgr *q;
    struct work *w;
    struct defer_reason *items;
    size_t n;
};

static void reasons_work(void *arg)
{
    struct reasons_job *job = arg;
    if (!defer_log_read(&job->q->dir, message_id(job->w->m), job->w->arena, &job->items,
                        &job->n, NULL))
        job->n = 0;
}

/* Forced expiration has no outcomes: take the reasons of the last attempt. May suspend.
 */
static void recall_reasons(struct qmgr *q, struct work *w)
{
    struct reasons_job job = {.q = q, .w = w};
    thread_run(reasons_work, &job);
    for (size_t i = 0; i < w->image.envelope.n_recipients; i++) {
        struct outcome_record *o = &w->outcomes[i];
        if (!is_pending(w, i) || !o->is_answered || o->outcome != OUTCOME_NONE)
            continue;
        const struct defer_reason *r = defer_log_find(job.items, job.n, (uint32_t)i);
        o->outcome = OUTCOME_DEFERRED;
        snprintf(o->status, sizeof o->status, "4.7.0");
        o->text = VIEW("message is administratively expired");
        if (r == NULL)
            continue;
        snprintf(o->status, sizeof o->status, "%.*s", VIEW_FMT(r->status));
        o->text = r->text;
        o->diagnostic_type = r->diagnostic_type;
        o->diagnostic = r->diagnostic;
        o->remote_mta = r->remote_mta;
    }
}

/* Too long in the queue: what is deferred goes back.  May suspend. */
static void expire(struct qmgr *q, struct work *w)
{
    const struct envelope *env = &w->image.envelope;
    bool is_forced = (env->flags & MESSAGE_FORCED_EXPIRE) != 0;
    bool is_old =
        retry_is_expired(&q->set.retry, clock_wall(), env->arrival, env->sender.n == 0);
    if (is_forced)
        recall_reasons(q, w);
    if ((!is_forced && !is_old) || count_outcome(w, OUTCOME_DEFERRED) == 0)
        return;
    log_info("%s: from=<%.*s>, status=%s, returned to sender", w->m->id,
             VIEW_FMT(log_address(q, env->sender, w->arena)),
             is_old ? "expired" : "force-expired");
    for (size_t i = 0; i < env->n_recipients; i++)
        if (is_pending(w, i) && w->outcomes[i].is_answered &&
            w->outcomes[i].outcome == OUTCOME_DEFERRED)
            w->outcomes[i].outcome = OUTCOME_BOUNCED;
}

/* Tell the sender what this pass has brought.  May suspend. */
static void report_results(struct qmgr *q, struct work *w)
{
    if (!(w->image.envelope.flags & MESSAGE_PROBE)) {
        expire(q, w);
        report_failures(q, w);
        report_successes(q, w);
        return;
    }
    probe_results(q, w);
    for (size_t i = 0; i < w->image.envelope.n_recipients; i++)
        work_mark(w, i); /* a probe is asked once, and nobody waits for a report */
}

/* --- what is left --- */

/* Does M go somewhere else than deferred/ by a request that came while it was active? */
static enum queue_name place_of(const struct message *m)
{
    return m->wants_hold ? QUEUE_NAME_HOLD : QUEUE_NAME_DEFERRED;
}

/* Park what is pending.  May suspend. */
static void defer_rest(struct qmgr *q, struct work *w)
{
    struct message *m = w->m;
    struct error e = ERROR_INIT;
    int64_t now = clock_wall();
    enum queue_name where = place_of(m);
    int64_t due = w->is_aborted && !m->wants_hold
                      ? now
                      : retry_next(&q->set.retry, now, w->image.envelope.arrival);
    q->count.deferred += w->n_pending;
    if (w->any_checkpoint)
        checkpoint_wait(q);
    bool parked = park_message(q, m, where, due, &e);
    if (!parked)
        log_warning("%s: %s", m->id, error_cstr(&e));
    m->is_flushed = m->wants_hold = false;
    bool wants_delete = m->wants_delete;
    active_leave(q, m);
    if (wants_delete)
        finish_remove(q, m, true);
    else if (where == QUEUE_NAME_HOLD && parked)
        m->state = MESSAGE_HELD;
    else
        active_defer(q, m, due);
}

static void finish_fiber(void *arg)
{
    struct work *w = arg;
    struct message *m = w->m;
    struct qmgr *q = w->q;
    message_hold(m);
    while (m->is_parking) /* its journal segment is being freed */
        (void)fiber_sleep(CLOCK_SECOND / 100);
    if (!m->wants_delete) {
        write_marks(q, w);
        report_results(q, w);
        settle_followers(w);
    }
    if (m->wants_delete) {
        active_leave(q, m);
        finish_remove(q, m, true);
    } else if (w->n_pending == 0) {
        remove_done(q, w);
    } else {
        report_delay(q, w);
        defer_rest(q, w);
    }
    message_release(m);
}

void finish_work(struct qmgr *q, struct work *w)
{
    if (w->is_finishing)
        return;
    w->is_finishing = true;
    settle_followers(w);
    if (w->n_pending == 0 && !w->m->wants_delete && !w->m->is_parking &&
        !wants_success_report(q, w) && !(w->image.envelope.flags & MESSAGE_PROBE)) {
        remove_done(q, w);
        return;
    }
    fiber_spawn("finish", finish_fiber, w);
}
