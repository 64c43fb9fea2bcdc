/* process - child processes: start, feed, wait
 */
#ifndef RUN_PROCESS_H
#define RUN_PROCESS_H

#include "base/error.h"
#include "run/fiber.h"

#include <sys/types.h>

struct process_setup {
    const char *const
        *argv;              /* NULL-terminated; argv[0] is a path, or looked up in PATH */
    const char *const *env; /* NULL-terminated "NAME=value"; the whole environment.
                             * argv[0] is looked up in the PATH of this process */
    const char *directory;  /* chdir there first; NULL stays */
    int fds[3];             /* become 0, 1, 2; -1 is /dev/null */
    bool set_ids; /* setgid, initgroups (when root) and setuid to the two below */
    uid_t uid;
    gid_t gid;
    bool new_session; /* setsid, so that the whole group can be ended */
    /* Called in the child before exec (async-signal-safe work only); may be NULL. */
    void (*before_exec)(void *arg);
    void *before_exec_arg;
};

/* Start a child; its pid, or -1 with *E set.  Descriptors other than fds[] are
 * closed in the child. */
pid_t process_start(const struct process_setup *setup, struct error *e);
/* Wait for PID to end; *STATUS as of waitpid.  May suspend. */
enum wake process_wait(pid_t pid, int64_t deadline, int *status);
/* SIGTERM to the process group, SIGKILL after GRACE microseconds, and reap.
 * May suspend. */
void process_end(pid_t pid, int64_t grace);
/* Fork a child that goes on in C with FN(ARG) and exits with its value: for work
 * under another user's rights.  The child's loop and fibers are gone, what fibers
 * held open is not; it runs on the caller's stack and may call loop_init(). */
pid_t process_fork(int (*fn)(void *arg), void *arg, struct error *e);

#endif
