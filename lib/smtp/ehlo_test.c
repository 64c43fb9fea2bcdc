/* ehlo_test - keywords, a peer's list, discard lists */
#include "ehlo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_names(void **state)
{
    for (unsigned bit = 1; bit <= EHLO_LIMITS; bit <<= 1) {
        assert_true(ehlo_keyword_name(bit)[0] != 0);
        assert_int_equal(ehlo_keyword_parse(view_of(ehlo_keyword_name(bit))), bit);
    }
    assert_int_equal(ehlo_keyword_parse(VIEW("starttls")), EHLO_STARTTLS);
    assert_int_equal(ehlo_keyword_parse(VIEW("ONEX")), 0);
    assert_string_equal(ehlo_keyword_name(1u << 29), "");
    (void)state;
}

/* S026: each keyword can be hidden. */
static void test_discard(void **state)
{
    struct view unknown;
    assert_int_equal(
        ehlo_discard_parse(VIEW("silent-discard, dsn,verp\n etrn  foo bar"), &unknown),
        EHLO_SILENT_DISCARD | EHLO_DSN | EHLO_VERP | EHLO_ETRN);
    assert_true(view_eq(unknown, VIEW("foo")));
    assert_int_equal(ehlo_discard_parse(VIEW(""), &unknown), 0);
    assert_int_equal(unknown.n, 0);
    assert_int_equal(ehlo_discard_parse(VIEW("8bitmime"), NULL), EHLO_8BITMIME);
    (void)state;
}

/* S025, S026: what the course's sendmail answered. */
static void test_reply(void **state)
{
    struct ehlo_reply e;
    ehlo_reply_parse(VIEW("250-dns1.monaco.net Hello, pleased to meet you\n250-8BITMIME\n"
                          "250-SIZE 52428800\n250-DSN\n250-ONEX\n250-ETRN\n250-XUSR\n"
                          "250-AUTH=LOGIN\n250-AUTH LOGIN PLAIN\n250 HELP"),
                     &e);
    assert_int_equal(e.keywords, EHLO_8BITMIME | EHLO_SIZE | EHLO_DSN | EHLO_ETRN |
                                     EHLO_AUTH | EHLO_HELP);
    assert_true(e.size == 52428800);
    assert_true(view_eq(e.name, VIEW("dns1.monaco.net")));
    assert_true(view_eq(e.auth, VIEW("LOGIN PLAIN")));
    ehlo_reply_parse(
        VIEW("host\nSIZE\nXFORWARD NAME ADDR PROTO\nverp\nsilent-discard\nstarttls "),
        &e);
    assert_int_equal(e.keywords, EHLO_SIZE | EHLO_XFORWARD | EHLO_STARTTLS);
    assert_true(e.size == 0 && view_eq(e.xforward, VIEW("NAME ADDR PROTO")));
    ehlo_reply_parse(VIEW("250-h\n250 SIZE 99999999999999999999999"), &e);
    assert_true(e.size == 0);
    ehlo_reply_parse(VIEW(""), &e);
    assert_int_equal(e.keywords, 0);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_discard),
        cmocka_unit_test(test_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
