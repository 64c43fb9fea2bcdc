/* users_test - sliding windows of users, and their number */
#include "users.h"

#include "base/clock.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define MINUTE (60 * CLOCK_SECOND)
#define HOUR   (60 * MINUTE)

static struct anvil_user_counts count(struct users *u, const char *name,
                                      const struct anvil_user_limits *limits, int64_t now)
{
    struct anvil_user_counts got;
    users_event(u, view_of(name), ANVIL_USER_MESSAGE, limits, now, &got);
    return got;
}

static void hour_slides(void **state)
{
    (void)state;
    const struct anvil_user_limits limits = {.hour = 3};
    struct users u;
    users_init(&u, 10);
    for (unsigned i = 1; i <= 3; i++)
        assert_int_equal(count(&u, "chris", &limits, (int64_t)i * 10 * MINUTE).hour, i);
    /* Over the limit; trying does not make it worse. */
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(count(&u, "chris", &limits, 40 * MINUTE).hour, 4);
    assert_int_equal(count(&u, "root", &limits, 40 * MINUTE).hour, 1);
    /* The first, of minute 10, falls out; then the second. */
    assert_int_equal(count(&u, "chris", &limits, 69 * MINUTE).hour, 4);
    assert_int_equal(count(&u, "chris", &limits, 75 * MINUTE).hour, 3);
    assert_int_equal(count(&u, "chris", &limits, 76 * MINUTE).hour, 4);
    assert_int_equal(count(&u, "chris", &limits, 80 * MINUTE).hour, 3);
    /* A recipient is another matter. */
    struct anvil_user_counts got;
    users_event(&u, VIEW("chris"), ANVIL_USER_RECIPIENT, &limits, 80 * MINUTE, &got);
    assert_int_equal(got.hour, 1);
    users_done(&u);
}

static void day_slides(void **state)
{
    (void)state;
    const struct anvil_user_limits limits = {.day = 2}, none = {.hour = 0};
    struct users u;
    users_init(&u, 10);
    assert_int_equal(count(&u, "chris", &limits, HOUR).day, 1);
    assert_int_equal(count(&u, "chris", &limits, 3 * HOUR).day, 2);
    struct anvil_user_counts got = count(&u, "chris", &limits, 24 * HOUR);
    assert_int_equal(got.day, 3);
    assert_int_equal(got.hour, 1);
    assert_int_equal(count(&u, "chris", &limits, 25 * HOUR).day, 2);
    /* Without limits all counts, and a long silence forgets all. */
    assert_int_equal(count(&u, "chris", &none, 25 * HOUR).day, 3);
    assert_int_equal(count(&u, "chris", &none, 200 * HOUR).day, 1);
    users_done(&u);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    const struct anvil_user_limits none = {.hour = 0};
    struct users u;
    char name[20];
    users_init(&u, 10);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof name, "user%d", i);
        assert_int_equal(count(&u, "always", &none, i).day, i + 1);
        (void)count(&u, name, &none, i);
        assert_true(hash_count(u.by_name) <= 10);
    }
    /* The last ones are known yet, the first is not. */
    assert_int_equal(count(&u, "user999", &none, 1000).day, 2);
    assert_int_equal(count(&u, "user0", &none, 1000).day, 1);
    users_sweep(&u, 24 * HOUR);
    assert_int_equal(hash_count(u.by_name), 10);
    users_sweep(&u, 26 * HOUR);
    assert_int_equal(hash_count(u.by_name), 0);
    users_done(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hour_slides),
        cmocka_unit_test(day_slides),
        cmocka_unit_test(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
