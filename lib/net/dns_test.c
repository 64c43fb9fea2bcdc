/* dns_test - look-ups against tests/testnet/dnsserver.py, started for this test
 *
 * Arguments: the Python interpreter and the path of dnsserver.py.
 */
#include "net/dns.h"

#include "base/clock.h"
#include "base/number.h"
#include "base/str.h"
#include "run/loop.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TIMEOUT   (5 * CLOCK_SECOND)
#define ZONE_FILE "zone.json"
#define LOG_FILE  "queries.log"

static const char *python, *script;
static char directory[] = "/tmp/dns_test.XXXXXX";
static pid_t server = -1;
static char server_text[64]; /* "127.0.0.1@PORT" */

static const char zone[] =
    "{\"glue.example\": {\"MX\": [\"20 mx2.glue.example\", \"10 mx1.glue.example\","
    "                             \"10 mx0.glue.example\"]},"
    " \"mx1.glue.example\": {\"A\": [\"127.0.0.2\", \"127.0.0.3\"], \"AAAA\": [\"::1\"]},"
    " \"mx0.glue.example\": {\"A\": [\"127.0.0.4\"]},"
    " \"noglue.example\": {\"MX\": [\"10 mx1.glue.example\"], \"additional\": false},"
    " \"alias.example\": {\"CNAME\": \"middle.example\"},"
    " \"middle.example\": {\"CNAME\": \"glue.example\"},"
    " \"hostalias.example\": {\"CNAME\": \"mx1.glue.example\"},"
    " \"loop.example\": {\"CNAME\": \"loop2.example\"},"
    " \"loop2.example\": {\"CNAME\": \"loop.example\"},"
    " \"nomail.example\": {\"MX\": [\"0 .\"]},"
    " \"badmx.example\": {\"MX\": [\"10 -bad-.example\", \"20 a b\"]},"
    " \"numericmx.example\": {\"MX\": [\"10 127.0.0.9\"]},"
    " \"nomx.example\": {\"A\": [\"127.0.0.5\"]},"
    " \"broken.example\": {\"fail\": \"servfail\"},"
    " \"silent.example\": {\"fail\": \"noanswer\"},"
    " \"garbage.example\": {\"fail\": \"garbage\"},"
    " \"half.example\": {\"fail\": {\"A\": \"servfail\"}},"
    " \"ipv6half.example\": {\"A\": [\"127.0.0.6\"], \"fail\": {\"AAAA\": \"servfail\"}},"
    " \"xn--mller-kva.example\": {\"A\": [\"127.0.0.7\"]},"
    " \"texts.example\": {\"TXT\": [\"v=spf1 -all\", \"LONG\"]},"
    " \"zone.test\": {\"NS\": [\"ns1.zone.test\", \"ns2.zone.test\"]},"
    " \"127.0.0.88\": {\"PTR\": [\"client.example\"]},"
    " \"2001:db8::25\": {\"PTR\": [\"six.example\"]},"
    " \"big.example\": {\"A\": [BIG]}}";

/* The zone with LONG (300 letters) and BIG (150 addresses) filled in. */
static void write_zone(void)
{
    struct str text = STR_INIT(65536);
    struct view rest = view_of(zone);
    size_t at = view_find_view(rest, VIEW("LONG"));

    str_add(&text, view_sub(rest, 0, at));
    for (int i = 0; i < 300; i++)
        str_add_char(&text, 'x');
    rest = view_from(rest, at + 4);
    at = view_find_view(rest, VIEW("BIG"));
    str_add(&text, view_sub(rest, 0, at));
    for (int i = 0; i < 90; i++)
        str_addf(&text, "%s\"127.1.0.%d\"", i ? "," : "", i + 1);
    str_add(&text, view_from(rest, at + 3));
    int fd = open(ZONE_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.p, text.n), text.n);
    close(fd);
    str_done(&text);
}

static int start_server(void **state)
{
    int out[2];
    char line[100] = "";

    (void)state;
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chdir(directory), 0);
    write_zone();
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    server = fork();
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(out[1], 1);
        execl(python, python, script, "--listen", "127.0.0.1:0", "--zone", ZONE_FILE,
              "--log", LOG_FILE, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    for (size_t n = 0; n + 1 < sizeof(line) && !strchr(line, '\n');) {
        ssize_t got = read(out[0], line + n, sizeof(line) - 1 - n);
        assert_true(got > 0);
        n += (size_t)got;
    }
    close(out[0]);
    struct view address, port, v = view_trim_space(view_of(line));
    assert_true(view_rcut(v, ' ', &v, &address));
    assert_true(view_cut(address, ':', &address, &port));
    snprintf(server_text, sizeof(server_text), "%.*s@%.*s", VIEW_FMT(address),
             VIEW_FMT(port));
    dns_init(view_of(server_text));
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    dns_done();
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
    unlink(ZONE_FILE);
    unlink(LOG_FILE);
    return rmdir(directory);
}

