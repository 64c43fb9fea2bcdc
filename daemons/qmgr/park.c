/* park - from the journal (or another queue) into a file
 *
 * Messages that are deferred or held, and those that keep the oldest journal segment,
 * become files.  A fiber takes many at a time: a worker writes them, one flush makes all
 * of them durable, then the journal learns that they moved.
 */
#include "base/log.h"
#include "base/memory.h"
#include "qmgr.h"
#include "queue/defer_log.h"
#include "run/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT_ONCE     256
#define NO_MESSAGE  UINT32_MAX /* in a hold's size: it is not embedded in a message */
#define SYNC_SINGLY 2          /* more files than that: one flush of the file system */

struct park_job {
    struct list_link link;
    struct message *m;
    enum queue_name where;
    int64_t due;
    struct waitq done;
    bool is_done, is_detached; /* detached: nobody waits, freed at the end */
    /* For the worker; nothing here is changed by others meanwhile. */
    struct queue_id id;
    struct arena *arena;
    struct queue_message image;
    bool has_image; /* or it is read from the source */
    int source;
    uint64_t offset, size;
    bool has_file, marks_are_new;
    enum queue_name from;
    uint32_t *marks;
    struct defer_reason *reasons;
    size_t n_reasons;
    size_t n_pending;          /* when the copy was made */
    struct journal_hold since; /* the segment where marks of later go */
    int fd;
    bool good;
    struct error error;
};

/* --- preparation, in the loop --- */

/* The reasons why recipients wait, out of the pass that ends. */
static void copy_reasons(struct park_job *job, const struct work *w)
{
    const struct envelope *env = &w->image.envelope;
    if (w->outcomes == NULL || !w->is_finishing)
        return;
    job->reasons = arena_alloc_array(job->arena, env->n_recipients, sizeof *job->reasons);
    for (size_t i = 0; i < env->n_recipients; i++) {
        const struct outcome_record *o = &w->outcomes[i];
        if (env->recipients[i].status != RECIPIENT_PENDING || !o->is_answered)
            continue;
        job->reasons[job->n_reasons++] = (struct defer_reason){
            .index = (uint32_t)i,
            .recipient = env->recipients[i].address,
            .status = arena_dup(job->arena, view_of(o->status)),
            .text = arena_dup(job->arena, o->text),
            .diagnostic_type = arena_dup(job->arena, o->diagnostic_type),
            .diagnostic = arena_dup(job->arena, o->diagnostic),
            .remote_mta = arena_dup(job->arena, o->remote_mta),
        };
    }
}

/* A copy of the loaded image, parsed anew so that nothing is shared. */
static void copy_image(struct park_job *job, const struct work *w)
{
    struct view bytes = arena_dup(job->arena, w->image.envelope_bytes);
    queue_file_mark(&w->image.envelope, (char *)(uintptr_t)bytes.p, bytes.n);
    job->image = w->image;
    job->image.envelope_bytes = bytes;
    job->has_image = envelope_parse(job->arena, bytes, &job->image.envelope, &job->error);
}

static void prepare(struct qmgr *q, struct park_job *job)
{
    struct message *m = job->m;
    struct work *w = m->work;
    snprintf(job->id.text, sizeof job->id.text, "%s", m->id);
    job->arena = arena_new();
    job->fd = job->source = -1;
    job->has_file = m->has_file;
    job->from = (enum queue_name)m->where;
    job->marks_are_new = m->has_file && m->hold.segment != NULL;
    job->since.size = NO_MESSAGE;
    journal_hold_current(q->journal, &job->since);
    if (m->marks) {
        job->marks = arena_alloc_array(job->arena, m->marks[0] + 1, sizeof *job->marks);
        memcpy(job->marks, m->marks, (m->marks[0] + 1) * sizeof *job->marks);
    }
    if (w) {
        copy_image(job, w);
        copy_reasons(job, w);
        job->n_pending = w->n_pending;
    }
    if (m->has_file)
        return;
    job->source = fcntl(journal_hold_fd(&m->hold), F_DUPFD_CLOEXEC, 0);
    job->offset = m->hold.offset;
    job->size = m->hold.size;
}

/* --- the worker --- */

static void keep_reasons(const struct queue_dir *d, const struct park_job *job)
{
    if (job->n_reasons > 0)
        (void)defer_log_write(d, queue_id_view(&job->id), job->reasons, job->n_reasons,
                              NULL);
}

