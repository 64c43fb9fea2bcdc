/* ipc_test - messages and descriptors over a socket pair */
#include "ipc/ipc.h"

#include "base/log.h"
#include "run/loop.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct ipc *left, *right;
static unsigned done;

static int64_t soon(void)
{
    return clock_in(5 * CLOCK_SECOND);
}

static int set_up(void **state)
{
    int fds[2];

    (void)state;
    loop_init();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    left = ipc_open(fds[0]);
    right = ipc_open(fds[1]);
    done = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ipc_close(left);
    ipc_close(right);
    left = right = NULL;
    loop_done();
    log_set_hook(NULL);
    return 0;
}

static void run(fiber_fn *one, fiber_fn *two)
{
    fiber_spawn("one", one, NULL);
    if (two)
        fiber_spawn("two", two, NULL);
    loop_run();
}

static void hello_sender(void *arg)
{
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct ipc_message *m = ipc_message_new(a, IPC_HELLO);

    (void)arg;
    ipc_put_u64(m, IPC_ATTR_VERSION, ipc_version());
    ipc_put_cstr(m, IPC_ATTR_NAME, "test");
    assert_true(ipc_send(left, m, soon(), &e));
    m = ipc_receive(left, a, soon(), &e);
    assert_non_null(m);
    assert_int_equal(ipc_message_type(m), IPC_OK);
    arena_free(a);
    done++;
}

static void hello_answerer(void *arg)
{
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    pid_t pid;
    uid_t uid;
    gid_t gid;

    (void)arg;
    struct ipc_message *m = ipc_receive(right, a, soon(), &e);
    assert_non_null(m);
    assert_int_equal(ipc_message_type(m), IPC_HELLO);
    assert_true(ipc_get_u64(m, IPC_ATTR_VERSION, 0) == ipc_version());
    assert_true(view_eq(ipc_get_view(m, IPC_ATTR_NAME), VIEW("test")));
    assert_true(ipc_peer(right, &pid, &uid, &gid));
    assert_int_equal(pid, getpid());
    fiber_sleep(1000);
    assert_true(ipc_send(right, ipc_message_new(a, IPC_OK), soon(), &e));
    arena_free(a);
    done++;
}

static void test_hello(void **state)
{
    (void)state;
    run(hello_sender, hello_answerer);
    assert_int_equal(done, 2);
}

#define SENDERS    4
#define EACH       300
#define TEXT_BYTES 4000

static unsigned running;

static void flood_sender(void *arg)
{
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    static char texts[SENDERS][TEXT_BYTES];
    char *text = texts[*(int *)arg];

    memset(text, 'a' + *(int *)arg, TEXT_BYTES);
    for (unsigned i = 0; i < EACH; i++) {
        struct ipc_message *m = ipc_message_new(a, IPC_ERROR);
        ipc_put_cstr(m, IPC_ATTR_STATUS, "4.0.0");
        ipc_put_view(m, IPC_ATTR_TEXT, (struct view){text, TEXT_BYTES});
        assert_true(ipc_send(left, m, soon(), &e));
        arena_reset(a);
    }
    arena_free(a);
    if (--running == 0) {
        ipc_close(left);
        left = NULL;
    }
}

static void flood_receiver(void *arg)
{
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct ipc_message *m;
    unsigned counts[SENDERS] = {0};

    (void)arg;
    fiber_sleep(20000); /* until the senders had to wait */
    while ((m = ipc_receive(right, a, soon(), &e))) {
        struct view text = ipc_get_view(m, IPC_ATTR_TEXT);
        assert_int_equal(text.n, TEXT_BYTES);
        assert_int_equal(text.p[0], text.p[TEXT_BYTES - 1]);
        counts[text.p[0] - 'a']++;
        arena_reset(a);
        done++;
    }
    assert_string_equal(e.text, "closed");
    for (unsigned i = 0; i < SENDERS; i++)
        assert_int_equal(counts[i], EACH);
    arena_free(a);
}

/* Several fibers send; the receiver is slow; nothing is lost or mixed. */
static void test_flood(void **state)
{
    int numbers[SENDERS];

    (void)state;
    running = SENDERS;
    for (int i = 0; i < SENDERS; i++) {
        numbers[i] = i;
        fiber_spawn("sender", flood_sender, &numbers[i]);
    }
    fiber_spawn("receiver", flood_receiver, NULL);
    loop_run();
    assert_int_equal(done, SENDERS * EACH);
}

