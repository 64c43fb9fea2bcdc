/* number_test - numbers at and beyond their limits; clocks */
#include "base/number.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void unsigned_numbers(void **state)
{
    uint64_t u = 99;

    (void)state;
    assert_true(number_parse_u64(VIEW("0"), 0, 10, &u) && u == 0);
    assert_true(number_parse_u64(VIEW("007"), 0, 10, &u) && u == 7);
    assert_true(number_parse_u64(VIEW("18446744073709551615"), 0, UINT64_MAX, &u));
    assert_true(u == UINT64_MAX);
    u = 99;
    assert_false(number_parse_u64(VIEW("18446744073709551616"), 0, UINT64_MAX, &u));
    assert_false(number_parse_u64(VIEW("99999999999999999999999"), 0, UINT64_MAX, &u));
    assert_false(number_parse_u64(VIEW("11"), 0, 10, &u));
    assert_false(number_parse_u64(VIEW("4"), 5, 10, &u));
    assert_false(number_parse_u64(VIEW(""), 0, 10, &u));
    assert_false(number_parse_u64(VIEW_NONE, 0, 10, &u));
    assert_false(number_parse_u64(VIEW("+1"), 0, 10, &u));
    assert_false(number_parse_u64(VIEW("-1"), 0, 10, &u));
    assert_false(number_parse_u64(VIEW(" 1"), 0, 10, &u));
    assert_false(number_parse_u64(VIEW("1 "), 0, 10, &u));
    assert_false(number_parse_u64(VIEW("1a"), 0, 10, &u));
    assert_int_equal(u, 99); /* untouched by failures */
}

static void signed_numbers(void **state)
{
    int64_t i;
    int n;

    (void)state;
    assert_true(number_parse_i64(VIEW("-5"), -10, 10, &i) && i == -5);
    assert_true(number_parse_i64(VIEW("-9223372036854775808"), INT64_MIN, 0, &i));
    assert_true(i == INT64_MIN);
    assert_true(number_parse_i64(VIEW("9223372036854775807"), 0, INT64_MAX, &i));
    assert_true(i == INT64_MAX);
    assert_false(number_parse_i64(VIEW("9223372036854775808"), 0, INT64_MAX, &i));
    assert_false(number_parse_i64(VIEW("-9223372036854775809"), INT64_MIN, 0, &i));
    assert_false(number_parse_i64(VIEW("-"), INT64_MIN, 0, &i));
    assert_false(number_parse_i64(VIEW("--1"), INT64_MIN, 0, &i));
    assert_true(number_parse_int(VIEW("-1"), -1, 1, &n) && n == -1);
    assert_false(number_parse_int(VIEW("2"), -1, 1, &n));
    assert_false(number_parse_int(VIEW("4294967297"), -1, 1, &n));
}

static void other_bases(void **state)
{
    uint64_t u;

    (void)state;
    assert_true(number_parse_base(VIEW("fF"), 16, 255, &u) && u == 255);
    assert_true(number_parse_base(VIEW("0644"), 8, 07777, &u) && u == 0644);
    assert_false(number_parse_base(VIEW("8"), 8, 100, &u));
    assert_false(number_parse_base(VIEW("0x1"), 16, 100, &u));
    assert_false(number_parse_base(VIEW("g"), 16, 100, &u));
    assert_false(number_parse_base(VIEW("10000000000000000"), 16, UINT64_MAX, &u));
}

static void taking_digits(void **state)
{
    struct view v = VIEW("12;34");
    uint64_t u;

    (void)state;
    assert_true(number_take_u64(&v, 100, &u) && u == 12);
    assert_true(view_eq(v, VIEW(";34")));
    assert_false(number_take_u64(&v, 100, &u));
    assert_true(view_eq(v, VIEW(";34")));
    v = VIEW("1234");
    assert_false(number_take_u64(&v, 1233, &u));
    assert_int_equal(v.n, 4);
}

static void times(void **state)
{
    int64_t t;

    (void)state;
    assert_true(number_parse_time(VIEW("100s"), 'h', &t) && t == 100 * CLOCK_SECOND);
    assert_true(number_parse_time(VIEW("3"), 'h', &t) && t == 3 * 3600 * CLOCK_SECOND);
    assert_true(number_parse_time(VIEW("5D"), 's', &t) && t == 5 * 86400 * CLOCK_SECOND);
    assert_true(number_parse_time(VIEW("1w"), 's', &t) && t == 7 * 86400 * CLOCK_SECOND);
    assert_true(number_parse_time(VIEW("2m"), 's', &t) && t == 120 * CLOCK_SECOND);
    assert_true(number_parse_time(VIEW("0"), 's', &t) && t == 0);
    assert_false(number_parse_time(VIEW("1x"), 's', &t));
    assert_false(number_parse_time(VIEW("1 s"), 's', &t));
    assert_false(number_parse_time(VIEW("s"), 's', &t));
    assert_false(number_parse_time(VIEW("-1s"), 's', &t));
    assert_false(number_parse_time(VIEW("9223372036854775807w"), 's', &t));
}

static void clocks(void **state)
{
    int64_t a = clock_mono(), b = clock_mono();

    (void)state;
    assert_true(b >= a);
    assert_true(clock_wall() > INT64_C(1500000000) * CLOCK_SECOND);
    assert_true(clock_in(CLOCK_SECOND) >= a + CLOCK_SECOND);
    assert_true(clock_in(CLOCK_NEVER) == CLOCK_NEVER);
    assert_true(clock_in(CLOCK_NEVER - 1) == CLOCK_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsigned_numbers),
        cmocka_unit_test(signed_numbers),
        cmocka_unit_test(other_bases),
        cmocka_unit_test(taking_digits),
        cmocka_unit_test(times),
        cmocka_unit_test(clocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
