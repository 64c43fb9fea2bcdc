/* lines_test - sizes and slices with CR LF */
#include "message/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect_size(struct view v, uint64_t bytes, uint64_t lines)
{
    struct message_size size = message_size_of(v);
    assert_int_equal(size.bytes, bytes);
    assert_int_equal(size.lines, lines);
}

static void test_size(void **state)
{
    (void)state;
    expect_size(VIEW_NONE, 0, 0);
    expect_size(VIEW("a\nb\n"), 6, 2);
    expect_size(VIEW("a\r\nb\r\n"), 6, 2);
    expect_size(VIEW("a\r\nb\nc"), 7, 2);
    expect_size(VIEW("\n"), 2, 1);
    expect_size(VIEW("a\rb"), 3, 0);
    expect_size(VIEW("\r\r\n"), 3, 1);
}

static void test_convert(void **state)
{
    (void)state;
    struct str out = STR_INIT(100);
    assert_true(message_add_crlf(VIEW("a\n\nb\r\nc\rd"), &out));
    assert_string_equal(str_cstr(&out), "a\r\n\r\nb\r\nc\rd");
    str_done(&out);
    str_init(&out, 4);
    assert_false(message_add_crlf(VIEW("abc\ndef"), &out));
    assert_int_equal(out.n, 4);
    str_done(&out);
}

/* Each slice of the converted text is the converted text's slice. */
static void test_slice(void **state)
{
    (void)state;
    struct view text = VIEW("one\n\ntwo\r\nthree\n");
    struct str whole = STR_INIT(100);
    assert_true(message_add_crlf(text, &whole));
    assert_int_equal(whole.n, message_size_of(text).bytes);
    for (size_t from = 0; from < whole.n + 2; from++)
        for (size_t n = 0; n < whole.n + 2; n++) {
            struct str out = STR_INIT(100);
            assert_true(message_add_crlf_slice(text, from, n, &out));
            assert_true(view_eq(str_view(&out), view_sub(str_view(&whole), from, n)));
            str_done(&out);
        }
    struct str out = STR_INIT(100);
    assert_true(message_add_crlf_slice(text, 3, UINT64_MAX, &out));
    assert_int_equal(out.n, whole.n - 3);
    str_done(&out);
    str_done(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_convert),
        cmocka_unit_test(test_slice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
