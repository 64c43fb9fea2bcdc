/* xtext_test - DSN parameters (RFC 3461, RFC 6533) */
#include "xtext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect(bool (*encode)(struct view, struct view, struct str *),
                   bool (*decode)(struct view, struct str *), const char *plain,
                   const char *coded)
{
    struct str out = STR_INIT(200);
    assert_true(encode(view_of(plain), VIEW("@"), &out));
    assert_string_equal(str_cstr(&out), coded);
    str_clear(&out);
    assert_true(decode(view_of(coded), &out));
    assert_string_equal(str_cstr(&out), plain);
    str_done(&out);
}

/* S201: ENVID and ORCPT values. */
static void test_round_trip(void **state)
{
    expect(xtext_encode, xtext_decode, "QQ314159", "QQ314159");
    expect(xtext_encode, xtext_decode, "a+b=c d\n\x80", "a+2Bb+3Dc+20d+0A+80");
    expect(xtext_encode, xtext_decode, "Bob@host", "Bob+40host");
    expect(uxtext_encode, uxtext_decode, "caf\xc3\xa9 \\+\xe2\x82\xac\xf0\x9f\x98\x80",
           "caf\\x{E9}\\x{20}\\x{5C}\\x{2B}\\x{20AC}\\x{1F600}");
    (void)state;
}

static void test_refused(void **state)
{
    static const char *const bad[] = {"a+", "a+4", "a+4g", "a=b", "a b", "\x80", "+\n"};
    static const char *const bad_utf8[] = {"\\x{}",  "\\x{D800}", "\\x{110000}",
                                           "\\x{0}", "\\x{4",     "\\y",
                                           "a b",    "a=b",       "\xe9"};
    struct str out = STR_INIT(100);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(xtext_decode(view_of(bad[i]), &out));
    for (size_t i = 0; i < sizeof bad_utf8 / sizeof bad_utf8[0]; i++)
        assert_false(uxtext_decode(view_of(bad_utf8[i]), &out));
    assert_false(uxtext_encode(VIEW("\xe9"), VIEW(""), &out));
    str_done(&out);
    (void)state;
}

static void test_orcpt(void **state)
{
    struct view type, rest;
    assert_true(orcpt_split(VIEW("rfc822;Bob+40host"), &type, &rest));
    assert_true(view_eq(type, VIEW("rfc822")) && view_eq(rest, VIEW("Bob+40host")));
    assert_true(orcpt_split(VIEW("utf-8;x;y"), &type, &rest));
    assert_true(view_eq(rest, VIEW("x;y")));
    assert_false(orcpt_split(VIEW("rfc822"), &type, &rest));
    assert_false(orcpt_split(VIEW(";x"), &type, &rest));
    assert_false(orcpt_split(VIEW("rfc822;"), &type, &rest));
    assert_false(orcpt_split(VIEW("rf c;x"), &type, &rest));
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_orcpt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