/* How many lines of the server's log are LINE. */
static unsigned count_queries(const char *line)
{
    static char buf[65536];
    struct view one, rest;
    unsigned n = 0;

    int fd = open(LOG_FILE, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t got = read(fd, buf, sizeof(buf));
    close(fd);
    assert_true(got >= 0);
    rest = (struct view){buf, (size_t)got};
    while (view_token(&rest, VIEW("\n"), &one))
        n += view_eq(one, view_of(line));
    return n;
}

static void (*test_body)(struct arena *a);

static void test_fiber(void *arg)
{
    struct arena *a = arena_new();

    (void)arg;
    test_body(a);
    arena_free(a);
}

static void in_fiber(void (*body)(struct arena *a))
{
    test_body = body;
    loop_init();
    fiber_spawn("test", test_fiber, NULL);
    loop_run();
    loop_done();
}

#define ASSERT_VIEW(v, text) assert_true(view_eq((v), view_of(text)))

static void assert_address(const struct dns_addresses *addresses, size_t i,
                           const char *text)
{
    char buf[NET_ADDRESS_TEXT];

    assert_true(i < addresses->n);
    assert_string_equal(net_address_text(&addresses->items[i].address, buf), text);
}

static void mx_body(struct arena *a)
{
    struct dns_mx mx;
    struct error e = ERROR_INIT;

    assert_int_equal(dns_lookup_mx(a, VIEW("Glue.Example."), TIMEOUT, &mx, &e), DNS_OK);
    assert_int_equal(mx.n, 3);
    ASSERT_VIEW(mx.hosts[0].name, "mx1.glue.example");
    assert_int_equal(mx.hosts[0].preference, 10);
    ASSERT_VIEW(mx.hosts[1].name, "mx0.glue.example");
    ASSERT_VIEW(mx.hosts[2].name, "mx2.glue.example");
    assert_int_equal(mx.hosts[2].preference, 20);
}

/* S041, S042: the hosts of a domain, by preference. */
static void test_mx(void **state)
{
    (void)state;
    in_fiber(mx_body);
}

static void additional_body(struct arena *a)
{
    struct dns_mx mx;
    struct error e = ERROR_INIT;

    assert_int_equal(dns_lookup_mx(a, VIEW("glue.example"), TIMEOUT, &mx, &e), DNS_OK);
    assert_int_equal(mx.hosts[0].additional.n, 3);
    assert_address(&mx.hosts[0].additional, 2, "::1");
    assert_int_equal(mx.hosts[1].additional.n, 1);
    assert_address(&mx.hosts[1].additional, 0, "127.0.0.4");
    assert_int_equal(mx.hosts[2].additional.n, 0);
    assert_false(mx.hosts[0].additional.secure);
    assert_int_equal(dns_lookup_mx(a, VIEW("noglue.example"), TIMEOUT, &mx, &e), DNS_OK);
    assert_int_equal(mx.n, 1);
    assert_int_equal(mx.hosts[0].additional.n, 0);
}

/* S044: the addresses beside the MX records cost no further query. */
static void test_additional(void **state)
{
    (void)state;
    in_fiber(additional_body);
    assert_int_equal(count_queries("udp glue.example MX"), 1);
    assert_int_equal(count_queries("udp mx0.glue.example A"), 0);
}

static void failures_body(struct arena *a)
{
    struct dns_mx mx;
    struct error e = ERROR_INIT;

    assert_int_equal(dns_lookup_mx(a, VIEW("nomail.example"), TIMEOUT, &mx, &e),
                     DNS_POLICY);
    assert_string_equal(e.text, "Domain nomail.example does not accept mail (nullMX)");
    assert_string_equal(e.status, "5.1.0");
    assert_int_equal(dns_lookup_mx(a, VIEW("nomx.example"), TIMEOUT, &mx, &e),
                     DNS_NODATA);
    assert_string_equal(e.text,
                        "Host or domain name not found. Name service error for "
                        "name=nomx.example type=MX: Host found but no data record of "
                        "requested type");
    assert_string_equal(e.status, "5.4.4");
    assert_int_equal(dns_lookup_mx(a, VIEW("missing.example"), TIMEOUT, &mx, &e),
                     DNS_NXDOMAIN);
    assert_string_equal(e.text, "Host or domain name not found. Name service error for "
                                "name=missing.example type=MX: Host not found");
    assert_string_equal(e.status, "5.4.4");
    assert_int_equal(dns_lookup_mx(a, VIEW("broken.example"), TIMEOUT, &mx, &e),
                     DNS_TEMPFAIL);
    assert_string_equal(e.text, "Host or domain name not found. Name service error for "
                                "name=broken.example type=MX: Host not found, try again");
    assert_string_equal(e.status, "4.4.3");
    assert_int_equal(dns_lookup_mx(a, VIEW("garbage.example"), TIMEOUT, &mx, &e),
                     DNS_TEMPFAIL);
    assert_int_equal(dns_lookup_mx(a, VIEW("loop.example"), TIMEOUT, &mx, &e),
                     DNS_TEMPFAIL);
    assert_int_equal(dns_lookup_mx(a, VIEW("badmx.example"), TIMEOUT, &mx, &e),
                     DNS_INVALID);
    assert_string_equal(e.text,
                        "Name service error for name=badmx.example type=MX: Malformed or "
                        "unexpected name server reply");
    assert_int_equal(dns_lookup_mx(a, VIEW("bad..name"), TIMEOUT, &mx, &e), DNS_INVALID);
    assert_string_equal(e.text,
                        "Name service error for bad..name: invalid host or domain name");
    assert_int_equal(dns_lookup_mx(a, VIEW("numericmx.example"), TIMEOUT, &mx, &e),
                     DNS_OK);
    ASSERT_VIEW(mx.hosts[0].name, "127.0.0.9");
}

/* Each failure has its result, status and Postfix's words. */
static void test_failures(void **state)
{
    (void)state;
    in_fiber(failures_body);
}

static void timeout_body(struct arena *a)
{
    struct dns_mx mx;
    struct error e = ERROR_INIT;
    int64_t start = clock_mono();

    enum dns_result r =
        dns_lookup_mx(a, VIEW("silent.example"), CLOCK_SECOND / 2, &mx, &e);
    assert_int_equal(r, DNS_TEMPFAIL);
    assert_string_equal(e.status, "4.4.3");
    assert_true(clock_mono() - start < 2 * CLOCK_SECOND);
}

/* No answer: a passing failure, in time. */
static void test_timeout(void **state)
{
    (void)state;
    in_fiber(timeout_body);
}

static void cname_body(struct arena *a)
{
    struct dns_mx mx;
    struct dns_addresses addresses;
    struct error e = ERROR_INIT;

    assert_int_equal(dns_lookup_mx(a, VIEW("alias.example"), TIMEOUT, &mx, &e), DNS_OK);
    assert_int_equal(mx.n, 3);
    enum dns_result r =
        dns_lookup_addresses(a, VIEW("hostalias.example"), DNS_WANT_IPV4 | DNS_WANT_IPV6,
                             TIMEOUT, &addresses, &e);
    assert_int_equal(r, DNS_OK);
    assert_int_equal(addresses.n, 3);
    assert_address(&addresses, 2, "::1");
}

static void test_cname(void **state)
{
    (void)state;
    in_fiber(cname_body);
}

static enum dns_result addresses(struct arena *a, const char *host, unsigned want,
                                 struct dns_addresses *out, struct error *e)
{
    return dns_lookup_addresses(a, view_of(host), want, TIMEOUT, out, e);
}

static void addresses_body(struct arena *a)
{
    const unsigned both = DNS_WANT_IPV4 | DNS_WANT_IPV6;
    struct dns_addresses out;
    struct error e = ERROR_INIT;

    assert_int_equal(addresses(a, "nomx.example", both, &out, &e), DNS_OK);
    assert_int_equal(out.n, 1);
    assert_address(&out, 0, "127.0.0.5");
    assert_string_equal(e.text, "");
    assert_int_equal(addresses(a, "nomx.example", DNS_WANT_IPV6, &out, &e), DNS_NODATA);
    assert_int_equal(addresses(a, "ipv6half.example", both, &out, &e), DNS_OK);
    assert_int_equal(out.n, 1);
    assert_int_equal(addresses(a, "half.example", both, &out, &e), DNS_TEMPFAIL);
    assert_string_equal(e.status, "4.4.3");
    assert_int_equal(addresses(a, "absent.example", both, &out, &e), DNS_NXDOMAIN);
    assert_string_equal(e.text, "Host or domain name not found. Name service error for "
                                "name=absent.example type=AAAA: Host not found");
    assert_int_equal(addresses(a, "127.0.0.1", both, &out, &e), DNS_OK);
    assert_address(&out, 0, "127.0.0.1");
    assert_int_equal(addresses(a, "m\xc3\xbcller.example", both, &out, &e), DNS_OK);
    assert_address(&out, 0, "127.0.0.7");
    assert_int_equal(addresses(a, "m\xc3ller.example", both, &out, &e), DNS_INVALID);
    assert_int_equal(addresses(a, "big.example", DNS_WANT_IPV4, &out, &e), DNS_OK);
    assert_int_equal(out.n, 90);
}

static void test_addresses(void **state)
{
    (void)state;
    in_fiber(addresses_body);
    assert_true(count_queries("udp xn--mller-kva.example A") >= 1);
}

static void ptr_txt_ns_body(struct arena *a)
{
    struct net_address address;
    struct dns_texts texts;
    struct view name;
    struct error e = ERROR_INIT;

    assert_true(net_address_parse(VIEW("127.0.0.88"), 0, &address));
    assert_int_equal(dns_lookup_ptr(a, &address, TIMEOUT, &name, &e), DNS_OK);
    ASSERT_VIEW(name, "client.example");
    assert_true(net_address_parse(VIEW("2001:db8::25"), 0, &address));
    assert_int_equal(dns_lookup_ptr(a, &address, TIMEOUT, &name, &e), DNS_OK);
    ASSERT_VIEW(name, "six.example");
    assert_true(net_address_parse(VIEW("127.0.0.77"), 0, &address));
    assert_int_equal(dns_lookup_ptr(a, &address, TIMEOUT, &name, &e), DNS_NXDOMAIN);
    assert_true(
        net_address_parse(VIEW("192.168.7.7"), 0, &address)); /* no built-in zone */
    assert_int_equal(dns_lookup_ptr(a, &address, TIMEOUT, &name, &e), DNS_NXDOMAIN);
    assert_int_equal(dns_lookup_txt(a, VIEW("texts.example"), TIMEOUT, &texts, &e),
                     DNS_OK);
    assert_int_equal(texts.n, 2);
    size_t first = texts.items[0].n == 300 ? 1 : 0;
    ASSERT_VIEW(texts.items[first], "v=spf1 -all");
    assert_int_equal(texts.items[1 - first].n, 300);
    assert_int_equal(dns_lookup_ns(a, VIEW("zone.test"), TIMEOUT, &texts, &e), DNS_OK);
    assert_int_equal(texts.n, 2);
}

static void test_ptr_txt_ns(void **state)
{
    (void)state;
    in_fiber(ptr_txt_ns_body);
    assert_int_equal(count_queries("udp 7.7.168.192.in-addr.arpa PTR"), 1);
}

static unsigned finished;

static void parallel_fiber(void *arg)
{
    struct arena *a = arena_new();
    struct dns_addresses out;
    struct error e = ERROR_INIT;
    struct view name = arena_printf(a, "host%d.parallel.example", *(int *)arg);

    if (dns_lookup_addresses(a, name, DNS_WANT_IPV4, TIMEOUT, &out, &e) == DNS_NXDOMAIN)
        finished++;
    arena_free(a);
}

/* Many fibers ask at once, and the process does not linger afterwards. */
static void test_parallel(void **state)
{
    int numbers[50];

    (void)state;
    loop_init();
    for (int i = 0; i < 50; i++) {
        numbers[i] = i;
        fiber_spawn("parallel", parallel_fiber, &numbers[i]);
    }
    loop_run();
    loop_done();
    assert_int_equal(finished, 50);
}

static void unreachable_body(struct arena *a)
{
    struct dns_mx mx;
    struct error e = ERROR_INIT;
    int64_t start = clock_mono();

    assert_int_equal(dns_lookup_mx(a, VIEW("glue.example"), 2 * CLOCK_SECOND, &mx, &e),
                     DNS_TEMPFAIL);
    assert_string_equal(e.status, "4.4.3");
    assert_true(clock_mono() - start < 4 * CLOCK_SECOND);
}

/* S049: with no resolver reachable mail is deferred, not bounced. */
static void test_unreachable(void **state)
{
    (void)state;
    dns_init(VIEW("127.0.0.1@1"));
    in_fiber(unreachable_body);
    dns_init(view_of(server_text));
}

static int tear_down(void **state)
{
    (void)state;
    loop_done(); /* after a failure; else it was done */
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_mx, tear_down),
        cmocka_unit_test_teardown(test_additional, tear_down),
        cmocka_unit_test_teardown(test_failures, tear_down),
        cmocka_unit_test_teardown(test_timeout, tear_down),
        cmocka_unit_test_teardown(test_cname, tear_down),
        cmocka_unit_test_teardown(test_addresses, tear_down),
        cmocka_unit_test_teardown(test_ptr_txt_ns, tear_down),
        cmocka_unit_test_teardown(test_parallel, tear_down),
        cmocka_unit_test_teardown(test_unreachable, tear_down),
    };

    if (argc != 3) {
        fprintf(stderr, "usage: dns_test PYTHON DNSSERVER.PY\n");
        return 2;
    }
    python = argv[1];
    script = argv[2];
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
