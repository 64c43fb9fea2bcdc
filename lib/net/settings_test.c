/* settings_test - window sizes and port names of main.cf */
#include "net/settings.h"

#include "net/address.h"
#include "net/dns_name.h"
#include "net/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static void port_names(void **state)
{
    (void)state;
    struct view bad;
    assert_true(net_set_known_ports(VIEW("mine=yours=4711, smtp=2525"), &bad));
    assert_int_equal(net_port_parse(VIEW("yours")), 4711);
    assert_int_equal(net_port_parse(VIEW("smtp")), 2525);
    assert_false(net_set_known_ports(VIEW("a=1, b=0, c=3"), &bad));
    assert_true(view_eq(bad, VIEW("b=0")));
    assert_int_equal(net_known_port(VIEW("a")), 1);
    assert_int_equal(net_known_port(VIEW("c")), 0);
    assert_false(net_set_known_ports(VIEW("alone"), &bad));
    assert_true(net_set_known_ports(VIEW(""), &bad));
    assert_int_equal(net_port_parse(VIEW("smtp")), 25);
}

static void windows(void **state)
{
    (void)state;
    struct net_address at;
    struct error e = ERROR_INIT;
    int size = 0;
    socklen_t n = sizeof size;
    assert_true(net_address_parse(VIEW("127.0.0.1"), 0, &at));
    net_set_window(16384);
    int fd = listen_tcp(&at, 1, &e);
    assert_true(fd >= 0);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &n), 0);
    assert_int_equal(size, 2 * 16384); /* Linux counts its own use in */
    close(fd);
    net_set_window(0);
}

/* Sharp s: itself in IDNA2008, "ss" before. */
static void older_names(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct view name;
    assert_true(dns_name_prepare(a,
                                 VIEW("stra\xc3\x9f"
                                      "e.example"),
                                 &name));
    assert_true(view_eq(name, VIEW("xn--strae-oqa.example")));
    net_set_idna2003(true);
    assert_true(dns_name_prepare(a,
                                 VIEW("stra\xc3\x9f"
                                      "e.example"),
                                 &name));
    assert_true(view_eq(name, VIEW("strasse.example")));
    net_set_idna2003(false);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(port_names),
        cmocka_unit_test(windows),
        cmocka_unit_test(older_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
