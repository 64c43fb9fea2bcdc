/* control - what postqueue, postsuper, postcat and triggers ask of the running qmgr */
#include "base/log.h"
#include "base/memory.h"
#include "queue/queue_offline.h"
#include "run/thread.h"
#include "transport.h"
#include "views.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define ANSWER_TIMEOUT (60 * CLOCK_SECOND)
#define LOAD_TIMEOUT   (60 * CLOCK_SECOND)

/* --- changes --- */

/* M stops being delivered; what runs is waited for by its pass. */
static void abort_pass(struct qmgr *q, struct message *m)
{
    struct work *w = m->work;
    if (m->state != MESSAGE_ACTIVE || w == NULL || w->is_finishing)
        return;
    w->is_aborted = true;
    transport_withdraw(w);
    if (w->running == 0)
        finish_work(q, w);
}

static bool is_busy(const struct message *m)
{
    return m->state == MESSAGE_ACTIVE || m->is_parking || m->users > 0;
}

static void delete_message(struct qmgr *q, struct message *m)
{
    if (!is_busy(m)) {
        finish_remove(q, m, true);
        return;
    }
    m->wants_delete = true;
    abort_pass(q, m);
}

/* May suspend. */
static bool hold_message(struct qmgr *q, struct message *m)
{
    struct error e = ERROR_INIT;
    if (is_busy(m)) {
        m->wants_hold = true;
        abort_pass(q, m);
        return true;
    }
    active_forget(q, m);
    list_remove(&m->link);
    heap_remove(&q->retry, &m->retry);
    m->state = MESSAGE_HELD;
    message_hold(m);
    bool good = park_message(q, m, QUEUE_NAME_HOLD, clock_wall(), &e);
    bool is_gone = m->is_gone;
    if (!good && !is_gone) {
        log_warning("%s: hold: %s", m->id, error_cstr(&e));
        active_defer(q, m, clock_wall() + q->set.retry.minimal);
    }
    message_release(m);
    return good;
}

/* Out of hold/ and due now.  May suspend. */
static bool release_message(struct qmgr *q, struct message *m)
{
    struct error e = ERROR_INIT;
    if (m->state != MESSAGE_HELD)
        return false;
    message_hold(m);
    bool good = park_message(q, m, QUEUE_NAME_DEFERRED, clock_wall(), &e);
    if (!good)
        log_warning("%s: release: %s", m->id, error_cstr(&e));
    else if (!m->is_gone)
        active_enqueue(q, m, false);
    message_release(m);
    active_poke(q);
    return good;
}

static void try_now(struct qmgr *q, struct message *m)
{
    m->is_flushed = true;
    if (m->state == MESSAGE_DEFERRED)
        active_enqueue(q, m, false);
    active_poke(q);
}

/* May suspend. */
static bool change_message(struct qmgr *q, struct message *m, enum queue_request request)
{
    bool was_held = m->state == MESSAGE_HELD;
    switch (request) {
    case QUEUE_DELETE:
        delete_message(q, m);
        return true;
    case QUEUE_HOLD:
        return hold_message(q, m);
    case QUEUE_RELEASE:
        return release_message(q, m);
    case QUEUE_REQUEUE:
        message_mark(q, m, JOURNAL_MARK_REQUEUE);
        abort_pass(q, m);
        if (was_held)
            return release_message(q, m);
        try_now(q, m);
        return true;
    case QUEUE_EXPIRE:
        message_mark(q, m, JOURNAL_MARK_FORCED_EXPIRE);
        return true;
    case QUEUE_EXPIRE_ALL:
        message_mark(q, m, JOURNAL_MARK_FORCED_EXPIRE);
        return !was_held || release_message(q, m);
    case QUEUE_FLUSH:
    case QUEUE_FLUSH_ID:
    case QUEUE_FLUSH_SITE:
    case QUEUE_REQUESTS:
        break;
    }
    try_now(q, m);
    return true;
}

/* Drop from the snapshot what is not for the site. */
static void site_work(void *arg)
{
    struct snapshot *s = arg;
    size_t kept = 0;
    struct arena *a = arena_new();
    for (size_t i = 0; i < s->n; i++) {
        struct queue_message image;
        const struct sight *x = &s->items[i];
        struct view id = queue_id_view(&x->id);
        if (x->shown != QUEUE_NAME_DEFERRED)
            continue;
        int fd =
            x->has_file ? queue_dir_open_file(&s->q->dir, x->where, id, O_RDONLY) : x->fd;
        off_t size = x->has_file && fd >= 0 ? lseek(fd, 0, SEEK_END) : (off_t)x->size;
        if (fd >= 0 && size > 0 &&
            queue_file_read(a, fd, x->has_file ? 0 : x->offset, (uint64_t)size, &image,
                            NULL) == OK &&
            envelope_has_site(&image.envelope, s->site))
            s->items[kept++] = *x;
        if (x->has_file && fd >= 0)
            close(fd);
        arena_reset(a);
    }
    s->n = kept;
    arena_free(a);
}

