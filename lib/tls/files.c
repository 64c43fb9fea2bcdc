/* files - key and certificate files and their changes; see files.h */
#include "tls/files.h"

#include "base/log.h"
#include "base/memory.h"
#include "run/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

/* Certificate and key come one after the other. */
#define QUIET CLOCK_SECOND

struct tls_files {
    int notify; /* inotify; -1 when it cannot be had */
    struct watch watch;
    bool is_watched, is_pending, is_closed;
    void (*changed)(void *arg);
    void *arg;
    int64_t last; /* event; monotonic */
};

struct tls_files *tls_files_new(void)
{
    struct tls_files *f = NEW(struct tls_files);
    f->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (f->notify < 0)
        log_debug("inotify: %s: renewed certificates need a reload", strerror(errno));
    return f;
}

/* The fiber that waits for quiet frees it, when there is one. */
void tls_files_free(struct tls_files *f)
{
    if (!f)
        return;
    if (f->is_watched)
        watch_remove(&f->watch);
    if (f->notify >= 0)
        close(f->notify);
    f->notify = -1;
    f->is_closed = true;
    if (!f->is_pending)
        memory_free(f);
}

/* Watch the directory of PATH. */
static void watch_directory(const struct tls_files *f, const char *path)
{
    char directory[1024];
    struct view head, tail;
    if (!view_rcut(view_of(path), '/', &head, &tail) || head.n >= sizeof directory)
        return;
    (void)snprintf(directory, sizeof directory, "%.*s", VIEW_FMT(head));
    if (inotify_add_watch(f->notify, head.n ? directory : "/",
                          IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE) < 0)
        log_debug("watch %s: %s", directory, strerror(errno));
}

/* PATH, and where it leads when it is a symbolic link. */
static void watch_path(const struct tls_files *f, const char *path)
{
    if (!f || f->notify < 0)
        return;
    watch_directory(f, path);
    char *real = realpath(path, NULL);
    if (real && strcmp(real, path) != 0)
        watch_directory(f, real);
    free(real);
}

static bool read_all(int fd, struct str *out)
{
    for (;;) {
        char *room = str_reserve(out, 4096);
        if (!room) {
            errno = EFBIG;
            return false;
        }
        ssize_t n = read(fd, room, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        out->n += (size_t)n;
    }
}

bool tls_files_read(struct tls_files *f, const char *path, struct str *out)
{
    watch_path(f, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return false;
    bool good = read_all(fd, out);
    int error = errno;
    close(fd);
    errno = error;
    return good;
}

static void settle_fiber(void *arg)
{
    struct tls_files *f = arg;
    while (!f->is_closed) {
        int64_t left = f->last + QUIET - clock_mono();
        if (left <= 0)
            break;
        if (fiber_sleep(left) == WAKE_CANCELLED)
            break;
    }
    f->is_pending = false;
    if (f->is_closed)
        memory_free(f);
    else
        f->changed(f->arg); /* may free F */
}

/* In the loop: something in one of the directories changed; which file is not told apart,
 * since reading them anew costs little. */
static void take_events(struct watch *w)
{
    struct tls_files *f = CONTAINER_OF(w, struct tls_files, watch);
    char events[1024];
    while (read(f->notify, events, sizeof events) > 0)
        ;
    f->last = clock_mono();
    if (f->is_pending)
        return;
    f->is_pending = true;
    (void)fiber_spawn("renewed keys", settle_fiber, f);
}

void tls_files_watch(struct tls_files *f, void (*changed)(void *arg), void *arg)
{
    f->changed = changed;
    f->arg = arg;
    if (f->notify < 0 || f->is_watched)
        return;
    watch_add(&f->watch, f->notify);
    f->watch.on_event = take_events;
    f->is_watched = true;
}
