/* agent_driver - tests: run a delivery agent as the queue manager would */
#include "agent/agent_driver.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS (30 * 1000)

const char *driver_path(struct driver *d, const char *name)
{
    return arena_printf(d->arena, "%s/%s", d->directory, name).p;
}

void driver_write(struct driver *d, const char *name, const char *text)
{
    int fd = open(driver_path(d, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, 0644), 0);
    close(fd);
}

const char *driver_read(struct driver *d, const char *name)
{
    char *buf = arena_alloc(d->arena, 65537);
    int fd = open(driver_path(d, name), O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return "";
    ssize_t n = read(fd, buf, 65536);
    assert_true(n >= 0);
    close(fd);
    return buf;
}

const char *driver_log(struct driver *d)
{
    const char *log = driver_read(d, "log");
    size_t seen = d->log_read;

    d->log_read = strlen(log);
    return log + (seen < d->log_read ? seen : d->log_read);
}

static int listen_at(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(strlen(path) < sizeof at.sun_path);
    memcpy(at.sun_path, path, strlen(path) + 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 10), 0);
    return fd;
}

void driver_init(struct driver *d, const char *program, const char *name,
                 const char *service, const char *main_cf)
{
    char *where = realpath(program, NULL);

    assert_non_null(where);
    *d = (struct driver){.directory = "/tmp/agent_test_XXXXXX",
                         .program = where,
                         .name = name,
                         .service = service,
                         .connection = -1,
                         .arena = arena_new()};
    assert_non_null(mkdtemp(d->directory));
    assert_int_equal(chmod(d->directory, 0755), 0);
    assert_int_equal(mkdir(driver_path(d, "etc"), 0755), 0);
    assert_int_equal(mkdir(driver_path(d, "queue"), 0755), 0);
    assert_int_equal(mkdir(driver_path(d, "queue/private"), 0755), 0);
    assert_int_equal(chmod(driver_path(d, "etc"), 0755), 0);
    assert_int_equal(chmod(driver_path(d, "queue"), 0755), 0);
    struct view text = arena_printf(d->arena,
                                    "queue_directory = %s/queue\n"
                                    "data_directory = %s/queue\n"
                                    "maillog_file = %s/log\n"
                                    "maillog_file_prefixes = /tmp\n"
                                    "mail_owner = games\nsetgid_group = nogroup\n"
                                    "myhostname = gw1.maison.mrs\nmydomain = maison.mrs\n"
                                    "mydestination = $myhostname, $mydomain\n"
                                    "alias_maps =\nmynetworks = 127.0.0.0/8\n%s",
                                    d->directory, d->directory, d->directory, main_cf);
    driver_write(d, "etc/main.cf", text.p);
    driver_write(d, "log", "");
    struct view socket_path = arena_printf(d->arena, "queue/private/%s", service);
    d->listener = listen_at(driver_path(d, socket_path.p));
}

/* In the child: descriptors 3 (socket) and 4 (log), then the program. */
static void __attribute__((noreturn)) run_program(struct driver *d)
{
    const char *argv[32] = {d->name, "-n", d->service,           "-t",
                            "unix",  "-c", driver_path(d, "etc")};
    size_t n = 7;
    int log = open(driver_path(d, "log"), O_WRONLY | O_APPEND);
    union {
        const char **in;
        char **out;
    } args = {.in = argv};

    for (size_t i = 0; d->args && d->args[i] && n < 31; i++)
        argv[n++] = d->args[i];
    int high = fcntl(d->listener, F_DUPFD, 20), high_log = fcntl(log, F_DUPFD, 20);
    if (high < 0 || high_log < 0 || dup2(high, 3) < 0 || dup2(high_log, 4) < 0)
        _exit(126);
    close_range(5, ~0U, 0);
    setenv("DILIGENCE_SOCKETS", d->service, 1);
    setenv("DILIGENCE_LOG", "4", 1);
    unsetenv("DILIGENCE_STATUS");
    execv(d->program, args.out);
    _exit(127);
}

