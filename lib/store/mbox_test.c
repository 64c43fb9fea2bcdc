/* mbox_test - appending to files of messages */
#include "store/mbox.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "mbox_test_XXXXXX";
static char path[64], other[64], dotlock[80];
static const struct lock_policy lock = {.use_fcntl = true,
                                        .use_dotlock = true,
                                        .attempts = 1,
                                        .delay = 1000,
                                        .stale = INT64_MAX / 2};

static int set_up(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/chris", dir);
    snprintf(other, sizeof other, "%s/other", dir);
    snprintf(dotlock, sizeof dotlock, "%s.lock", path);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    unlink(path);
    unlink(other);
    unlink(dotlock);
    return 0;
}

static int tear_down(void **state)
{
    return clean(state) || rmdir(dir);
}

static enum result deliver(const char *content, uint64_t limit, struct error *e)
{
    struct mbox_place place = {.path = path, .lock = &lock, .status = "4.2.0"};
    struct mbox_message msg = {
        .sender = VIEW("eme13@enprovence.com"),
        .headers = VIEW("Return-Path: <eme13@enprovence.com>\n"),
        .content = {.size = strlen(content), .memory = view_of(content)},
        .when = INT64_C(958995000000000),
        .size_limit = limit};
    struct mbox m;

    if (mbox_open(&m, &place, e) != OK)
        return error_result(e);
    enum result result = mbox_append(&m, &msg, e);
    mbox_close(&m);
    return result;
}

static void expect_file(const char *name, const char *expected)
{
    static char buf[4096];
    int fd = open(name, O_RDONLY);

    assert_true(fd >= 0);
    ssize_t n = read(fd, buf, sizeof buf - 1);
    assert_true(n >= 0);
    buf[n] = '\0';
    close(fd);
    assert_string_equal(buf, expected);
}

#define FROM                                                                             \
    "From eme13@enprovence.com Mon May 22 11:30:00 2000\nReturn-Path: "                  \
    "<eme13@enprovence.com>\n"

/* S235 S238: two messages in one file, each with its From_ line and an empty line behind.
 */
static void s235_s238_messages_are_appended(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct stat st;

    assert_int_equal(deliver("Subject: one\n\nFrom here\n", 0, &e), OK);
    assert_int_equal(deliver("Subject: two\n\nbye", 0, &e), OK);
    expect_file(path,
                FROM "Subject: one\n\n>From here\n\n" FROM "Subject: two\n\nbye\n\n");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(access(dotlock, F_OK), -1);
}

static void s235_locked_mailbox_is_left_alone(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;

    close(open(dotlock, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(deliver("a\n", 0, &e), TEMPFAIL);
    assert_non_null(strstr(e.text, "lock"));
    assert_int_equal(access(path, F_OK), -1);
    unlink(dotlock);
    int fd = open(path, O_CREAT | O_RDWR, 0600);
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &all), 0);
    assert_int_equal(deliver("a\n", 0, &e), TEMPFAIL);
    expect_file(path, "");
    assert_int_equal(access(dotlock, F_OK), -1);
    close(fd);
}

static void size_limit_is_final(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;

    assert_int_equal(deliver("first\n", 0, &e), OK);
    assert_int_equal(deliver("second\n", 120, &e), PERMFAIL);
    assert_string_equal(e.status, "5.2.2");
    assert_string_equal(e.text, "error writing message: File too large");
    expect_file(path, FROM "first\n\n");
}

/* A write that fails half way leaves the file as it was. */
static void failed_write_is_cut_off(void **state)
{
    (void)state;
    struct rlimit old, small;
    struct error e = ERROR_INIT;
    static char big[200000];

    memset(big, 'x', sizeof big - 1);
    assert_int_equal(deliver("first\n", 0, &e), OK);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 100000;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    enum result result = deliver(big, 0, &e);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(result, PERMFAIL);
    assert_string_equal(e.status, "5.2.2");
    expect_file(path, FROM "first\n\n");
}

static void strange_files_are_refused(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;

    close(open(other, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(symlink("other", path), 0);
    assert_int_equal(chmod(dir, 0777), 0); /* anybody could have put the link there */
    assert_int_not_equal(deliver("a\n", 0, &e), OK);
    assert_int_equal(chmod(dir, 0700), 0);
    unlink(path);
    assert_int_equal(link(other, path), 0);
    assert_int_not_equal(deliver("a\n", 0, &e), OK);
    assert_non_null(strstr(e.text, "2 hard links"));
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_not_equal(deliver("a\n", 0, &e), OK);
    rmdir(path);
    expect_file(other, "");
}

static void devices_are_written_without_lock(void **state)
{
    (void)state;
    struct mbox_place place = {.path = "/dev/null", .lock = &lock, .status = "5.2.0"};
    struct mbox_message msg = {.sender = VIEW("x"),
                               .content = {.memory = VIEW("a\n"), .size = 2}};
    struct error e = ERROR_INIT;
    struct mbox m;

    assert_int_equal(mbox_open(&m, &place, &e), OK);
    assert_false(m.is_regular || m.has_dotlock);
    assert_int_equal(mbox_append(&m, &msg, &e), OK);
    mbox_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(s235_s238_messages_are_appended, clean),
        cmocka_unit_test_teardown(s235_locked_mailbox_is_left_alone, clean),
        cmocka_unit_test_teardown(size_limit_is_final, clean),
        cmocka_unit_test_teardown(failed_write_is_cut_off, clean),
        cmocka_unit_test_teardown(strange_files_are_refused, clean),
        cmocka_unit_test_teardown(devices_are_written_without_lock, clean),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
