/* quoted_printable_test - lines out, lines in */
#include "quoted_printable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect_encoded(const char *line, const char *want)
{
    struct str out = STR_INIT(1000);
    struct qp_encoder e;
    qp_encoder_init(&e);
    assert_true(qp_encoder_line(&e, view_of(line), true, &out));
    assert_string_equal(str_cstr(&out), want);
    str_done(&out);
}

static void test_encode(void **state)
{
    expect_encoded("", "\n");
    expect_encoded("a=b", "a=3Db\n");
    expect_encoded("a b ", "a b=20\n");
    expect_encoded("tab\t", "tab=09\n");
    expect_encoded("\xe9\xe8\xe0", "=E9=E8=E0\n");
    expect_encoded("\r", "=0D\n");
    expect_encoded(
        "123456789012345678901234567890123456789012345678901234567890123456789012345",
        "123456789012345678901234567890123456789012345678901234567890123456789012345\n");
    expect_encoded(
        "1234567890123456789012345678901234567890123456789012345678901234567890123456",
        "123456789012345678901234567890123456789012345678901234567890123456789012345=\n"
        "6\n");
    expect_encoded(
        "1234567890123456789012345678901234567890123456789012345678901234567890123\xe9",
        "1234567890123456789012345678901234567890123456789012345678901234567890123=\n"
        "=E9\n");
    (void)state;
}

/* S066: decoded whatever the cut, and tolerant of what is malformed. */
static void expect_decoded(const char *text, const char *want)
{
    for (size_t chunk = 1; chunk < 5; chunk++) {
        struct str out = STR_INIT(1000);
        struct qp_decoder d;
        qp_decoder_init(&d);
        for (size_t at = 0; at < strlen(text); at += chunk)
            assert_true(qp_decoder_feed(&d, view_sub(view_of(text), at, chunk), &out));
        assert_true(qp_decoder_end(&d, &out));
        assert_string_equal(str_cstr(&out), want);
        str_done(&out);
    }
    struct str out = STR_INIT(1000);
    assert_true(qp_decode(view_of(text), false, &out));
    assert_string_equal(str_cstr(&out), want);
    str_done(&out);
}

static void test_line_ends(void **state)
{
    struct str out = STR_INIT(1000);
    assert_true(qp_decode(VIEW("a \nb=0Ac=\r\nd\r\n=0A=\n"), true, &out));
    assert_string_equal(str_cstr(&out), "a\r\nb\ncd\r\n\n");
    str_done(&out);
    (void)state;
}

static void test_decode(void **state)
{
    expect_decoded("<DIV>=E9=E8=E0=\n</DIV>\n", "<DIV>\xe9\xe8\xe0</DIV>\n");
    expect_decoded("a=3db\r\n", "a=b\n");
    expect_decoded("soft= \t\r\nline", "softline");
    expect_decoded("blanks  \t\nx", "blanks\nx");
    expect_decoded("in  side", "in  side");
    expect_decoded("bad =zz =4 =", "bad =zz =4 =");
    expect_decoded("==41", "=A");
    expect_decoded("= x", "= x");
    (void)state;
}

static void test_many_blanks(void **state)
{
    char text[300];
    memset(text, ' ', sizeof text);
    text[299] = 0;
    text[298] = 'x';
    expect_decoded(text, text);
    text[0] = '=';
    expect_decoded(text, text);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_many_blanks),
        cmocka_unit_test(test_line_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
