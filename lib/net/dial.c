/* dial - connect to one address, within a deadline */
#include "net/dial.h"

#include "net/settings.h"
#include "run/loop.h"

#include <errno.h>
#include <unistd.h>

#define STATUS "4.4.1" /* RFC 3463: no answer from host */

/* Wait until the connection that began on FD is there; 0 or errno. */
static int finish_connect(int fd, int64_t deadline)
{
    struct watch watch = {.fd = -1};
    int result = 0;
    socklen_t n = sizeof(result);

    watch_add(&watch, fd);
    enum wake wake = watch_wait_write(&watch, deadline);
    watch_remove(&watch);
    if (wake == WAKE_TIMEOUT)
        return ETIMEDOUT;
    if (wake == WAKE_CANCELLED)
        return ECANCELED;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &n) < 0)
        return errno;
    return result;
}

/* A UNIX socket whose backlog is full answers EAGAIN at once and gives no event: try
 * again a little later. */
static int connect_unix(int fd, const struct net_address *to, int64_t deadline)
{
    int64_t pause = 1000;

    while (connect(fd, &to->sa, to->length) < 0) {
        if (errno != EAGAIN && errno != EINTR)
            return errno;
        if (clock_mono() >= deadline)
            return ETIMEDOUT;
        if (fiber_sleep(pause) == WAKE_CANCELLED)
            return ECANCELED;
        pause = pause < CLOCK_SECOND / 10 ? pause * 2 : pause;
    }
    return 0;
}

static int connect_to(int fd, const struct net_address *to, int64_t deadline)
{
    if (net_address_family(to) == AF_UNIX)
        return connect_unix(fd, to, deadline);
    if (connect(fd, &to->sa, to->length) == 0)
        return 0;
    if (errno != EINPROGRESS && errno != EINTR)
        return errno;
    return finish_connect(fd, deadline);
}

static int dial_type(const struct net_address *to, const struct net_address *from,
                     int type, int64_t deadline, struct error *e)
{
    int fd = socket(net_address_family(to), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        error_set_errno(e, STATUS, "cannot create socket");
        return -1;
    }
    if (net_address_family(to) != AF_UNIX)
        net_apply_window(fd);
    if (from && bind(fd, &from->sa, from->length) < 0) {
        char text[NET_ADDRESS_TEXT];
        error_set_errno(e, STATUS, "bind %s", net_address_text(from, text));
        close(fd);
        return -1;
    }
    int failed = connect_to(fd, to, deadline);
    if (failed) {
        error_set(e, STATUS, "%s", strerror(failed));
        if (e)
            e->saved_errno = failed;
        close(fd);
        return -1;
    }
    return fd;
}

int dial(const struct net_address *to, const struct net_address *from, int64_t deadline,
         struct error *e)
{
    return dial_type(to, from, SOCK_STREAM, deadline, e);
}

int dial_seqpacket(const char *path, int64_t deadline, struct error *e)
{
    struct net_address to;

    if (!net_address_unix(view_of(path), &to)) {
        error_set(e, "4.3.5", "%s: path too long for a socket", path);
        return -1;
    }
    int fd = dial_type(&to, NULL, SOCK_SEQPACKET, deadline, e);
    if (fd < 0)
        error_prefix(e, "connect to %s: ", path);
    return fd;
}
