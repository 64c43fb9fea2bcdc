/* maildirsize_test - the quota file of the Maildir++ family, and folders (S237) */
#include "store/maildirsize.h"

#include "base/memory.h"
#include "store/maildir.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char top[] = "maildirsize_test_XXXXXX";
static int root = -1;

static void write_text(const char *name, const char *text)
{
    int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static const char *read_text(const char *name)
{
    static char text[6000];
    int fd = openat(root, name, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void make_maildir(const char *name)
{
    static const char *const parts[] = {"", "/tmp", "/new", "/cur"};
    char path[100];

    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", name, parts[i]);
        (void)mkdirat(root, path, 0700);
    }
}

static int set_up(void **state)
{
    (void)state;
    snprintf(top, sizeof top, "maildirsize_test_XXXXXX");
    if (!mkdtemp(top))
        return -1;
    root = open(top, O_RDONLY | O_DIRECTORY);
    make_maildir(".");
    return root < 0;
}

static int tear_down(void **state)
{
    char command[100];

    (void)state;
    close(root);
    snprintf(command, sizeof command, "rm -rf '%s'", top);
    return system(command);
}

static void quotas(void **state)
{
    struct maildir_quota q;

    (void)state;
    assert_true(maildir_quota_parse(VIEW("10000000S,1000C"), &q));
    assert_int_equal(q.bytes, 10000000);
    assert_int_equal(q.messages, 1000);
    assert_true(maildir_quota_parse(VIEW("7C"), &q));
    assert_int_equal(q.bytes, 0);
    assert_int_equal(q.messages, 7);
    assert_true(maildir_quota_parse(VIEW("5X, 3S"), &q)); /* a letter of the future */
    assert_int_equal(q.bytes, 3);
    assert_false(maildir_quota_parse(VIEW(""), &q));
    assert_false(maildir_quota_parse(VIEW("S,-1C"), &q));
}

static void sums(void **state)
{
    struct maildirsize s;
    bool is_whole, is_count;

    (void)state;
    assert_true(maildirsize_parse(VIEW("100S,9C\n 40 2\n20 1\n-10 -1\n"), &s, &is_whole,
                                  &is_count));
    assert_true(is_whole);
    assert_false(is_count);
    assert_int_equal(s.bytes, 50);
    assert_int_equal(s.messages, 2);
    assert_true(maildirsize_parse(VIEW("100S\n40 2\n"), &s, &is_whole, &is_count));
    assert_true(is_whole && is_count);
    static const char *const torn[] = {"100S\n",      "100S\n40 2\n1", "100S\n40\n",
                                       "100S\n4 x\n", "100S\n-1 0\n",  "100S\n4 4 4\n"};
    for (size_t i = 0; i < sizeof torn / sizeof torn[0]; i++) {
        assert_true(maildirsize_parse(view_of(torn[i]), &s, &is_whole, NULL));
        assert_false(is_whole);
    }
    assert_false(maildirsize_parse(VIEW("100S"), &s, &is_whole, NULL));
    assert_false(maildirsize_parse(VIEW("hundred\n1 1\n"), &s, &is_whole, NULL));
}

/* Sizes come from names where they are there; Trash and flag T do not count. */
static void counting(void **state)
{
    struct maildirsize s;
    struct maildir_quota q = {1000, 10};

    (void)state;
    make_maildir(".Sent");
    make_maildir(".Trash");
    write_text("new/1.a.b,S=100", "x");
    write_text("cur/2.a.b:2,S", "1234567");
    write_text("cur/3.a.b,S=50:2,ST", "x");
    write_text(".Sent/cur/4.a.b,S=30:2,", "x");
    write_text(".Trash/cur/5.a.b,S=200:2,", "x");
    write_text(".subscriptions", "Sent\n");
    assert_true(maildirsize_count(root, &q, &s));
    assert_int_equal(s.bytes, 137);
    assert_int_equal(s.messages, 3);
    assert_string_equal(read_text("maildirsize"), "1000S,10C\n137 3\n");
    maildirsize_add(root, -30, -1);
    assert_true(maildirsize_read(root, &s));
    assert_int_equal(s.bytes, 107);
    assert_int_equal(s.messages, 2);
}

static void expect(enum result want, const struct maildir_quota *q, uint64_t bytes)
{
    struct error e = ERROR_INIT;

    assert_int_equal(maildirsize_check(root, q, bytes, 1, &e), want);
    if (want != OK)
        assert_string_equal(e.status, "5.2.2");
}

/* A yes is believed; a no only when the file is one fresh count. */
static void room(void **state)
{
    struct maildir_quota q = {100, 0};
    static const struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};

    (void)state;
    expect(OK, NULL, 1 << 20); /* no file, no quota */
    write_text("maildirsize", "100S,2C\n90 1\n");
    expect(OK, NULL, 10);
    expect(PERMFAIL, NULL, 11); /* fresh: no count */
    assert_string_equal(read_text("maildirsize"), "100S,2C\n90 1\n");
    write_text("maildirsize", "100S,2C\n80 1\n10 0\n");
    expect(OK, NULL, 11); /* counted: nothing is there */
    assert_string_equal(read_text("maildirsize"), "100S,2C\n0 0\n");
    write_text("maildirsize", "100S,2C\n90 1\n");
    assert_int_equal(utimensat(root, "maildirsize", old, 0), 0);
    expect(OK, NULL, 11);
    write_text("maildirsize", "100S,2C\n1 2\n");
    expect(PERMFAIL, NULL, 1); /* too many messages */
    write_text("new/1.a.b,S=95", "x");
    expect(PERMFAIL, &q, 11); /* another quota: counted */
    assert_string_equal(read_text("maildirsize"), "100S,0C\n95 1\n");
    write_text("maildirsize", "0S,0C\n95 1\n");
    expect(OK, NULL, 1 << 20);
}

/* A file that grows too long is counted anew. */
static void long_file(void **state)
{
    struct maildirsize s;

    (void)state;
    write_text("maildirsize", "1000000S,0C\n0 0\n");
    for (int i = 0; i < 1400; i++)
        maildirsize_add(root, 1, 1);
    assert_true(maildirsize_read(root, &s));
    assert_int_equal(s.bytes, 0);
    assert_string_equal(read_text("maildirsize"), "1000000S,0C\n0 0\n");
}

/* Whatever lies at its place: a link, a pipe, a directory. */
static void odd_files(void **state)
{
    struct maildirsize s;

    (void)state;
    assert_int_equal(symlinkat("/etc/passwd", root, "maildirsize"), 0);
    assert_false(maildirsize_read(root, &s));
    maildirsize_add(root, 1, 1);
    assert_int_equal(unlinkat(root, "maildirsize", 0), 0);
    assert_int_equal(mkfifoat(root, "maildirsize", 0600), 0);
    assert_false(maildirsize_read(root, &s));
}

static enum result deliver(const char *box, bool obeys_quota, struct error *e)
{
    static const struct view text = VIEW("Subject: x\n\nbody\n"); /* 17 bytes */
    static char name[MAILDIR_NAME_MAX];
    static unsigned number;
    char path[100], id[20];

    snprintf(path, sizeof path, "%s/%s", top, box);
    snprintf(id, sizeof id, "%X", 0xABC000 + number++);
    struct maildir_delivery m = {
        .path = path,
        .name = maildir_name(name, view_of(id), 1, VIEW("a@b"), VIEW("a@b"), VIEW("h")),
        .headers = VIEW("X: y\n"),
        .content = {.fd = -1, .size = text.n, .memory = text},
        .obeys_quota = obeys_quota};
    return maildir_deliver(&m, e);
}

/* S237: a delivery into a folder marks it, and counts for the Maildir around it. */
static void s237_delivery_within_the_quota(void **state)
{
    struct error e = ERROR_INIT;
    struct stat st;

    (void)state;
    write_text("maildirsize", "60S,0C\n0 0\n");
    assert_int_equal(deliver("./", true, &e), OK);
    assert_int_equal(deliver(".Lists.c", true, &e), OK);
    assert_int_equal(fstatat(root, ".Lists.c/maildirfolder", &st, 0), 0);
    assert_int_equal(faccessat(root, ".Lists.c/maildirsize", F_OK, 0), -1);
    assert_string_equal(read_text("maildirsize"), "60S,0C\n0 0\n22 1\n22 1\n");
    assert_int_equal(deliver(".Lists.c/", true, &e), PERMFAIL);
    assert_string_equal(e.status, "5.2.2");
    assert_non_null(strstr(e.text, "its quota is 60S,0C"));
    assert_string_equal(read_text("maildirsize"), "60S,0C\n44 2\n");
    assert_int_equal(deliver(".Lists.c/", false, &e), OK); /* not asked to */
}

/* A hidden Maildir in a directory that is none is no folder. */
static void hidden_maildir(void **state)
{
    struct error e = ERROR_INIT;

    (void)state;
    assert_int_equal(mkdirat(root, "home", 0700), 0);
    assert_int_equal(deliver("home/.maildir/", true, &e), OK);
    assert_int_equal(faccessat(root, "home/.maildir/maildirfolder", F_OK, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotas),
        cmocka_unit_test(sums),
        cmocka_unit_test_setup_teardown(counting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(odd_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(s237_delivery_within_the_quota, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(hidden_maildir, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
