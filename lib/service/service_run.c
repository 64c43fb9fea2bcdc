/* service_run - the life of a daemon: sessions, orders of master, retirement
 *
 * A process retires when its configuration is old, when it has served max_use sessions or
 * when it has been idle for max_idle: it accepts no more, says so to master, serves what
 * it has, and exits. Programs that own state (they have a reload function) stay.
 */
#include "base/log.h"
#include "base/memory.h"
#include "run/loop.h"
#include "service/service_private.h"

#include <signal.h>
#include <unistd.h>

struct old_conf {
    struct list_link link;
    const struct conf *conf;
    int64_t replaced; /* when; monotonic */
};

/* One connection under way. */
struct service_session {
    struct list_link link;
    struct service_run *run;
    const struct service_socket *socket;
    int fd;
};

enum { STOP_SECONDS = 5, SEND_SECONDS = 10 };

/* --- messages to master --- */

static void tell_master(struct service_run *r, enum ipc_type type)
{
    struct error e = ERROR_INIT;

    if (!r->status)
        return;
    struct arena *a = arena_new();
    if (!ipc_send(r->status, ipc_message_new(a, type),
                  clock_in(SEND_SECONDS * CLOCK_SECOND), &e))
        log_debug("master: %s", error_cstr(&e));
    arena_free(a);
}

/* --- sessions --- */

static unsigned live_sessions(const struct service_run *r)
{
    unsigned n = 0;

    for (size_t i = 0; i < r->s.n_sockets; i++) {
        if (r->listeners[i])
            n += listener_sessions(r->listeners[i]);
    }
    return n;
}

/* A connection was accepted; runs as its fiber. */
static void run_session(int fd, const struct net_address *peer, void *arg)
{
    struct service_socket *socket = arg;
    struct service_run *r = &service_self;
    struct service_session session = {.run = r, .socket = socket, .fd = fd};

    list_append(&r->sessions, &session.link);
    r->s.program->session(&r->s, socket, fd, peer);
    list_remove(&session.link);
    r->idle_since = clock_mono();
    r->total_sessions++;
    if (r->total_sessions >= r->max_use && !r->s.program->reload)
        service_retire(&r->s);
    waitq_wake_all(&r->changed);
}

/* Datagram sockets are the program's own matter (start). */
static bool is_listening(int fd)
{
    int value = 0;
    socklen_t n = sizeof value;

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &n) == 0 && value;
}

/* Serve every socket. */
static void open_listeners(struct service_run *r)
{
    if (!r->s.program->session || r->s.is_standalone)
        return;
    struct listen_limits limits = {.max_sessions = r->s.max_sessions};
    if (r->s.program->has_lasting_sessions)
        limits.max_sessions =
            UINT16_MAX; /* connections are qmgr's; the program counts deliveries */
    for (size_t i = 0; i < r->s.n_sockets; i++)
        if (is_listening(r->s.sockets[i].fd))
            r->listeners[i] =
                listen_serve(r->s.sockets[i].fd, &limits, run_session, &r->s.sockets[i]);
}

/* --- retirement --- */

/* Requests that have come are still read; then the session sees the end. */
static void end_lasting_sessions(struct service_run *r)
{
    LIST_FOR_EACH (struct service_session, session, &r->sessions, link)
        (void)shutdown(session->fd, SHUT_RD);
}

static void retire_fiber(void *arg)
{
    struct service_run *r = arg;

    tell_master(r, IPC_CHILD_RETIRES);
    if (r->s.program->has_lasting_sessions)
        end_lasting_sessions(r);
    while (live_sessions(r) > 0)
        (void)waitq_wait(&r->changed, clock_in(CLOCK_SECOND / 10));
    log_debug("retired after %llu sessions", (unsigned long long)r->total_sessions);
    loop_stop();
}

void service_retire(struct service *s)
{
    struct service_run *r = CONTAINER_OF(s, struct service_run, s);

    if (s->is_retiring)
        return;
    s->is_retiring = true;
    for (size_t i = 0; i < s->n_sockets; i++) {
        if (r->listeners[i])
            listener_stop(r->listeners[i]);
    }
    fiber_spawn("retire", retire_fiber, r);
}

/* A process without work for max_idle makes room. */
static void idle_fiber(void *arg)
{
    struct service_run *r = arg;
    int64_t max_idle = conf_time(r->s.conf, P_max_idle);

    while (!r->s.is_retiring) {
        int64_t due = r->idle_since + max_idle;
        if (live_sessions(r) > 0)
            (void)fiber_sleep(max_idle);
        else if (due <= clock_mono())
            service_retire(&r->s);
        else
            (void)fiber_sleep(due - clock_mono());
    }
}

/* --- stop --- */

static void stop_late(struct timer *t)
{
    (void)t;
    log_warning("stopping took more than %d seconds", STOP_SECONDS);
    _exit(1);
}

static void stop_fiber(void *arg)
{
    static struct timer late;
    struct service_run *r = arg;

    timer_set(&late, clock_in(STOP_SECONDS * CLOCK_SECOND), stop_late);
    for (size_t i = 0; i < r->s.n_sockets; i++) {
        if (r->listeners[i] && !r->s.is_retiring)
            listener_stop(r->listeners[i]);
    }
    if (r->s.program->stop)
        r->s.program->stop(&r->s);
    timer_cancel(&late);
    loop_stop();
}

