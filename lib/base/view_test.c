/* view_test - comparing, searching, cutting, and what is well-formed UTF-8 */
#include "base/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_view(struct view v, const char *expected)
{
    assert_int_equal(v.n, strlen(expected));
    if (v.n)
        assert_memory_equal(v.p, expected, v.n);
}

static void equality_and_order(void **state)
{
    (void)state;
    assert_true(view_eq(VIEW("abc"), VIEW("abc")));
    assert_true(view_eq(VIEW_NONE, VIEW("")));
    assert_false(view_eq(VIEW("abc"), VIEW("abC")));
    assert_false(view_eq(VIEW("a\0b"), VIEW("a\0c")));
    assert_true(view_eq_case(VIEW("abC@"), VIEW("ABc@")));
    assert_false(view_eq_case(VIEW("@"), VIEW("`"))); /* not letters, 32 apart */
    assert_false(view_eq_case(VIEW("\xc4"), VIEW("\xe4")));
    assert_true(view_cmp(VIEW("ab"), VIEW("abc")) < 0);
    assert_true(view_cmp(VIEW("b"), VIEW("abc")) > 0);
    assert_true(view_cmp(VIEW("\xff"), VIEW("a")) > 0);
    assert_int_equal(view_cmp(VIEW_NONE, VIEW_NONE), 0);
    assert_true(view_cmp_case(VIEW("B"), VIEW("a")) > 0);
    assert_int_equal(view_cmp_case(VIEW("Ab"), VIEW("aB")), 0);
}

static void starts_and_ends(void **state)
{
    (void)state;
    assert_true(view_starts(VIEW("abc"), VIEW("ab")));
    assert_true(view_starts(VIEW("abc"), VIEW("")));
    assert_false(view_starts(VIEW("a"), VIEW("ab")));
    assert_true(view_starts_case(VIEW("MAIL FROM"), VIEW("mail ")));
    assert_true(view_ends(VIEW("abc"), VIEW("bc")));
    assert_true(view_ends(VIEW_NONE, VIEW("")));
    assert_false(view_ends(VIEW("c"), VIEW("bc")));
    assert_true(view_ends_case(VIEW("x.COM"), VIEW(".com")));
}

static void finding(void **state)
{
    struct view v = VIEW("a=b=c");

    (void)state;
    assert_int_equal(view_find(v, '='), 1);
    assert_int_equal(view_rfind(v, '='), 3);
    assert_int_equal(view_find(v, 'x'), VIEW_NPOS);
    assert_int_equal(view_find(VIEW_NONE, 'x'), VIEW_NPOS);
    assert_int_equal(view_find_any(v, VIEW("cb")), 2);
    assert_int_equal(view_find_any(v, VIEW("")), VIEW_NPOS);
    assert_int_equal(view_find_view(v, VIEW("=c")), 3);
    assert_int_equal(view_find_view(v, VIEW("")), 0);
    assert_int_equal(view_find_view(v, VIEW("a=b=c=")), VIEW_NPOS);
    assert_true(view_has(v, 'c'));
    assert_false(view_has(v, '\0'));
}

static void parts_are_clipped(void **state)
{
    struct view v = VIEW("abcdef");

    (void)state;
    assert_view(view_sub(v, 2, 3), "cde");
    assert_view(view_sub(v, 4, 100), "ef");
    assert_view(view_sub(v, 100, 1), "");
    assert_view(view_sub(v, 1, SIZE_MAX), "bcdef");
    assert_view(view_from(v, 6), "");
    assert_view(view_from(VIEW_NONE, 3), "");
    assert_view(view_trim_space(VIEW(" \t a b\r\n")), "a b");
    assert_view(view_trim_space(VIEW("  ")), "");
    assert_view(view_trim(VIEW("<<x>>"), VIEW("<>")), "x");
}

