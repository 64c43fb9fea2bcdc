/* log_test - what a line looks like in each sink */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void assert_matches(const char *text, const char *pattern)
{
    regex_t r;

    assert_int_equal(regcomp(&r, pattern, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&r, text, 0, NULL, 0) != 0)
        fail_msg("\"%s\" does not match %s", text, pattern);
    regfree(&r);
}

static char hooked[4096];

static void keep(enum log_level level, const char *text)
{
    (void)level;
    snprintf(hooked, sizeof hooked, "%s", text);
}

static void prefixes_and_cleaning(void **state)
{
    (void)state;
    log_set_hook(keep);
    log_info("connect from %s", "x[1.2.3.4]");
    assert_string_equal(hooked, "connect from x[1.2.3.4]");
    log_warning("w");
    assert_string_equal(hooked, "warning: w");
    log_error("e");
    assert_string_equal(hooked, "error: e");
    hooked[0] = '\0';
    log_debug("d");
    assert_string_equal(hooked, "");
    log_verbose = 1;
    log_debug("d");
    log_verbose = 0;
    assert_string_equal(hooked, "d");
    log_info("a\nb\r\x1b[31m \xc3\xa9 \xff \xc2\x85 %c", 0x7f);
    assert_string_equal(hooked, "a?b??[31m \xc3\xa9 ? ?? ?");
    log_info("%3000d", 7);
    assert_int_equal(strlen(hooked), 1999);
    errno = EINTR;
    log_info("%m");
    assert_int_equal(errno, EINTR);
    assert_string_equal(hooked, "Interrupted system call");
    log_set_hook(NULL);
}

/* All that was written to FD, as a string. */
static void read_back(int fd, char *buffer, size_t size)
{
    ssize_t n = pread(fd, buffer, size - 1, 0);

    assert_true(n >= 0);
    buffer[n] = '\0';
}

static void the_file_sink_has_full_lines(void **state)
{
    int fd = memfd_create("log_test", MFD_CLOEXEC), copy = dup(fd);
    char text[1024];

    (void)state;
    log_open("postfix/smtpd", LOG_SINK_FILE);
    log_set_host("gw1");
    log_set_file(fd);
    log_info("first");
    log_set_tag("postfix/submission/smtpd");
    log_warning("second");
    read_back(copy, text, sizeof text);
    assert_matches(text, "^[A-Z][a-z][a-z] [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} gw1 "
                         "postfix/smtpd\\[[0-9]+\\]: first\n");
    assert_matches(text, "\n[^\n]* gw1 postfix/submission/smtpd\\[[0-9]+\\]: "
                         "warning: second\n$");
    assert_string_equal(log_tag(), "postfix/submission/smtpd");
    close(copy);
}

static char path[64];

static int listen_at_path(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    (void)unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void assert_received(int fd, const char *pattern)
{
    char line[512];
    ssize_t n = recv(fd, line, sizeof line - 1, 0);

    assert_true(n > 0);
    line[n] = '\0';
    assert_matches(line, pattern);
}

static void the_syslog_sink_survives_a_restart_of_the_daemon(void **state)
{
    char directory[] = "/tmp/log_test.XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/log", directory);
    int fd = listen_at_path();
    log_set_socket_path(path);
    log_open("postfix/qmgr", LOG_SINK_SYSLOG);
    log_info("one");
    assert_received(
        fd, "^<22>[A-Z][a-z][a-z] [ 0-9][0-9] [0-9:]{8} postfix/qmgr\\[[0-9]+\\]: one$");
    close(fd);
    fd = listen_at_path();
    log_error("two");
    assert_received(fd, "^<19>.*: error: two$");
    assert_true(log_set_facility("local3"));
    assert_false(log_set_facility("nonesuch"));
    log_info("three");
    assert_received(fd, "^<158>.*: three$");
    assert_true(log_set_facility("MAIL"));
    close(fd);
    unlink(path);
    rmdir(directory);
}

/* Run FN in a child with stderr into a buffer; its wait status. */
static int in_child(void (*fn)(void), char *text, size_t size)
{
    int fd = memfd_create("log_test", MFD_CLOEXEC), status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        dup2(fd, STDERR_FILENO);
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    read_back(fd, text, size);
    close(fd);
    return status;
}

static void speak_without_sink(void)
{
    log_set_socket_path("/nonexistent/log");
    log_open("postfix/x", LOG_SINK_SYSLOG);
    log_warning("hear me");
}
static void die(void)
{
    log_open("postalias", LOG_SINK_STDERR);
    log_fatal("no such table");
}
static void panic(void)
{
    log_open("postalias", LOG_SINK_STDERR);
    signal(SIGABRT, SIG_DFL);
    log_panic("impossible");
}

static void stderr_is_the_last_resort(void **state)
{
    char text[512];
    int status = in_child(speak_without_sink, text, sizeof text);

    (void)state;
    assert_int_equal(status, 0);
    assert_string_equal(text, "postfix/x: warning: hear me\n");
}

static void fatal_and_panic_end_the_process(void **state)
{
    char text[512];
    int status = in_child(die, text, sizeof text);

    (void)state;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_string_equal(text, "postalias: fatal: no such table\n");
    status = in_child(panic, text, sizeof text);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(strncmp(text, "postalias: panic: impossible\n", 29), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes_and_cleaning),
        cmocka_unit_test(the_file_sink_has_full_lines),
        cmocka_unit_test(the_syslog_sink_survives_a_restart_of_the_daemon),
        cmocka_unit_test(stderr_is_the_last_resort),
        cmocka_unit_test(fatal_and_panic_end_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
