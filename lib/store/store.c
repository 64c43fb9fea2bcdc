/* store - limits, and small things that all files of the reading side share */
#include "store/store.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "conf/conf.h"
#include "run/thread.h"
#include "store/copy.h"
#include "store/store_private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A slice is to stay well below the watchdog's 50 ms. */
#define SLICE    (8 * CLOCK_SECOND / 1000)
#define FILE_MAX (UINT64_C(64) * 1024 * 1024)

struct store_options store_options = {
    .vanished_limit = 10000,
    .append_limit = 10240000,
    .metadata_size = 65536,
    .metadata_count = 100,
    .mailbox_count = 10000,
    .poll_interval = CLOCK_SECOND,
    .linger = 60 * CLOCK_SECOND,
};

void store_configure(const struct conf *conf)
{
    store_options = (struct store_options){
        .vanished_limit = (uint64_t)conf_int(conf, P_store_vanished_limit),
        .append_limit = (uint64_t)conf_int(conf, P_store_message_size_limit),
        .metadata_size = (uint64_t)conf_int(conf, P_store_metadata_size_limit),
        .metadata_count = (uint64_t)conf_int(conf, P_store_metadata_entry_limit),
        .mailbox_count = (uint64_t)conf_int(conf, P_store_mailbox_limit),
        .poll_interval = conf_time(conf, P_store_poll_interval),
        .linger = conf_time(conf, P_store_linger_time),
    };
    (void)store_boot_id(); /* a sandbox may close over its file */
}

void store_pause(int64_t usec)
{
    /* A cancelled fiber does not sleep, but may not spin either. */
    if (fiber_self() && fiber_sleep(usec) != WAKE_CANCELLED)
        return;
    if (fiber_self())
        fiber_yield();
    int64_t part = usec < 2000 ? usec : 2000;
    struct timespec t = {.tv_nsec = (fiber_self() ? part : usec) % CLOCK_SECOND * 1000};
    nanosleep(&t, NULL);
}

void store_breathe(int64_t *since)
{
    int64_t now = clock_mono();

    if (*since == 0)
        *since = now;
    if (now - *since < SLICE || !fiber_self())
        return;
    fiber_yield();
    *since = clock_mono();
}

static enum store_result result_of(int err)
{
    if (err == EDQUOT)
        return STORE_OVERQUOTA;
    if (err == EACCES || err == EPERM || err == EROFS)
        return STORE_NOPERM;
    return STORE_FAILED;
}

enum store_result store_failed(struct error *e, const char *format, ...)
{
    int err = errno;
    char text[700];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    errno = err;
    error_set_errno(e, "4.2.0", "%s", text);
    return result_of(err);
}

enum store_result store_refused(struct error *e, enum store_result r, const char *format,
                                ...)
{
    char text[700];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error_set(e, "5.2.0", "%s", text);
    return r;
}

bool store_read_file(const char *path, struct str *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t n = 0;

    str_clear(out);
    if (fd < 0)
        return false;
    for (;;) {
        char *p = str_reserve(out, 8192);
        n = p ? read(fd, p, 8192) : -1;
        if (!p)
            errno = EFBIG;
        if (n <= 0 && !(n < 0 && errno == EINTR))
            break;
        if (n > 0)
            out->n += (size_t)n;
    }
    int err = errno;
    close(fd);
    errno = err;
    return n == 0;
}

struct sync_job {
    const char *path;
    int err;
};

static void sync_path(void *arg)
{
    struct sync_job *j = arg;
    int fd = open(j->path, O_RDONLY | O_CLOEXEC);

    j->err = fd < 0 || fsync(fd) < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
}

bool store_sync(const char *path)
{
    struct sync_job j = {.path = path};

    thread_run(sync_path, &j);
    errno = j.err;
    return j.err == 0;
}

struct write_job {
    const char *path, *temporary;
    struct view content;
    int err;
};

static void write_and_rename(void *arg)
{
    struct write_job *j = arg;
    int fd = open(j->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && copy_write_all(fd, j->content) && fsync(fd) == 0;

    ok = ok && rename(j->temporary, j->path) == 0;
    j->err = ok ? 0 : errno;
    if (fd >= 0)
        close(fd);
    if (!ok && fd >= 0)
        unlink(j->temporary);
    if (!ok)
        return;
    struct view path = view_of(j->path);
    struct str directory = STR_INIT(PATH_MAX);
    size_t slash = view_rfind(path, '/');
    str_add(&directory, view_sub(path, 0, slash == VIEW_NPOS ? 0 : slash + 1));
    struct sync_job s = {.path = str_cstr(&directory)};
    sync_path(&s);
    j->err = s.err;
    str_done(&directory);
}

enum store_result store_write_file(const char *path, struct view content, struct error *e)
{
    static unsigned attempts;
    struct str temporary = STR_INIT(PATH_MAX);

    str_setf(&temporary, "%s.%d.%u.tmp", path, (int)getpid(), attempts++);
    struct write_job j = {
        .path = path, .temporary = str_cstr(&temporary), .content = content};
    thread_run(write_and_rename, &j);
    str_done(&temporary);
    errno = j.err;
    return j.err == 0 ? STORE_OK : store_failed(e, "cannot write %s", path);
}

bool store_make_directories(const char *path)
{
    struct str s = STR_INIT(PATH_MAX);
    bool ok = str_add_cstr(&s, path);

    for (size_t i = 1; ok && i <= s.n; i++) {
        if (i < s.n && s.p[i] != '/')
            continue;
        char c = s.p[i];
        s.p[i] = '\0';
        ok = mkdir(s.p, 0700) == 0 || errno == EEXIST ||
             ((errno == EROFS || errno == EACCES) && i < s.n);
        s.p[i] = c;
    }
    int err = s.overflow ? ENAMETOOLONG : errno;
    str_done(&s);
    errno = err;
    return ok;
}

const char *store_boot_id(void)
{
    static char id[64];
    struct str s = STR_INIT(16384); /* a file is read in pieces of half of that */

    if (id[0])
        return id;
    if (store_read_file("/proc/sys/kernel/random/boot_id", &s)) {
        struct view v = view_sub(view_trim_space(str_view(&s)), 0, sizeof id - 1);
        memcpy(id, v.p, v.n);
        id[v.n] = '\0';
    }
    str_done(&s);
    return id;
}

void store_lock_init(struct store_lock *l)
{
    l->taken = false;
    WAITQ_INIT(&l->queue);
}

void store_lock_take(struct store_lock *l)
{
    while (l->taken) {
        assert(fiber_self());
        /* A cancelled fiber still has to keep the order of things. */
        if (waitq_wait(&l->queue, CLOCK_NEVER) == WAKE_CANCELLED && l->taken)
            fiber_yield();
    }
    l->taken = true;
}

void store_lock_give(struct store_lock *l)
{
    l->taken = false;
    waitq_wake_one(&l->queue);
}
