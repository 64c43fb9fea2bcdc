/* needle_test - S071: a word is found however a message carries it */
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

static struct message_needle *needle(const char *text)
{
    return message_needle_new(arena, view_of(text));
}

static bool in_text(const char *what, const char *text)
{
    return message_needle_in_text(needle(what), view_of(text));
}

static void test_text(void **state)
{
    (void)state;
    assert_true(in_text("", ""));
    assert_true(in_text("HELLO", "say hello"));
    assert_false(in_text("hello", "hell o"));
    assert_true(in_text("caf\xc3\xa9", "un CAF\xc3\x89"));
    assert_true(in_text("cafe\xcc\x81", "un caf\xc3\xa9"));
    assert_false(in_text("caf\xc3\xa9", "cafe"));
    assert_true(in_text("cafe", "caf\xc3\xa9"));
    assert_true(in_text("fi", "\xef\xac\x81"));
    assert_true(in_text("\xe2\x84\xaa", "k")); /* the Kelvin sign is a K */
}

/* Each place in a text, with each length around the block size. */
static void test_places(void **state)
{
    (void)state;
    char text[100];
    for (size_t length = 1; length < 40; length++)
        for (size_t at = 0; at + length < sizeof text; at++) {
            memset(text, '.', sizeof text);
            memset(text + at, 'x', length);
            char what[41];
            memset(what, 'X', length);
            what[length] = '\0';
            struct message_needle *n = needle(what);
            assert_true(message_needle_in_text(n, (struct view){text, sizeof text}));
            assert_true(message_needle_in_text(n, (struct view){text + at, length}));
            assert_false(message_needle_in_text(n, (struct view){text + at, length - 1}));
            text[at + length / 2] = '-';
            assert_false(message_needle_in_text(n, (struct view){text, sizeof text}));
            if (at % 8 == 0)
                arena_reset(arena);
        }
}

/* Long needles go another way, and as far in text that nearly is one. */
static void test_long_needle(void **state)
{
    (void)state;
    struct str what = STR_INIT(100000), text = STR_INIT(2000000);
    for (size_t i = 0; i < 60000; i++)
        str_add_char(&what, i == 30000 ? 'b' : 'a');
    for (size_t i = 0; i < 1000000; i++)
        str_add_char(&text, 'A');
    struct message_needle *n = message_needle_new(arena, str_view(&what));
    assert_false(message_needle_in_text(n, str_view(&text)));
    assert_false(message_needle_in_message(n, str_view(&text), true));
    text.p[500000] = 'B';
    assert_true(message_needle_in_text(n, str_view(&text)));
    str_insert(&text, 0, VIEW("Content-Type: text/plain\n\n"));
    assert_true(message_needle_in_message(n, str_view(&text), false));
    str_done(&what);
    str_done(&text);
}

/* A needle is found across the pieces in which long text is folded. */
static void test_long(void **state)
{
    (void)state;
    struct str text = STR_INIT(1 << 20);
    struct message_needle *n = needle("\xc3\xa9t\xc3\xa9 \xc3\xa0 la mer");
    for (size_t fill = 16300; fill < 16400; fill++) {
        str_clear(&text);
        for (size_t i = 0; i < fill; i++)
            str_add_char(&text, 'a');
        str_add_cstr(&text, "\xc3\x89T\xc3\x89 \xc3\x80 LA MER");
        assert_true(message_needle_in_text(n, str_view(&text)));
    }
    str_done(&text);
}

