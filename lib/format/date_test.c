/* date_test - dates written and read */
#include "date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct tm course_time(void)
{
    return (struct tm){.tm_year = 103,
                       .tm_mon = 4,
                       .tm_mday = 11,
                       .tm_hour = 16,
                       .tm_min = 6,
                       .tm_sec = 57,
                       .tm_wday = 0,
                       .tm_gmtoff = 7200,
                       .tm_zone = "CEST"};
}

/* S057, S235: the dates of the course's messages and mailboxes. */
static void test_format(void **state)
{
    struct tm t = course_time();
    char out[DATE_MAX];
    assert_string_equal(date_format(out, &t), "Sun, 11 May 2003 16:06:57 +0200 (CEST)");
    assert_string_equal(date_format_mbox(out, &t), "Sun May 11 16:06:57 2003");
    t.tm_mday = 1;
    t.tm_gmtoff = -5400;
    t.tm_zone = "x) (y";
    assert_string_equal(date_format(out, &t), "Sun, 1 May 2003 16:06:57 -0130");
    assert_string_equal(date_format_mbox(out, &t), "Sun May  1 16:06:57 2003");
    t.tm_zone = NULL;
    t.tm_mon = 77;
    t.tm_wday = -1;
    t.tm_mday = INT32_MAX;
    t.tm_year = INT32_MAX - 1900;
    assert_true(strlen(date_format(out, &t)) < DATE_MAX);
    (void)state;
}

static void expect_date(const char *text, int64_t seconds, int offset)
{
    int64_t got = -1;
    int minutes = -1;
    if (!date_parse(view_of(text), &got, &minutes))
        fail_msg("cannot read %s", text);
    if (got != seconds || minutes != offset)
        fail_msg("%s: %lld %d", text, (long long)got, minutes);
}

static void test_parse(void **state)
{
    expect_date("Sun, 11 May 2003 16:06:57 +0200 (CEST)", 1052662017, 120);
    expect_date("11 May 2003 14:06:57 GMT", 1052662017, 0);
    expect_date("Sun, 11 May 03 10:06:57 EDT", 1052662017, -240);
    expect_date("Sun May 11 14:06:57 2003", 1052662017, 0);
    expect_date("Sun, 11\n\tMay (a (b) c) 2003 14:06:57", 1052662017, 0);
    expect_date("Thu, 1 Jan 1970 00:00 +0000", 0, 0);
    expect_date("1 Jan 1970 00:00:00 -0100", 3600, -60);
    expect_date("29 Feb 2000 23:59:60 Z", 951868800, 0);
    expect_date("31 Dec 1969", -86400, 0);
    expect_date("1 Jan 99 00:00:00 +0000", 915148800, 0);
    expect_date("1 Mar 2400 00:00:00 +0000", 13574649600, 0);
    (void)state;
}

static void test_parse_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "hello",
                                      "11 May",
                                      "32 May 2003",
                                      "29 Feb 2001 00:00",
                                      "11 Foo 2003 25:00",
                                      "11 May 2003 24:00:00",
                                      "11 May 2003 10:60",
                                      "11 May 2003 10:00 +99",
                                      "0 May 2003",
                                      "11 May 2003 2004",
                                      "99999999999999999999 May 2003"};
    int64_t seconds;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (date_parse(view_of(bad[i]), &seconds, NULL))
            fail_msg("reads %s", bad[i]);
    (void)state;
}

/* What is written reads back, over leap years and centuries. */
static void test_round_trip(void **state)
{
    for (int64_t t = -5000000000; t < 20000000000; t += 97654321) {
        time_t now = (time_t)t;
        struct tm broken;
        char out[DATE_MAX];
        int64_t seconds;
        assert_non_null(gmtime_r(&now, &broken));
        if (broken.tm_year + 1900 > 9999)
            break;
        assert_true(date_parse(view_of(date_format(out, &broken)), &seconds, NULL));
        assert_int_equal(seconds, t);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_refused),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
