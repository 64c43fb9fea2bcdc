/* queue_driver - tests: a queue manager that takes new messages */
#include "agent/queue_driver.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* One record with its descriptor, or -1. */
static ssize_t receive(int from, char *buf, size_t size, int *fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = buf, .iov_len = size};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    ssize_t n = recvmsg(from, &msg, MSG_CMSG_CLOEXEC);
    struct cmsghdr *h = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

    *fd = -1;
    if (h)
        memcpy(fd, CMSG_DATA(h), sizeof *fd);
    return n;
}

static void reply(int to, const struct ipc_message *m)
{
    struct view bytes = ipc_message_bytes(m);

    if (send(to, bytes.p, bytes.n, MSG_NOSIGNAL) < 0)
        _exit(1);
}

/* The message in FD as a file. */
static void keep(struct driver *d, struct arena *a, const struct ipc_message *m, int fd)
{
    static unsigned number;
    size_t content = (size_t)ipc_get_u64(m, IPC_ATTR_CONTENT_SIZE, 0);
    size_t envelope = (size_t)ipc_get_u64(m, IPC_ATTR_ENVELOPE_SIZE, 0);
    char *bytes = arena_alloc(a, content + envelope + 1);
    struct str text = STR_INIT(1 << 20);
    struct error e = ERROR_INIT;
    struct envelope env;

    if (pread(fd, bytes, content + envelope, 0) != (ssize_t)(content + envelope) ||
        !envelope_parse(a, (struct view){bytes + content, envelope}, &env, &e))
        _exit(2);
    str_addf(&text, "from=<%.*s>\n", VIEW_FMT(env.sender));
    for (size_t i = 0; i < env.n_recipients; i++)
        str_addf(&text, "to=<%.*s>\n", VIEW_FMT(env.recipients[i].address));
    if (ipc_has(m, IPC_ATTR_INDEX))
        str_addf(&text, "replaces=%.*s %u\n", VIEW_FMT(ipc_get_view(m, IPC_ATTR_ORIGIN)),
                 (unsigned)ipc_get_u64(m, IPC_ATTR_INDEX, 0));
    str_add_char(&text, '\n');
    str_add(&text, (struct view){bytes, content});
    driver_write(d, arena_printf(a, "queue/new.%u", ++number).p, str_cstr(&text));
    str_done(&text);
}

static void answer(struct driver *d, int to, struct ipc_message *m, int fd)
{
    static uint64_t serial = 1000;
    struct arena *a = arena_new();
    struct ipc_message *r = NULL;

    if (ipc_message_type(m) == IPC_ID_BLOCK) {
        r = ipc_message_new(a, IPC_ID_BLOCK_IS);
        ipc_put_u64(r, IPC_ATTR_FIRST, serial);
        ipc_put_u64(r, IPC_ATTR_COUNT, 10);
        serial += 10;
    } else if (ipc_message_type(m) == IPC_COMMIT) {
        keep(d, a, m, fd);
        r = ipc_message_new(a, IPC_COMMITTED);
    }
    if (r) {
        ipc_put_u64(r, IPC_ATTR_TAG, ipc_get_u64(m, IPC_ATTR_TAG, 0));
        reply(to, r);
    }
    arena_free(a);
}

static void serve(struct driver *d, int listener)
{
    static char buf[IPC_MAX_BYTES];
    struct error e = ERROR_INIT;

    for (;;) {
        int to = accept(listener, NULL, NULL), fd;
        ssize_t n;
        while ((n = receive(to, buf, sizeof buf, &fd)) > 0) {
            struct arena *a = arena_new();
            struct ipc_message *m =
                ipc_message_parse(a, (struct view){buf, (size_t)n}, fd >= 0, &e);
            if (!m)
                _exit(3);
            answer(d, to, m, fd);
            if (fd >= 0)
                close(fd);
            arena_free(a);
        }
        close(to);
    }
}

pid_t queue_driver_start(struct driver *d)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const char *path = driver_path(d, "queue/public/qmgr");
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    assert_int_equal(mkdir(driver_path(d, "queue/public"), 0755), 0);
    assert_true(strlen(path) < sizeof at.sun_path);
    memcpy(at.sun_path, path, strlen(path) + 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 10), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(120);
        serve(d, fd);
    }
    close(fd);
    return pid;
}

void queue_driver_stop(pid_t pid)
{
    int status;

    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
}
