/* sketch_test - a sketch never rules out what a search would find, and rules out most
 * else */
#include "sketch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char latin1[] =
    "Subject: hidden\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
    "--b\nContent-Type: text/plain; charset=iso-8859-1\n"
    "Content-Transfer-Encoding: quoted-printable\n\nLe caf=E9 est pr=EAt, capi=\ntaine.\n"
    "--b\nContent-Type: text/html\n\n<p>Sold &amp; paid</p>\n"
    "--b\nContent-Type: text/plain; name=list.txt\nContent-Transfer-Encoding: base64\n\n"
    "bGlnaHRob3VzZSBrZWVwZXI=\n--b--\n";

static bool may_be_in(const char *word, struct view message)
{
    struct arena *a = arena_new();
    struct str sketch = STR_INIT(MESSAGE_SKETCH_MAX);
    struct message_needle *needle = message_needle_new(a, view_of(word));

    assert_true(message_sketch(message, &sketch));
    bool may = message_needle_may_be_in(needle, str_view(&sketch));
    if (message_needle_in_message(needle, message, false))
        assert_true(may);
    str_done(&sketch);
    arena_free(a);
    return may;
}

static void test_words_in_any_encoding(void **state)
{
    static const char *const there[] = {
        "café",     "CAFE\u0301",        "prêt", "capitaine", "& paid", "&amp;",
        "list.txt", "lighthouse keeper", "le",   ""};
    (void)state;
    struct view message = view_of(latin1);
    for (size_t i = 0; i < sizeof there / sizeof there[0]; i++)
        assert_true(may_be_in(there[i], message));
}

static void test_words_that_are_not_there(void **state)
{
    static const char *const absent[] = {"harbour", "submarine", "naïve",
                                         "zebra crossing"};
    (void)state;
    struct view message = view_of(latin1);
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        assert_false(may_be_in(absent[i], message));
    assert_false(may_be_in("hidden", message)); /* of the header: not looked at */
    assert_false(may_be_in("hidden", VIEW("Subject: hidden\n\nplain words\n")));
    assert_true(may_be_in("PLAIN WORDS", VIEW("Subject: hidden\n\nplain words\n")));
}

/* Random bytes fill the table: then nothing is ruled out. */
static void test_too_much_text_tells_nothing(void **state)
{
    struct str message = STR_INIT(1 << 22), sketch = STR_INIT(MESSAGE_SKETCH_MAX);
    uint32_t random = 1;

    (void)state;
    str_add_cstr(&message, "Subject: noise\n\n");
    for (int i = 0; i < 400000; i++) {
        random = random * 1664525 + 1013904223;
        str_add_char(&message, (char)(' ' + (random >> 16) % 90));
    }
    assert_true(message_sketch(str_view(&message), &sketch));
    assert_int_equal(sketch.n, 0);
    assert_true(may_be_in("harbour", str_view(&message)));
    str_done(&message);
    str_done(&sketch);
}

/* What the index holds may be damaged. */
static void test_foreign_bytes_rule_nothing_out(void **state)
{
    struct arena *a = arena_new();
    struct message_needle *needle = message_needle_new(a, VIEW("harbour"));
    char zeros[100] = {0};

    (void)state;
    assert_true(message_needle_may_be_in(needle, (struct view){zeros, sizeof zeros}));
    assert_true(message_needle_may_be_in(needle, VIEW_NONE));
    assert_false(message_needle_may_be_in(needle, (struct view){zeros, 64}));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_in_any_encoding),
        cmocka_unit_test(test_words_that_are_not_there),
        cmocka_unit_test(test_too_much_text_tells_nothing),
        cmocka_unit_test(test_foreign_bytes_rule_nothing_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
