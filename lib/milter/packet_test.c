/* packet_test - replies and options of milters, well and badly formed */
#include "milter/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_replies(void **state)
{
    (void)state;
    struct str out = STR_INIT(200);
    assert_true(packet_parse_reply(VIEW("554 5.7.9 100%% spam"), &out));
    assert_string_equal(str_cstr(&out), "554 5.7.9 100% spam");
    assert_true(packet_parse_reply(VIEW("451-4.7.1 one\r\n451 4.7.1 two"), &out));
    assert_string_equal(str_cstr(&out), "451 4.7.1 one\ntwo");
    assert_true(packet_parse_reply(VIEW("550 5.7.1 a\rb\tc\r\n250 2.0.0 d\x7f"), &out));
    assert_string_equal(str_cstr(&out), "550 5.7.1 a?b?c\n2.0.0 d?");
    assert_false(packet_parse_reply(VIEW("250 2.0.0 fine"), &out));
    assert_false(packet_parse_reply(VIEW("550 4.7.1 mixed"), &out));
    assert_false(packet_parse_reply(VIEW("55"), &out));
    assert_false(packet_parse_reply(VIEW(""), &out));
    str_done(&out);
}

static void test_options(void **state)
{
    (void)state;
    struct packet_options o;
    struct view good = VIEW("\0\0\0\6\0\0\0\1\0\0\0\2\0\0\0\5i j\0");
    assert_true(packet_parse_options(good, &o));
    assert_int_equal(o.version, 6);
    assert_int_equal(o.actions, 1);
    assert_int_equal(o.steps, 2);
    assert_true(o.has_macros[5] && view_eq(o.macros[5], VIEW("i j")));
    for (size_t n = 0; n < good.n; n++) /* cut anywhere but behind the numbers */
        assert_int_equal(packet_parse_options(view_sub(good, 0, n), &o), n == 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_replies),
                                       cmocka_unit_test(test_options)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
