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
/* Files whose names are looked for; with more of them every change counts. */
#define NAMES_MAX 32

struct tls_files {
    int notify; /* inotify; -1 when it cannot be had */
    struct watch watch;
    bool is_watched, is_pending, is_closed;
    void (*changed)(void *arg);
    void *arg;
    int64_t last;           /* event; monotonic */
    char *names[NAMES_MAX]; /* of files, without their directories */
    size_t n_names;
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
    for (size_t i = 0; i < f->n_names; i++)
        memory_free(f->names[i]);
    f->n_names = 0;
    if (!f->is_pending)
        memory_free(f);
}

/* Watch the directory of PATH. */
static void watch_directory(struct tls_files *f, const char *path)
{
    char directory[1024];
    struct view head, tail;
    if (!view_rcut(view_of(path), '/', &head, &tail) || head.n >= sizeof directory)
        return;
    (void)snprintf(directory, sizeof directory, "%.*s", VIEW_FMT(head));
    if (f->n_names < NAMES_MAX) {
        f->names[f->n_names] = memory_alloc(tail.n + 1);
        memcpy(f->names[f->n_names++], tail.p, tail.n);
    }
    if (inotify_add_watch(f->notify, head.n ? directory : "/",
                          IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE) < 0)
        log_debug("watch %s: %s", directory, strerror(errno));
}

/* PATH, and where it leads when it is a symbolic link. */
static void watch_path(struct tls_files *f, const char *path)
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

static bool is_one_of_ours(const struct tls_files *f, const char *name)
{
    for (size_t i = 0; i < f->n_names; i++) {
        if (strcmp(f->names[i], name) == 0)
            return true;
    }
    return f->n_names == NAMES_MAX;
}

/* Is a file of ours among the N bytes of EVENTS? */
static bool is_about_us(const struct tls_files *f, const char *events, size_t n)
{
    struct inotify_event event;
    for (size_t at = 0; at + sizeof event <= n; at += sizeof event + event.len) {
        memcpy(&event, events + at, sizeof event);
        if (event.mask & IN_Q_OVERFLOW ||
            (event.len > 0 && is_one_of_ours(f, events + at + sizeof event)))
            return true;
    }
    return false;
}

/* In the loop: something in one of the directories changed. */
static void take_events(struct watch *w)
{
    struct tls_files *f = CONTAINER_OF(w, struct tls_files, watch);
    char events[2048];
    bool concerns = false;
    ssize_t n;
    while ((n = read(f->notify, events, sizeof events)) > 0)
        concerns = concerns || is_about_us(f, events, (size_t)n);
    if (!concerns)
        return;
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
