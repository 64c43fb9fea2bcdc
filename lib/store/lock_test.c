/* lock_test - dot locks and kernel locks exclude each other's holders */
#include "store/lock.h"

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

static char dir[] = "lock_test_XXXXXX";
static char path[64], dotlock[80];

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/box", dir);
    snprintf(dotlock, sizeof dotlock, "%s.lock", path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    unlink(dotlock);
    return rmdir(dir);
}

static const struct lock_policy quick = {.use_fcntl = true,
                                         .use_flock = true,
                                         .use_dotlock = true,
                                         .attempts = 2,
                                         .delay = 1000,
                                         .stale = 500 * INT64_C(1000000)};

static void methods_are_parsed(void **state)
{
    (void)state;
    struct lock_policy p = {0};
    struct error e = ERROR_INIT;

    assert_true(lock_policy_parse(VIEW("fcntl, dotlock"), &p, &e));
    assert_true(p.use_fcntl && p.use_dotlock && !p.use_flock);
    assert_true(lock_policy_parse(VIEW("FLOCK"), &p, &e));
    assert_true(p.use_flock && !p.use_fcntl && !p.use_dotlock);
    assert_false(lock_policy_parse(VIEW("fcntl, lockf"), &p, &e));
    assert_non_null(strstr(e.text, "lockf"));
    assert_false(lock_policy_parse(VIEW(" ,"), &p, &e));
}

static void dotlock_excludes(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    bool made, second;

    assert_int_equal(lock_dot_take(&quick, path, &made, &e), OK);
    assert_true(made);
    assert_int_equal(lock_dot_take(&quick, path, &second, &e), TEMPFAIL);
    assert_false(second);
    assert_string_equal(e.status, "4.2.0");
    lock_dot_give(path);
    assert_int_equal(lock_dot_take(&quick, path, &made, &e), OK);
    lock_dot_give(path);
    assert_int_equal(access(dotlock, F_OK), -1);
}

static void stale_dotlock_is_broken(void **state)
{
    (void)state;
    struct lock_policy p = quick;
    struct error e = ERROR_INIT;
    bool made;

    close(open(dotlock, O_CREAT | O_WRONLY, 0600));
    p.stale = -1;
    assert_int_equal(lock_dot_take(&p, path, &made, &e), OK);
    assert_true(made);
    lock_dot_give(path);
}

static void directory_without_write_permission(void **state)
{
    (void)state;
    struct lock_policy p = quick;
    struct error e = ERROR_INIT;
    bool made = true;

    /* A path below a file stands for it, since root may write everywhere. */
    assert_int_equal(lock_dot_take(&p, "/dev/null/box", &made, &e), TEMPFAIL);
    p.dotlock_may_fail = true;
    assert_int_equal(lock_dot_take(&p, "/dev/null/box", &made, &e), OK);
    assert_false(made);
}

static void kernel_locks_exclude_within_a_process(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;

    for (int flock_only = 0; flock_only < 2; flock_only++) {
        struct lock_policy p = quick;
        p.use_fcntl = !flock_only;
        p.use_flock = flock_only;
        int a = open(path, O_CREAT | O_RDWR, 0600), b = open(path, O_RDWR);
        assert_int_equal(lock_file_take(&p, a, &e), OK);
        assert_int_equal(lock_file_take(&p, b, &e), TEMPFAIL);
        close(a);
        assert_int_equal(lock_file_take(&p, b, &e), OK);
        close(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_are_parsed),
        cmocka_unit_test(dotlock_excludes),
        cmocka_unit_test(stale_dotlock_is_broken),
        cmocka_unit_test(directory_without_write_permission),
        cmocka_unit_test(kernel_locks_exclude_within_a_process),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