struct order {
    enum queue_request request;
    struct view id, site, queue_name;
};

static bool change_one(struct qmgr *q, const struct order *o, struct view id)
{
    struct message *m = message_find(q, id);
    enum queue_name shown = m ? view_queue_of(m) : QUEUE_NAMES;
    if (m == NULL || shown == QUEUE_NAMES ||
        !queue_request_applies(o->request, o->queue_name, shown))
        return false;
    struct queue_id kept;
    snprintf(kept.text, sizeof kept.text, "%s", m->id);
    if (!change_message(q, m, o->request))
        return false;
    queue_request_log(o->request, shown, kept.text);
    return true;
}

/* May suspend. */
static uint64_t change_many(struct qmgr *q, const struct order *o)
{
    uint64_t count = 0;
    struct snapshot *s = snapshot_take(q);
    s->site = o->site;
    if (o->request == QUEUE_FLUSH_SITE)
        thread_run(site_work, s);
    for (size_t i = 0; i < s->n; i++) {
        count += change_one(q, o, queue_id_view(&s->items[i].id));
        if (i % 256 == 255)
            fiber_yield();
    }
    snapshot_free(s);
    return count;
}

static uint64_t flush_all(struct qmgr *q)
{
    uint64_t n = q->retry.n;
    transports_forgive(q);
    active_run(q, true);
    return n;
}

static struct ipc_message *answer_control(struct qmgr *q, struct arena *a,
                                          const struct ipc_message *m, bool is_owner)
{
    struct order o = {.id = ipc_get_view(m, IPC_ATTR_QUEUE_ID),
                      .site = ipc_get_view(m, IPC_ATTR_SITE),
                      .queue_name = ipc_get_view(m, IPC_ATTR_QUEUE_NAME)};
    if (!queue_request_parse(ipc_get_view(m, IPC_ATTR_REQUEST), &o.request)) {
        return view_refusal(a, "5.5.0", "unknown request");
    }
    bool is_flush = o.request >= QUEUE_FLUSH;
    if (!is_flush && !is_owner) {
        return view_refusal(a, "5.7.0", "not permitted");
    }
    uint64_t count;
    if (o.request == QUEUE_FLUSH)
        count = flush_all(q);
    else if (o.request == QUEUE_FLUSH_SITE || view_eq(o.id, VIEW("ALL")))
        count = change_many(q, &o);
    else
        count = change_one(q, &o, o.id);
    struct ipc_message *answer = ipc_message_new(a, IPC_COUNT_IS);
    ipc_put_u64(answer, IPC_ATTR_COUNT, count);
    return answer;
}

/* --- triggers: qmgr(8), TRIGGERS --- */

static void take_trigger(struct qmgr *q, struct view letters)
{
    bool every = view_has(letters, 'A');
    if (view_has(letters, 'F'))
        transports_forgive(q);
    if (view_has(letters, 'D') || every)
        active_run(q, every);
    active_poke(q); /* I and W */
}

/* Who asks for the queue right after a start wants all of it. */
static void wait_until_loaded(struct qmgr *q)
{
    int64_t deadline = clock_in(LOAD_TIMEOUT);
    while (!q->is_loaded && waitq_wait(&q->loaded, deadline) == WAKE_OK)
        ;
}

bool control_request(struct qmgr *q, struct ipc *c, struct ipc_message *m, bool is_owner)
{
    struct error e = ERROR_INIT;
    struct ipc_message *answer = NULL;
    int fd = -1;
    struct arena *a = arena_new();
    enum ipc_type type = ipc_message_type(m);
    bool good = true;
    if (type != IPC_TRIGGER)
        wait_until_loaded(q);
    if (type == IPC_TRIGGER) {
        take_trigger(q, ipc_get_view(m, IPC_ATTR_REQUEST));
    } else if (type == IPC_QUEUE_CONTROL) {
        answer = answer_control(q, a, m, is_owner);
    } else if (type == IPC_QUEUE_LIST) {
        answer = view_list(q, a, &fd);
    } else if (type == IPC_QUEUE_READ && is_owner) {
        answer = view_read(q, a, ipc_get_view(m, IPC_ATTR_QUEUE_ID), &fd);
    } else if (type == IPC_QUEUE_READ) {
        answer = view_refusal(a, "5.7.0", "not permitted");
    } else {
        log_warning("unexpected message %s", ipc_type_name(type));
        good = false;
    }
    if (answer)
        good = ipc_send(c, answer, clock_in(ANSWER_TIMEOUT), &e);
    if (fd >= 0)
        close(fd);
    arena_free(a);
    return good;
}