static void cutting(void **state)
{
    struct view head, tail;

    (void)state;
    assert_true(view_cut(VIEW("a@b@c"), '@', &head, &tail));
    assert_view(head, "a");
    assert_view(tail, "b@c");
    assert_true(view_rcut(VIEW("a@b@c"), '@', &head, &tail));
    assert_view(head, "a@b");
    assert_view(tail, "c");
    assert_true(view_cut(VIEW("@"), '@', &head, &tail));
    assert_view(head, "");
    assert_view(tail, "");
    assert_false(view_cut(VIEW("abc"), '@', &head, &tail));
    assert_view(head, "abc");
    assert_view(tail, "");
}

static void tokens(void **state)
{
    struct view rest = VIEW(" , a,b  c,"), token;

    (void)state;
    assert_true(view_token(&rest, VIEW(", "), &token));
    assert_view(token, "a");
    assert_true(view_token(&rest, VIEW(", "), &token));
    assert_view(token, "b");
    assert_true(view_token(&rest, VIEW(", "), &token));
    assert_view(token, "c");
    assert_false(view_token(&rest, VIEW(", "), &token));
}

static void tokens_with_braces(void **state)
{
    struct view rest = VIEW("a { b { c } d } e:{f, {g}}h {i j"), token;

    (void)state;
    assert_true(view_token_braced(&rest, VIEW(" "), &token));
    assert_view(token, "a");
    assert_true(view_token_braced(&rest, VIEW(" "), &token));
    assert_view(token, "{ b { c } d }");
    assert_true(view_token_braced(&rest, VIEW(" "), &token));
    assert_view(token, "e:{f, {g}}h");
    assert_true(view_token_braced(&rest, VIEW(" "), &token));
    assert_view(token, "{i j"); /* a missing brace takes the rest */
    assert_false(view_token_braced(&rest, VIEW(" "), &token));
}

static void utf8(void **state)
{
    static const struct view good[] = {
        {"", 0},
        {"abc\0d", 5},
        {"\xc2\x80", 2},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xee\x80\x80", 3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
    };
    static const struct view bad[] = {
        {"\x80", 1},             /* a continuation alone */
        {"\xc2", 1},             /* cut off */
        {"\xe2\x82", 2},         /* cut off */
        {"\xc0\xaf", 2},         /* overlong */
        {"\xc1\xbf", 2},         /* overlong */
        {"\xe0\x9f\xbf", 3},     /* overlong */
        {"\xf0\x8f\xbf\xbf", 4}, /* overlong */
        {"\xed\xa0\x80", 3},     /* surrogate */
        {"\xf4\x90\x80\x80", 4}, /* above U+10FFFF */
        {"\xf5\x80\x80\x80", 4}, /* likewise */
        {"\xff", 1},             /* never */
        {"\xe2\x28\xa1", 3},     /* no continuation */
        {"a\xe2\x82\x28", 4},    /* no continuation */
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(view_is_utf8(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(view_is_utf8(bad[i]));
    assert_int_equal(view_utf8_length(VIEW("\xe2\x82\xac!")), 3);
    assert_int_equal(view_utf8_length(VIEW_NONE), 0);
}

static void classes(void **state)
{
    (void)state;
    assert_true(view_is_ascii(VIEW("a\x7f")));
    assert_false(view_is_ascii(VIEW("a\x80")));
    assert_true(view_is_number(VIEW("0123")));
    assert_false(view_is_number(VIEW("")));
    assert_false(view_is_number(VIEW("1 ")));
    assert_int_equal(ascii_lower('A'), 'a');
    assert_int_equal(ascii_lower('['), '[');
    assert_int_equal(ascii_upper('z'), 'Z');
    assert_true(ascii_is_space('\v'));
    assert_false(ascii_is_print('\x7f'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_and_order),
        cmocka_unit_test(starts_and_ends),
        cmocka_unit_test(finding),
        cmocka_unit_test(parts_are_clipped),
        cmocka_unit_test(cutting),
        cmocka_unit_test(tokens),
        cmocka_unit_test(tokens_with_braces),
        cmocka_unit_test(utf8),
        cmocka_unit_test(classes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
