/* checkpoint - deliveries that become durable by a periodic flush of their file system
 *
 * An agent that delivers into our own mailboxes answers before its files are on disk and
 * names a path.  Such a message stays live in the journal until that file system was
 * flushed; only then it is done.  After a power cut it is delivered again, and the agent
 * knows the copy.
 */
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "qmgr.h"
#include "run/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATHS_MAX 4096 /* paths whose file system is remembered */

struct file_system {
    struct file_system *next;
    dev_t device;
    bool is_wanted;
    char path[256];
};

static struct {
    struct file_system *all;
    struct hash *by_path;
    struct list waiting; /* messages */
    uint64_t begun, over;
    bool any;
} state;

static struct file_system *find_device(dev_t device, struct view path)
{
    struct file_system *f = state.all;
    while (f && f->device != device)
        f = f->next;
    if (f == NULL) {
        f = NEW(struct file_system);
        f->device = device;
        f->next = state.all;
        state.all = f;
        snprintf(f->path, sizeof f->path, "%.*s", VIEW_FMT(path));
    }
    return f;
}

static void prepare(void)
{
    if (state.by_path && hash_count(state.by_path) < PATHS_MAX)
        return;
    if (state.by_path)
        hash_free(state.by_path, NULL);
    else
        list_init(&state.waiting);
    state.by_path = hash_new();
}

void checkpoint_note(struct qmgr *q, struct view path)
{
    prepare();
    struct file_system *f = hash_get(state.by_path, path);
    if (f == NULL) {
        char name[256];
        struct stat st;
        snprintf(name, sizeof name, "%.*s", VIEW_FMT(path));
        f = find_device(stat(name, &st) == 0 ? st.st_dev : 0, path);
        hash_put(state.by_path, path, f);
    }
    f->is_wanted = true;
    if (!state.any)
        waitq_wake_all(&q->checkpoint_wanted);
    state.any = true;
}

void checkpoint_remove(struct qmgr *q, struct message *m)
{
    prepare();
    active_forget(q, m);
    heap_remove(&q->retry, &m->retry);
    m->state = MESSAGE_LEAVING;
    list_append(&state.waiting, &m->link);
    if (!state.any)
        waitq_wake_all(&q->checkpoint_wanted);
    state.any = true;
}

bool checkpoint_is_idle(void)
{
    return !state.any && state.over == state.begun;
}

void checkpoint_wait(struct qmgr *q)
{
    uint64_t wanted = state.begun + 1;
    waitq_wake_all(&q->checkpoint_wanted);
    while (state.over < wanted && !q->is_stopping)
        (void)waitq_wait(&q->checkpoint_over, clock_in(CLOCK_SECOND));
}

/* --- flushing, in a worker --- */

struct sync_job {
    char (*paths)[256];
    size_t n;
    bool good;
    int saved_errno;
};

/* The directory, or the nearest one above it that we may open: same file system by the
 * caller's word. */
static int open_above(const char *path, dev_t *device)
{
    char name[256];
    struct stat st;
    snprintf(name, sizeof name, "%s", path);
    bool known = stat(name, &st) == 0;
    *device = known ? st.st_dev : 0;
    for (;;) {
        int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 && known && fstat(fd, &st) == 0 && st.st_dev == *device)
            return fd;
        if (fd >= 0)
            close(fd);
        char *slash = strrchr(name, '/');
        if (slash == NULL || slash == name)
            return -1;
        *slash = '\0';
    }
}

static void sync_work(void *arg)
{
    struct sync_job *job = arg;
    bool needs_all = false;
    job->good = true;
    for (size_t i = 0; i < job->n; i++) {
        dev_t device;
        int fd = open_above(job->paths[i], &device);
        if (fd < 0) {
            needs_all = true;
            continue;
        }
        if (syncfs(fd) < 0) {
            job->good = false;
            job->saved_errno = errno;
        }
        close(fd);
    }
    if (needs_all)
        sync(); /* without a path that may be opened: everything */
}

static void take_paths(struct sync_job *job)
{
    size_t n = 0;
    for (struct file_system *f = state.all; f; f = f->next)
        n++;
    job->paths = memory_alloc_array(n + 1, sizeof *job->paths);
    for (struct file_system *f = state.all; f; f = f->next)
        if (f->is_wanted) {
            memcpy(job->paths[job->n++], f->path, sizeof f->path);
            f->is_wanted = false;
        }
}

/* One checkpoint.  May suspend. */
static void run_checkpoint(struct qmgr *q)
{
    struct sync_job job = {.n = 0};
    struct list done;
    struct list_link *k;
    list_init(&done);
    prepare();
    while ((k = list_pop(&state.waiting)) != NULL)
        list_append(&done, k);
    take_paths(&job);
    state.any = false;
    state.begun++;
    thread_run(sync_work, &job);
    if (!job.good)
        log_warning("checkpoint: flush of a mailbox file system: %s",
                    strerror(job.saved_errno));
    while ((k = list_pop(&done)) != NULL) {
        struct message *m = CONTAINER_OF(k, struct message, link);
        if (job.good)
            finish_remove(q, m, true);
        else
            checkpoint_remove(q, m);
    }
    for (size_t i = 0; !job.good && i < job.n; i++)
        checkpoint_note(q, view_of(job.paths[i]));
    memory_free(job.paths);
    state.over = state.begun;
    waitq_wake_all(&q->checkpoint_over);
}

void checkpoint_fiber(void *arg)
{
    struct qmgr *q = arg;
    for (;;) {
        while (!state.any && !q->is_stopping)
            (void)waitq_wait(&q->checkpoint_wanted, CLOCK_NEVER);
        if (!q->is_stopping) /* woken early when somebody waits or the journal is crowded
                              */
            (void)waitq_wait(&q->checkpoint_wanted, clock_in(q->set.checkpoint_interval));
        if (state.any)
            run_checkpoint(q);
        if (q->is_stopping)
            return;
    }
}
