/* endpoint_test - paths, and descriptors inherited from master */
#include "ipc/endpoint.h"

#include "net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_path(void **state)
{
    char buf[ENDPOINT_PATH_BYTES];

    (void)state;
    assert_string_equal(
        endpoint_path("/var/spool/postfix", ENDPOINT_PUBLIC, VIEW("qmgr"), buf),
        "/var/spool/postfix/public/qmgr");
    assert_null(endpoint_path("/q", ENDPOINT_PRIVATE, VIEW("../x"), buf));
    assert_null(endpoint_path("/q", ENDPOINT_PRIVATE, VIEW(""), buf));
    char longest[ENDPOINT_PATH_BYTES] = "";
    memset(longest, 'x', sizeof(longest) - 1);
    assert_null(endpoint_path(longest, ENDPOINT_PRIVATE, VIEW("x"), buf));
}

/* Put FD at the number TO, in the child. */
static void place(int fd, int to)
{
    if (dup2(fd, to) < 0)
        _exit(100);
}

static int inherit_good(struct arena *a)
{
    struct endpoint_inherited in;
    struct error e = ERROR_INIT;

    setenv(ENDPOINT_ENV_SOCKETS, "smtp 127.0.0.1:2525", 1);
    setenv(ENDPOINT_ENV_STATUS, "5", 1);
    setenv(ENDPOINT_ENV_SESSIONS, "7", 1);
    if (!endpoint_inherit(a, &in, &e))
        return 1;
    if (in.n != 2 || in.sockets[1].fd != 4 ||
        strcmp(in.sockets[1].name, "127.0.0.1:2525") != 0)
        return 2;
    if (in.status_fd != 5 || in.log_fd != -1 || in.sessions != 7)
        return 3;
    if (fcntl(4, F_GETFD) != FD_CLOEXEC || getenv(ENDPOINT_ENV_SOCKETS))
        return 4;
    return endpoint_inherit(a, &in, &e) && in.n == 0 && in.status_fd == -1 ? 0 : 5;
}

static int inherit_bad(struct arena *a)
{
    struct endpoint_inherited in;
    struct error e = ERROR_INIT;

    setenv(ENDPOINT_ENV_SOCKETS, "a b c", 1); /* 5 does not listen */
    if (endpoint_inherit(a, &in, &e) || !strstr(e.text, "descriptor 5 for c"))
        return 1;
    setenv(ENDPOINT_ENV_STATUS, "4", 1); /* a stream */
    if (endpoint_inherit(a, &in, &e) || !strstr(e.text, "SEQPACKET"))
        return 2;
    setenv(ENDPOINT_ENV_LOG, "77", 1);
    if (endpoint_inherit(a, &in, &e) || !strstr(e.text, "no open descriptor"))
        return 3;
    setenv(ENDPOINT_ENV_SESSIONS, "0", 1);
    return endpoint_inherit(a, &in, &e) ? 4 : 0;
}

/* Run BODY in a child that has what master would pass. */
static void in_child(int (*body)(struct arena *a))
{
    int status = 0, pair[2];
    struct net_address at;
    struct error e = ERROR_INIT;

    assert_true(net_address_parse(VIEW("127.0.0.1"), 0, &at));
    int one = fcntl(listen_tcp(&at, 1, &e), F_DUPFD_CLOEXEC, 20);
    int two = fcntl(listen_tcp(&at, 1, &e), F_DUPFD_CLOEXEC, 20);
    assert_true(one >= 0 && two >= 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    int status_fd = fcntl(pair[0], F_DUPFD_CLOEXEC, 20);
    pid_t pid = fork();
    if (pid == 0) {
        place(one, 3);
        place(two, 4);
        place(status_fd, 5);
        struct arena *a = arena_new();
        int failed = body(a);
        arena_free(a);
        _exit(failed);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(one);
    close(two);
    close(status_fd);
    close(pair[0]);
    close(pair[1]);
}

static void test_inherit(void **state)
{
    (void)state;
    in_child(inherit_good);
    in_child(inherit_bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_inherit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