static void connect_program(struct driver *d)
{
    struct sockaddr_un at;
    socklen_t n = sizeof at;

    d->connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(getsockname(d->listener, (struct sockaddr *)&at, &n), 0);
    assert_int_equal(connect(d->connection, (struct sockaddr *)&at, n), 0);
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_message_new(a, IPC_HELLO);
    ipc_put_u64(m, IPC_ATTR_VERSION, ipc_version());
    ipc_put_cstr(m, IPC_ATTR_NAME, "qmgr");
    struct view bytes = ipc_message_bytes(m);
    assert_int_equal(send(d->connection, bytes.p, bytes.n, 0), bytes.n);
    arena_free(a);
}

void driver_start(struct driver *d, const char *const *args)
{
    d->args = args;
    d->pid = fork();
    assert_true(d->pid >= 0);
    if (d->pid == 0)
        run_program(d);
    connect_program(d);
}

static void put_recipients(struct ipc_message *m, const struct driver_request *r)
{
    for (unsigned i = 0; i < DRIVER_RECIPIENTS && r->recipients[i]; i++) {
        const char *original = r->originals[i] ? r->originals[i] : r->recipients[i];
        ipc_put_cstr(m, IPC_ATTR_RECIPIENT, r->recipients[i]);
        ipc_put_cstr(m, IPC_ATTR_ORIGINAL, original);
        ipc_put_u64(m, IPC_ATTR_NOTIFY, 0);
        ipc_put_u64(m, IPC_ATTR_INDEX, 100 + i);
    }
}

/* One record with one descriptor. */
static void send_with_fd(int to, struct view bytes, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes.p, .iov_len = bytes.n};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};

    control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                      .cmsg_type = SCM_RIGHTS,
                                      .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    assert_int_equal(sendmsg(to, &msg, MSG_NOSIGNAL), bytes.n);
}

void driver_send(struct driver *d, const struct driver_request *r)
{
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_message_new(a, IPC_DELIVER);
    size_t size = strlen(r->content);
    int64_t now = clock_wall();
    int fd = memfd_create("content", MFD_CLOEXEC);

    assert_int_equal(write(fd, r->content, size), size);
    ipc_put_u64(m, IPC_ATTR_TAG, 42);
    ipc_put_cstr(m, IPC_ATTR_QUEUE_ID, r->queue_id ? r->queue_id : "4F1A2B3C4D");
    ipc_put_u64(m, IPC_ATTR_CONTENT_SIZE, size);
    ipc_put_cstr(m, IPC_ATTR_SENDER, r->sender);
    ipc_put_cstr(m, IPC_ATTR_TRANSPORT, d->service);
    ipc_put_cstr(m, IPC_ATTR_NEXTHOP, r->nexthop ? r->nexthop : "maison.mrs");
    ipc_put_u64(m, IPC_ATTR_FLAGS, r->flags);
    ipc_put_u64(m, IPC_ATTR_RET, 0);
    ipc_put_cstr(m, IPC_ATTR_ENVID, "");
    ipc_put_i64(m, IPC_ATTR_ARRIVAL, r->age < 0 ? -r->age : now - r->age);
    ipc_put_i64(m, IPC_ATTR_ACTIVE, now);
    ipc_put_cstr(m, IPC_ATTR_CLIENT_NAME, "client.example");
    ipc_put_cstr(m, IPC_ATTR_CLIENT_ADDRESS, "192.0.2.9");
    ipc_put_cstr(m, IPC_ATTR_PROTOCOL_NAME, "ESMTP");
    if (r->repeat >= 0)
        ipc_put_u64(m, IPC_ATTR_REPEAT, (uint64_t)r->repeat);
    put_recipients(m, r);
    send_with_fd(d->connection, ipc_message_bytes(m), fd);
    close(fd);
    arena_free(a);
}

static void copy_text(char *to, size_t size, struct view v)
{
    snprintf(to, size, "%.*s", VIEW_FMT(v));
}

