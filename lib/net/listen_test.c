/* listen_test - listening, accepting within limits, dialling */
#include "net/listen.h"

#include "net/dial.h"
#include "net/stream.h"
#include "run/loop.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct net_address at; /* where the server listens */
static struct listener *listener;
static unsigned most, finished;

static void echo_session(int fd, const struct net_address *peer, void *arg)
{
    struct stream *s = stream_open_fd(fd);
    struct view line;
    int ending;

    assert_true(net_address_is_loopback(peer));
    assert_string_equal(arg, "argument");
    if (listener_sessions(listener) > most)
        most = listener_sessions(listener);
    if (stream_read_line(s, 99, &line, &ending) == STREAM_OK)
        stream_printf(s, "%.*s\n", VIEW_FMT(line));
    assert_int_equal(stream_flush(s), STREAM_OK);
    stream_close(s);
}

static void client(void *arg)
{
    struct error e = ERROR_INIT;
    struct view line;
    int ending, fd;

    (void)arg;
    fd = dial(&at, NULL, clock_in(5 * CLOCK_SECOND), &e);
    assert_true(fd >= 0);
    struct stream *s = stream_open_fd(fd);
    stream_set_timeout(s, 5 * CLOCK_SECOND);
    fiber_sleep(2000);
    stream_write(s, VIEW("hello\n"));
    assert_int_equal(stream_read_line(s, 99, &line, &ending), STREAM_OK);
    assert_true(view_eq(line, VIEW("hello")));
    stream_close(s);
    if (++finished == *(unsigned *)arg)
        listener_stop(listener);
}

static int open_server(struct error *e)
{
    socklen_t n = sizeof(at.storage);

    assert_true(net_address_parse(VIEW("127.0.0.1"), 0, &at));
    int fd = listen_tcp(&at, 50, e);
    assert_true(fd >= 0);
    assert_int_equal(getsockname(fd, &at.sa, &n), 0);
    return fd;
}

static void serve(unsigned clients, unsigned max_sessions)
{
    struct listen_limits limits = {.max_sessions = max_sessions};
    struct error e = ERROR_INIT;
    char argument[] = "argument";

    most = finished = 0;
    listener = listen_serve(open_server(&e), &limits, echo_session, argument);
    for (unsigned i = 0; i < clients; i++)
        fiber_spawn("client", client, &clients);
    loop_run();
    assert_int_equal(finished, clients);
    assert_int_equal(listener_total(listener), clients);
    assert_int_equal(listener_sessions(listener), 0);
    assert_true(most <= max_sessions);
    listener_free(listener);
}

static void test_serve(void **state)
{
    (void)state;
    serve(40, 1000);
    assert_true(most > 1);
}

static void test_limit(void **state)
{
    (void)state;
    serve(20, 3);
    assert_int_equal(most, 3);
    serve(5, 1);
    serve(30, 16);
}

static void refused_fiber(void *arg)
{
    struct error e = ERROR_INIT;
    int fd = open_server(&e);

    (void)arg;
    close(fd);
    assert_int_equal(dial(&at, NULL, clock_in(CLOCK_SECOND), &e), -1);
    assert_string_equal(e.text, "Connection refused");
    assert_string_equal(e.status, "4.4.1");
    assert_int_equal(e.saved_errno, ECONNREFUSED);
    assert_int_equal(dial_seqpacket("/nonexistent/socket", clock_in(CLOCK_SECOND), &e),
                     -1);
    assert_string_equal(e.text,
                        "connect to /nonexistent/socket: No such file or directory");
    finished++;
}

static void test_refused(void **state)
{
    (void)state;
    finished = 0;
    fiber_spawn("refused", refused_fiber, NULL);
    loop_run();
    assert_int_equal(finished, 1);
}

static void bound_fiber(void *arg)
{
    struct net_address from, local;
    struct error e = ERROR_INIT;
    socklen_t n = sizeof(local.storage);
    char buf[NET_ADDRESS_TEXT];

    (void)arg;
    int server = open_server(&e);
    assert_true(net_address_parse(VIEW("127.0.0.42"), 0, &from));
    int fd = dial(&at, &from, clock_in(CLOCK_SECOND), &e);
    assert_true(fd >= 0);
    assert_int_equal(getsockname(fd, &local.sa, &n), 0);
    local.length = n;
    assert_string_equal(net_address_text(&local, buf), "127.0.0.42");
    close(fd);
    assert_true(net_address_parse(VIEW("192.0.2.1"), 0, &from));
    assert_int_equal(dial(&at, &from, clock_in(CLOCK_SECOND), &e), -1);
    assert_string_equal(e.text, "bind 192.0.2.1: Cannot assign requested address");
    close(server);
    finished++;
}

static void test_bound(void **state)
{
    (void)state;
    finished = 0;
    fiber_spawn("bound", bound_fiber, NULL);
    loop_run();
    assert_int_equal(finished, 1);
}

/* A backlog that is full must not block for longer than the deadline. */
static void full_fiber(void *arg)
{
    char path[64];
    struct error e = ERROR_INIT;
    int fds[8], n = 0;

    (void)arg;
    snprintf(path, sizeof(path), "/tmp/listen_test.%d", (int)getpid());
    int server = listen_unix(path, SOCK_SEQPACKET, 0600, 1, &e);
    assert_true(server >= 0);
    while (n < 8 && (fds[n] = dial_seqpacket(path, clock_in(CLOCK_SECOND / 10), &e)) >= 0)
        n++;
    assert_true(n >= 1 && n < 8);
    assert_non_null(strstr(e.text, "timed out"));
    while (n > 0)
        close(fds[--n]);
    close(server);
    unlink(path);
    finished++;
}

static void test_full_backlog(void **state)
{
    (void)state;
    finished = 0;
    fiber_spawn("full", full_fiber, NULL);
    loop_run();
    assert_int_equal(finished, 1);
}

static void test_unix(void **state)
{
    char path[64];
    struct error e = ERROR_INIT;
    struct stat st;

    (void)state;
    snprintf(path, sizeof(path), "/tmp/listen_test.%d", (int)getpid());
    int first = listen_unix(path, SOCK_STREAM, 0622, 5, &e);
    assert_true(first >= 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0622);
    int second = listen_unix(path, SOCK_DGRAM, 0600, 5, &e); /* replaces the stale one */
    assert_true(second >= 0);
    close(first);
    close(second);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(listen_unix(path, SOCK_STREAM, 0600, 5, &e), -1);
    assert_non_null(strstr(e.text, "is not a socket"));
    rmdir(path);
}

static void test_in_use(void **state)
{
    struct error e = ERROR_INIT;
    int fd = open_server(&e);

    (void)state;
    assert_int_equal(listen_tcp(&at, 5, &e), -1);
    assert_non_null(strstr(e.text, "bind 127.0.0.1:"));
    assert_non_null(strstr(e.text, "Address already in use"));
    close(fd);
}

static int set_up(void **state)
{
    (void)state;
    loop_init();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_done();
    return 0;
}

#define NET(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NET(test_serve),        NET(test_limit), NET(test_refused), NET(test_bound),
        NET(test_full_backlog), NET(test_unix),  NET(test_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
