/* child - one process: start, orders to it, what it says, its end */
#include "base/log.h"
#include "base/memory.h"
#include "master.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_FD = 3, HIGH_FD = 512, SEND_SECONDS = 5 };

/* --- the new process, before exec --- */

/* Put descriptors FDS (N of them) at 3, 4, ... to be inherited. */
static void place_fds(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, HIGH_FD + (int)n);
    for (size_t i = 0; i < n; i++) {
        if (fds[i] < 0 || dup2(fds[i], FIRST_FD + (int)i) < 0)
            _exit(1);
    }
}

#ifdef __SANITIZE_ADDRESS__
/* Where a test build writes what it finds. */
#define TEST_ENVIRONMENT " ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS"
#else
#define TEST_ENVIRONMENT ""
#endif

/* What the environment of a process holds: import_environment, and what the program must
 * know.  The texts live in arena A. */
static char **make_environment(struct arena *a, const struct unit *u, size_t status_at,
                               size_t main_cf_at, int log_at)
{
    enum { MOST = 64 };
    const struct conf *conf = master.setup->conf;
    char **env = arena_alloc_array(a, MOST + 8, sizeof *env);
    struct view token, name, value;
    struct view rest =
        arena_printf(a, "%s" TEST_ENVIRONMENT, conf_cstr(conf, P_import_environment));
    struct str sockets = STR_INIT(1u << 16);
    size_t n = 0;

    while (n < MOST && view_token_braced(&rest, VIEW(", \t\r\n"), &token)) {
        if (view_cut(token, '=', &name, &value)) {
            env[n++] = arena_cstr(a, token);
            continue;
        }
        const char *inherited = getenv(arena_cstr(a, token));
        if (inherited && !view_eq(token, VIEW("MAIL_CONFIG")))
            env[n++] =
                arena_cstr(a, arena_printf(a, "%.*s=%s", VIEW_FMT(token), inherited));
    }
    for (size_t i = 0; i < u->n_endpoints; i++)
        str_addf(&sockets, "%s%s", i ? " " : "", u->endpoints[i].name);
    env[n++] = arena_cstr(a, arena_printf(a, "DILIGENCE_SOCKETS=%s", str_cstr(&sockets)));
    env[n++] = arena_cstr(a, arena_printf(a, "DILIGENCE_STATUS=%zu", status_at));
    env[n++] = arena_cstr(a, arena_printf(a, "DILIGENCE_MAIN_CF=%zu", main_cf_at));
    if (log_at >= 0)
        env[n++] = arena_cstr(a, arena_printf(a, "DILIGENCE_LOG=%d", log_at));
    if (u->session_limit)
        env[n++] =
            arena_cstr(a, arena_printf(a, "DILIGENCE_SESSIONS=%u", u->session_limit));
    env[n++] = arena_cstr(a, arena_printf(a, "MAIL_CONFIG=%s", master.directory));
    env[n++] = arena_cstr(a, view_of("PATH=/usr/sbin:/usr/bin:/sbin:/bin"));
    str_done(&sockets);
    return env;
}

__attribute__((noreturn)) static void run_program(const struct unit *u, int status)
{
    struct arena *a = arena_new();
    size_t n = u->n_endpoints, total = n + 2;
    int *fds = arena_alloc_array(a, n + 3, sizeof *fds);
    sigset_t none;

    for (size_t i = 0; i < n; i++)
        fds[i] = u->endpoints[i].fd;
    fds[n] = status;
    fds[n + 1] = master.setup->main_cf;
    if (master.log_fd >= 0)
        fds[total++] = master.log_fd;
    char **env = make_environment(a, u, FIRST_FD + n, FIRST_FD + n + 1,
                                  master.log_fd >= 0 ? FIRST_FD + (int)n + 2 : -1);
    char *path =
        arena_cstr(a, arena_printf(a, "%s/%s", master.libexec, u->program->file));
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    place_fds(fds, total);
    execve(path, u->argv, env);
    log_error("run %s: %s", path, strerror(errno));
    _exit(1);
}

/* --- its end --- */

static void child_unref(struct child *c)
{
    if (--c->references > 0)
        return;
    memory_free(c);
}

static bool report_end(const struct child *c, int status)
{
    const char *file = c->unit->program->file;

    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        log_warning("process %s/%s pid %d exit status %d", master.libexec, file, c->pid,
                    WEXITSTATUS(status));
    else if (WIFSIGNALED(status) && !(master.is_stopping && WTERMSIG(status) == SIGTERM))
        log_warning("process %s/%s pid %d killed by signal %d", master.libexec, file,
                    c->pid, WTERMSIG(status));
    return status != 0;
}

