/* results - what became of recipients: from agents' answers, or decided here
 *
 * A recipient that is done is marked in the journal at once, so that a crash later in the
 * pass does not repeat its delivery.  What failed is kept until the end of the pass
 * (finish.c).
 */
#include "agent/delays.h"
#include "base/log.h"
#include "transport.h"

#include <stdarg.h>
#include <stdio.h>

static void set_status(struct outcome_record *o, struct view status, char class)
{
    snprintf(o->status, sizeof o->status, "%.*s", VIEW_FMT(status));
    if (o->status[0] == '\0')
        snprintf(o->status, sizeof o->status, "%c.0.0", class);
}

/* --- decided here --- */

/* Postfix's line, as error(8) and discard(8) write it. */
static void log_local(struct qmgr *q, const struct work *w, size_t i, const char *word)
{
    const struct recipient *in = &w->image.envelope.recipients[i];
    const struct outcome_record *o = &w->outcomes[i];
    int64_t now = clock_wall();
    struct delays times = {w->image.envelope.arrival, w->active_since, now, 0, now};
    struct str line = STR_INIT(8192);
    struct view to =
        w->routes && w->routes[i].recipient.n ? w->routes[i].recipient : in->address;
    str_addf(&line, "%s: to=<%.*s>, ", w->m->id, VIEW_FMT(log_address(q, to, w->arena)));
    if (in->original.n > 0 && !view_eq_case(in->original, to))
        str_addf(&line, "orig_to=<%.*s>, ",
                 VIEW_FMT(log_address(q, in->original, w->arena)));
    str_add(&line, VIEW("relay=none, "));
    delays_add_all(&line, &times, q->set.delay_digits);
    str_addf(&line, ", dsn=%s, status=%s (%.*s)", o->status, word, VIEW_FMT(o->text));
    log_info_as(q->set.error_tag, "%s", str_cstr(&line));
    str_done(&line);
}

void result_local(struct qmgr *q, struct work *w, size_t i, bool is_permanent,
                  struct view status, const char *format, ...)
{
    struct outcome_record *o = &w->outcomes[i];
    va_list args;
    va_start(args, format);
    o->text = arena_vprintf(w->arena, format, args);
    va_end(args);
    bool is_soft = is_permanent && q->set.soft_bounce;
    set_status(o, status, is_permanent ? '5' : '4');
    if (is_soft)
        o->status[0] = '4';
    o->outcome = is_permanent && !is_soft ? OUTCOME_BOUNCED : OUTCOME_DEFERRED;
    o->is_answered = true;
    log_local(q, w, i, is_soft ? "SOFTBOUNCE" : is_permanent ? "bounced" : "deferred");
}

void result_discarded(struct qmgr *q, struct work *w, size_t i, const char *text)
{
    struct outcome_record *o = &w->outcomes[i];
    o->text = view_of(text);
    set_status(o, VIEW("2.0.0"), '2');
    o->outcome = OUTCOME_SENT;
    o->is_answered = true;
    log_local(q, w, i, "sent");
    work_mark(w, i);
}

void result_expanded_lists(struct work *w)
{
    bool is_probe = w->image.envelope.flags & MESSAGE_PROBE;
    for (size_t i = 0; i < w->image.envelope.n_recipients; i++) {
        struct outcome_record *o = &w->outcomes[i];
        if (w->image.envelope.recipients[i].status != RECIPIENT_EXPANDED)
            continue;
        o->outcome = OUTCOME_EXPANDED;
        o->is_answered = true;
        o->text =
            is_probe ? VIEW("aliased to multiple recipients") : VIEW("alias expanded");
        set_status(o, is_probe ? VIEW("2.0.5") : VIEW("2.0.0"), '2');
    }
}

/* --- an agent's answer --- */

/* Is recipient I one of X's that has no answer yet?  The agent may say anything. */
static bool is_asked(const struct entry *x, uint64_t i)
{
    const struct work *w = x->work;
    if (i >= w->image.envelope.n_recipients || w->outcomes[i].is_answered)
        return false;
    if (x->n == 1)
        return x->first == i;
    for (uint32_t k = x->first; k != UINT32_MAX; k = w->routes[k].next)
        if (k == i)
            return true;
    return false;
}

static bool is_success(uint8_t outcome)
{
    return outcome == OUTCOME_SENT || outcome == OUTCOME_EXPANDED ||
           outcome == OUTCOME_RELAYED || outcome == OUTCOME_PASSED_ON;
}

/* One recipient's attributes; what has to outlive the message is copied when the end of
 * the pass will want it. */
struct gathered {
    bool has_index;
    uint64_t index;
    uint64_t outcome;
    struct view status, text, diagnostic_type, diagnostic, remote_mta, relay;
};

static void keep(struct work *w, struct outcome_record *o, const struct gathered *g)
{
    o->text = arena_dup(w->arena, g->text);
    o->diagnostic_type = arena_dup(w->arena, g->diagnostic_type);
    o->diagnostic = arena_dup(w->arena, g->diagnostic);
    o->remote_mta = arena_dup(w->arena, g->remote_mta);
    o->relay = arena_dup(w->arena, g->relay);
}

struct taking {
    struct qmgr *q;
    struct entry *x;
    uint32_t *marks; /* recipients that are done by this message */
    size_t n_marks;
};

