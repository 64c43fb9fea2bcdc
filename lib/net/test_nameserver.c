/* test_nameserver - tests: tests/testnet/dnsserver.py as a child of the test */
#include "net/test_nameserver.h"

#include "base/view.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ZONE    "zone.json"
#define QUERIES "queries"

static void write_zone(const char *zone)
{
    FILE *f = fopen(ZONE, "w");
    assert_non_null(f);
    (void)fputs(zone, f);
    assert_int_equal(fclose(f), 0);
    f = fopen(QUERIES, "w");
    assert_non_null(f);
    (void)fclose(f);
}

/* "listening ADDRESS:PORT" is the first line that the server writes. */
static void read_address(struct test_nameserver *s, int fd)
{
    char line[100] = "";
    struct view v, word, head, tail;
    for (size_t n = 0; n + 1 < sizeof line && !strchr(line, '\n');) {
        ssize_t got = read(fd, line + n, sizeof line - 1 - n);
        assert_true(got > 0);
        n += (size_t)got;
    }
    v = view_trim_space(view_of(line));
    assert_true(view_rcut(v, ' ', &word, &v));
    assert_true(view_cut(v, ':', &head, &tail));
    (void)snprintf(s->address, sizeof s->address, "%.*s@%.*s", VIEW_FMT(head),
                   VIEW_FMT(tail));
}

void test_nameserver_start(struct test_nameserver *s, const char *python,
                           const char *script, const char *zone)
{
    int out[2];
    (void)snprintf(s->directory, sizeof s->directory, "/tmp/nameserver.XXXXXX");
    assert_non_null(mkdtemp(s->directory));
    assert_int_equal(chdir(s->directory), 0);
    write_zone(zone);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    s->pid = fork();
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(out[1], 1);
        execl(python, python, script, "--listen", "127.0.0.1:0", "--zone", ZONE, "--log",
              QUERIES, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    read_address(s, out[0]);
    close(out[0]);
}

void test_nameserver_stop(struct test_nameserver *s)
{
    kill(s->pid, SIGTERM);
    waitpid(s->pid, NULL, 0);
    unlink(ZONE);
    unlink(QUERIES);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(s->directory), 0);
}

unsigned test_nameserver_count(const struct test_nameserver *s, const char *line)
{
    static char text[65536];
    char path[100];
    unsigned n = 0;
    (void)snprintf(path, sizeof path, "%s/" QUERIES, s->directory);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = read(fd, text, sizeof text);
    close(fd);
    assert_true(got >= 0);
    struct view rest = {text, (size_t)got}, word;
    while (view_token(&rest, VIEW("\n"), &word))
        n += view_eq(word, view_of(line));
    return n;
}
