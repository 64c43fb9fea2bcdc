/* encoded_word_test - RFC 2047 both ways */
#include "encoded_word.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect_decoded(const char *body, const char *want)
{
    struct str out = STR_INIT(2000);
    assert_true(encoded_word_decode(view_of(body), &out));
    if (strcmp(str_cstr(&out), want) != 0)
        fail_msg("%s gives %s", body, str_cstr(&out));
    str_done(&out);
}

/* RFC 2047 8 and what is found in the wild. */
static void test_decode(void **state)
{
    expect_decoded("(=?ISO-8859-1?Q?a?=)", "(a)");
    expect_decoded("=?ISO-8859-1?Q?a?= b", "a b");
    expect_decoded("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab");
    expect_decoded("=?ISO-8859-1?Q?a?=\n  =?ISO-8859-1?Q?b?=", "ab");
    expect_decoded("=?ISO-8859-1?Q?a_b?=", "a b");
    expect_decoded("=?iso-8859-1?q?Caf=E9?= x", "Caf\xc3\xa9 x");
    expect_decoded("=?utf-8?B?Q2Fmw6k=?=", "Caf\xc3\xa9");
    expect_decoded("=?utf-8*fr?b?Q2Fmw6k?=", "Caf\xc3\xa9");
    expect_decoded("folded\n\tline\n", "folded line");
    expect_decoded("raw \xe9 latin", "raw \xc3\xa9 latin");
    expect_decoded("raw \xc3\xa9 utf-8", "raw \xc3\xa9 utf-8");
    (void)state;
}

static void test_decode_malformed(void **state)
{
    expect_decoded("=?x-none?Q?a?=", "=?x-none?Q?a?=");
    expect_decoded("=?utf-8?Q?a=zz?=", "=?utf-8?Q?a=zz?=");
    expect_decoded("=?utf-8?X?a?=", "=?utf-8?X?a?=");
    expect_decoded("=?utf-8?Q?a b?=", "=?utf-8?Q?a b?=");
    expect_decoded("=?utf-8?Q?a", "=?utf-8?Q?a");
    expect_decoded("=?utf-8//IGNORE?Q?a?=", "=?utf-8//IGNORE?Q?a?=");
    expect_decoded("=?utf-8?Q?a=E9b?=", "a\xef\xbf\xbd"
                                        "b");
    expect_decoded("a = b =? c", "a = b =? c");
    (void)state;
}

/* A word must not smuggle a line end into what is built from it. */
static void test_decode_hides_controls(void **state)
{
    expect_decoded("=?utf-8?Q?a=0D=0ABcc:_x=00?=", "a??Bcc: x?");
    (void)state;
}

static void test_encode(void **state)
{
    struct str out = STR_INIT(2000);
    assert_true(encoded_word_encode(VIEW("plain text"), 9, false, &out));
    assert_string_equal(str_cstr(&out), "plain text");
    str_clear(&out);
    assert_true(encoded_word_encode(VIEW("Un caf\xc3\xa9, s'il vous pla\xc3\xaet"), 9,
                                    false, &out));
    assert_string_equal(str_cstr(&out), "=?utf-8?Q?Un_caf=C3=A9,_s'il_vous_pla=C3=AEt?=");
    str_clear(&out);
    assert_true(encoded_word_encode(VIEW("\xd0\x96\xd0\x96\xd0\x96"), 9, false, &out));
    assert_string_equal(str_cstr(&out), "=?utf-8?B?0JbQltCW?=");
    str_clear(&out);
    assert_true(encoded_word_encode(VIEW("line\nend =?x"), 9, true, &out));
    assert_string_equal(str_cstr(&out), "=?utf-8?Q?line=0Aend_=3D=3Fx?=");
    str_clear(&out);
    assert_false(encoded_word_encode(VIEW("caf\xe9"), 9, false, &out));
    str_done(&out);
    (void)state;
}

/* Long text is cut between characters, into lines of at most 76 bytes, and reads back. */
static void test_round_trip(void **state)
{
    static const char *const samples[] = {"\xc3\xa9", "\xe2\x82\xac x",
                                          "abcdefg \xc3\xa9 ", "\xf0\x9f\x98\x80"};
    for (size_t s = 0; s < sizeof samples / sizeof samples[0]; s++) {
        for (size_t column = 0; column < 90; column += 9) {
            struct str text = STR_INIT(2000);
            struct str coded = STR_INIT(8000);
            struct str back = STR_INIT(2000);
            for (int i = 0; i < 50; i++)
                str_add_cstr(&text, samples[s]);
            assert_true(encoded_word_encode(str_view(&text), column, false, &coded));
            struct view rest = str_view(&coded);
            struct view line;
            bool more = true;
            for (size_t used = column; more; used = 0) {
                more = view_cut(rest, '\n', &line, &rest);
                assert_true(line.n == 0 || used + line.n <= 76);
            }
            assert_true(encoded_word_decode(str_view(&coded), &back));
            struct view got = view_trim_space(str_view(&back));
            assert_true(view_eq(got, view_trim_space(str_view(&text))));
            str_done(&text);
            str_done(&coded);
            str_done(&back);
        }
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_decode_malformed),
        cmocka_unit_test(test_decode_hides_controls),
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
