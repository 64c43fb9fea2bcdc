/* counts_test - sessions, rates and time units of clients */
#include "counts.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct str logged;

static void keep(enum log_level level, const char *text)
{
    (void)level;
    str_addf(&logged, "%s\n", text);
}

static void rates_and_counts(void **state)
{
    (void)state;
    struct counts c;
    struct anvil_counts got;
    counts_init(&c, 60 * CLOCK_SECOND);
    struct client *a = counts_enter(&c, VIEW("smtp:192.0.2.1"), 0, &got);
    struct client *b = counts_enter(&c, VIEW("smtp:192.0.2.1"), CLOCK_SECOND, &got);
    assert_ptr_equal(a, b);
    assert_int_equal(got.count, 2);
    assert_int_equal(got.rate, 2);
    counts_leave(b);
    counts_event(&c, a, ANVIL_MESSAGE, 2 * CLOCK_SECOND, &got);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.rate, 1);
    counts_event(&c, a, ANVIL_NEW_TLS_REPORT, 2 * CLOCK_SECOND, &got);
    assert_int_equal(got.rate, 0);
    /* A new time unit; the session goes on. */
    counts_event(&c, a, ANVIL_MESSAGE, 70 * CLOCK_SECOND, &got);
    assert_int_equal(got.rate, 1);
    assert_int_equal(got.count, 1);
    counts_sweep(&c, 300 * CLOCK_SECOND);
    assert_int_equal(hash_count(c.clients), 1);
    counts_leave(a);
    counts_sweep(&c, 300 * CLOCK_SECOND);
    assert_int_equal(hash_count(c.clients), 0);
    counts_done(&c);
}

static void peaks(void **state)
{
    (void)state;
    struct counts c;
    struct anvil_counts got;
    log_set_hook(keep);
    str_init(&logged, 4096);
    counts_init(&c, 60 * CLOCK_SECOND);
    counts_leave(counts_enter(&c, VIEW("smtp:192.0.2.1"), 0, &got));
    (void)counts_enter(&c, VIEW("smtp:192.0.2.1"), 0, &got);
    counts_log(&c);
    assert_non_null(strstr(str_cstr(&logged), "statistics: max connection rate 2/60s for "
                                              "(smtp:192.0.2.1) at "));
    assert_non_null(strstr(str_cstr(&logged), "statistics: max connection count 1 for "
                                              "(smtp:192.0.2.1) at "));
    assert_non_null(strstr(str_cstr(&logged), "statistics: max cache size 1 at "));
    str_clear(&logged);
    counts_log(&c);
    assert_string_equal(str_cstr(&logged), "");
    counts_done(&c);
    str_done(&logged);
}

static void networks(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    assert_true(
        view_eq(anvil_client(a, VIEW("192.0.2.77"), 24, 64), VIEW("192.0.2.0/24")));
    assert_true(view_eq(anvil_client(a, VIEW("192.0.2.77"), 32, 64), VIEW("192.0.2.77")));
    assert_true(
        view_eq(anvil_client(a, VIEW("192.0.2.77"), 27, 64), VIEW("192.0.2.64/27")));
    assert_true(view_eq(anvil_client(a, VIEW("2001:db8:1:2:3::4"), 32, 64),
                        VIEW("2001:db8:1:2::/64")));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_and_counts),
        cmocka_unit_test(peaks),
        cmocka_unit_test(networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
