/* verp_test - senders that name recipients
 */
#include "format/verp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_delimiters(void **state)
{
    (void)state;
    struct view allowed = VIEW("-=+");
    assert_true(verp_delimiters_are_valid(VIEW("+="), allowed));
    assert_true(verp_delimiters_are_valid(VIEW("--"), allowed));
    assert_false(verp_delimiters_are_valid(VIEW("+"), allowed));
    assert_false(verp_delimiters_are_valid(VIEW(""), allowed));
    assert_false(verp_delimiters_are_valid(VIEW("+=-"), allowed));
    assert_false(verp_delimiters_are_valid(VIEW("+@"), allowed));
}

static void expect(const char *sender, const char *recipient, const char *want)
{
    struct str out = STR_INIT(100);
    assert_true(verp_sender(view_of(sender), view_of(recipient), VIEW("+="), &out));
    assert_string_equal(str_cstr(&out), want);
    str_done(&out);
}

static void test_sender(void **state)
{
    (void)state;
    expect("list@example.com", "user@domain", "list+user=domain@example.com");
    expect("list", "user@domain", "list+user=domain");
    expect("list@example.com", "user", "list+user@example.com");
    expect("a@b@c", "d@e@f", "a@b+d@e=f@c");
    expect("a@", "b@", "a+b");
}

static void test_limit(void **state)
{
    (void)state;
    struct str out = STR_INIT(10);
    assert_false(verp_sender(VIEW("list@example.com"), VIEW("u@d"), VIEW("+="), &out));
    str_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delimiters),
        cmocka_unit_test(test_sender),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
