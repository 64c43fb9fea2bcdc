/* flush - group flushes of a file system; see flush.h */
#include "agent/flush.h"

#include "base/memory.h"
#include "run/fiber.h"
#include "run/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The flushes of one path, counted. */
struct flushes {
    struct flushes *next;
    char path[256];
    uint64_t begun, over;
    int last_errno; /* of the last that is over; 0: good */
    bool is_running;
    struct waitq changed;
};
static struct flushes *all;

/* In a worker thread. */
static void work(void *arg)
{
    struct flushes *f = arg;
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);

    f->last_errno = fd >= 0 && syncfs(fd) == 0 ? 0 : errno;
    if (fd >= 0)
        close(fd);
}

static struct flushes *find(const char *path)
{
    for (struct flushes *f = all; f; f = f->next)
        if (strcmp(f->path, path) == 0)
            return f;
    struct flushes *f = NEW(struct flushes);
    (void)snprintf(f->path, sizeof f->path, "%s", path);
    WAITQ_INIT(&f->changed);
    f->next = all;
    all = f;
    return f;
}

static void run(struct flushes *f)
{
    uint64_t number = ++f->begun;

    f->is_running = true;
    thread_run(work, f);
    f->is_running = false;
    f->over = number;
    waitq_wake_all(&f->changed);
}

bool agent_flush(const char *path, struct error *e)
{
    struct flushes *f = find(path);
    uint64_t mine = f->begun + 1; /* one that runs may have begun too early */

    while (f->over < mine) {
        if (!f->is_running)
            run(f);
        else if (waitq_wait(&f->changed, CLOCK_NEVER) == WAKE_CANCELLED)
            break;
    }
    if (f->over >= mine && f->last_errno == 0)
        return true;
    errno = f->over >= mine ? f->last_errno : ECANCELED;
    error_set_errno(e, "4.3.0", "cannot flush the file system of %s", path);
    return false;
}
