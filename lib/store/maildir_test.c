/* maildir_test - delivery into Maildirs, and repetition after crashes */
#include "store/maildir.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char top[] = "maildir_test_XXXXXX";
static char box[64];

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(top))
        return -1;
    snprintf(box, sizeof box, "%s/a/b/Maildir/", top);
    return 0;
}

static int clean(void **state)
{
    char command[100];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'/*", top);
    return system(command);
}

static int tear_down(void **state)
{
    return clean(state) || rmdir(top);
}

#define CONTENT "Subject: test\n\nbody\n"
#define HEADERS "Delivered-To: chris@maison.mrs\n"

static char name[MAILDIR_NAME_MAX];

static struct maildir_delivery delivery(const char *id)
{
    maildir_name(name, view_of(id), INT64_C(958995000123456), VIEW("chris@maison.mrs"),
                 VIEW("root@maison.mrs"), VIEW("gw1.maison.mrs"));
    return (struct maildir_delivery){
        .path = box,
        .name = name,
        .headers = VIEW(HEADERS),
        .content = {.fd = -1, .size = strlen(CONTENT), .memory = VIEW(CONTENT)}};
}

/* Number of files in PART of the Maildir; FIRST, when not NULL, gets one's path. */
static int count(const char *part, char first[512])
{
    char dir[128];
    int n = 0;

    snprintf(dir, sizeof dir, "%s%s", box, part);
    DIR *d = opendir(dir);
    if (!d)
        return 0;
    for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        n++;
        if (first)
            snprintf(first, 512, "%s/%s", dir, entry->d_name);
    }
    closedir(d);
    return n;
}

static void expect_message(const char *path)
{
    char buf[1000];
    int fd = open(path, O_RDONLY);

    assert_true(fd >= 0);
    ssize_t n = read(fd, buf, sizeof buf - 1);
    assert_true(n >= 0);
    buf[n] = '\0';
    close(fd);
    assert_string_equal(buf, HEADERS CONTENT);
}

/* S237: a file per message, directories made as needed, modes for the owner only. */
static void s237_delivery_makes_a_file_in_new(void **state)
{
    (void)state;
    struct maildir_delivery m = delivery("4F1A2B");
    struct error e = ERROR_INIT;
    char path[512];
    struct stat st;

    assert_int_equal(maildir_deliver(&m, &e), OK);
    assert_false(m.needs_checkpoint);
    assert_int_equal(count("new", path), 1);
    expect_message(path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(box, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(count("tmp", NULL), 0);
    assert_non_null(strstr(path, "/958995000.M123456Q4F1A2BR"));
    assert_non_null(strstr(path, ".gw1.maison.mrs,S=51"));
    m = delivery("4F1A2C");
    assert_int_equal(maildir_deliver(&m, &e), OK);
    assert_int_equal(count("new", NULL), 2);
}

static void names_tell_recipients_apart(void **state)
{
    (void)state;
    char a[MAILDIR_NAME_MAX], b[MAILDIR_NAME_MAX];

    maildir_name(a, VIEW("A1"), 5000001, VIEW("x"), VIEW("yz"), VIEW("h/o:s,t"));
    maildir_name(b, VIEW("A1"), 5000001, VIEW("xy"), VIEW("z"), VIEW("h/o:s,t"));
    assert_string_not_equal(a, b);
    assert_null(strpbrk(a, "/:,"));
    assert_string_equal(a, "5.M000001QA1R5364b4fc0b72d9cc.h_o_s_t");
}

static void large_content_comes_from_the_descriptor(void **state)
{
    (void)state;
    struct maildir_delivery m = delivery("B1");
    struct error e = ERROR_INIT;
    char path[512];
    struct stat st;
    FILE *f = tmpfile();

    for (int i = 0; i < 30000; i++)
        fputs("0123456789\n", f);
    fflush(f);
    m.content = (struct copy_source){.fd = fileno(f), .size = 330000};
    assert_int_equal(maildir_deliver(&m, &e), OK);
    assert_int_equal(count("new", path), 1);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 330000 + strlen(HEADERS));
    fclose(f);
}

static void size_limit_is_final(void **state)
{
    (void)state;
    struct maildir_delivery m = delivery("B2");
    struct error e = ERROR_INIT;

    m.size_limit = 50;
    assert_int_equal(maildir_deliver(&m, &e), PERMFAIL);
    assert_string_equal(e.status, "5.2.2");
    assert_int_equal(count("new", NULL) + count("tmp", NULL), 0);
    m.size_limit = 51;
    assert_int_equal(maildir_deliver(&m, &e), OK);
}

/* S237: the same delivery again gives no second copy, whatever a reader did meanwhile. */
static void s237_repetition_is_recognised(void **state)
{
    (void)state;
    static const char *const flags[] = {":2,", ":2,S", ":2,FRST", ":2,Sa"};
    struct maildir_delivery m = delivery("C1");
    struct error e = ERROR_INIT;
    char path[512], moved[600];

    assert_int_equal(maildir_deliver(&m, &e), OK);
    m = delivery("C1");
    assert_int_equal(maildir_deliver(&m, &e), OK);
    assert_true(m.was_there);
    assert_int_equal(count("new", path), 1);
    assert_int_equal(count("tmp", NULL), 0);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        snprintf(moved, sizeof moved, "%scur/%s%s", box, strrchr(path, '/') + 1,
                 flags[i]);
        assert_int_equal(rename(path, moved), 0);
        m = delivery("C1");
        m.maybe_repeated = true;
        assert_int_equal(maildir_deliver(&m, &e), OK);
        assert_true(m.was_there);
        assert_int_equal(count("new", NULL), 0);
        snprintf(path, sizeof path, "%.500s", moved);
    }
}

