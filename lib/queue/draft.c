/* draft - one message on its way into the queue
 *
 * Content is gathered in a buffer; a small message reaches its memory file in one write
 * together with envelope and footer.  Large content moves to a nameless file that qmgr
 * opened in the queue.
 */
#include "queue/draft.h"
#include "base/memory.h"
#include "queue/draft_private.h"
#include "queue/queue_file.h"
#include "run/thread.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define BUFFER_MAX (64u << 10)

struct draft {
    struct queue_link *link;
    struct queue_id id;
    int fd; /* memory file or spilled file; -1 before the first write */
    bool is_spilled;
    struct str buffer;    /* content not yet written */
    uint64_t written;     /* content in fd */
    uint32_t checksum;    /* of all content so far */
    bool checksum_is_old; /* the content was changed behind our back */
    uint64_t budget;      /* counted in link->memory_used */
    bool is_replacement;  /* of a recipient of another message */
    uint32_t replaced_index;
    struct queue_id replaced;
    char replaces[48];     /* both, for the envelope */
    struct error failure;  /* sticks until commit */
    draft_taken_fn *taken; /* instead of the queue; NULL */
    bool is_rehearsal;
    void *taken_arg;
};

struct draft *draft_open(struct queue_link *l, struct error *e)
{
    struct queue_id id;
    if (!link_new_id(l, &id, e))
        return NULL;
    struct draft *d = NEW(struct draft);
    d->link = l;
    d->id = id;
    d->fd = -1;
    str_init(&d->buffer, BUFFER_MAX + ENVELOPE_MAX_BYTES + QUEUE_FOOTER_SIZE);
    return d;
}

struct draft *draft_rehearse(struct queue_link *l, draft_taken_fn *taken, void *arg)
{
    struct draft *d = NEW(struct draft);
    d->link = l;
    snprintf(d->id.text, sizeof d->id.text, "NOQUEUE");
    d->fd = -1;
    d->taken = taken;
    d->taken_arg = arg;
    d->is_rehearsal = true;
    str_init(&d->buffer, BUFFER_MAX + ENVELOPE_MAX_BYTES + QUEUE_FOOTER_SIZE);
    return d;
}

struct draft *draft_open_direct(struct queue_link *l, draft_taken_fn *taken, void *arg,
                                struct error *e)
{
    struct draft *d = draft_open(l, e);
    if (d) {
        d->taken = taken;
        d->taken_arg = arg;
    }
    return d;
}

const struct queue_id *draft_id(const struct draft *d)
{
    return &d->id;
}

uint64_t draft_size(const struct draft *d)
{
    return d->written + d->buffer.n;
}

static void draft_free(struct draft *d)
{
    if (d->fd >= 0)
        close(d->fd);
    d->link->memory_used -= d->budget;
    str_done(&d->buffer);
    memory_free(d);
}

void draft_discard(struct draft *d)
{
    draft_free(d);
}

static void fail_errno(struct draft *d, const char *what)
{
    bool is_full = errno == ENOSPC || errno == EDQUOT || errno == ENOMEM;
    if (!error_is_set(&d->failure))
        error_set_errno(&d->failure, is_full ? "4.3.1" : "4.3.0", "%s", what);
}

/* --- writing --- */

struct write_job {
    int fd;
    struct view bytes;
    uint64_t offset;
    bool good;
    int saved_errno;
};

static void write_work(void *arg)
{
    struct write_job *job = arg;
    job->good = queue_write_full(job->fd, job->bytes.p, job->bytes.n, job->offset);
    job->saved_errno = errno;
}

/* Write the buffer behind what is written; a real file is a worker's business. */
static bool write_out(struct draft *d)
{
    struct write_job job = {d->fd, str_view(&d->buffer), d->written, false, 0};
    if (d->is_spilled)
        thread_run(write_work, &job);
    else
        write_work(&job);
    errno = job.saved_errno;
    if (!job.good)
        fail_errno(d, "write message");
    return job.good;
}