/* A new file; stays open for the flush. */
static bool write_file(const struct queue_dir *d, struct park_job *job)
{
    struct view id = queue_id_view(&job->id);
    if (!job->has_image && queue_file_read(job->arena, job->source, job->offset,
                                           job->size, &job->image, &job->error) != OK)
        return false;
    if (job->marks)
        queue_marks_apply(&job->image.envelope, job->marks + 1, job->marks[0]);
    queue_file_mark(&job->image.envelope, (char *)(uintptr_t)job->image.envelope_bytes.p,
                    job->image.envelope_bytes.n);
    job->fd = queue_dir_open_file(d, job->where, id, O_RDWR | O_CREAT);
    if (job->fd < 0) {
        error_set_errno(&job->error, errno == ENOSPC ? "4.3.1" : "4.3.0",
                        "create queue file");
        return false;
    }
    return queue_file_write(job->fd, job->source, job->offset, &job->image,
                            &job->error) &&
           queue_dir_set_time(d, job->where, id, job->due);
}

/* The marks of an old file. */
static bool update_marks(const struct queue_dir *d, struct park_job *job)
{
    struct stat st;
    job->fd = queue_dir_open_file(d, job->from, queue_id_view(&job->id), O_RDWR);
    if (job->fd < 0 || fstat(job->fd, &st) < 0) {
        error_set_errno(&job->error, "4.3.0", "open queue file");
        return false;
    }
    if (!job->has_image && queue_file_read(job->arena, job->fd, 0, (uint64_t)st.st_size,
                                           &job->image, &job->error) != OK)
        return false;
    if (job->marks)
        queue_marks_apply(&job->image.envelope, job->marks + 1, job->marks[0]);
    queue_file_mark(&job->image.envelope, (char *)(uintptr_t)job->image.envelope_bytes.p,
                    job->image.envelope_bytes.n);
    return queue_file_update(job->fd, &job->image, &job->error);
}

/* An old file: its marks, its place, its time. */
static bool change_file(const struct queue_dir *d, struct park_job *job)
{
    struct view id = queue_id_view(&job->id);
    if (job->marks_are_new && !update_marks(d, job))
        return false;
    if (job->from != job->where && !queue_dir_rename(d, id, job->from, job->where)) {
        error_set_errno(&job->error, "4.3.0", "rename queue file");
        return false;
    }
    return queue_dir_set_time(d, job->where, id, job->due);
}

struct park_batch {
    const struct queue_dir *dir;
    struct park_job *jobs[AT_ONCE];
    size_t n;
};

static bool flush_file(const struct queue_dir *d, const struct park_job *job)
{
    return fsync(job->fd) == 0 &&
           (job->has_file || queue_dir_sync(d, job->where, queue_id_view(&job->id)));
}

static void park_work(void *arg)
{
    struct park_batch *b = arg;
    size_t n_open = 0;
    for (size_t i = 0; i < b->n; i++) {
        struct park_job *job = b->jobs[i];
        job->good = job->has_file ? change_file(b->dir, job) : write_file(b->dir, job);
        if (job->good)
            keep_reasons(b->dir, job);
        n_open += job->fd >= 0;
    }
    bool all = n_open <= SYNC_SINGLY || queue_dir_sync_all(b->dir);
    for (size_t i = 0; i < b->n; i++) {
        struct park_job *job = b->jobs[i];
        if (job->fd < 0)
            continue;
        if (job->good && (!all || (n_open <= SYNC_SINGLY && !flush_file(b->dir, job)))) {
            error_set_errno(&job->error, "4.3.0", "flush queue file");
            job->good = false;
        }
        close(job->fd);
        if (!job->good && !job->has_file)
            (void)queue_dir_unlink(b->dir, job->where, queue_id_view(&job->id));
    }
}

/* --- conclusion, in the loop --- */

/* Were there marks while the worker had its copy?  They are in the journal only. */
static bool was_marked(const struct park_job *job)
{
    const struct message *m = job->m;
    const struct work *w = m->work;
    uint32_t before = job->marks ? job->marks[0] : 0, now = m->marks ? m->marks[0] : 0;
    return now != before || (w && w->n_pending != job->n_pending);
}

