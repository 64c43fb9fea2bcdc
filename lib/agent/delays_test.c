/* delays_test - times in delivery log lines */
#include "agent/delays.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void check(int64_t usec, int digits, const char *expected)
{
    struct str out = STR_INIT(100);

    assert_true(delays_add(&out, usec, digits));
    assert_string_equal(str_cstr(&out), expected);
    str_done(&out);
}

static void two_significant_digits(void **state)
{
    (void)state;
    check(0, 2, "0");
    check(-5, 2, "0");
    check(4999, 2, "0");
    check(5000, 2, "0.01");
    check(50000, 2, "0.05");
    check(100000, 2, "0.1");
    check(123456, 2, "0.12");
    check(123456, 6, "0.12");
    check(12345, 6, "0.012");
    check(7, 6, "0.000007");
    check(1234567, 2, "1.2");
    check(1950000, 2, "2");
    check(9960000, 2, "10");
    check(12345678, 2, "12");
    check(99600000, 2, "100");
    check(123456789, 2, "123");
    check(123456, 0, "0");
    check(600000, 0, "1");
    check(996000, 2, "1");
}

static void all_five(void **state)
{
    (void)state;
    struct delays t = {0, 20000, 30000, 0, 50000};
    struct str out = STR_INIT(100);

    assert_true(delays_add_all(&out, &t, 2));
    assert_string_equal(str_cstr(&out), "delay=0.05, delays=0.02/0.01/0/0.02");
    t.connection_done = 40000;
    str_clear(&out);
    assert_true(delays_add_all(&out, &t, 2));
    assert_string_equal(str_cstr(&out), "delay=0.05, delays=0.02/0.01/0.01/0.01");
    str_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_significant_digits),
        cmocka_unit_test(all_five),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