static void test_headers(void **state)
{
    (void)state;
    struct view header = VIEW("Subject: =?iso-8859-1?Q?R=E9union?=\n\tdu lundi\n"
                              "From: =?utf-8?B?SsOpcsO0bWU=?= <j@x>\n"
                              "X-A: one\nX-A: two\n\n");
    struct view subject = VIEW("subject");
    assert_true(message_needle_in_header(needle("r\xc3\x89UNION DU"), header, subject));
    assert_false(message_needle_in_header(needle("iso-8859"), header, subject));
    assert_true(
        message_needle_in_header(needle("j\xc3\xa9r\xc3\xb4me"), header, VIEW("From")));
    assert_true(message_needle_in_header(needle("j@x"), header, VIEW("From")));
    assert_false(message_needle_in_header(needle("lundi"), header, VIEW("From")));
    assert_true(message_needle_in_header(needle("two"), header, VIEW("x-a")));
    assert_true(message_needle_in_header(needle("x-a: two"), header, VIEW("")));
    assert_true(message_needle_in_header(needle(""), header, VIEW("X-A")));
    assert_false(message_needle_in_header(needle(""), header, VIEW("X-B")));
}

static bool in_message(const char *what, const char *message, bool headers)
{
    return message_needle_in_message(needle(what), view_of(message), headers);
}

static void test_s071(void **state)
{
    (void)state;
    static const char *const messages[] = {
        "Content-Type: text/plain; charset=iso-8859-1\n\nl'\xe9t\xe9 1998\n",
        "Content-Type: text/plain; charset=utf-8\n\nl'\xc3\xa9t\xc3\xa9 1998\n",
        "Content-Type: text/plain; charset=utf-8\n\nl'e\xcc\x81te\xcc\x81 1998\n",
        "Content-Type: text/plain; charset=iso-8859-1\n"
        "Content-Transfer-Encoding: quoted-printable\n\nl'=E9=\nt=E9 1998\n",
        "Content-Type: text/plain; charset=UTF-8\n"
        "Content-Transfer-Encoding: base64\n\nbCfDiVTDiSAxOTk4\n",
        "Content-Type: text/html; charset=us-ascii\n\n<p>l'&eacute;t&#xe9; 1998</p>\n",
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nfirst\n--b\n"
        "Content-Type: text/plain; charset=windows-1252\n\nl'\xe9t\xe9 1998\n--b--\n",
        "Content-Type: message/rfc822\n\n"
        "Content-Type: text/plain; charset=iso-8859-1\n\nl'\xe9t\xe9 1998\n",
    };
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        if (!in_message("\xc3\x89t\xc3\xa9 1998", messages[i], false))
            fail_msg("%s", messages[i]);
        assert_true(in_message("1998", messages[i], false));
        assert_false(in_message("hiver", messages[i], true));
    }
}

static void test_scope(void **state)
{
    (void)state;
    const char *message = "Subject: top\nContent-Type: multipart/mixed; boundary=b\n\n"
                          "preamble\n"
                          "--b\nContent-Type: text/plain\n"
                          "Content-Description: =?utf-8?Q?d=C3=A9tail?=\n\nplain\n"
                          "--b\nContent-Type: application/octet-stream; name=data.bin\n\n"
                          "secret\n"
                          "--b\nContent-Type: message/rfc822\n\nSubject: inner\n\ndeep\n"
                          "--b--\nepilogue\n";
    assert_true(in_message("plain", message, false));
    assert_true(in_message("deep", message, false));
    assert_true(in_message("inner", message, false));
    assert_true(in_message("d\xc3\xa9tail", message, false));
    assert_true(in_message("data.bin", message, false));
    assert_false(in_message("secret", message, true));   /* no text */
    assert_false(in_message("preamble", message, true)); /* S070 */
    assert_false(in_message("epilogue", message, true));
    assert_false(in_message("top", message, false));
    assert_true(in_message("top", message, true));
    /* What looks like a word in base64 is none. */
    assert_false(
        in_message("bcfd", "Content-Transfer-Encoding: base64\n\nbCfDiVTDiQ==\n", true));
    assert_true(in_message("body", "\nthe body", false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),    cmocka_unit_test(test_places),
        cmocka_unit_test(test_long),    cmocka_unit_test(test_long_needle),
        cmocka_unit_test(test_headers), cmocka_unit_test(test_s071),
        cmocka_unit_test(test_scope),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
