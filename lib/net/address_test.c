/* address_test */
#include "net/address.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ASSERT_VIEW(v, text) assert_true(view_eq((v), view_of(text)))

static void test_parse(void **state)
{
    static const struct {
        const char *text, *shown;
    } good[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"[192.0.2.1]", "192.0.2.1"},
        {"2001:DB8::1", "2001:db8::1"},
        {"[IPv6:2001:db8::1]", "2001:db8::1"},
        {"ipv6:::1", "::1"},
        {"[::1]", "::1"},
    };
    static const char *const bad[] = {
        "",
        "localhost",
        "1.2.3",
        "1.2.3.4.5",
        "[1.2.3.4",
        "1.2.3.4]",
        "IPv6:1.2.3.4",
        "1.2.3.256",
        "[]",
        " 1.2.3.4",
        "1.2.3.4 ",
        ":::",
        "[[::1]]",
        "1:2:3:4:5:6:7:8:9",
        "00000000000000000000000000000000000000000000000000001",
    };
    struct net_address a;
    char buf[NET_ADDRESS_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(net_address_parse(view_of(good[i].text), 25, &a));
        assert_string_equal(net_address_text(&a, buf), good[i].shown);
        assert_int_equal(net_address_port(&a), 25);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(net_address_parse(view_of(bad[i]), 25, &a));
    assert_false(net_address_parse((struct view){"1.2.3.4\0x", 9}, 25, &a));
}

static void test_mapped(void **state)
{
    struct net_address a, b;

    (void)state;
    assert_true(net_address_parse(VIEW("::ffff:192.0.2.7"), 99, &a));
    net_address_set(&b, &a.sa, a.length);
    assert_int_equal(net_address_family(&b), AF_INET);
    assert_int_equal(net_address_port(&b), 99);
    assert_true(net_address_parse(VIEW("192.0.2.7"), 1, &a));
    assert_true(net_address_eq(&a, &b));
    net_address_set_port(&b, 1);
    assert_int_equal(net_address_port(&b), 1);
}

static void test_loopback(void **state)
{
    struct net_address a;

    (void)state;
    assert_true(net_address_parse(VIEW("127.9.9.9"), 0, &a));
    assert_true(net_address_is_loopback(&a));
    assert_true(net_address_parse(VIEW("::1"), 0, &a));
    assert_true(net_address_is_loopback(&a));
    assert_true(net_address_parse(VIEW("126.0.0.1"), 0, &a));
    assert_false(net_address_is_loopback(&a));
}

static void test_unix(void **state)
{
    struct net_address a;
    char buf[NET_ADDRESS_TEXT], longest[sizeof(a.un.sun_path) + 1];

    (void)state;
    assert_true(net_address_unix(VIEW("/run/x"), &a));
    assert_string_equal(net_address_text(&a, buf), "/run/x");
    memset(longest, 'x', sizeof(longest));
    assert_false(net_address_unix((struct view){longest, sizeof(a.un.sun_path)}, &a));
    assert_true(net_address_unix((struct view){longest, sizeof(a.un.sun_path) - 1}, &a));
}

static bool in_network(const char *network, const char *address)
{
    struct net_network n;
    struct net_address a;
    struct error e = ERROR_INIT;

    assert_true(net_network_parse(view_of(network), &n, &e));
    assert_true(net_address_parse(view_of(address), 0, &a));
    return net_network_has(&n, &a);
}

static void test_network(void **state)
{
    (void)state;
    assert_true(in_network("192.168.0.0/16", "192.168.255.1"));
    assert_false(in_network("192.168.0.0/16", "192.169.0.1"));
    assert_true(in_network("192.0.2.1", "192.0.2.1"));
    assert_false(in_network("192.0.2.1", "192.0.2.0"));
    assert_true(in_network("0.0.0.0/0", "8.8.8.8"));
    assert_false(in_network("0.0.0.0/0", "::1"));
    assert_true(in_network("[2001:db8::]/32", "2001:db8:ffff::1"));
    assert_true(in_network("[2001:db8::/33]", "2001:db8:7fff::1"));
    assert_false(in_network("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(in_network("[::1]/128", "::1"));
    assert_true(in_network("127.0.0.128/25", "127.0.0.129"));
    assert_false(in_network("127.0.0.128/25", "127.0.0.127"));
}

static void test_network_errors(void **state)
{
    struct net_network n;
    struct error e = ERROR_INIT;

    (void)state;
    assert_false(net_network_parse(VIEW("168.100.189.1/28"), &n, &e));
    assert_string_equal(e.text,
                        "non-null host address bits in \"168.100.189.1/28\", perhaps you "
                        "should use \"168.100.189.0/28\" instead");
    assert_false(net_network_parse(VIEW("[2001:db8::1]/64"), &n, &e));
    assert_non_null(strstr(e.text, "\"[2001:db8::]/64\" instead"));
    assert_false(net_network_parse(VIEW("10.0.0.0/33"), &n, &e));
    assert_non_null(strstr(e.text, "bad mask value"));
    assert_false(net_network_parse(VIEW("10.0.0.0/"), &n, &e));
    assert_false(net_network_parse(VIEW("example.com/24"), &n, &e));
    assert_non_null(strstr(e.text, "bad net/mask pattern"));
}

static void test_endpoint(void **state)
{
    static const struct {
        const char *text, *host, *port;
        bool bracketed, unix_path;
    } good[] = {
        {"host:25", "host", "25", false, false},
        {"host", "host", "", false, false},
        {":smtp", "", "smtp", false, false},
        {"[host]:25", "host", "25", true, false},
        {"[::1]:25", "::1", "25", true, false},
        {"[::1]", "::1", "", true, false},
        {"::1", "::1", "", false, false},
        {"inet:host:25", "host", "25", false, false},
        {"inet:[::1]:25", "::1", "25", true, false},
        {"unix:/a/b", "/a/b", "", false, true},
        {"unix:private/x", "private/x", "", false, true},
        {"local:x", "x", "", false, true},
    };
    static const char *const bad[] = {"",         "host:",   "[]:25", "[host",
                                      "[host]25", "[host]:", "unix:", "inet:",
                                      "a b:25",   "a[b]:25", "[a]:"};
    struct net_endpoint p;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(net_endpoint_parse(view_of(good[i].text), &p));
        ASSERT_VIEW(p.host, good[i].host);
        ASSERT_VIEW(p.port, good[i].port);
        assert_int_equal(p.bracketed, good[i].bracketed);
        assert_int_equal(p.unix_path, good[i].unix_path);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(net_endpoint_parse(view_of(bad[i]), &p));
}

static void test_port(void **state)
{
    (void)state;
    assert_int_equal(net_port_parse(VIEW("2525")), 2525);
    assert_int_equal(net_port_parse(VIEW("smtp")), 25);
    assert_int_equal(net_port_parse(VIEW("submission")), 587);
    assert_int_equal(net_port_parse(VIEW("0")), 0);
    assert_int_equal(net_port_parse(VIEW("65536")), 0);
    assert_int_equal(net_port_parse(VIEW("")), 0);
    assert_int_equal(net_port_parse(VIEW("no-such-service")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),    cmocka_unit_test(test_mapped),
        cmocka_unit_test(test_loopback), cmocka_unit_test(test_unix),
        cmocka_unit_test(test_network),  cmocka_unit_test(test_network_errors),
        cmocka_unit_test(test_endpoint), cmocka_unit_test(test_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
