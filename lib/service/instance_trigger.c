/* instance_trigger - wake a program through its socket */
#include "ipc/ipc.h"
#include "net/address.h"
#include "service/instance.h"

#include <unistd.h>

bool instance_trigger(const char *class, const char *name, const char *request,
                      struct error *e)
{
    struct net_address to;
    char path[128];

    snprintf(path, sizeof path, "%s/%s", class, name);
    if (!net_address_unix(view_of(path), &to)) {
        error_set(e, "4.3.5", "socket path too long: %s", path);
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        error_set_errno(e, "4.3.0", "socket");
        return false;
    }
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_message_new(a, IPC_TRIGGER);
    ipc_put_cstr(m, IPC_ATTR_REQUEST, request);
    struct view bytes = ipc_message_bytes(m);
    bool sent = connect(fd, &to.sa, to.length) == 0 &&
                send(fd, bytes.p, bytes.n, MSG_NOSIGNAL) == (ssize_t)bytes.n;
    if (!sent)
        error_set_errno(e, "4.3.0", "trigger %s", path);
    arena_free(a);
    close(fd);
    return sent;
}
