/* text_test - decoding and comparing */
#include "message/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void assert_view(struct view v, struct view want)
{
    if (!view_eq(v, want))
        fail_msg("\"%.*s\" is not \"%.*s\"", VIEW_FMT(v), VIEW_FMT(want));
}

static void test_decode(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum mime_encoding encoding;
        const char *want;
    } rows[] = {
        {"a\nb\r\n", MIME_ENCODING_7BIT, "a\r\nb\r\n"},
        {"QUJD\nREVG\n", MIME_ENCODING_BASE64, "ABCDEF"},
        {"QUI", MIME_ENCODING_BASE64, "AB"},
        {"=E9t=\n=E9 \nb=0Ac\n", MIME_ENCODING_QUOTED_PRINTABLE, "\xe9t\xe9\r\nb\nc\r\n"},
        {"a=\r\nb\r\n", MIME_ENCODING_QUOTED_PRINTABLE, "ab\r\n"},
        {"a=0A=\nb", MIME_ENCODING_QUOTED_PRINTABLE, "a\nb"},
        {"=ZZ\n", MIME_ENCODING_QUOTED_PRINTABLE, "=ZZ\r\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str out = STR_INIT(100);
        assert_true(message_decode(view_of(rows[i].body), rows[i].encoding, &out));
        assert_view(str_view(&out), view_of(rows[i].want));
        str_done(&out);
    }
    struct str out = STR_INIT(2);
    assert_false(message_decode(VIEW("x"), MIME_ENCODING_UNKNOWN, &out));
    assert_false(message_decode(VIEW("QUJD"), MIME_ENCODING_BASE64, &out));
    str_done(&out);
}

static void test_charsets(void **state)
{
    (void)state;
    static const struct {
        const char *charset, *bytes, *want;
    } rows[] = {
        {"", "\xc3\xa9", "\xc3\xa9"},
        {"us-ascii", "a\xe9z", "a\xef\xbf\xbdz"},
        {"UTF-8", "\xff\xc3\xa9\xc3", "\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd"},
        {"ISO-8859-1", "\xe9\x80", "\xc3\xa9\xc2\x80"},
        {"iso-8859-15", "\xa4", "\xe2\x82\xac"},
        {"windows-1252", "\x80", "\xe2\x82\xac"},
        {"x-unknown", "\xc3\xa9\xff", "\xc3\xa9\xef\xbf\xbd"},
        {"../etc", "a", "a"},
        /* A name and a code point that only iconv knows. */
        {"utf-[8", "\xf5\x80\x80\x80 a",
         "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd a"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str out = STR_INIT(100);
        assert_true(
            message_to_utf8(view_of(rows[i].charset), view_of(rows[i].bytes), &out));
        assert_view(str_view(&out), view_of(rows[i].want));
        str_done(&out);
    }
}

static void expect_part(const char *message, const char *want)
{
    struct view bytes = view_of(message);
    struct str out = STR_INIT(1000);
    assert_true(message_part_text(
        bytes, message_parse(arena, bytes, &MESSAGE_LIMITS_DEFAULT), &out));
    assert_view(str_view(&out), view_of(want));
    str_done(&out);
}

/* S071 */
static void test_part(void **state)
{
    (void)state;
    expect_part("Content-Type: text/plain; charset=\"iso-8859-1\"\n"
                "Content-Transfer-Encoding: quoted-printable\n\nd=E9j=E0\n",
                "d\xc3\xa9j\xc3\xa0\n");
    expect_part("Content-Type: text/plain; charset=iso-8859-1\n"
                "Content-Transfer-Encoding: base64\n\n6Wg=\n",
                "\xc3\xa9h");
    expect_part("Subject: x\n\n\xc3\xa9\n", "\xc3\xa9\n");
    expect_part("Content-Type: message/rfc822\n\nA: b\n", "");
}

static void test_header(void **state)
{
    (void)state;
    struct str out = STR_INIT(100);
    assert_true(
        message_header_text(VIEW("=?iso-8859-1?Q?=E9t?=\n =?utf-8?B?w6k=?= x"), &out));
    assert_string_equal(str_cstr(&out), "\xc3\xa9t\xc3\xa9 x");
    str_done(&out);
}

static void expect_folded(const char *a, const char *b, bool same)
{
    struct str x = STR_INIT(1000), y = STR_INIT(1000);
    assert_true(message_fold(view_of(a), &x) && message_fold(view_of(b), &y));
    if (view_eq(str_view(&x), str_view(&y)) != same)
        fail_msg("%s and %s", a, b);
    str_done(&x);
    str_done(&y);
}

static void test_fold(void **state)
{
    (void)state;
    expect_folded("Stra\xc3\x9f"
                  "e",
                  "STRA\xc3\x9f"
                  "E",
                  true);
    expect_folded("\xc3\xa9", "\xc3\x89", true);  /* é É */
    expect_folded("e\xcc\x81", "\xc3\x89", true); /* e + acute */
    expect_folded("\xc3\xa9", "e", false);
    expect_folded("\xcf\x82", "\xce\xa3", true); /* ς Σ */
    expect_folded("\xef\xac\x81", "FI", true);   /* ligature fi */
    expect_folded("\xef\xbc\xa1", "a", true);    /* full width A */
    expect_folded("\xd0\xb6", "\xd0\x96", true); /* ж Ж */
    /* a + dot below + circumflex, in either order and composed */
    expect_folded("a\xcc\xa3\xcc\x82", "a\xcc\x82\xcc\xa3", true);
    expect_folded("\xe1\xba\xad", "a\xcc\x82\xcc\xa3", true);
    expect_folded("\xff"
                  "a",
                  "\xff"
                  "A",
                  true);
    expect_folded("\xea\xb0\x81", "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8",
                  true); /* Hangul */
    /* More marks than are sorted. */
    char marks[2 * 100 + 2] = "a";
    for (size_t i = 0; i < 100; i++)
        memcpy(marks + 1 + 2 * i, i % 2 ? "\xcc\xa3" : "\xcc\x82", 2);
    struct str out = STR_INIT(1000);
    assert_true(message_fold((struct view){marks, 201}, &out));
    assert_int_equal(out.n, 201);
    str_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode), cmocka_unit_test(test_charsets),
        cmocka_unit_test(test_part),   cmocka_unit_test(test_header),
        cmocka_unit_test(test_fold),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
