/* loader - the queue of the life before: the journal's messages at once, files in the
 * background
 *
 * A worker walks the directories; a file's time says when it is due.  Only those in
 * incoming/ are opened: one of them may have taken the place of a recipient just before
 * the crash, and that recipient's message must not be tried before this is known.
 */
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "qmgr.h"
#include "run/thread.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLICE 500 /* messages between two pauses */

/* --- the journal's replay --- */

void loader_found(const struct journal_found *f, void *arg)
{
    struct qmgr *q = arg;
    q->is_settling = true; /* until loader_fiber has seen the new files */
    if (f->is_done) {      /* finished; the removal of its file may have been lost */
        for (int i = 0; i < QUEUE_NAMES; i++)
            if (i != QUEUE_NAME_CORRUPT)
                (void)queue_dir_unlink(&q->dir, (enum queue_name)i, f->id);
        return;
    }
    struct message *m = message_new(q, f->id);
    m->maybe_tried = true;
    if (f->segment)
        journal_hold_found(f, &m->hold);
    if (f->n_marks > 0) {
        m->marks = memory_alloc_array(f->n_marks + 1, sizeof *m->marks);
        m->marks[0] = (uint32_t)f->n_marks;
        memcpy(m->marks + 1, f->marks, f->n_marks * sizeof *m->marks);
    }
    if (f->is_message)
        active_enqueue(q, m, false);
    else
        m->state = MESSAGE_MISSING;
}

/* --- the files --- */

struct found_file {
    struct queue_id id;
    int64_t time;
    bool replaces; /* recipient `index` of `origin` */
    struct queue_id origin;
    uint32_t index;
};

struct walk {
    struct qmgr *q;
    enum queue_name queue;
    struct found_file *items;
    size_t n, cap;
    struct error error;
};

/* Does the new file X take a recipient's place? */
static void read_origin(const struct walk *w, struct found_file *x)
{
    struct queue_message image;
    struct stat st;
    struct error e = ERROR_INIT;
    struct arena *a = arena_new();
    int fd = queue_dir_open_file(&w->q->dir, w->queue, queue_id_view(&x->id), O_RDONLY);
    if (fd >= 0 && fstat(fd, &st) == 0 &&
        queue_file_read(a, fd, 0, (uint64_t)st.st_size, &image, &e) == OK)
        x->replaces = envelope_replaces(&image.envelope, &x->origin, &x->index);
    if (fd >= 0)
        close(fd);
    arena_free(a);
}

static bool take_entry(const struct queue_dir_entry *entry, void *arg)
{
    struct walk *w = arg;
    if (entry->misplaced &&
        !queue_dir_replace(&w->q->dir, entry->path, w->queue, entry->id))
        return true;
    if (w->n == w->cap) {
        w->cap = w->cap ? 2 * w->cap : 256;
        w->items = memory_resize(w->items, w->cap * sizeof *w->items);
    }
    struct found_file *x = &w->items[w->n++];
    snprintf(x->id.text, sizeof x->id.text, "%.*s", VIEW_FMT(entry->id));
    x->time = entry->time;
    x->replaces = false;
    return true;
}

static void walk_work(void *arg)
{
    struct walk *w = arg;
    if (!queue_dir_walk(&w->q->dir, w->queue, take_entry, w, &w->error))
        log_warning("%s", error_cstr(&w->error));
    for (size_t i = 0; w->queue == QUEUE_NAME_INCOMING && i < w->n; i++)
        read_origin(w, &w->items[i]);
}

void loader_note_done(struct qmgr *q, struct view id)
{
    if (q->done_early == NULL)
        q->done_early = hash_new();
    hash_put(q->done_early, id, q);
}

static void take_file(struct qmgr *q, enum queue_name where, const struct found_file *x)
{
    struct view id = queue_id_view(&x->id);
    if (q->done_early && hash_get(q->done_early, id)) {
        (void)queue_dir_unlink(&q->dir, where, id);
        return;
    }
    struct message *m = message_find(q, id);
    int64_t now = clock_wall(), due = x->time;
    if (m && m->state != MESSAGE_MISSING) {
        /* The journal has it: the file is one that had not yet been told to it. */
        if (!m->has_file && !m->is_parking && m->state != MESSAGE_COMMITTING)
            (void)queue_dir_unlink(&q->dir, where, id);
        return;
    }
    if (m == NULL)
        m = message_new(q, id);
    m->has_file = true;
    m->where = (uint8_t)where;
    m->maybe_tried = true;
    if (due > now + q->set.retry.maximal)
        due = now + q->set.retry.maximal;
    if (where == QUEUE_NAME_HOLD)
        m->state = MESSAGE_HELD;
    else if (where == QUEUE_NAME_DEFERRED && due > now)
        active_defer(q, m, due);
    else
        active_enqueue(q, m, false);
}

/* Marks for files that do not exist any more. */
static void drop_missing(struct qmgr *q)
{
    for (size_t i = 0; i < q->n_buckets; i++)
        for (struct message *m = q->buckets[i], *next; m; m = next) {
            next = m->next;
            if (m->state == MESSAGE_MISSING)
                message_free(q, m);
        }
}

void loader_fiber(void *arg)
{
    struct qmgr *q = arg;
    static const enum queue_name order[] = {QUEUE_NAME_INCOMING, QUEUE_NAME_ACTIVE,
                                            QUEUE_NAME_DEFERRED, QUEUE_NAME_HOLD};
    size_t total = 0;
    q->is_settling = true;
    for (size_t k = 0; k < sizeof order / sizeof order[0]; k++) {
        struct walk w = {.q = q, .queue = order[k]};
        thread_run(walk_work, &w);
        for (size_t i = 0; i < w.n; i++) {
            if (w.items[i].replaces)
                result_replaced_before(q, queue_id_view(&w.items[i].origin),
                                       w.items[i].index);
            take_file(q, order[k], &w.items[i]);
            if (i % SLICE == SLICE - 1) {
                active_poke(q);
                fiber_yield();
            }
        }
        total += w.n;
        memory_free(w.items);
        q->is_settling = false;
        active_poke(q);
    }
    drop_missing(q);
    hash_free(q->done_early, NULL);
    q->done_early = NULL;
    q->is_loaded = true;
    waitq_wake_all(&q->loaded);
    if (total > 0)
        log_debug("%zu messages found in the queue", total);
}
