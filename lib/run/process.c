/* process - child processes: start, feed, wait
 *
 * Children are started by vfork(2): nothing is copied, however large we are.
 * Until it runs the program the child shares our memory and must not touch it;
 * ids are set by bare system calls, since those of libc would try to tell our
 * other threads.  A pipe that closes when the program runs reports what went
 * wrong before.  Waiting is for a pidfd.
 */
#include "run/process.h"

#include "run/fiber_internal.h"

#include "base/log.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_GROUPS = 1024, LONGEST_REAP = 60, POLL_PAUSE = 10 * 1000 };

/* What the child has to say when it cannot run the program. */
struct failure {
    char step[16];
    int code; /* errno */
};

/* What the child needs, made ready before it is there. */
struct start {
    const struct process_setup *setup;
    int null;        /* /dev/null, or -1 when not needed */
    gid_t *groups;   /* supplementary; NULL leaves them */
    size_t n_groups; /* of groups */
    int report[2];   /* the pipe for a struct failure */
};

/* The supplementary groups of the user whom the child will be. */
static bool find_groups(struct start *s, struct error *e)
{
    const struct process_setup *setup = s->setup;
    const struct passwd *user = NULL;
    int n = MOST_GROUPS;

    if (!setup->set_ids || geteuid() != 0)
        return true;
    s->groups = memory_alloc_array(MOST_GROUPS, sizeof *s->groups);
    s->groups[0] = setup->gid;
    s->n_groups = 1;
    user = getpwuid(setup->uid);
    if (user == NULL)
        return true; /* an id without an account has no further groups */
    if (getgrouplist(user->pw_name, setup->gid, s->groups, &n) < 0) {
        error_set(e, "4.3.5", "user %s is in more than %d groups", user->pw_name,
                  (int)MOST_GROUPS);
        return false;
    }
    s->n_groups = (size_t)n;
    return true;
}

static bool prepare(struct start *s, struct error *e)
{
    const int *fds = s->setup->fds;

    if (pipe2(s->report, O_CLOEXEC) < 0) {
        error_set_errno(e, "4.3.0", "pipe");
        return false;
    }
    if (fds[0] < 0 || fds[1] < 0 || fds[2] < 0) {
        s->null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (s->null < 0) {
            error_set_errno(e, "4.3.0", "open /dev/null");
            return false;
        }
    }
    return find_groups(s, e);
}

/* ---- in the child, on our memory ---- */

/* Report what failed and end. */
static void __attribute__((noreturn)) give_up(struct start *s, const char *step)
{
    struct failure f = {.code = errno};

    (void)snprintf(f.step, sizeof f.step, "%s", step);
    ssize_t n = write(s->report[1], &f, sizeof f);
    _exit(n == (ssize_t)sizeof f ? 127 : 126);
}

/* Default actions and no blocked signals, as a program expects. */
static void reset_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int signo = 1; signo < NSIG; signo++)
        (void)sigaction(signo, &action, NULL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Put fds[] to 0, 1 and 2 by way of numbers above them; the rest is closed when the
 * program runs. */
static void place_descriptors(struct start *s)
{
    int high[3];

    for (int i = 0; i < 3; i++) {
        int fd = s->setup->fds[i] < 0 ? s->null : s->setup->fds[i];
        high[i] = fcntl(fd, F_DUPFD, 3);
        if (high[i] < 0)
            give_up(s, "dup");
    }
    for (int i = 0; i < 3; i++)
        if (dup2(high[i], i) < 0)
            give_up(s, "dup2");
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        give_up(s, "getrlimit");
    for (int fd = 3; fd < (int)limit.rlim_cur; fd++)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void set_ids(struct start *s)
{
    const struct process_setup *setup = s->setup;

    if (s->groups && syscall(SYS_setgroups, s->n_groups, s->groups) < 0)
        give_up(s, "setgroups");
    if (syscall(SYS_setresgid, setup->gid, setup->gid, setup->gid) < 0)
        give_up(s, "setgid");
    if (syscall(SYS_setresuid, setup->uid, setup->uid, setup->uid) < 0)
        give_up(s, "setuid");
}

/* All from the first breath to the program. */
static void __attribute__((noreturn)) run_child(struct start *s)
{
    const struct process_setup *setup = s->setup;

    reset_signals();
    if (setup->new_session && setsid() < 0)
        give_up(s, "setsid");
    place_descriptors(s);
    if (setup->set_ids)
        set_ids(s);
    if (setup->directory && chdir(setup->directory) < 0)
        give_up(s, "chdir");
    if (setup->before_exec)
        setup->before_exec(setup->before_exec_arg);
    /* exec(3) takes what it does not change without const. */
    union {
        const char *const *in;
        char *const *out;
    } argv = {.in = setup->argv}, env = {.in = setup->env};
    (void)execvpe(setup->argv[0], argv.out, env.out);
    give_up(s, "exec");
}

/* ---- in the parent ---- */

/* The window in which both share memory; no signal handler may run in the child. */
static pid_t fork_child(struct start *s)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = vfork();
    if (pid == 0)
        run_child(s);
    int saved = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return pid;
}

/* The program runs; or it does not: false, and the child is gone. */
static bool program_runs(struct start *s, pid_t pid, struct error *e)
{
    struct failure f;
    ssize_t n;

    close(s->report[1]);
    s->report[1] = -1;
    do
        n = read(s->report[0], &f, sizeof f);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof f)
        return true;
    (void)waitpid(pid, NULL, 0);
    f.step[sizeof f.step - 1] = '\0';
    errno = f.code;
    error_set_errno(e, "4.3.5", "%s: %s", s->setup->argv[0], f.step);
    return false;
}

