/* dns_files_test - /etc/hosts and /etc/resolv.conf */
#include "net/dns_files.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_hosts(void **state)
{
    struct dns_hosts *h = dns_hosts_parse(
        VIEW("# comment\n127.0.0.1\tlocalhost loop # more\n::1 localhost\r\n"
             "\n  192.0.2.1   Mail.Example mail\nnonsense here\n10.0.0.1\n"
             "192.0.2.1 second"));
    struct net_address address;
    size_t position = 0;
    char buf[NET_ADDRESS_TEXT];

    (void)state;
    assert_true(dns_hosts_next(h, &position, VIEW("LOCALHOST"), &address));
    assert_string_equal(net_address_text(&address, buf), "127.0.0.1");
    assert_true(dns_hosts_next(h, &position, VIEW("localhost"), &address));
    assert_string_equal(net_address_text(&address, buf), "::1");
    assert_false(dns_hosts_next(h, &position, VIEW("localhost"), &address));
    position = 0;
    assert_false(dns_hosts_next(h, &position, VIEW("more"), &address));
    position = 0;
    assert_true(dns_hosts_next(h, &position, VIEW("mail"), &address));
    assert_true(view_eq(dns_hosts_name(h, &address), VIEW("Mail.Example")));
    assert_true(net_address_parse(VIEW("10.0.0.1"), 0, &address));
    assert_true(view_is_empty(dns_hosts_name(h, &address)));
    dns_hosts_free(h);
}

static void test_resolv_conf(void **state)
{
    struct view rest =
        VIEW("search example.com\nnameserver 192.0.2.1\n#nameserver 1.1.1.1\n"
             "nameserver\n\tnameserver\t2001:db8::53 x\noptions ndots:2");
    struct view server;

    (void)state;
    assert_true(dns_resolv_conf_next(&rest, &server));
    assert_true(view_eq(server, VIEW("192.0.2.1")));
    assert_true(dns_resolv_conf_next(&rest, &server));
    assert_true(view_eq(server, VIEW("2001:db8::53")));
    assert_false(dns_resolv_conf_next(&rest, &server));
}

static void test_read(void **state)
{
    struct str text = STR_INIT(100000);

    (void)state;
    assert_false(dns_file_read("/nonexistent/file", &text));
    assert_true(dns_file_read("/proc/self/status", &text));
    assert_true(text.n > 100);
    str_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_resolv_conf),
        cmocka_unit_test(test_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