static bool have_file(struct draft *d)
{
    if (d->fd < 0) {
        d->fd = memfd_create("draft", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (d->fd < 0)
            fail_errno(d, "make a memory file");
    }
    return d->fd >= 0;
}

static bool flush_buffer(struct draft *d)
{
    if (!have_file(d) || !write_out(d))
        return false;
    d->written += d->buffer.n;
    str_clear(&d->buffer);
    return true;
}

struct copy_job {
    int from, to;
    uint64_t size;
    bool good;
    int saved_errno;
};

static void copy_work(void *arg)
{
    struct copy_job *job = arg;
    char *p = memory_alloc(BUFFER_MAX);
    job->good = true;
    for (uint64_t at = 0; job->good && at < job->size;) {
        size_t n = job->size - at < BUFFER_MAX ? (size_t)(job->size - at) : BUFFER_MAX;
        job->good =
            queue_read_full(job->from, p, n, at) && queue_write_full(job->to, p, n, at);
        at += n;
    }
    job->saved_errno = errno;
    memory_free(p);
}

/* Move the content to a file in the queue.  May suspend. */
static bool spill(struct draft *d)
{
    struct link_request r;
    if (d->is_rehearsal) {
        error_set(&d->failure, "4.3.1", "message too large to rehearse");
        return false;
    }
    if (link_ask(d->link, IPC_SPILL, NULL, NULL, &r, &d->failure) != OK)
        return false;
    struct copy_job job = {d->fd, r.fd, d->written, false, 0};
    thread_run(copy_work, &job);
    if (d->fd >= 0)
        close(d->fd);
    d->fd = r.fd;
    d->is_spilled = true;
    d->link->memory_used -= d->budget;
    d->budget = 0;
    errno = job.saved_errno;
    if (!job.good)
        fail_errno(d, "write message");
    return job.good;
}

/* Account for N more bytes in memory; false when they should go to a file. */
static bool take_budget(struct draft *d, size_t n)
{
    if (draft_size(d) + n > d->link->threshold ||
        d->link->memory_used + n > d->link->memory_limit)
        return false;
    d->budget += n;
    d->link->memory_used += n;
    return true;
}

void draft_write(struct draft *d, struct view content)
{
    while (content.n > 0 && !error_is_set(&d->failure)) {
        struct view part = view_sub(content, 0, BUFFER_MAX - d->buffer.n);
        if (!d->is_spilled && !take_budget(d, part.n) && !spill(d))
            return;
        d->checksum = queue_checksum(d->checksum, part);
        str_add(&d->buffer, part);
        content = view_from(content, part.n);
        if (d->buffer.n >= BUFFER_MAX && !flush_buffer(d))
            return;
    }
}

int draft_fd(struct draft *d)
{
    d->checksum_is_old = true;
    return flush_buffer(d) ? d->fd : -1;
}

void draft_replace(struct draft *d, uint64_t offset, struct view content)
{
    assert(offset + content.n <= draft_size(d));
    d->checksum_is_old = true;
    if (offset >= d->written) {
        if (content.n > 0)
            memcpy(d->buffer.p + (offset - d->written), content.p, content.n);
        return;
    }
    if (flush_buffer(d) && !queue_write_full(d->fd, content.p, content.n, offset))
        fail_errno(d, "write message");
}

void draft_truncate(struct draft *d, uint64_t size)
{
    if (size >= draft_size(d))
        return;
    d->checksum_is_old = true;
    if (size >= d->written) {
        str_truncate(&d->buffer, (size_t)(size - d->written));
        return;
    }
    str_clear(&d->buffer);
    d->written = size;
    if (ftruncate(d->fd, (off_t)size) < 0)
        fail_errno(d, "cut message");
}

/* --- committing --- */

struct checksum_job {
    struct draft *d;
    uint32_t checksum;
    bool good;
};

static void checksum_work(void *arg)
{
    struct checksum_job *job = arg;
    job->good = queue_file_checksum(job->d->fd, 0, job->d->written, &job->checksum,
                                    &job->d->failure);
}

/* The content's checksum anew, after edits behind our back. */
static bool renew_checksum(struct draft *d)
{
    struct checksum_job job = {.d = d};
    if (d->written > 0) {
        if (d->is_spilled)
            thread_run(checksum_work, &job);
        else
            checksum_work(&job);
        if (!job.good)
            return false;
    }
    d->checksum = queue_checksum(job.checksum, str_view(&d->buffer));
    d->checksum_is_old = false;
    return true;
}

struct commit {
    const struct draft *d;
    const struct queue_id *origin;
    uint64_t content_size, envelope_size;
};

static void fill_commit(struct ipc_message *m, void *arg)
{
    const struct commit *c = arg;
    ipc_put_view(m, IPC_ATTR_QUEUE_ID, queue_id_view(&c->d->id));
    ipc_put_u64(m, IPC_ATTR_CONTENT_SIZE, c->content_size);
    ipc_put_u64(m, IPC_ATTR_ENVELOPE_SIZE, c->envelope_size);
    if (c->origin)
        ipc_put_view(m, IPC_ATTR_ORIGIN, queue_id_view(c->origin));
    if (c->d->is_replacement)
        ipc_put_u64(m, IPC_ATTR_INDEX, c->d->replaced_index);
    ipc_put_fd(m, c->d->fd);
}

/* Append envelope and footer to the content and write what is not yet written. */
static enum result complete(struct draft *d, struct envelope *env, struct commit *c,
                            struct error *e)
{
    char footer[QUEUE_FOOTER_SIZE];
    struct queue_message m = {.content_size = draft_size(d)};
    if (error_is_set(&d->failure) || (d->checksum_is_old && !renew_checksum(d))) {
        *e = d->failure;
        return TEMPFAIL;
    }
    size_t start = d->buffer.n;
    if (!envelope_write(env, &d->buffer)) {
        error_set(e, "5.1.0", "envelope refused: no recipient, or an address too long");
        return PERMFAIL;
    }
    m.envelope_bytes = view_from(str_view(&d->buffer), start);
    struct queue_footer f = {m.content_size, m.envelope_bytes.n,
                             envelope_checksum(env, m.envelope_bytes, m.content_size),
                             d->checksum};
    queue_footer_write(&f, footer);
    str_add(&d->buffer, (struct view){footer, sizeof footer});
    c->content_size = m.content_size;
    c->envelope_size = m.envelope_bytes.n;
    if (flush_buffer(d))
        return OK;
    *e = d->failure;
    return TEMPFAIL;
}

void draft_replaces(struct draft *d, const struct queue_id *origin, uint32_t index)
{
    d->is_replacement = true;
    d->replaced = *origin;
    d->replaced_index = index;
    snprintf(d->replaces, sizeof d->replaces, "%s %u", origin->text, index);
}

enum result draft_commit(struct draft *d, struct envelope *env,
                         const struct queue_id *origin, struct error *e)
{
    struct commit c = {.d = d, .origin = d->is_replacement ? &d->replaced : origin};
    struct error local = ERROR_INIT;
    struct link_request r;
    if (env->arrival == 0)
        env->arrival = clock_wall();
    if (d->taken && error_is_set(&d->failure) && !d->is_rehearsal) {
        if (e)
            *e = d->failure;
        draft_free(d);
        return TEMPFAIL;
    }
    if (d->taken) {
        d->taken(d->taken_arg, env);
        draft_free(d);
        return OK;
    }
    env->replaces = view_of(d->replaces);
    enum result result = complete(d, env, &c, &local);
    if (result == OK)
        result = link_ask(d->link, IPC_COMMIT, fill_commit, &c, &r, &local);
    if (result != OK && e)
        *e = local;
    draft_free(d);
    return result;
}
