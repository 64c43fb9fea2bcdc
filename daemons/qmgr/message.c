/* message - what is known of each message; loading its envelope and content, letting go
 */
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "format/address.h"
#include "format/verp.h"
#include "qmgr.h"
#include "run/thread.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_BUCKETS 1024

/* --- the index: buckets of chains --- */

static struct message **bucket_of(const struct qmgr *q, struct view id)
{
    return &q->buckets[hash_of(id) & (q->n_buckets - 1)];
}

static void index_grow(struct qmgr *q)
{
    struct message **old = q->buckets;
    size_t n = q->n_buckets;
    q->n_buckets = n ? 2 * n : FIRST_BUCKETS;
    q->buckets = memory_alloc_array(q->n_buckets, sizeof(struct message *));
    for (size_t i = 0; i < n; i++)
        for (struct message *m = old[i], *next; m; m = next) {
            struct message **b = bucket_of(q, message_id(m));
            next = m->next;
            m->next = *b;
            *b = m;
        }
    memory_free(old);
}

struct message *message_find(const struct qmgr *q, struct view id)
{
    if (q->n_buckets == 0)
        return NULL;
    struct message *m = *bucket_of(q, id);
    while (m && !view_eq(message_id(m), id))
        m = m->next;
    return m;
}

struct message *message_new(struct qmgr *q, struct view id)
{
    if (q->n_messages >= q->n_buckets)
        index_grow(q);
    struct message *m = memory_alloc(sizeof *m + id.n + 1);
    memcpy(m->id, id.p, id.n);
    struct message **b = bucket_of(q, id);
    m->next = *b;
    *b = m;
    q->n_messages++;
    return m;
}

static void unlink_message(struct qmgr *q, struct message *m)
{
    struct message **b = bucket_of(q, message_id(m));
    while (*b && *b != m)
        b = &(*b)->next;
    assert(*b == m);
    *b = m->next;
    q->n_messages--;
}

void message_hold(struct message *m)
{
    m->users++;
}

void message_release(struct message *m)
{
    assert(m->users > 0);
    if (--m->users == 0 && m->is_gone)
        memory_free(m);
}

void message_free(struct qmgr *q, struct message *m)
{
    assert(!m->is_gone);
    active_forget(q, m);
    unlink_message(q, m);
    list_remove(&m->link);
    heap_remove(&q->retry, &m->retry);
    if (q->journal)
        journal_release(q->journal, &m->hold);
    if (m->work)
        work_free(q, m->work);
    memory_free(m->marks);
    m->marks = NULL;
    m->is_gone = true;
    if (m->users == 0)
        memory_free(m);
}

/* --- loaded messages --- */

/* Count the open content of W in or out. */
static void account_content(struct qmgr *q, const struct work *w, bool is_opened)
{
    if (w->content_fd < 0)
        return;
    uint64_t bytes = w->is_memory ? w->image.content_size : 0;
    q->memory_used += is_opened ? bytes : -bytes;
    q->content_fds += is_opened ? 1 : (uint64_t)-1;
}

struct work *work_new(struct qmgr *q, struct message *m, struct arena *a,
                      const struct queue_message *image, int fd, bool is_memory)
{
    struct work *w = ARENA_NEW(a, struct work);
    assert(m->work == NULL);
    w->q = q;
    w->m = m;
    w->arena = a;
    w->image = *image;
    w->content_fd = fd;
    w->is_memory = is_memory;
    list_init(&w->entries);
    for (size_t i = 0; i < image->envelope.n_recipients; i++)
        w->n_pending += image->envelope.recipients[i].status == RECIPIENT_PENDING;
    account_content(q, w, true);
    m->work = w;
    return w;
}

static void close_content(struct qmgr *q, struct work *w)
{
    if (w->content_fd < 0)
        return;
    account_content(q, w, false);
    close(w->content_fd);
    w->content_fd = -1;
    w->is_memory = false;
}

void work_free(struct qmgr *q, struct work *w)
{
    assert(w->waiting == 0 && w->running == 0);
    close_content(q, w);
    w->m->work = NULL;
    arena_free(w->arena);
}

bool memory_is_short(const struct qmgr *q)
{
    return q->memory_used > q->set.memory_limit || q->content_fds > q->fd_limit;
}

void work_relax(struct qmgr *q, struct work *w)
{
    bool has_copy = w->m->has_file || w->m->hold.size > 0;
    if (w->running == 0 && has_copy && memory_is_short(q))
        close_content(q, w);
}

void message_mark(struct qmgr *q, struct message *m, uint32_t mark)
{
    uint32_t n = m->marks ? m->marks[0] : 0;
    m->marks = memory_resize(m->marks, (n + 2) * sizeof *m->marks);
    m->marks[0] = n + 1;
    m->marks[n + 1] = mark;
    if (m->work)
        queue_marks_apply(&m->work->image.envelope, &mark, 1);
    journal_hold_current(q->journal, &m->hold);
    journal_mark(q->journal, message_id(m), &mark, 1);
}

size_t work_count_recipients(const struct work *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->image.envelope.n_recipients; i++)
        n += !recipient_is_list(w->image.envelope.recipients[i].status);
    return n;
}

