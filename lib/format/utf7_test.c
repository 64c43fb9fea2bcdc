/* utf7_test - mailbox names in modified UTF-7, there and back */
#include "format/utf7.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void check_pair(const char *utf8, const char *utf7)
{
    struct str s = STR_INIT(1000);

    assert_true(utf7_encode(view_of(utf8), &s));
    assert_string_equal(str_cstr(&s), utf7);
    str_clear(&s);
    assert_true(utf7_decode(view_of(utf7), &s));
    assert_string_equal(str_cstr(&s), utf8);
    str_done(&s);
}

static void test_pairs(void **state)
{
    (void)state;
    check_pair("", "");
    check_pair("INBOX", "INBOX");
    check_pair("A&B", "A&-B");
    check_pair("&", "&-");
    check_pair("é&è", "&AOk-&-&AOg-");
    check_pair("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
    check_pair("Entwürfe", "Entw&APw-rfe");
    check_pair("\xf0\x9f\x93\xa7", "&2D3c5w-");
    check_pair("a\tb", "a&AAk-b");
}

static void check_refused(const char *utf7)
{
    struct str s = STR_INIT(1000);

    if (utf7_decode(view_of(utf7), &s))
        fail_msg("accepted: %s", utf7);
    str_done(&s);
}

static void test_refused(void **state)
{
    struct str s = STR_INIT(4);

    (void)state;
    check_refused("&");
    check_refused("&AOk");
    check_refused("&AOk-&AOg-"); /* two runs where one would do */
    check_refused("&AEE-");      /* an encoded A */
    check_refused("&AO-");       /* bits left over */
    check_refused("&AOl-");      /* bits that are not zero */
    check_refused("&AOkA-");     /* a digit too many */
    check_refused("&2D0-");      /* half a pair */
    check_refused("&3Oc-");
    check_refused("&AO.-");
    check_refused("\xc3\xa9");
    assert_false(utf7_encode(VIEW("\xff"), &s));
    assert_false(utf7_encode(VIEW("12345"), &s));
    str_clear(&s);
    assert_false(utf7_decode(VIEW("12345"), &s));
    str_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
