/* preview_test - previews, words of HTML, base subjects */
#include "message/preview.h"

#include "message/html.h"
#include "message/subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect_preview(const char *message, const char *want)
{
    struct arena *arena = arena_new();
    struct str out = STR_INIT(4 * MESSAGE_PREVIEW_MAX);
    struct view bytes = view_of(message);
    message_preview(bytes, message_parse(arena, bytes, &MESSAGE_LIMITS_DEFAULT), &out);
    assert_string_equal(str_cstr(&out), want);
    str_done(&out);
    arena_free(arena);
}

static void test_plain(void **state)
{
    (void)state;
    expect_preview("Subject: x\n\n  Hello\r\n\r\n\tworld.  \n", "Hello world.");
    expect_preview("Subject: x\n\nOn Monday:\n> quoted\n> text\nMy answer\n-- \nJo\n",
                   "On Monday: My answer");
    expect_preview("Subject: x\n\n> all\n> quoted\n", "> all > quoted");
    expect_preview("Subject: x\n\n", "");
    expect_preview("Content-Type: image/png\n\nPNG\n", "");
    expect_preview("Content-Type: text/plain; charset=iso-8859-1\n"
                   "Content-Transfer-Encoding: quoted-printable\n\nd=E9j=E0=A0vu\n",
                   "d\xc3\xa9j\xc3\xa0 vu");
}

static void test_parts(void **state)
{
    (void)state;
    expect_preview("Content-Type: multipart/alternative; boundary=b\n\n"
                   "--b\nContent-Type: text/html\n\n<p>html\n"
                   "--b\nContent-Type: text/plain\n\nplain\n--b--\n",
                   "plain");
    expect_preview(
        "Content-Type: multipart/mixed; boundary=b\n\npreamble\n"
        "--b\nContent-Type: text/plain\nContent-Disposition: attachment\n\nno\n"
        "--b\nContent-Type: text/html\n\n<p>html\n"
        "--b\n\nfooter\n--b--\n",
        "html");
    expect_preview(
        "Content-Type: text/html\n\n<html><head><title>T</title><style>p {}</style>"
        "</head><body><!-- no --><p>One&nbsp;&amp; two</p><div>three</div>"
        "<script>x < 1</script></body></html>\n",
        "One & two three");
}

/* 200 characters, not bytes. */
static void test_length(void **state)
{
    (void)state;
    struct str message = STR_INIT(10000);
    struct str want = STR_INIT(1000);
    str_add_cstr(&message, "Content-Type: text/plain; charset=utf-8\n\n");
    for (int i = 0; i < 300; i++) {
        str_add_cstr(&message, "\xe2\x82\xac");
        if (i < MESSAGE_PREVIEW_MAX)
            str_add_cstr(&want, "\xe2\x82\xac");
    }
    expect_preview(str_cstr(&message), str_cstr(&want));
    str_done(&message);
    str_done(&want);
}

static void expect_html(const char *html, const char *want)
{
    struct str out = STR_INIT(1000);
    assert_true(html_to_text(view_of(html), &out));
    assert_string_equal(str_cstr(&out), want);
    str_done(&out);
}

static void test_html(void **state)
{
    (void)state;
    expect_html("a<b>b</b>c<br>d", "abc\nd");
    expect_html("<a title=\"x>y\">z</a>", "z");
    expect_html("1 < 2 & 3 &lt; 4 &amp 5 &unknown; &#0; &#55296;",
                "1 < 2 & 3 < 4 & 5 &unknown; &#0; &#55296;");
    expect_html("&eacute;&Eacute;&#233;&#xE9;&euro;&#128512;",
                "\xc3\xa9\xc3\x89\xc3\xa9\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    expect_html("a<style>x", "a");
    expect_html("a<script>x</SCRIPT >b", "ab");
    expect_html("a<!-- b", "a");
    expect_html("a<p", "a\n");
    expect_html("a<", "a<");
}

static void test_subject(void **state)
{
    (void)state;
    static const struct {
        const char *subject, *base;
        bool reply;
    } rows[] = {
        {"hello", "hello", false},
        {"Re: hello", "hello", true},
        {"RE: re:  Fwd: hello", "hello", true},
        {"re [5]: hello", "hello", true},
        {"[list] Re: hello", "hello", true},
        {"[list] hello", "hello", false},
        {"Re: [list] Re: hello (fwd) (FWD) ", "hello", true},
        {"[list]", "[list]", false},
        {"Re: [list]", "[list]", true},
        {"[Fwd: Re: hello]", "hello", true},
        {"[fwd: hello", "[fwd: hello", false},
        {"Re", "Re", false},
        {"Re:", "", true},
        {"Regards", "Regards", false},
        {" a \n  b\t c ", "a b c", false},
        {"=?utf-8?Q?Re=3A_=C3=A9t=C3=A9?=", "\xc3\xa9t\xc3\xa9", true},
        {"Fw: x", "x", true},
        {"[a][b] x", "x", false},
        {"", "", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str out = STR_INIT(1000);
        bool reply;
        assert_true(message_base_subject(view_of(rows[i].subject), &reply, &out));
        assert_string_equal(str_cstr(&out), rows[i].base);
        assert_int_equal(reply, rows[i].reply);
        str_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),   cmocka_unit_test(test_parts),
        cmocka_unit_test(test_length),  cmocka_unit_test(test_html),
        cmocka_unit_test(test_subject),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
