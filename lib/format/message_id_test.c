/* message_id_test - made, found, judged */
#include "message_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_make(void **state)
{
    struct tm utc = {.tm_year = 103,
                     .tm_mon = 4,
                     .tm_mday = 11,
                     .tm_hour = 14,
                     .tm_min = 6,
                     .tm_sec = 23};
    struct str out = STR_INIT(200);
    assert_true(message_id_make(&utc, VIEW("61D3F800081"), VIEW("gw1.maison.mrs"), &out));
    assert_string_equal(str_cstr(&out), "<20030511140623.61D3F800081@gw1.maison.mrs>");
    assert_true(message_id_is_valid(str_view(&out)));
    str_done(&out);
    (void)state;
}

static void test_next(void **state)
{
    struct view rest = VIEW("junk <a@b> (x)\n <broken <c@d><> <e f> <open");
    struct view id;
    assert_true(message_id_next(&rest, &id));
    assert_true(view_eq(id, VIEW("<a@b>")));
    assert_true(message_id_next(&rest, &id));
    assert_true(view_eq(id, VIEW("<c@d>")));
    assert_false(message_id_next(&rest, &id));
    assert_int_equal(rest.n, 0);
    (void)state;
}

static void test_valid(void **state)
{
    static const char *const good[] = {"<00a601bfc33c$9e749dc0$0a00a8c0@maison.mrs>",
                                       "<a@b>"};
    static const char *const bad[] = {"",     "<>",      "a@b",     "<a>",   "<@b>",
                                      "<a@>", "<a b@c>", "<a@b\n>", "<a<@b>"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(message_id_is_valid(view_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(message_id_is_valid(view_of(bad[i])));
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
