/* call - one question to another program; see call.h */
#include "ipc/call.h"

#include "base/str.h"
#include "ipc/endpoint.h"
#include "net/dial.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define BLOCKING_SECONDS 10

static struct ipc_message *hello_of(struct arena *a, const char *who)
{
    struct ipc_message *hello = ipc_message_new(a, IPC_HELLO);
    ipc_put_u64(hello, IPC_ATTR_VERSION, ipc_version());
    ipc_put_cstr(hello, IPC_ATTR_NAME, who);
    return hello;
}

static bool say_hello(struct ipc *c, const char *who, int64_t deadline, struct error *e)
{
    struct arena *a = arena_new();
    bool good = ipc_send(c, hello_of(a, who), deadline, e);
    arena_free(a);
    return good;
}

static bool find_path(struct view queue_directory, const char *class, struct view name,
                      char path[ENDPOINT_PATH_BYTES], struct error *e)
{
    struct str directory = STR_INIT(4096);
    str_add(&directory, queue_directory);
    bool good = endpoint_path(str_cstr(&directory), class, name, path) != NULL;
    str_done(&directory);
    if (!good)
        error_set(e, "4.3.5", "queue_directory: name too long for a socket");
    return good;
}

struct ipc *ipc_dial(struct view queue_directory, const char *class, struct view name,
                     const char *who, int64_t deadline, struct error *e)
{
    char path[ENDPOINT_PATH_BYTES];
    if (!find_path(queue_directory, class, name, path, e))
        return NULL;
    int fd = dial_seqpacket(path, deadline, e);
    if (fd < 0)
        return NULL;
    struct ipc *c = ipc_open(fd);
    if (say_hello(c, who, deadline, e))
        return c;
    ipc_close(c);
    return NULL;
}

static struct ipc_message *check_answer(struct ipc_message *m, enum ipc_type wanted,
                                        struct error *e)
{
    if (m == NULL || ipc_message_type(m) == wanted)
        return m;
    ipc_message_close_fds(m);
    if (ipc_message_type(m) == IPC_ERROR)
        error_set(e, "4.3.0", "%.*s", VIEW_FMT(ipc_get_view(m, IPC_ATTR_TEXT)));
    else
        error_set(e, "4.3.0", "unexpected answer %s", ipc_type_name(ipc_message_type(m)));
    return NULL;
}

struct ipc_message *ipc_ask(struct ipc *c, const struct ipc_message *question,
                            enum ipc_type wanted, struct arena *a, int64_t deadline,
                            struct error *e)
{
    if (!ipc_send(c, question, deadline, e))
        return NULL;
    return check_answer(ipc_receive(c, a, deadline, e), wanted, e);
}

/* --- blocking --- */

static bool send_blocking(int fd, const struct ipc_message *m, struct error *e)
{
    struct view bytes = ipc_message_bytes(m);
    if (send(fd, bytes.p, bytes.n, MSG_NOSIGNAL) == (ssize_t)bytes.n)
        return true;
    error_set_errno(e, "4.3.0", "send");
    return false;
}

int ipc_dial_blocking(struct view queue_directory, const char *class, struct view name,
                      const char *who, struct error *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = BLOCKING_SECONDS};
    if (!find_path(queue_directory, class, name, address.sun_path, e))
        return -1;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        error_set_errno(e, "4.3.0", "socket");
        return -1;
    }
    struct arena *a = arena_new();
    bool good =
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
        connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (!good)
        error_set_errno(e, "4.3.0", "connect to %s", address.sun_path);
    good = good && send_blocking(fd, hello_of(a, who), e);
    arena_free(a);
    if (good)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

struct ipc_message *ipc_ask_blocking(int fd, const struct ipc_message *question,
                                     enum ipc_type wanted, struct arena *a,
                                     struct error *e)
{
    if (!send_blocking(fd, question, e))
        return NULL;
    char *record = arena_alloc(a, IPC_MAX_BYTES);
    ssize_t n = recv(fd, record, IPC_MAX_BYTES, 0);
    if (n <= 0) {
        if (n < 0)
            error_set_errno(e, "4.3.0", "receive");
        else
            error_set(e, "4.3.0", "closed");
        return NULL;
    }
    return check_answer(ipc_message_parse(a, (struct view){record, (size_t)n}, 0, e),
                        wanted, e);
}
