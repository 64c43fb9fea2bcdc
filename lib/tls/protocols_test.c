/* protocols_test - versions and ciphers from texts */
#include "tls/protocols.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void bounds(void **state)
{
    struct tls_protocols p;
    (void)state;
    assert_true(tls_protocols_parse(VIEW(">=TLSv1.2, <=0x0304"), &p));
    assert_int_equal(p.least, 0x0303);
    assert_int_equal(p.greatest, 0x0304);
    assert_int_equal(p.excluded, 0);
    assert_true(tls_protocols_parse(VIEW(">=301:<=tlsv1.1"), &p));
    assert_int_equal(p.least, 0x0301);
    assert_int_equal(p.greatest, 0x0302);
    assert_true(tls_protocols_parse(VIEW(""), &p));
    assert_int_equal(p.least, 0);
}

static void names(void **state)
{
    struct tls_protocols p;
    (void)state;
    assert_true(tls_protocols_parse(VIEW("!SSLv2, !SSLv3 !tlsv1"), &p));
    assert_int_equal(p.excluded, TLS_NO_SSL2 | TLS_NO_SSL3 | TLS_NO_1_0);
    assert_true(tls_protocols_parse(VIEW("TLSv1.2:TLSv1.3"), &p));
    assert_int_equal(p.excluded, TLS_NO_SSL2 | TLS_NO_SSL3 | TLS_NO_1_0 | TLS_NO_1_1);
}

static void nonsense(void **state)
{
    static const char *const bad[] = {">=",    "<=TLSv9", ">=TLSv1.2x", "!",
                                      "!0303", "TLS",     ">=0x",       "<=12345"};
    struct tls_protocols p;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(tls_protocols_parse(view_of(bad[i]), &p));
}

static void grades(void **state)
{
    enum tls_grade g;
    (void)state;
    assert_true(tls_grade_parse(VIEW("High"), &g));
    assert_int_equal(g, TLS_GRADE_HIGH);
    assert_false(tls_grade_parse(VIEW("highest"), &g));
    assert_false(tls_grade_parse(VIEW(""), &g));
}

static void exclusions(void **state)
{
    struct str list = STR_INIT(100);
    struct view bad = VIEW_NONE;
    (void)state;
    str_add(&list, VIEW("HIGH"));
    assert_true(tls_ciphers_exclude(VIEW("aNULL, DES+MD5:RC4"), &list, &bad));
    assert_string_equal(str_cstr(&list), "HIGH:!aNULL:!DES+MD5:!RC4");
    assert_false(tls_ciphers_exclude(VIEW("MD5 +RC4"), &list, &bad));
    assert_true(view_eq(bad, VIEW("+RC4")));
    str_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds),     cmocka_unit_test(names),
        cmocka_unit_test(nonsense),   cmocka_unit_test(grades),
        cmocka_unit_test(exclusions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