static void close_one(int fd)
{
    if (fd >= 0)
        close(fd);
}

pid_t process_start(const struct process_setup *setup, struct error *e)
{
    struct start s = {.setup = setup, .null = -1, .report = {-1, -1}};
    pid_t pid = -1;

    if (!prepare(&s, e))
        goto done;
    pid = fork_child(&s);
    if (pid < 0)
        error_set_errno(e, "4.3.0", "fork");
    else if (!program_runs(&s, pid, e))
        pid = -1;
done:
    close_one(s.null);
    close_one(s.report[0]);
    close_one(s.report[1]);
    memory_free(s.groups);
    return pid;
}

/* Without pidfds (valgrind, other kernels): look again and again. */
static enum wake poll_for_end(pid_t pid, int64_t deadline, int *status)
{
    enum wake why = WAKE_TIMEOUT;

    while (waitpid(pid, status, WNOHANG) == 0) {
        if (why == WAKE_CANCELLED || loop_now() >= deadline)
            return why;
        why = fiber_sleep(POLL_PAUSE);
    }
    return WAKE_OK;
}

enum wake process_wait(pid_t pid, int64_t deadline, int *status)
{
    struct watch w;
    enum wake why = WAKE_OK;

    if (waitpid(pid, status, WNOHANG) == pid)
        return WAKE_OK;
    int fd = pidfd_open(pid, 0);
    if (fd < 0 && errno == ENOSYS)
        return poll_for_end(pid, deadline, status);
    if (fd < 0) {
        /* Not a child of ours, or reaped by somebody else. */
        *status = 0;
        log_warning("wait for process %d: %s", (int)pid, strerror(errno));
        return WAKE_OK;
    }
    watch_add(&w, fd);
    while (why == WAKE_OK && waitpid(pid, status, WNOHANG) == 0)
        why = watch_wait_read(&w, deadline);
    watch_remove(&w);
    close(fd);
    return why;
}

/* A signal to the group of PID when it leads one. */
static void signal_group(pid_t pid, int signo)
{
    if (getpgid(pid) == pid)
        (void)kill(-pid, signo);
    else
        (void)kill(pid, signo);
}

void process_end(pid_t pid, int64_t grace)
{
    int status;

    fiber_shield();
    signal_group(pid, SIGTERM);
    if (process_wait(pid, clock_in(grace), &status) != WAKE_OK) {
        signal_group(pid, SIGKILL);
        if (process_wait(pid, clock_in(LONGEST_REAP * CLOCK_SECOND), &status) != WAKE_OK)
            log_warning("process %d does not end", (int)pid);
    }
    fiber_unshield();
}

pid_t process_fork(int (*fn)(void *arg), void *arg, struct error *e)
{
    pid_t pid = fork();

    if (pid < 0)
        error_set_errno(e, "4.3.0", "fork");
    if (pid != 0)
        return pid;
    loop_detach();
    threads_forget();
    loop_done();
    _exit(fn(arg));
}
