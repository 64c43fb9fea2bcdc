/* dns_name_test - which names are valid, ACE, reverse names */
#include "net/dns_name.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LABEL63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_valid(void **state)
{
    static const char *const good[] = {
        "a",         "a.b",   "example.com",      "_dmarc.example.com",
        "1.example", "x-y.z", LABEL63 ".example", "1.2.3.x"};
    static const char *const bad[] = {"",
                                      ".",
                                      "a..b",
                                      ".a",
                                      "a.",
                                      "-a.b",
                                      "a-.b",
                                      "a b",
                                      "1.2.3.4",
                                      "12",
                                      "a\\b",
                                      "m\xc3\xbcller",
                                      "a" LABEL63 ".b",
                                      "a*b",
                                      LABEL63 "." LABEL63 "." LABEL63 "." LABEL63 ".a"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(dns_name_is_valid(view_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(dns_name_is_valid(view_of(bad[i])));
    assert_false(dns_name_is_valid((struct view){"a\0b", 3}));
}

static void test_prepare(void **state)
{
    static const struct {
        const char *name, *prepared; /* NULL: refused */
    } cases[] = {
        {"Example.COM.", "example.com"},
        {"b\xc3\xbc"
         "cher.example",
         "xn--bcher-kva.example"},
        {"B\xc3\x9c"
         "CHER.example",
         "xn--bcher-kva.example"},
        {"bu\xcc\x88"
         "cher.example",
         "xn--bcher-kva.example"},
        {"\xe4\xbe\x8b\xe3\x81\x88.jp", "xn--r8jz45g.jp"},
        {"fa\xc3\x9f.de", "xn--fa-hia.de"},
        {"example.com..", NULL},
        {"\xff\xfe", NULL},
        {"a\xe2\x80\x8b b.example", NULL},
        {"", NULL},
    };
    struct arena *a = arena_new();
    struct view out;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool ok = dns_name_prepare(a, view_of(cases[i].name), &out);
        assert_int_equal(ok, cases[i].prepared != NULL);
        if (ok)
            assert_true(view_eq(out, view_of(cases[i].prepared)));
    }
    arena_free(a);
}

static void test_reverse(void **state)
{
    struct arena *a = arena_new();
    struct net_address address;
    struct view out;

    (void)state;
    assert_true(net_address_parse(VIEW("192.0.2.7"), 0, &address));
    assert_true(dns_name_reverse(a, &address, &out));
    assert_true(view_eq(out, VIEW("7.2.0.192.in-addr.arpa")));
    assert_true(net_address_parse(VIEW("2001:db8::1:25"), 0, &address));
    assert_true(dns_name_reverse(a, &address, &out));
    assert_true(view_eq(
        out, VIEW("5.2.0.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
                  "ip6.arpa")));
    assert_true(net_address_unix(VIEW("/x"), &address));
    assert_false(dns_name_reverse(a, &address, &out));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_prepare),
        cmocka_unit_test(test_reverse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