static void read_answer(const struct ipc_message *m, struct driver_answer *out)
{
    struct driver_result *r = NULL;
    struct ipc_value v;
    size_t position = 0;

    assert_int_equal(ipc_get_u64(m, IPC_ATTR_TAG, 0), 42);
    copy_text(out->checkpoint, sizeof out->checkpoint,
              ipc_get_view(m, IPC_ATTR_CHECKPOINT));
    copy_text(out->dead_status, sizeof out->dead_status,
              ipc_get_view(m, IPC_ATTR_DEAD_STATUS));
    while (ipc_next(m, &position, &v)) {
        if (v.attr == IPC_ATTR_INDEX) {
            assert_true(out->n < DRIVER_RECIPIENTS);
            r = &out->results[out->n++];
            r->index = (unsigned)v.u64;
        } else if (r && v.attr == IPC_ATTR_OUTCOME) {
            r->outcome = (enum outcome)v.u64;
        } else if (r && v.attr == IPC_ATTR_RECIPIENT_STATUS) {
            copy_text(r->status, sizeof r->status, v.view);
        } else if (r && v.attr == IPC_ATTR_RECIPIENT_TEXT) {
            copy_text(r->text, sizeof r->text, v.view);
        } else if (r && v.attr == IPC_ATTR_DIAGNOSTIC_TYPE) {
            copy_text(r->diagnostic, sizeof r->diagnostic, v.view);
        } else if (r && v.attr == IPC_ATTR_DIAGNOSTIC) {
            size_t n = strlen(r->diagnostic);
            snprintf(r->diagnostic + n, sizeof r->diagnostic - n, "; %.*s",
                     VIEW_FMT(v.view));
        }
    }
}

bool driver_receive(struct driver *d, struct driver_answer *out)
{
    static char buf[IPC_MAX_BYTES];
    struct pollfd wait = {.fd = d->connection, .events = POLLIN};
    struct error e = ERROR_INIT;
    bool more = true;

    *out = (struct driver_answer){.n = 0};
    while (more) {
        if (poll(&wait, 1, PATIENCE_MS) != 1) {
            kill(d->pid, SIGKILL);
            fail_msg("no answer; the log:\n%s", driver_log(d));
        }
        ssize_t n = recv(d->connection, buf, sizeof buf, 0);
        if (n <= 0)
            return false;
        struct arena *a = arena_new();
        struct ipc_message *m =
            ipc_message_parse(a, (struct view){buf, (size_t)n}, 0, &e);
        if (!m)
            fail_msg("%s", e.text);
        assert_int_equal(ipc_message_type(m), IPC_DELIVERED);
        read_answer(m, out);
        more = ipc_get_u64(m, IPC_ATTR_MORE, 0) != 0;
        arena_free(a);
    }
    return true;
}

void driver_deliver(struct driver *d, const struct driver_request *r,
                    struct driver_answer *out)
{
    driver_send(d, r);
    if (!driver_receive(d, out))
        fail_msg("the program went away; its log:\n%s", driver_log(d));
}

/* Wait for the child for a while, then kill it. */
static void reap(struct driver *d, int *status)
{
    for (int i = 0; i < 1000; i++) {
        if (waitpid(d->pid, status, WNOHANG) == d->pid)
            return;
        usleep(10 * 1000);
    }
    kill(d->pid, SIGKILL);
    waitpid(d->pid, status, 0);
    fail_msg("the program did not end; its log:\n%s", driver_log(d));
}

void driver_stop(struct driver *d, bool kill_it)
{
    int status = 0;

    if (d->pid <= 0)
        return;
    close(d->connection);
    d->connection = -1;
    kill(d->pid, kill_it ? SIGKILL : SIGTERM);
    reap(d, &status);
    d->pid = 0;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM)
        return; /* it had not yet got as far as to expect the signal */
    if (!kill_it && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
        fail_msg("the program ended with status 0x%x; its log:\n%s", (unsigned)status,
                 driver_read(d, "log"));
}

void driver_done(struct driver *d)
{
    driver_stop(d, false);
    close(d->listener);
    struct view command = arena_printf(d->arena, "rm -rf '%s'", d->directory);
    assert_int_equal(system(command.p), 0);
    arena_free(d->arena);
    free(d->program);
}
