/* endpoint - where the sockets of an instance are, and which ones a program inherits */
#include "ipc/endpoint.h"

#include "base/number.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

const char *endpoint_path(const char *queue_directory, const char *class,
                          struct view name, char buf[ENDPOINT_PATH_BYTES])
{
    if (name.n == 0 || view_has(name, '/') || view_has(name, '\0'))
        return NULL;
    int n = snprintf(buf, ENDPOINT_PATH_BYTES, "%s/%s/%.*s", queue_directory, class,
                     VIEW_FMT(name));
    return n > 0 && (size_t)n < ENDPOINT_PATH_BYTES ? buf : NULL;
}

/* Take variable NAME out of the environment. */
static struct view take_env(struct arena *a, const char *name)
{
    const char *value = getenv(name);
    struct view v = arena_dup(a, view_of(value));

    unsetenv(name);
    return v;
}

/* FD is a socket whose OPTION has the value WANT; it becomes close-on-exec. */
static bool adopt_socket(int fd, int option, int want)
{
    int value = 0;
    socklen_t n = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, option, &value, &n) == 0 && value == want &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static bool adopt_sockets(struct arena *a, struct view names,
                          struct endpoint_inherited *out, struct error *e)
{
    struct view name;

    out->sockets = arena_alloc_array(a, ENDPOINT_MAX_SOCKETS, sizeof(out->sockets[0]));
    while (view_token(&names, VIEW(" "), &name)) {
        int fd = ENDPOINT_FIRST_FD + (int)out->n;
        bool is_ours =
            adopt_socket(fd, SO_ACCEPTCONN, 1) || adopt_socket(fd, SO_TYPE, SOCK_DGRAM);
        if (out->n == ENDPOINT_MAX_SOCKETS || !is_ours) {
            error_set(e, "4.3.5", "%s: descriptor %d for %.*s is no listening socket",
                      ENDPOINT_ENV_SOCKETS, fd, VIEW_FMT(name));
            return false;
        }
        out->sockets[out->n++] = (struct endpoint_socket){arena_cstr(a, name), fd};
    }
    return true;
}

/* A descriptor number in VALUE, -1 when VALUE is empty. */
static bool parse_fd(struct view value, const char *name, int *fd, struct error *e)
{
    *fd = -1;
    if (value.n == 0)
        return true;
    if (number_parse_int(value, ENDPOINT_FIRST_FD, 1 << 20, fd) &&
        fcntl(*fd, F_SETFD, FD_CLOEXEC) == 0)
        return true;
    error_set(e, "4.3.5", "%s: \"%.*s\" is no open descriptor", name, VIEW_FMT(value));
    return false;
}

bool endpoint_inherit(struct arena *a, struct endpoint_inherited *out, struct error *e)
{
    struct view sockets = take_env(a, ENDPOINT_ENV_SOCKETS);
    struct view status = take_env(a, ENDPOINT_ENV_STATUS);
    struct view log = take_env(a, ENDPOINT_ENV_LOG);
    struct view sessions = take_env(a, ENDPOINT_ENV_SESSIONS);
    struct view main_cf = take_env(a, ENDPOINT_ENV_MAIN_CF);
    int n = 0;

    *out = (struct endpoint_inherited){.status_fd = -1, .log_fd = -1, .main_cf_fd = -1};
    if (!adopt_sockets(a, sockets, out, e) ||
        !parse_fd(status, ENDPOINT_ENV_STATUS, &out->status_fd, e) ||
        !parse_fd(log, ENDPOINT_ENV_LOG, &out->log_fd, e) ||
        !parse_fd(main_cf, ENDPOINT_ENV_MAIN_CF, &out->main_cf_fd, e))
        return false;
    if (out->status_fd >= 0 && !adopt_socket(out->status_fd, SO_TYPE, SOCK_SEQPACKET)) {
        error_set(e, "4.3.5", "%s: descriptor %d is no SEQPACKET socket",
                  ENDPOINT_ENV_STATUS, out->status_fd);
        return false;
    }
    if (sessions.n > 0 && !number_parse_int(sessions, 1, 1 << 20, &n)) {
        error_set(e, "4.3.5", "%s: \"%.*s\" is no number of sessions",
                  ENDPOINT_ENV_SESSIONS, VIEW_FMT(sessions));
        return false;
    }
    out->sessions = (unsigned)n;
    return true;
}
