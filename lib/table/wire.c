/* wire - a blocking connection with time limits, for the clients of network tables */
#include "table/wire.h"

#include "base/clock.h"
#include "net/address.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { CHUNK = 4096, INPUT_MAX = 4 * 1024 * 1024 };

void wire_init(struct wire *w)
{
    *w = (struct wire){.fd = -1, .input = STR_INIT(INPUT_MAX)};
}

void wire_close(struct wire *w)
{
    if (w->fd >= 0)
        close(w->fd);
    str_done(&w->input);
    w->given = 0;
    w->fd = -1;
}

bool wire_is_open(const struct wire *w)
{
    return w->fd >= 0;
}

/* Wait for EVENTS on FD; false with *E when the deadline passes. */
static bool wait_for(const struct wire *w, int fd, short events, struct error *e)
{
    struct pollfd p = {.fd = fd, .events = events};

    for (;;) {
        int64_t left = w->deadline - clock_mono();
        int n = left <= 0 ? 0 : poll(&p, 1, (int)(left / 1000 + 1));
        if (n > 0)
            return true;
        if (n < 0 && errno == EINTR)
            continue;
        errno = n == 0 ? ETIMEDOUT : errno;
        error_set_errno(e, "4.4.1", "wait for server");
        return false;
    }
}

/* Connect a socket of FAMILY to SA; -1 with errno. */
static int connect_one(struct wire *w, const struct sockaddr *sa, socklen_t n)
{
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int why = 0;
    socklen_t size = sizeof why;

    if (fd < 0)
        return -1;
    if (connect(fd, sa, n) < 0)
        why = errno;
    if (why == EINPROGRESS) {
        if (!wait_for(w, fd, POLLOUT, NULL))
            why = errno;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &size) < 0)
            why = errno;
    }
    if (why == 0)
        return fd;
    close(fd);
    errno = why;
    return -1;
}

static void connect_unix(struct wire *w, struct view path)
{
    struct net_address to;

    if (!net_address_unix(path, &to))
        errno = ENAMETOOLONG;
    else
        w->fd = connect_one(w, &to.sa, to.length);
}

/* HOST and PORT have an address; 0 or what getaddrinfo(3) says. */
static int connect_inet(struct wire *w, struct view host, struct view port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char name[NI_MAXHOST], service[NI_MAXSERV];

    snprintf(name, sizeof name, "%.*s", VIEW_FMT(host));
    snprintf(service, sizeof service, "%.*s", VIEW_FMT(port));
    int why = getaddrinfo(name, service, &hints, &found);
    for (struct addrinfo *a = found; why == 0 && a && w->fd < 0; a = a->ai_next)
        w->fd = connect_one(w, a->ai_addr, a->ai_addrlen);
    if (found)
        freeaddrinfo(found);
    return why;
}

bool wire_open(struct wire *w, struct view endpoint, struct error *e)
{
    struct net_endpoint at;
    int why = 0;

    wire_close(w);
    errno = EINVAL;
    if (view_starts(endpoint, VIEW("unix:")))
        connect_unix(w, view_from(endpoint, 5));
    else if (net_endpoint_parse(endpoint, &at) && at.host.n > 0 && at.port.n > 0)
        why = connect_inet(w, at.host, at.port);
    if (w->fd >= 0) {
        w->opened = w->used = clock_mono();
        return true;
    }
    if (why != 0)
        error_set(e, "4.4.3", "%s", gai_strerror(why));
    else
        error_set(e, "4.4.1", "%s", strerror(errno));
    error_prefix(e, "connect to %.*s: ", VIEW_FMT(endpoint));
    return false;
}

void wire_expire(struct wire *w, int64_t idle_max, int64_t life_max)
{
    struct pollfd p = {.fd = w->fd, .events = POLLIN};
    int64_t now = clock_mono();

    /* Input that nobody asked for is the end of the connection, or a server astray. */
    if (w->fd >= 0 &&
        (now - w->used > idle_max || now - w->opened > life_max || poll(&p, 1, 0) != 0))
        wire_close(w);
}

bool wire_send(struct wire *w, struct view v, struct error *e)
{
    w->used = clock_mono();
    while (v.n > 0) {
        ssize_t n = send(w->fd, v.p, v.n, MSG_NOSIGNAL);
        if (n >= 0) {
            v = view_from(v, (size_t)n);
        } else if (errno == EAGAIN) {
            if (!wait_for(w, w->fd, POLLOUT, e))
                return false;
        } else if (errno != EINTR) {
            error_set_errno(e, "4.4.2", "send");
            return false;
        }
    }
    return true;
}

/* More input. */
static bool fill(struct wire *w, struct error *e)
{
    char *to = str_reserve(&w->input, CHUNK);
    ssize_t n;

    if (to == NULL) {
        error_set(e, "4.3.0", "reply too long");
        return false;
    }
    while ((n = recv(w->fd, to, CHUNK, 0)) < 0) {
        if (errno == EAGAIN) {
            if (!wait_for(w, w->fd, POLLIN, e))
                return false;
        } else if (errno != EINTR) {
            error_set_errno(e, "4.4.2", "receive");
            return false;
        }
    }
    if (n == 0) {
        error_set(e, "4.4.2", "lost connection");
        return false;
    }
    w->input.n += (size_t)n;
    return true;
}

/* The line that was given last is no longer looked at. */
static void drop_given(struct wire *w)
{
    str_consume(&w->input, w->given);
    w->given = 0;
}

bool wire_line(struct wire *w, size_t limit, struct view *line, struct error *e)
{
    size_t end;

    drop_given(w);
    while ((end = view_find(str_view(&w->input), '\n')) == VIEW_NPOS) {
        if (w->input.n > limit)
            break;
        if (!fill(w, e))
            return false;
    }
    if (end == VIEW_NPOS || end > limit) {
        error_set(e, "4.3.0", "reply line longer than %zu bytes", limit);
        return false;
    }
    w->given = end + 1;
    *line = view_sub(str_view(&w->input), 0, end);
    if (line->n > 0 && line->p[line->n - 1] == '\r')
        line->n--;
    return true;
}

bool wire_bytes(struct wire *w, size_t n, struct str *out, struct error *e)
{
    drop_given(w);
    while (w->input.n < n)
        if (!fill(w, e))
            return false;
    if (!str_add(out, view_sub(str_view(&w->input), 0, n))) {
        error_set(e, "4.3.0", "reply too long");
        return false;
    }
    str_consume(&w->input, n);
    return true;
}
