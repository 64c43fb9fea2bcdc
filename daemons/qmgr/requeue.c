/* requeue - postsuper -r: a message goes through pickup and cleanup once more
 *
 * It is written into maildrop/ in the form that postdrop writes (lib/submission), with
 * the recipients that are still pending, flushed, and then leaves the queue.
 */
#include "base/memory.h"
#include "qmgr.h"
#include "run/thread.h"
#include "submission/submission.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_CHUNK 65536u

struct requeue_job {
    const struct queue_dir *dir;
    const struct work *w;
    struct str tail; /* records and footer */
    bool good;
    struct error error;
};

/* The records and footer of the file. */
static bool write_records(struct work *w, struct str *out)
{
    const struct envelope *env = &w->image.envelope;
    struct submission s = {
        .sender = env->sender,
        .envid = env->envid,
        .ret = env->ret,
        .verp_delimiters = env->verp_delimiters,
        .flags = (env->flags & MESSAGE_SMTPUTF8 ? SUBMISSION_SMTPUTF8 : 0) |
                 (env->flags & MESSAGE_8BIT ? SUBMISSION_8BIT : 0) |
                 (view_eq(env->rewrite_context, VIEW("remote")) ? SUBMISSION_GATEWAY : 0),
    };
    s.recipients = arena_alloc_array(w->arena, env->n_recipients, sizeof *s.recipients);
    for (size_t i = 0; i < env->n_recipients; i++)
        if (env->recipients[i].status == RECIPIENT_PENDING)
            s.recipients[s.n_recipients++] = env->recipients[i];
    return submission_write(&s, w->image.content_size, w->image.content_checksum, out);
}

static bool copy_content(int from, int to, uint64_t size)
{
    char *buffer = memory_alloc(COPY_CHUNK);
    bool good = true;
    for (uint64_t at = 0; good && at < size;) {
        size_t n = size - at < COPY_CHUNK ? (size_t)(size - at) : COPY_CHUNK;
        good =
            queue_read_full(from, buffer, n, at) && queue_write_full(to, buffer, n, at);
        at += n;
    }
    memory_free(buffer);
    return good;
}

static void requeue_work(void *arg)
{
    struct requeue_job *job = arg;
    const struct work *w = job->w;
    char temporary[64], name[64];
    snprintf(temporary, sizeof temporary, "maildrop/.%s", w->m->id);
    snprintf(name, sizeof name, "maildrop/%s", w->m->id);
    int fd = openat(job->dir->fd, temporary,
                    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    job->good = fd >= 0 && copy_content(w->content_fd, fd, w->image.content_size) &&
                queue_write_full(fd, job->tail.p, job->tail.n, w->image.content_size) &&
                fchmod(fd, 0644) == 0 && fsync(fd) == 0 &&
                renameat(job->dir->fd, temporary, job->dir->fd, name) == 0;
    int directory = openat(job->dir->fd, "maildrop", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    job->good = job->good && directory >= 0 && fsync(directory) == 0;
    if (!job->good)
        error_set_errno(&job->error, "4.3.0", "write %s", name);
    if (directory >= 0)
        close(directory);
    if (fd >= 0)
        close(fd);
}

bool requeue_message(struct qmgr *q, struct work *w, struct error *e)
{
    struct requeue_job job = {.dir = &q->dir, .w = w};
    if (!work_open_content(q, w, e))
        return false;
    str_init(&job.tail, SUBMISSION_RECORDS_MAX + QUEUE_FOOTER_SIZE);
    if (write_records(w, &job.tail))
        thread_run(requeue_work, &job);
    else
        error_set(&job.error, "5.6.0", "the message does not fit into a maildrop file");
    str_done(&job.tail);
    if (!job.good)
        *e = job.error;
    return job.good;
}