/* After a power cut a file may be there with less than its content. */
static void s237_torn_copy_is_replaced(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    char path[512];

    for (int in_cur = 0; in_cur < 2; in_cur++) {
        struct maildir_delivery m = delivery("D1");
        assert_int_equal(maildir_deliver(&m, &e), OK);
        assert_int_equal(count("new", path), 1);
        if (in_cur) {
            char moved[600];
            snprintf(moved, sizeof moved, "%scur/%s:2,S", box, strrchr(path, '/') + 1);
            assert_int_equal(rename(path, moved), 0);
            snprintf(path, sizeof path, "%.500s", moved);
        }
        assert_int_equal(truncate(path, 10), 0);
        m = delivery("D1");
        m.maybe_repeated = true;
        assert_int_equal(maildir_deliver(&m, &e), OK);
        assert_false(m.was_there);
        assert_int_equal(count("new", path), 1);
        assert_int_equal(count("cur", NULL), 0);
        expect_message(path);
        clean(NULL);
    }
}

/* A file of the same name that is another message is never touched. */
static void strangers_are_kept(void **state)
{
    (void)state;
    struct maildir_delivery m = delivery("E1");
    struct error e = ERROR_INIT;
    char path[512];

    assert_int_equal(maildir_deliver(&m, &e), OK);
    assert_int_equal(count("new", path), 1);
    assert_int_equal(truncate(path, 10), 0);
    m = delivery("E1");
    assert_int_equal(maildir_deliver(&m, &e), OK);
    assert_int_equal(count("new", NULL), 2);
}

static void checkpoint_replaces_the_flush_on_its_device_only(void **state)
{
    (void)state;
    struct maildir_delivery m = delivery("F1");
    struct error e = ERROR_INIT;
    struct stat st;

    assert_int_equal(stat(top, &st), 0);
    m.durable_later = true;
    m.checkpoint_device = st.st_dev;
    assert_int_equal(maildir_deliver(&m, &e), OK);
    assert_true(m.needs_checkpoint);
    m = delivery("F2");
    m.durable_later = true;
    m.checkpoint_device = st.st_dev + 1;
    assert_int_equal(maildir_deliver(&m, &e), OK);
    assert_false(m.needs_checkpoint);
}

static void errors_name_the_place(void **state)
{
    (void)state;
    struct maildir_delivery m = delivery("G1");
    struct error e = ERROR_INIT;

    m.path = "/dev/null/Maildir/";
    assert_int_equal(maildir_deliver(&m, &e), TEMPFAIL);
    assert_string_equal(e.status, "4.2.0");
    assert_non_null(strstr(e.text, "/dev/null/Maildir/"));
}

/* Run the delivery in a child and kill it at its N-th system call; true when it ended
 * before. */
static bool killed_at(int n, struct maildir_delivery *m)
{
    pid_t pid = fork();
    int status = 0;

    assert_true(pid >= 0);
    if (pid == 0) {
        struct error e = ERROR_INIT;
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        _exit(maildir_deliver(m, &e) == OK ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    for (int i = 0; i < n && WIFSTOPPED(status); i++) {
        ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
        waitpid(pid, &status, 0);
    }
    bool ended = !WIFSTOPPED(status);
    if (ended) {
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    } else {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    return ended;
}

/* S237: killed at every system call (before and after it), then repeated: one copy,
 * whole. */
static void s237_crash_anywhere_gives_one_copy(void **state)
{
    (void)state;
    bool ended = false;
    int n = 1;

    for (; !ended && n < 200; n++) {
        struct maildir_delivery m = delivery("H1");
        struct error e = ERROR_INIT;
        char path[512];
        ended = killed_at(n, &m);
        m.maybe_repeated = true;
        assert_int_equal(maildir_deliver(&m, &e), OK);
        assert_int_equal(count("new", path), 1);
        assert_int_equal(count("cur", NULL), 0);
        expect_message(path);
        clean(NULL);
    }
    assert_true(ended);
    assert_true(n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(s237_delivery_makes_a_file_in_new, clean),
        cmocka_unit_test(names_tell_recipients_apart),
        cmocka_unit_test_teardown(large_content_comes_from_the_descriptor, clean),
        cmocka_unit_test_teardown(size_limit_is_final, clean),
        cmocka_unit_test_teardown(s237_repetition_is_recognised, clean),
        cmocka_unit_test_teardown(s237_torn_copy_is_replaced, clean),
        cmocka_unit_test_teardown(strangers_are_kept, clean),
        cmocka_unit_test_teardown(checkpoint_replaces_the_flush_on_its_device_only,
                                  clean),
        cmocka_unit_test(errors_name_the_place),
        cmocka_unit_test_teardown(s237_crash_anywhere_gives_one_copy, clean),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