struct view work_sender(struct work *w, size_t i)
{
    const struct envelope *env = &w->image.envelope;
    const struct recipient *r = &env->recipients[i];
    struct str sender = STR_INIT(ENVELOPE_ADDRESS_MAX);
    struct view result = env->sender;
    if (env->verp_delimiters.n == 0 || env->sender.n == 0)
        return result;
    if (verp_sender(env->sender, r->original.n > 0 ? r->original : r->address,
                    env->verp_delimiters, &sender))
        result = arena_dup(w->arena, str_view(&sender));
    else
        log_warning("%s: address too long for VERP", w->m->id);
    str_done(&sender);
    return result;
}

void work_mark(struct work *w, size_t i)
{
    struct recipient *r = &w->image.envelope.recipients[i];
    w->n_pending -= r->status == RECIPIENT_PENDING;
    r->status = recipient_done(r->status);
}

/* --- loading, in a worker --- */

struct load_job {
    const struct queue_dir *dir;
    struct message *m;
    struct arena *arena;
    struct queue_message image;
    int fd; /* of the file, or the journal's */
    bool is_file;
    enum result result;
    struct error error;
};

static void load_work(void *arg)
{
    struct load_job *job = arg;
    struct stat st;
    uint64_t offset = job->m->hold.offset, size = job->m->hold.size;
    if (job->is_file) {
        job->fd = queue_dir_open_file(job->dir, (enum queue_name)job->m->where,
                                      message_id(job->m), O_RDONLY);
        offset = 0;
        if (job->fd < 0 || fstat(job->fd, &st) < 0) {
            error_set_errno(&job->error, "4.3.0", "open queue file");
            return;
        }
        size = (uint64_t)st.st_size;
    }
    job->result =
        queue_file_read(job->arena, job->fd, offset, size, &job->image, &job->error);
}

enum result work_load(struct qmgr *q, struct message *m, struct error *e)
{
    struct load_job job = {.dir = &q->dir,
                           .m = m,
                           .arena = arena_new(),
                           .fd = -1,
                           .is_file = m->has_file,
                           .result = TEMPFAIL};
    if (!m->has_file)
        job.fd = journal_hold_fd(&m->hold);
    message_hold(m);
    thread_run(load_work, &job);
    message_release(m);
    if (job.result == OK) {
        work_new(q, m, job.arena, &job.image, job.is_file ? job.fd : -1, false);
        if (m->marks) {
            struct work *w = m->work;
            queue_marks_apply(&w->image.envelope, m->marks + 1, m->marks[0]);
            w->n_pending = 0;
            for (size_t i = 0; i < w->image.envelope.n_recipients; i++)
                w->n_pending +=
                    w->image.envelope.recipients[i].status == RECIPIENT_PENDING;
        }
        return OK;
    }
    *e = job.error;
    if (job.is_file && job.fd >= 0)
        close(job.fd);
    arena_free(job.arena);
    return job.result;
}

/* --- content --- */

struct content_job {
    const struct queue_dir *dir;
    struct message *m;
    uint64_t size;
    int from, fd;
    int saved_errno;
};

static bool copy_to_memory(struct content_job *job)
{
    char *p = memory_alloc(65536);
    bool good = true;
    for (uint64_t at = 0; good && at < job->size;) {
        size_t n = job->size - at < 65536 ? (size_t)(job->size - at) : 65536;
        good = queue_read_full(job->from, p, n, job->m->hold.offset + at) &&
               queue_write_full(job->fd, p, n, at);
        at += n;
    }
    memory_free(p);
    return good && fcntl(job->fd, F_ADD_SEALS,
                         F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0;
}

static void content_work(void *arg)
{
    struct content_job *job = arg;
    if (job->from < 0) {
        job->fd = queue_dir_open_file(job->dir, (enum queue_name)job->m->where,
                                      message_id(job->m), O_RDONLY);
    } else {
        job->fd = memfd_create("content", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (job->fd >= 0 && !copy_to_memory(job)) {
            job->saved_errno = errno;
            close(job->fd);
            job->fd = -1;
            return;
        }
    }
    job->saved_errno = errno;
}

bool work_open_content(struct qmgr *q, struct work *w, struct error *e)
{
    struct content_job job = {&q->dir, w->m, w->image.content_size, -1, -1, 0};
    if (w->content_fd >= 0)
        return true;
    if (!w->m->has_file)
        job.from = journal_hold_fd(&w->m->hold);
    thread_run(content_work, &job);
    if (job.fd < 0) {
        errno = job.saved_errno;
        error_set_errno(e, "4.3.0", "open content of %s", w->m->id);
        return false;
    }
    if (w->content_fd >= 0) { /* somebody else was faster */
        close(job.fd);
        return true;
    }
    w->content_fd = job.fd;
    w->is_memory = job.from >= 0;
    account_content(q, w, true);
    return true;
}

struct view log_address(const struct qmgr *q, struct view address, struct arena *a)
{
    struct str quoted = STR_INIT(4 * ENVELOPE_ADDRESS_MAX);
    struct view v = address;
    if (q->set.external_form && address.n > 0 && address_quote_822(address, &quoted))
        v = arena_dup(a, str_view(&quoted));
    str_done(&quoted);
    return v;
}
