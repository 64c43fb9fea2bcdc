/* call - one question to another program; see call.h */
#include "ipc/call.h"

#include "base/str.h"
#include "ipc/endpoint.h"
#include "net/dial.h"

static bool say_hello(struct ipc *c, const char *who, int64_t deadline, struct error *e)
{
    struct arena *a = arena_new();
    struct ipc_message *hello = ipc_message_new(a, IPC_HELLO);
    ipc_put_u64(hello, IPC_ATTR_VERSION, ipc_version());
    ipc_put_cstr(hello, IPC_ATTR_NAME, who);
    bool good = ipc_send(c, hello, deadline, e);
    arena_free(a);
    return good;
}

struct ipc *ipc_dial(struct view queue_directory, const char *class, struct view name,
                     const char *who, int64_t deadline, struct error *e)
{
    char path[ENDPOINT_PATH_BYTES];
    struct str directory = STR_INIT(4096);
    str_add(&directory, queue_directory);
    bool good = endpoint_path(str_cstr(&directory), class, name, path) != NULL;
    str_done(&directory);
    if (!good) {
        error_set(e, "4.3.5", "queue_directory: name too long for a socket");
        return NULL;
    }
    int fd = dial_seqpacket(path, deadline, e);
    if (fd < 0)
        return NULL;
    struct ipc *c = ipc_open(fd);
    if (say_hello(c, who, deadline, e))
        return c;
    ipc_close(c);
    return NULL;
}

struct ipc_message *ipc_ask(struct ipc *c, const struct ipc_message *question,
                            enum ipc_type wanted, struct arena *a, int64_t deadline,
                            struct error *e)
{
    if (!ipc_send(c, question, deadline, e))
        return NULL;
    struct ipc_message *m = ipc_receive(c, a, deadline, e);
    if (m == NULL)
        return NULL;
    if (ipc_message_type(m) == wanted)
        return m;
    ipc_message_close_fds(m);
    if (ipc_message_type(m) == IPC_ERROR)
        error_set(e, "4.3.0", "%.*s", VIEW_FMT(ipc_get_view(m, IPC_ATTR_TEXT)));
    else
        error_set(e, "4.3.0", "unexpected answer %s", ipc_type_name(ipc_message_type(m)));
    return NULL;
}