/* Wait for the process to end. */
static void reaper_fiber(void *arg)
{
    struct child *c = arg;
    struct watch watch;
    int status = 0;
    pid_t ended;

    watch_add(&watch, c->pidfd);
    while ((ended = waitpid(c->pid, &status, WNOHANG)) == 0)
        (void)watch_wait_read(&watch, CLOCK_NEVER);
    watch_remove(&watch);
    close(c->pidfd);
    bool failed = ended < 0 || report_end(c, status);
    bool plausible =
        c->state != CHILD_STARTING && clock_mono() - c->started > CLOCK_SECOND;
    struct unit *u = c->unit;
    list_remove(&c->link);
    if (c->status)
        (void)shutdown(ipc_fd(c->status), SHUT_RDWR); /* ends the status fiber */
    c->pid = 0;
    unit_child_ended(u, failed, plausible);
    unit_unref(u);
    child_unref(c);
}

/* --- what it says --- */

static void take_word(struct child *c, const struct ipc_message *m)
{
    switch ((int)ipc_message_type(m)) {
    case IPC_CHILD_READY:
        if (c->state == CHILD_STARTING)
            c->state = CHILD_SERVING;
        break;
    case IPC_CHILD_RETIRES:
        c->state = CHILD_RETIRING;
        waitq_wake_all(&c->unit->changed);
        break;
    default:
        log_warning("%s pid %d sent an unexpected %s", c->unit->name, c->pid,
                    ipc_type_name(ipc_message_type(m)));
    }
}

static void status_fiber(void *arg)
{
    struct child *c = arg;
    struct error e = ERROR_INIT;
    struct arena *a = arena_new();
    struct ipc_message *m;

    while ((m = ipc_receive(c->status, a, CLOCK_NEVER, &e))) {
        if (c->pid)
            take_word(c, m);
        ipc_message_close_fds(m);
        arena_reset(a);
    }
    arena_free(a);
    ipc_close(c->status);
    c->status = NULL;
    child_unref(c);
}

/* --- start and orders --- */

static void child_adopt(struct unit *u, pid_t pid, int pidfd, int status)
{
    struct child *c = NEW(struct child);

    c->unit = u;
    u->references++;
    c->pid = pid;
    c->pidfd = pidfd;
    c->status = ipc_open(status);
    c->started = clock_mono();
    c->references = 2;
    list_append(&u->children, &c->link);
    fiber_spawn("reaper", reaper_fiber, c);
    fiber_spawn("status", status_fiber, c);
}

void child_start(struct unit *u)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
        log_warning("socketpair: %s", strerror(errno));
        u->not_before = clock_in(CLOCK_SECOND);
        return;
    }
    pid_t pid = fork();
    if (pid == 0)
        run_program(u, pair[1]);
    close(pair[1]);
    int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
    if (pidfd < 0) {
        log_warning("fork: %s", strerror(errno));
        close(pair[0]);
        u->not_before = clock_in(CLOCK_SECOND);
        return;
    }
    if (fcntl(pidfd, F_SETFL, O_NONBLOCK) < 0 || fcntl(pidfd, F_SETFD, FD_CLOEXEC) < 0)
        log_warning("set descriptor flags: %s", strerror(errno));
    log_debug("%s: started %s pid %d", u->name, u->program->file, pid);
    child_adopt(u, pid, pidfd, pair[0]);
}

/* One order, sent by a fiber of its own. */
struct order {
    struct child *child;
    enum ipc_type type;
    int fd;
};

static void order_fiber(void *arg)
{
    struct order *o = arg;
    struct error e = ERROR_INIT;
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_message_new(a, o->type);

    if (o->fd >= 0)
        ipc_put_fd(m, o->fd);
    if (o->child->status &&
        !ipc_send(o->child->status, m, clock_in(SEND_SECONDS * CLOCK_SECOND), &e))
        log_debug("%s to pid %d: %s", ipc_type_name(o->type), o->child->pid,
                  error_cstr(&e));
    if (o->fd >= 0)
        close(o->fd);
    arena_free(a);
    child_unref(o->child);
    memory_free(o);
}

void child_send(struct child *c, enum ipc_type type, int fd)
{
    struct order *o = NEW(struct order);

    *o = (struct order){c, type, fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD) : -1};
    c->references++;
    fiber_spawn("order", order_fiber, o);
}

static void send_to_units(struct list *units, enum ipc_type type, int fd)
{
    LIST_FOR_EACH (struct unit, u, units, link) {
        LIST_FOR_EACH (struct child, c, &u->children, link)
            child_send(c, type, fd);
    }
}

void children_send(enum ipc_type type, int fd)
{
    send_to_units(&master.setup->units, type, fd);
    send_to_units(&master.leaving, type, fd);
}

static size_t count(const struct list *units)
{
    size_t n = 0;

    LIST_FOR_EACH (struct unit, u, units, link) {
        LIST_FOR_EACH (struct child, c, &u->children, link)
            n++;
    }
    return n;
}

size_t children_count(void)
{
    return count(&master.setup->units) + count(&master.leaving);
}
