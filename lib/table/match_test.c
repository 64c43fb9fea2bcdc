/* match_test - lists of domains, hosts and networks */
#include "table/match.h"

#include "table/table_test_help.h"

static void assert_client(struct match_list *m, const char *name, const char *address,
                          enum match_result expected)
{
    struct error e = ERROR_INIT;
    enum match_result got = match_client(m, view_of(name), view_of(address), &e);

    if (got != expected)
        fail_msg("%s [%s]: %d, not %d", name, address, (int)got, (int)expected);
}

/* S130: the multi-line list of the course. */
static void test_s130_mynetworks(void **state)
{
    struct room *r = room_open("mynetworks = 192.168.102.0/24,\n\t127.0.0.0/8\n"
                               "#inet_interfaces = 192.168.102.101\n  [fd00::]/64\n");
    struct match_list *m = match_open(r->conf, P_mynetworks, 0);

    (void)state;
    assert_client(m, "unknown", "192.168.102.7", MATCH_YES);
    assert_client(m, "unknown", "192.168.103.7", MATCH_NO);
    assert_client(m, "localhost", "127.0.0.1", MATCH_YES);
    assert_client(m, "x", "fd00::1", MATCH_YES);
    assert_client(m, "x", "fd01::1", MATCH_NO);
    assert_client(m, "x", "no address", MATCH_NO);
    match_close(m);
    room_close(r);
}

static void test_order_and_negation(void **state)
{
    struct room *r = room_open("mynetworks = !192.168.1.9, 192.168.1.0/24, host.x, @list,"
                               "hash:none\n");

    (void)state;
    room_write(r, "list", "# from a file\n10.0.0.1\n!10.0.0.9, 10.0.0.0/24\n");
    struct match_list *m = match_open_view(
        r->conf, "test",
        room_spec(r, "!192.168.1.9, 192.168.1.0/24, host.x, .sub.x @list, "
                     "inline:{1.2.3.4=x, below.y=x, .dot.z=x} fail:z"),
        false);
    assert_client(m, "x", "192.168.1.9", MATCH_NO);
    assert_client(m, "x", "192.168.1.8", MATCH_YES);
    assert_client(m, "HOST.x", "1.1.1.1", MATCH_YES);
    assert_client(m, "a.sub.x", "1.1.1.1", MATCH_YES);
    assert_client(m, "sub.x", "1.1.1.1", MATCH_ERROR);
    assert_client(m, "x", "10.0.0.1", MATCH_YES);
    assert_client(m, "x", "10.0.0.9", MATCH_NO);
    assert_client(m, "x", "10.0.0.8", MATCH_YES);
    assert_client(m, "x", "1.2.3.4", MATCH_YES);
    assert_client(m, "below.y", "1.1.1.1", MATCH_YES);
    assert_client(m, "a.dot.z", "1.1.1.1", MATCH_YES);
    /* Nothing before the broken table fitted. */
    assert_client(m, "a.below.y", "1.1.1.1", MATCH_ERROR);
    match_close(m);
    room_close(r);
}

static void test_subdomains(void **state)
{
    struct room *r = room_open("relay_domains = example.org inline:{table.org=x}\n");
    struct match_list *m = match_open(r->conf, P_relay_domains, 0);
    struct error e = ERROR_INIT;

    (void)state;
    assert_int_equal(match_domain(m, VIEW("Example.ORG"), &e), MATCH_YES);
    assert_int_equal(match_domain(m, VIEW("a.b.example.org"), &e), MATCH_YES);
    assert_int_equal(match_domain(m, VIEW("notexample.org"), &e), MATCH_NO);
    assert_int_equal(match_domain(m, VIEW("a.table.org"), &e), MATCH_YES);
    assert_int_equal(match_string(m, VIEW("a.example.org"), &e), MATCH_NO);
    assert_int_equal(match_string(m, VIEW("EXAMPLE.org"), &e), MATCH_YES);
    match_close(m);
    m = match_open(r->conf, P_mydestination, 0);
    assert_int_equal(match_domain(m, VIEW("x.localhost"), &e), MATCH_NO);
    assert_int_equal(match_domain(m, VIEW("localhost"), &e), MATCH_YES);
    assert_false(match_is_empty(m));
    match_close(m);
    room_close(r);
}

/* What cannot be understood is an error when it is reached, never a no. */
static void test_broken_elements(void **state)
{
    struct room *r = room_open("");
    static const char *const lists[] = {"192.168.1.5/24", "@absent", "10.0.0.0/99", "!",
                                        "odd:table"};
    struct error e = ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct match_list *m =
            match_open_view(r->conf, "test", room_spec(r, lists[i]), false);
        assert_client(m, "x.y", "4.4.4.4", MATCH_ERROR);
        match_close(m);
    }
    struct match_list *m = match_open_view(r->conf, "test", VIEW(""), false);
    assert_true(match_is_empty(m));
    assert_int_equal(match_domain(m, VIEW("x"), &e), MATCH_NO);
    match_close(m);
    room_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_s130_mynetworks),
        cmocka_unit_test(test_order_and_negation),
        cmocka_unit_test(test_subdomains),
        cmocka_unit_test(test_broken_elements),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