static void conclude(struct taking *t, const struct gathered *g)
{
    struct entry *x = t->x;
    struct work *w = x->work;
    if (!g->has_index || !is_asked(x, g->index))
        return;
    size_t i = (size_t)g->index;
    struct outcome_record *o = &w->outcomes[i];
    const struct recipient *in = &w->image.envelope.recipients[i];
    uint8_t outcome = (uint8_t)g->outcome;
    if (outcome == OUTCOME_NONE || (outcome == OUTCOME_BOUNCED && t->q->set.soft_bounce))
        outcome = OUTCOME_DEFERRED;
    o->outcome = outcome;
    o->is_answered = true;
    x->unanswered--;
    bool good = is_success(outcome);
    set_status(o, g->status, good ? '2' : outcome == OUTCOME_BOUNCED ? '5' : '4');
    uint32_t flags = w->image.envelope.flags;
    if (!good || (in->notify & NOTIFY_SUCCESS) ||
        flags & (MESSAGE_VERIFY | MESSAGE_TRACE | MESSAGE_PROBE) ||
        (flags & MESSAGE_DELAY_SENT && t->q->set.confirm_delay_cleared))
        keep(w, o, g);
    if (good) {
        t->q->count.delivered++;
        work_mark(w, i);
        t->marks[t->n_marks++] = (uint32_t)i;
    }
}

/* The destination as a whole does not answer. */
static void note_dead(struct entry *x, const struct ipc_message *m)
{
    struct view status = ipc_get_view(m, IPC_ATTR_DEAD_STATUS);
    if (status.n == 0)
        return;
    x->is_bad = true;
    snprintf(x->dead_status, sizeof x->dead_status, "%.*s", VIEW_FMT(status));
    x->dead_text = arena_dup(x->work->arena, ipc_get_view(m, IPC_ATTR_DEAD_TEXT));
}

/* Write marks into the journal, unless all is done anyway: then one record says so. */
static void write_marks(struct taking *t, bool needs_checkpoint)
{
    struct work *w = t->x->work;
    struct message *m = w->m;
    if (t->n_marks == 0)
        return;
    if (needs_checkpoint || w->n_pending == 0)
        return;
    journal_hold_current(t->q->journal, &m->hold);
    journal_mark(t->q->journal, message_id(m), t->marks, t->n_marks);
}

bool result_take(struct qmgr *q, struct entry *x, struct ipc_message *m)
{
    struct taking t = {.q = q, .x = x};
    struct gathered g = {.has_index = false};
    struct ipc_value v;
    size_t position = 0;
    struct view path = ipc_get_view(m, IPC_ATTR_CHECKPOINT);
    t.marks = arena_alloc_array(x->work->arena, x->unanswered + 1, sizeof *t.marks);
    note_dead(x, m);
    while (ipc_next(m, &position, &v)) {
        if (v.attr == IPC_ATTR_INDEX) {
            conclude(&t, &g);
            g = (struct gathered){.has_index = true, .index = v.u64};
        } else if (v.attr == IPC_ATTR_OUTCOME) {
            g.outcome = v.u64;
        } else if (v.attr == IPC_ATTR_RECIPIENT_STATUS) {
            g.status = v.view;
        } else if (v.attr == IPC_ATTR_RECIPIENT_TEXT) {
            g.text = v.view;
        } else if (v.attr == IPC_ATTR_DIAGNOSTIC_TYPE) {
            g.diagnostic_type = v.view;
        } else if (v.attr == IPC_ATTR_DIAGNOSTIC) {
            g.diagnostic = v.view;
        } else if (v.attr == IPC_ATTR_REMOTE_MTA) {
            g.remote_mta = v.view;
        } else if (v.attr == IPC_ATTR_RELAY) {
            g.relay = v.view;
        }
    }
    conclude(&t, &g);
    if (path.n > 0 && t.n_marks > 0) {
        x->work->any_checkpoint = true;
        checkpoint_note(q, path);
    }
    write_marks(&t, path.n > 0);
    return ipc_get_u64(m, IPC_ATTR_MORE, 0) == 0;
}

/* --- a new message in a recipient's place --- */

/* The work of ID in which recipient I waits for an agent's answer; NULL when it does not.
 */
static struct work *work_awaiting(struct qmgr *q, struct view id, uint32_t i)
{
    struct message *m = message_find(q, id);
    struct work *w = m ? m->work : NULL;
    if (w == NULL || i >= w->image.envelope.n_recipients || w->outcomes[i].is_answered ||
        w->image.envelope.recipients[i].status != RECIPIENT_PENDING)
        return NULL;
    return w;
}

uint64_t result_replacing(struct qmgr *q, struct view id, uint32_t i, bool is_file)
{
    struct work *w = work_awaiting(q, id, i);
    if (w == NULL)
        return 0;
    journal_hold_current(q->journal, &w->m->hold);
    return is_file ? journal_mark(q->journal, id, &i, 1)
                   : journal_mark_tied(q->journal, id, &i, 1);
}

void result_replaced_before(struct qmgr *q, struct view id, uint32_t i)
{
    struct message *m = message_find(q, id);
    if (m == NULL) {
        m = message_new(q, id);
        m->state = MESSAGE_MISSING;
    }
    message_mark(q, m, i);
}

void result_replaced(struct qmgr *q, struct view id, uint32_t i, const char *new_id)
{
    struct work *w = work_awaiting(q, id, i);
    if (w == NULL)
        return;
    LIST_FOR_EACH (struct entry, x, &w->entries, in_work) {
        if (!x->is_running || !is_asked(x, i))
            continue;
        struct outcome_record *o = &w->outcomes[i];
        o->outcome = OUTCOME_EXPANDED;
        o->is_answered = true;
        o->text = arena_printf(w->arena, "forwarded as %s", new_id);
        set_status(o, VIEW("2.0.0"), '2');
        x->unanswered--;
        q->count.delivered++;
        work_mark(w, i);
        return;
    }
}
