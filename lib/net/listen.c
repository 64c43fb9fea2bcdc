/* listen - listening sockets, and the accept loop of a program */
#include "net/listen.h"

#include "base/log.h"
#include "base/memory.h"
#include "net/settings.h"
#include "run/loop.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

/* With that many sessions a process, being woken one at a time pays; with fewer
 * all are woken, since the one that wakes may have no room. */
#define EXCLUSIVE_SESSIONS 16
/* Accepted in one go before others get their turn. */
#define ACCEPT_BURST 32
/* Pause when the process or the system has no descriptors left. */
#define ACCEPT_PAUSE CLOCK_SECOND

static int fail(int fd, struct error *e, const char *what, const char *where)
{
    error_set_errno(e, "4.3.0", "%s %s", what, where);
    if (fd >= 0)
        close(fd);
    return -1;
}

int listen_tcp(const struct net_address *at, int backlog, struct error *e)
{
    char where[NET_ADDRESS_TEXT + 8], text[NET_ADDRESS_TEXT];
    int on = 1, family = net_address_family(at);

    snprintf(where, sizeof(where), "%s:%u", net_address_text(at, text),
             (unsigned)net_address_port(at));
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(fd, e, "socket for", where);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return fail(fd, e, "SO_REUSEADDR for", where);
    if (family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
        return fail(fd, e, "IPV6_V6ONLY for", where);
    if (bind(fd, &at->sa, at->length) < 0)
        return fail(fd, e, "bind", where);
    net_apply_window(fd);
    if (listen(fd, backlog) < 0)
        return fail(fd, e, "listen on", where);
    return fd;
}

/* Remove what an earlier instance left at PATH; only a socket is removed. */
static bool remove_stale(const char *path, struct error *e)
{
    struct stat st;

    if (lstat(path, &st) < 0) {
        if (errno == ENOENT)
            return true;
        error_set_errno(e, "4.3.0", "look at %s", path);
        return false;
    }
    if (!S_ISSOCK(st.st_mode)) {
        error_set(e, "4.3.0", "%s exists and is not a socket", path);
        return false;
    }
    if (unlink(path) < 0 && errno != ENOENT) {
        error_set_errno(e, "4.3.0", "remove %s", path);
        return false;
    }
    return true;
}

int listen_unix(const char *path, int type, unsigned mode, int backlog, struct error *e)
{
    struct net_address at;

    if (!net_address_unix(view_of(path), &at)) {
        error_set(e, "4.3.5", "%s: path too long for a socket", path);
        return -1;
    }
    if (!remove_stale(path, e))
        return -1;
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(fd, e, "socket for", path);
    if (bind(fd, &at.sa, at.length) < 0)
        return fail(fd, e, "bind", path);
    if (chmod(path, mode & 07777) < 0)
        return fail(fd, e, "chmod", path);
    if (type != SOCK_DGRAM && listen(fd, backlog) < 0)
        return fail(fd, e, "listen on", path);
    return fd;
}

struct listener {
    struct watch watch;
    int fd;
    struct listen_limits limits;
    listen_session_fn *session;
    void *arg;
    struct fiber *acceptor; /* NULL when it has ended */
    struct waitq room;      /* a session ended */
    unsigned sessions;
    uint64_t total;
    bool is_stopped, is_freed;
};

/* What a session's fiber is started with. */
struct accepted {
    struct listener *listener;
    int fd;
    struct net_address peer;
};

/* A freed listener lives as long as its sessions, which count in it. */
static void listener_unref(struct listener *l)
{
    if (l->is_freed && l->sessions == 0 && !l->acceptor)
        memory_free(l);
}

static void session_fiber(void *arg)
{
    struct accepted a = *(struct accepted *)arg;

    memory_free(arg);
    a.listener->session(a.fd, &a.peer, a.listener->arg);
    a.listener->sessions--;
    waitq_wake_one(&a.listener->room);
    listener_unref(a.listener);
}

/* Accept one connection and start its session; false with errno when there is none. */
static bool accept_one(struct listener *l)
{
    struct sockaddr_storage peer;
    socklen_t n = sizeof(peer);
    int on = 1;

    int fd = accept4(l->fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return false;
    struct accepted *a = NEW(struct accepted);
    a->listener = l;
    a->fd = fd;
    net_address_set(&a->peer, (struct sockaddr *)&peer, n);
    if (net_address_family(&a->peer) != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
                         sizeof(on)); /* output is coalesced */
    l->sessions++;
    l->total++;
    fiber_spawn("session", session_fiber, a);
    return true;
}

/* A connection that died in the backlog is no reason to stop. */
static bool is_passing(int error_number)
{
    switch (error_number) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENOPROTOOPT:
    case ENONET:
        return true;
    default:
        return false;
    }
}

/* Accept what is there, as far as the limit goes. */
static void accept_burst(struct listener *l)
{
    for (int i = 0; i < ACCEPT_BURST && l->sessions < l->limits.max_sessions; i++) {
        if (accept_one(l) || is_passing(errno))
            continue;
        if (errno == EAGAIN) {
            l->watch.readable = false;
            return;
        }
        log_warning("accept connection: %s", strerror(errno));
        (void)fiber_sleep(ACCEPT_PAUSE);
        return;
    }
    fiber_yield();
}

static void acceptor_watch(struct listener *l)
{
    if (l->limits.max_sessions >= EXCLUSIVE_SESSIONS)
        watch_add_exclusive(&l->watch, l->fd);
    else
        watch_add(&l->watch, l->fd);
}

static void acceptor_fiber(void *arg)
{
    struct listener *l = arg;

    acceptor_watch(l);
    while (!l->is_stopped) {
        if (l->sessions >= l->limits.max_sessions) {
            watch_remove(&l->watch); /* others are to be woken instead */
            (void)waitq_wait(&l->room, CLOCK_NEVER);
            acceptor_watch(l);
        } else if (l->watch.readable) {
            accept_burst(l);
        } else {
            (void)watch_wait_read(&l->watch, CLOCK_NEVER);
        }
    }
    watch_remove(&l->watch);
    close(l->fd);
    l->acceptor = NULL;
    listener_unref(l);
}

struct listener *listen_serve(int fd, const struct listen_limits *limits,
                              listen_session_fn *session, void *arg)
{
    struct listener *l = NEW(struct listener);

    l->fd = fd;
    l->limits = *limits;
    l->session = session;
    l->arg = arg;
    WAITQ_INIT(&l->room);
    l->acceptor = fiber_spawn("accept", acceptor_fiber, l);
    return l;
}

void listener_stop(struct listener *l)
{
    if (l->is_stopped)
        return;
    l->is_stopped = true;
    if (l->acceptor)
        fiber_cancel(l->acceptor);
}

void listener_free(struct listener *l)
{
    listener_stop(l);
    l->is_freed = true;
    listener_unref(l);
}

unsigned listener_sessions(const struct listener *l)
{
    return l->sessions;
}

uint64_t listener_total(const struct listener *l)
{
    return l->total;
}
