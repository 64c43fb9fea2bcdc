/* reply_test - our replies and theirs */
#include "reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect_written(int code, const char *status, const char *text,
                           const char *want)
{
    struct str out = STR_INIT(4000);
    assert_true(smtp_reply_write(&out, code, status, view_of(text)));
    assert_string_equal(str_cstr(&out), want);
    str_done(&out);
}

static void test_write(void **state)
{
    expect_written(250, "2.0.0", "Ok: queued as 61D3F800081",
                   "250 2.0.0 Ok: queued as 61D3F800081\r\n");
    expect_written(250, "", "gw1.maison.mrs\nPIPELINING\nDSN\n",
                   "250-gw1.maison.mrs\r\n250-PIPELINING\r\n250 DSN\r\n");
    expect_written(550, "5.1.1", "a\nb", "550-5.1.1 a\r\n550 5.1.1 b\r\n");
    expect_written(354, NULL, "", "354 \r\n");
    expect_written(550, NULL, "a\rb\x01\x7f", "550 a?b??\r\n");
    (void)state;
}

static void test_write_cuts_lines(void **state)
{
    struct str text = STR_INIT(2000);
    struct str out = STR_INIT(4000);
    for (int i = 0; i < 600; i++)
        str_add_cstr(&text, "\xc3\xa9");
    assert_true(smtp_reply_write(&out, 550, "5.0.0", str_view(&text)));
    assert_true(out.n <= 512 && out.n >= 510);
    assert_true(view_is_utf8(str_view(&out)));
    str_done(&text);
    str_done(&out);
    (void)state;
}

static void test_write_full(void **state)
{
    struct str out = STR_INIT(4000);
    assert_true(
        smtp_reply_write_full(&out, VIEW("554 5.7.1 <x>: Relay access denied\nsee y")));
    assert_string_equal(str_cstr(&out),
                        "554-5.7.1 <x>: Relay access denied\r\n554 5.7.1 see y\r\n");
    str_clear(&out);
    assert_true(smtp_reply_write_full(&out, VIEW("450 later")));
    assert_string_equal(str_cstr(&out), "450 later\r\n");
    str_clear(&out);
    assert_true(smtp_reply_write_full(&out, VIEW("nonsense")));
    assert_true(view_starts(str_view(&out), VIEW("451 4.3.0 ")));
    str_done(&out);
    (void)state;
}

static void test_read(void **state)
{
    struct smtp_reply r;
    smtp_reply_init(&r);
    assert_int_equal(smtp_reply_line(&r, VIEW("250-mx.free.fr")), SMTP_REPLY_MORE);
    assert_int_equal(smtp_reply_line(&r, VIEW("250 PIPELINING\r")), SMTP_REPLY_DONE);
    assert_int_equal(r.code, 250);
    assert_int_equal(smtp_reply_class(&r), 2);
    assert_string_equal(str_cstr(&r.text), "250-mx.free.fr\n250 PIPELINING");
    assert_false(r.garbage);
    smtp_reply_clear(&r);
    assert_int_equal(smtp_reply_line(&r, VIEW("550-5.7.1 no")), SMTP_REPLY_MORE);
    assert_int_equal(smtp_reply_line(&r, VIEW("550 5.7.1 never")), SMTP_REPLY_DONE);
    assert_string_equal(r.status, "5.7.1");
    smtp_reply_clear(&r);
    assert_int_equal(smtp_reply_line(&r, VIEW("450 5.7.1 liar")), SMTP_REPLY_DONE);
    assert_string_equal(r.status, "");
    smtp_reply_clear(&r);
    assert_int_equal(smtp_reply_line(&r, VIEW("354")), SMTP_REPLY_DONE);
    assert_int_equal(r.code, 354);
    smtp_reply_done(&r);
    (void)state;
}

static void test_read_garbage(void **state)
{
    static const char *const bad[] = {"",     "hello", "25 x",  "2500 x",
                                      "250x", "-50 x", "600 x", "150 x"};
    struct smtp_reply r;
    smtp_reply_init(&r);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        smtp_reply_clear(&r);
        assert_int_equal(smtp_reply_line(&r, view_of(bad[i])), SMTP_REPLY_MORE);
        assert_true(r.garbage);
        assert_int_equal(smtp_reply_line(&r, VIEW("220 ok")), SMTP_REPLY_DONE);
        assert_int_equal(r.code, 220);
    }
    smtp_reply_done(&r);
    (void)state;
}

static void test_read_limits(void **state)
{
    struct smtp_reply r;
    smtp_reply_init(&r);
    enum smtp_reply_state s = SMTP_REPLY_MORE;
    int lines = 0;
    while (s == SMTP_REPLY_MORE && lines < 10000) {
        s = smtp_reply_line(
            &r, VIEW("250-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
        lines++;
    }
    assert_int_equal(s, SMTP_REPLY_TOO_LONG);
    assert_int_equal(lines, SMTP_REPLY_LINES_MAX + 1);
    assert_true(r.truncated && r.text.n <= SMTP_REPLY_TEXT_MAX);
    smtp_reply_done(&r);
    (void)state;
}

/* S191: the course's bounce, in Postfix's words. */
static void test_said(void **state)
{
    struct smtp_reply r;
    struct str out = STR_INIT(1000);
    smtp_reply_init(&r);
    smtp_reply_line(&r,
                    VIEW("553 sorry, your envelope sender domain must exist (#5.7.1)"));
    assert_true(
        smtp_reply_said(&r, VIEW("mx.free.fr[213.228.0.13]"), VIEW("MAIL FROM"), &out));
    assert_string_equal(
        str_cstr(&out),
        "host mx.free.fr[213.228.0.13] said: 553 sorry, your envelope sender "
        "domain must exist (#5.7.1) (in reply to MAIL FROM command)");
    smtp_reply_clear(&r);
    str_clear(&out);
    smtp_reply_line(&r, VIEW("550-no\t"));
    smtp_reply_line(&r, VIEW("550 never"));
    assert_true(smtp_reply_said(&r, VIEW("h[1.2.3.4]:25"), VIEW("end of DATA"), &out));
    assert_string_equal(str_cstr(&out),
                        "host h[1.2.3.4]:25 said: 550-no? 550 never (in reply to "
                        "end of DATA command)");
    smtp_reply_done(&r);
    str_done(&out);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),        cmocka_unit_test(test_write_cuts_lines),
        cmocka_unit_test(test_write_full),   cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_garbage), cmocka_unit_test(test_read_limits),
        cmocka_unit_test(test_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