static void settle(struct qmgr *q, struct park_job *job)
{
    struct message *m = job->m;
    if (!job->good)
        return;
    m->where = (uint8_t)job->where;
    m->has_file = true;
    if (job->has_file && !job->marks_are_new)
        return;
    journal_release(q->journal, &m->hold);
    m->hold.size = 0;
    if (was_marked(job)) {
        journal_hold_transfer(q->journal, &job->since, &m->hold);
        return;
    }
    memory_free(m->marks);
    m->marks = NULL;
}

static void conclude(struct qmgr *q, struct park_job *job)
{
    struct message *m = job->m;
    settle(q, job);
    journal_release(q->journal, &job->since);
    m->is_parking = false;
    arena_free(job->arena);
    job->is_done = true;
    if (!job->is_detached) {
        waitq_wake_all(&job->done);
        return;
    }
    if (!job->good)
        log_warning("%s: %s", m->id, error_cstr(&job->error));
    if (m->wants_delete && m->state != MESSAGE_ACTIVE && !m->is_gone)
        finish_remove(q, m, true);
    message_release(m);
    memory_free(job);
}

static void run_batch(struct qmgr *q, struct park_batch *b)
{
    uint64_t ticket = 0;
    for (size_t i = 0; i < b->n; i++)
        prepare(q, b->jobs[i]);
    thread_run(park_work, b);
    for (size_t i = 0; i < b->n; i++) {
        struct park_job *job = b->jobs[i];
        if (job->source >= 0)
            close(job->source);
        if (job->good && !job->has_file)
            ticket = journal_moved(q->journal, queue_id_view(&job->id));
    }
    if (ticket != 0)
        journal_wait(q->journal, ticket);
    for (size_t i = 0; i < b->n; i++)
        conclude(q, b->jobs[i]);
}

void park_fiber(void *arg)
{
    struct qmgr *q = arg;
    struct park_batch *b = NEW(struct park_batch);
    b->dir = &q->dir;
    for (;;) {
        struct list_link *k;
        b->n = 0;
        while (b->n < AT_ONCE && (k = list_pop(&q->to_park)) != NULL)
            b->jobs[b->n++] = CONTAINER_OF(k, struct park_job, link);
        if (b->n > 0)
            run_batch(q, b);
        else
            (void)waitq_wait(&q->parking, CLOCK_NEVER);
    }
}

static void submit(struct qmgr *q, struct park_job *job)
{
    WAITQ_INIT(&job->done);
    job->m->is_parking = true;
    list_append(&q->to_park, &job->link);
    waitq_wake_one(&q->parking);
}

bool park_message(struct qmgr *q, struct message *m, enum queue_name where, int64_t due,
                  struct error *e)
{
    while (m->is_parking) /* the journal's segment is being freed */
        (void)fiber_sleep(CLOCK_SECOND / 100);
    struct park_job *job = NEW(struct park_job);
    job->m = m;
    job->where = where;
    job->due = due;
    message_hold(m);
    submit(q, job);
    while (!job->is_done)
        (void)waitq_wait(&job->done, CLOCK_NEVER);
    message_release(m);
    bool good = job->good;
    if (!good)
        *e = job->error;
    memory_free(job);
    return good;
}

void park_crowded(struct qmgr *q)
{
    const struct list *holds = journal_oldest_holds(q->journal);
    bool wants_checkpoint = false;
    if (holds == NULL || !list_is_empty(&q->to_park))
        return;
    LIST_FOR_EACH (struct journal_hold, h, holds, link) {
        struct message *m = CONTAINER_OF(h, struct message, hold);
        if (h->size == NO_MESSAGE || m->is_parking || m->state == MESSAGE_MISSING)
            continue;
        if (m->state == MESSAGE_LEAVING) {
            wants_checkpoint = true;
            continue;
        }
        struct park_job *job = NEW(struct park_job);
        job->m = m;
        job->is_detached = true;
        job->where = m->has_file ? (enum queue_name)m->where : QUEUE_NAME_INCOMING;
        job->due = m->state == MESSAGE_DEFERRED ? m->retry.key : clock_wall();
        if (!m->has_file && m->state == MESSAGE_DEFERRED)
            job->where = QUEUE_NAME_DEFERRED;
        message_hold(m);
        submit(q, job);
    }
    if (wants_checkpoint)
        waitq_wake_all(&q->checkpoint_wanted);
}
