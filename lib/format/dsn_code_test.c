/* dsn_code_test - enhanced status codes in texts and replies */
#include "dsn_code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_length(void **state)
{
    assert_int_equal(dsn_code_length(VIEW("5.1.1")), 5);
    assert_int_equal(dsn_code_length(VIEW("5.100.100 text")), 9);
    assert_int_equal(dsn_code_length(VIEW("2.0.0\tx")), 5);
    static const char *const bad[] = {"",     "5.1.1x", "5.1000.1", "3.1.1",  "5.1",
                                      "5..1", "5.1.",   "5.1.1.1",  "55.1.1", "4.7.1-x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(dsn_code_length(view_of(bad[i])), 0);
    assert_true(dsn_code_is_valid(VIEW("4.7.1")));
    assert_false(dsn_code_is_valid(VIEW("4.7.1 ")));
    assert_false(dsn_code_is_valid(VIEW("")));
    (void)state;
}

static void test_split(void **state)
{
    char code[DSN_CODE_MAX];
    struct view rest = dsn_code_split(VIEW(" 5.7.1  Access denied"), "4.3.0", code);
    assert_string_equal(code, "5.7.1");
    assert_true(view_eq(rest, VIEW("Access denied")));
    rest = dsn_code_split(VIEW("(#5.7.1) x"), "4.3.0", code);
    assert_string_equal(code, "4.3.0");
    assert_true(view_eq(rest, VIEW("(#5.7.1) x")));
    dsn_code_split(VIEW("5.100.100"), "4.3.0", code);
    assert_string_equal(code, "5.100.100");
    dsn_code_set_class(code, '4');
    assert_string_equal(code, "4.100.100");
    (void)state;
}

/* S030: the code of a reply, ours or a peer's. */
static void test_reply(void **state)
{
    char status[DSN_CODE_MAX];
    struct view text;
    int code;
    assert_true(dsn_reply_split(VIEW("550 5.1.1 No such user"), &code, status, &text));
    assert_int_equal(code, 550);
    assert_string_equal(status, "5.1.1");
    assert_true(view_eq(text, VIEW("No such user")));
    assert_true(dsn_reply_split(VIEW("553 sorry (#5.7.1)"), &code, status, &text));
    assert_string_equal(status, "5.0.0");
    assert_true(view_eq(text, VIEW("sorry (#5.7.1)")));
    assert_true(dsn_reply_split(VIEW("450-5.1.1 lies"), &code, status, &text));
    assert_string_equal(status, "4.0.0");
    assert_true(dsn_reply_split(VIEW("250"), &code, status, &text));
    assert_int_equal(text.n, 0);
    assert_false(dsn_reply_split(VIEW("25"), &code, status, &text));
    assert_false(dsn_reply_split(VIEW("2500 x"), &code, status, &text));
    assert_false(dsn_reply_split(VIEW("150 x"), &code, status, &text));
    assert_false(dsn_reply_split(VIEW("abc x"), &code, status, &text));
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