static void fd_fiber(void *arg)
{
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct stat here, there;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)arg;
    struct ipc_message *m = ipc_message_new(a, IPC_SPILL_IS);
    ipc_put_u64(m, IPC_ATTR_TAG, 1);
    ipc_put_fd(m, fd);
    assert_true(ipc_send(left, m, soon(), &e));
    assert_true(ipc_send(left, m, soon(), &e));
    ipc_message_close_fds(m); /* the sender's stays */
    assert_int_equal(fstat(fd, &here), 0);
    m = ipc_receive(right, a, soon(), &e);
    assert_non_null(m);
    int got = ipc_take_fd(m, 0);
    assert_true(got >= 0 && got != fd);
    assert_int_equal(fstat(got, &there), 0);
    assert_true(here.st_ino == there.st_ino);
    assert_int_equal(fcntl(got, F_GETFD), FD_CLOEXEC);
    assert_int_equal(ipc_take_fd(m, 0), -1);
    assert_int_equal(ipc_take_fd(m, 1), -1);
    m = ipc_receive(right, a, soon(), &e);
    assert_non_null(m);
    ipc_message_close_fds(m);
    assert_int_equal(ipc_take_fd(m, 0), -1);
    int next = dup(fd);
    assert_int_equal(next, got + 1); /* the second one was closed */
    close(next);
    close(got);
    close(fd);
    arena_free(a);
    done++;
}

static void test_descriptor(void **state)
{
    (void)state;
    run(fd_fiber, NULL);
    assert_int_equal(done, 1);
}

/* Send raw BYTES with NFDS descriptors from the left. */
static void send_raw(struct view bytes, unsigned nfds)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * 8)];
    } control = {.bytes = {0}};
    struct iovec iov = {(void *)(uintptr_t)bytes.p, bytes.n};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    assert_true(nfds <= 8);
    if (nfds > 0) {
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
        control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                          .cmsg_type = SCM_RIGHTS,
                                          .cmsg_len = CMSG_LEN(sizeof(int) * nfds)};
        memset(CMSG_DATA(&control.header), 0, sizeof(int) * nfds); /* descriptor 0 */
    }
    assert_int_equal(sendmsg(ipc_fd(left), &msg, 0), bytes.n);
}

static unsigned count_open(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void hostile_fiber(void *arg)
{
    const struct view ok = {(const char[]){(char)IPC_OK, 0}, 2};
    struct arena *a = arena_new();
    static char big[IPC_MAX_BYTES + 100];
    struct error e = ERROR_INIT;
    unsigned before = count_open();

    (void)arg;
    send_raw(ok, 8);
    assert_null(ipc_receive(right, a, soon(), &e));
    assert_non_null(strstr(e.text, "too many descriptors"));
    send_raw(ok, 1);
    assert_null(ipc_receive(right, a, soon(), &e));
    send_raw((struct view){big, sizeof(big)}, 0);
    assert_null(ipc_receive(right, a, soon(), &e));
    assert_non_null(strstr(e.text, "too long"));
    send_raw(VIEW("\377\377"), 0);
    assert_null(ipc_receive(right, a, soon(), &e));
    send_raw(ok, 0);
    assert_non_null(ipc_receive(right, a, soon(), &e));
    assert_int_equal(count_open(), before); /* nothing leaked */
    arena_free(a);
    done++;
}

static void test_hostile(void **state)
{
    (void)state;
    run(hostile_fiber, NULL);
    assert_int_equal(done, 1);
}

static void ignore_log(enum log_level level, const char *text)
{
    (void)level;
    (void)text;
}

static void refused_fiber(void *arg)
{
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct ipc_message *m = ipc_message_new(a, IPC_ERROR);

    (void)arg;
    log_set_hook(ignore_log);
    ipc_put_cstr(m, IPC_ATTR_STATUS, "4.0.0");
    assert_false(ipc_send(left, m, soon(), &e)); /* TEXT is missing */
    assert_string_equal(e.text, "message ERROR: text is missing");
    ipc_put_cstr(m, IPC_ATTR_TEXT, "two\nlines");
    assert_false(ipc_send(left, m, soon(), &e));
    assert_null(ipc_receive(left, a, clock_in(CLOCK_SECOND / 50), &e));
    assert_string_equal(e.text, "timed out");
    ipc_close(right);
    right = NULL;
    assert_null(ipc_receive(left, a, soon(), &e));
    assert_string_equal(e.text, "closed");
    assert_false(ipc_send(left, ipc_message_new(a, IPC_OK), soon(), &e));
    assert_string_equal(e.text, "closed");
    arena_free(a);
    done++;
}

static void test_refused(void **state)
{
    (void)state;
    run(refused_fiber, NULL);
    assert_int_equal(done, 1);
}

static unsigned traced;

static void trace_hook(enum log_level level, const char *text)
{
    if (level == LOG_LEVEL_DEBUG && strstr(text, "HELLO version=") &&
        strstr(text, "name=\"test\""))
        traced++;
}

static void test_trace(void **state)
{
    (void)state;
    log_verbose = 2;
    log_set_hook(trace_hook);
    run(hello_sender, hello_answerer);
    log_verbose = 0;
    assert_int_equal(traced, 2); /* sent, and received */
}

#define NET(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NET(test_hello),   NET(test_flood),   NET(test_descriptor),
        NET(test_hostile), NET(test_refused), NET(test_trace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