static void begin_stop(struct service_run *r)
{
    if (r->is_stopping)
        return;
    r->is_stopping = true;
    fiber_spawn("stop", stop_fiber, r);
}

static void on_signal(int signo, void *arg)
{
    (void)signo;
    begin_stop(arg);
}

/* --- orders of master --- */

/* A replaced configuration stays readable for an hour, since what is under way may still
 * point into it; then the next reload frees it. */
static void keep_old_conf(struct service_run *r, const struct conf *c)
{
    enum { KEEP_SECONDS = 3600 };
    struct old_conf *fresh = NEW(struct old_conf);

    LIST_FOR_EACH_SAFE (struct old_conf, old, &r->old_confs, link) {
        if (old->replaced + KEEP_SECONDS * CLOCK_SECOND > clock_mono())
            continue;
        list_remove(&old->link);
        conf_free((struct conf *)(uintptr_t)old->conf);
        memory_free(old);
    }
    fresh->conf = c;
    fresh->replaced = clock_mono();
    list_append(&r->old_confs, &fresh->link);
}

/* The text of main.cf that master has taken up comes with its order. */
static void take_main_cf(struct service_run *r, struct ipc_message *m)
{
    int fd = ipc_take_fd(m, 0);

    if (fd < 0)
        return;
    if (r->main_cf_fd >= 0)
        close(r->main_cf_fd);
    r->main_cf_fd = fd;
}

/* The configuration changed: take it over, or make room for a process that has it. */
static void take_reload(struct service_run *r)
{
    struct error e = ERROR_INIT;
    struct conf *fresh;

    if (!r->s.program->reload) {
        service_retire(&r->s);
        return;
    }
    if (!service_conf_load(r, &fresh, &e)) {
        log_warning("reload: %s; the old configuration stays", error_cstr(&e));
        return;
    }
    const struct conf *old = r->s.conf;
    r->s.conf = fresh;
    if (r->s.program->reload(&r->s, fresh, &e)) {
        keep_old_conf(r, old);
        return;
    }
    log_warning("reload: %s; the old configuration stays", error_cstr(&e));
    r->s.conf = old;
    conf_free(fresh);
}

static void take_order(struct service_run *r, struct ipc_message *m)
{
    switch ((int)ipc_message_type(m)) {
    case IPC_CHILD_RELOAD:
        take_main_cf(r, m);
        take_reload(r);
        break;
    case IPC_CHILD_STOP:
        begin_stop(r);
        break;
    case IPC_CHILD_LOG:
        log_set_file(ipc_take_fd(m, 0));
        break;
    default:
        log_warning("master sent an unexpected %s", ipc_type_name(ipc_message_type(m)));
    }
    ipc_message_close_fds(m);
}

/* Until the connection ends, which means that master is gone. */
static void status_fiber(void *arg)
{
    struct service_run *r = arg;
    struct error e = ERROR_INIT;
    struct ipc_message *m;
    struct arena *a = arena_new();

    while ((m = ipc_receive(r->status, a, CLOCK_NEVER, &e))) {
        take_order(r, m);
        arena_reset(a);
    }
    log_debug("master: %s", error_cstr(&e));
    arena_free(a);
    begin_stop(r);
}

/* --- start --- */

static void standalone_session(struct service_run *r)
{
    struct net_address peer = {.length = 0};

    if (r->s.program->session)
        r->s.program->session(&r->s, r->s.sockets, r->s.sockets->fd, &peer);
    loop_stop();
}

/* A process whose loop stands still for daemon_timeout ends by SIGALRM.  The queue
 * manager has a limit of its own. */
static void watchdog_fiber(void *arg)
{
    struct service_run *r = arg;

    while (!r->is_stopping) {
        int64_t limit = conf_time(r->s.conf, P_daemon_timeout);
        alarm((unsigned)(limit / CLOCK_SECOND));
        (void)fiber_sleep(limit / 3);
    }
}

static void start_fiber(void *arg)
{
    struct service_run *r = arg;
    struct error e = ERROR_INIT;

    if (r->s.program->start && !r->s.program->start(&r->s, &e))
        log_fatal("%s", error_cstr(&e));
    if (r->s.is_standalone) {
        standalone_session(r);
        return;
    }
    open_listeners(r);
    tell_master(r, IPC_CHILD_READY);
    if (r->status)
        fiber_spawn("status", status_fiber, r);
    if (r->s.program->session && !r->s.program->reload)
        fiber_spawn("idle", idle_fiber, r);
    if (r->status && strcmp(r->s.program->name, "qmgr") != 0)
        fiber_spawn("watchdog", watchdog_fiber, r);
}

int service_run(struct service_run *r)
{
    loop_init();
    if (r->status_fd >= 0)
        r->status = ipc_open(r->status_fd);
    list_init(&r->sessions);
    list_init(&r->old_confs);
    WAITQ_INIT(&r->changed);
    r->listeners = memory_alloc_array(r->s.n_sockets + 1, sizeof(struct listener *));
    r->idle_since = clock_mono();
    loop_on_signal(SIGTERM, on_signal, r);
    loop_on_signal(SIGINT, on_signal, r);
    fiber_spawn("start", start_fiber, r);
    loop_run();
    return r->exit_status;
}
