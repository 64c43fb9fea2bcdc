/* lock - exclusive access to an mbox file */
#include "store/lock.h"

#include "base/clock.h"
#include "base/str.h"
#include "store/store_error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

bool lock_policy_parse(struct view methods, struct lock_policy *p, struct error *e)
{
    struct view rest = methods, name;

    p->use_fcntl = p->use_flock = p->use_dotlock = false;
    while (view_token(&rest, VIEW(", \t\r\n"), &name)) {
        if (view_eq_case(name, VIEW("fcntl"))) {
            p->use_fcntl = true;
        } else if (view_eq_case(name, VIEW("flock"))) {
            p->use_flock = true;
        } else if (view_eq_case(name, VIEW("dotlock"))) {
            p->use_dotlock = true;
        } else {
            error_set(e, "4.3.5", "unknown mailbox lock method \"%.*s\"", VIEW_FMT(name));
            return false;
        }
    }
    if (p->use_fcntl || p->use_flock || p->use_dotlock)
        return true;
    error_set(e, "4.3.5", "no mailbox lock method is given");
    return false;
}

static void pause_for(int64_t usec)
{
    struct timespec t = {.tv_sec = usec / CLOCK_SECOND,
                         .tv_nsec = usec % CLOCK_SECOND * 1000};

    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

/* The name of the lock file of PATH, in S. */
static const char *dot_name(struct str *s, const char *path)
{
    str_setf(s, "%s.lock", path);
    return str_cstr(s);
}

/* Remove the lock file NAME when its owner must be long dead. */
static void remove_stale(const struct lock_policy *p, const char *name)
{
    struct stat st;

    if (lstat(name, &st) == 0 &&
        clock_wall() - (int64_t)st.st_ctime * CLOCK_SECOND > p->stale)
        unlink(name);
}

/* Is errno one that a mailbox outside of a spool directory may show for a lock file? */
static bool may_do_without(void)
{
    return errno == EACCES || errno == EROFS || errno == EPERM || errno == ENOTDIR;
}

enum result lock_dot_take(const struct lock_policy *p, const char *path, bool *made,
                          struct error *e)
{
    struct str name = STR_INIT(PATH_MAX);
    const char *file = dot_name(&name, path);

    *made = false;
    for (unsigned i = 0; i < p->attempts && !name.overflow; i++) {
        int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0) {
            close(fd);
            str_done(&name);
            *made = true;
            return OK;
        }
        if (errno != EEXIST)
            break;
        remove_stale(p, file);
        if (i + 1 < p->attempts)
            pause_for(p->delay);
        errno = EEXIST;
    }
    if (name.overflow)
        errno = ENAMETOOLONG;
    if (p->dotlock_may_fail && may_do_without()) {
        str_done(&name);
        return OK;
    }
    store_error_errno(e, "4.2.0", "unable to create lock file %s", file);
    str_done(&name);
    return TEMPFAIL;
}

void lock_dot_give(const char *path)
{
    struct str name = STR_INIT(PATH_MAX);

    unlink(dot_name(&name, path));
    str_done(&name);
}

/* One attempt with the kernel's lock METHOD. */
static bool try_lock(int fd, bool by_fcntl)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (by_fcntl)
        return fcntl(fd, F_OFD_SETLK, &all) == 0;
    return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static bool take_kernel_lock(const struct lock_policy *p, int fd, bool by_fcntl)
{
    for (unsigned i = 0;; i++) {
        if (try_lock(fd, by_fcntl))
            return true;
        if (errno != EAGAIN && errno != EACCES && errno != EINTR)
            return false;
        if (i + 1 >= p->attempts)
            return false;
        pause_for(p->delay);
    }
}

enum result lock_file_take(const struct lock_policy *p, int fd, struct error *e)
{
    if ((!p->use_fcntl || take_kernel_lock(p, fd, true)) &&
        (!p->use_flock || take_kernel_lock(p, fd, false)))
        return OK;
    error_set_errno(e, "4.2.0", "unable to lock for exclusive access");
    if (e)
        e->saved_errno = EAGAIN;
    return TEMPFAIL;
}
