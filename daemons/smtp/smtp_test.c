/* smtp_test - the real program, asked by a queue manager of the test, among fake servers
 *
 * Arguments: the program, the Python interpreter, tests/testnet/dnsserver.py.
 */
#include "agent/agent_driver.h"
#include "fake_host.h"
#include "net/test_nameserver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const char *program, *python, *dns_script;
static struct test_nameserver dns;
static unsigned port;

static struct driver d;
static struct driver_answer a;
static struct fake_host one, two; /* 127.1.0.1 and 127.1.0.2 */
static char log_text[32768];

/* The port stands for two %u. */
static const char zone[] =
    "{\"free.example\": {\"MX\": [\"20 mx2.free.example\", \"10 mx1.free.example\"]},"
    " \"mx1.free.example\": {\"A\": [\"127.1.0.1\"]},"
    " \"mx2.free.example\": {\"A\": [\"127.1.0.2\"]},"
    " \"twins.example\": {\"MX\": [\"10 a.twins.example\", \"20 b.twins.example\"]},"
    " \"a.twins.example\": {\"A\": [\"127.1.0.7\"]},"
    " \"b.twins.example\": {\"A\": [\"127.1.0.7\"]},"
    " \"noglue.example\": {\"MX\": [\"10 mx1.free.example\"], \"additional\": false},"
    " \"nomx.example\": {\"A\": [\"127.1.0.2\"]},"
    " \"_offer._tcp.free.example\": {\"SRV\": [\"20 0 %u mx1.free.example\", "
    "\"10 0 %u mx2.free.example\"]},"
    " \"_none._tcp.free.example\": {\"SRV\": [\"0 0 0 .\"]},"
    " \"_broken._tcp.free.example\": {\"fail\": \"servfail\"},"
    " \"nomail.example\": {\"MX\": [\"0 .\"]},"
    " \"broken.example\": {\"fail\": \"servfail\"},"
    " \"lost.example\": {\"MX\": [\"10 nowhere.example\"]},"
    " \"ourselves.example\": {\"MX\": [\"10 gw1.maison.mrs\", \"20 mx2.free.example\"]},"
    " \"backup.example\": {\"MX\": [\"10 mx1.free.example\", \"20 gw1.maison.mrs\"]},"
    " \"gw1.maison.mrs\": {\"A\": [\"127.1.0.9\"]}}";

static int start_dns(void **state)
{
    (void)state;
    static char text[4096];
    (void)snprintf(text, sizeof text, zone, port, port);
    test_nameserver_start(&dns, python, dns_script, text);
    return 0;
}

static int stop_dns(void **state)
{
    (void)state;
    test_nameserver_stop(&dns);
    return 0;
}

static unsigned count_queries(const char *line)
{
    return test_nameserver_count(&dns, line);
}

/* --- the program --- */

static void begin_as(const char *name, const char *main_cf)
{
    struct str text = STR_INIT(8192);
    one = (struct fake_host){.listener = -1};
    two = (struct fake_host){.listener = -1};
    str_addf(&text,
             "resolver_nameservers = %s\nsmtp_tcp_port = %u\nlmtp_tcp_port = %u\n"
             "inet_protocols = ipv4\ninet_interfaces = 127.0.0.1\n"
             "smtp_randomize_addresses = no\n%s",
             dns.address, port, port, main_cf);
    driver_init(&d, program, name, name, str_cstr(&text));
    str_done(&text);
}

static void begin(const char *main_cf)
{
    begin_as("smtp", main_cf);
    driver_start(&d, NULL);
}

static void start_both(void)
{
    fake_host_start(&one, "127.1.0.1", port);
    fake_host_start(&two, "127.1.0.2", port);
}

static void stop_host(struct fake_host *h)
{
    if (h->listener >= 0)
        fake_host_stop(h);
    h->listener = -1;
}

static void end(void)
{
    driver_done(&d);
    d.arena = NULL;
    stop_host(&one);
    stop_host(&two);
}

/* After a test that failed on its way. */
static int clean_up(void **state)
{
    (void)state;
    if (d.arena)
        end();
    return 0;
}

/* Deliver a message for two to NEXTHOP. */
static void deliver(const char *nexthop)
{
    const struct driver_request r = {.sender = "eme13@enprovence.com",
                                     .recipients = {"x@free.example", "y@free.example"},
                                     .content = "Subject: x\n\nx\n",
                                     .nexthop = nexthop};
    driver_deliver(&d, &r, &a);
    (void)snprintf(log_text, sizeof log_text, "%s", driver_log(&d));
    assert_int_equal(a.n, 2);
}

static void assert_logged(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void assert_logged(const char *format, ...)
{
    char text[1000];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!strstr(log_text, text))
        fail_msg("not in the log: %s\n%s", text, log_text);
}

/* --- hosts --- */

/* S041 S042 S044: the best MX, by its address in the same answer. */
static void best_mx(void **state)
{
    (void)state;
    begin("");
    start_both();
    deliver("free.example");
    assert_int_equal(a.results[0].outcome, OUTCOME_RELAYED);
    assert_int_equal(a.results[1].outcome, OUTCOME_RELAYED);
    assert_int_equal(one.messages, 1);
    assert_int_equal(two.sessions, 0);
    assert_int_equal(count_queries("udp free.example MX"), 1);
    assert_int_equal(count_queries("udp mx1.free.example A"), 0);
    assert_int_equal(count_queries("udp free.example A"), 0);
    assert_logged(
        "4F1A2B3C4D: to=<x@free.example>, relay=mx1.free.example[127.1.0.1]:%u, "
        "delay=0",
        port);
    assert_logged(", dsn=2.0.0, status=sent (250 2.0.0 taken)");
    assert_true(fake_host_heard(&one, "EHLO gw1.maison.mrs\n"
                                      "MAIL FROM:<eme13@enprovence.com>\n"
                                      "RCPT TO:<x@free.example>\n"
                                      "RCPT TO:<y@free.example>\nDATA\n"
                                      "Subject: x\n\nx\n.\n"));
    deliver("noglue.example");
    assert_int_equal(count_queries("udp mx1.free.example A"), 1);
    end();
}

/* The answer to a delivery to free.example at SERVICE with SETTINGS. */
static const char *status_by_service(const char *settings, const char *service)
{
    static char status[16];
    char nexthop[64];
    begin(settings);
    start_both();
    (void)snprintf(nexthop, sizeof nexthop, "free.example:%s", service);
    deliver(nexthop);
    (void)snprintf(status, sizeof status, "%s", a.results[0].status);
    return status;
}

/* use_srv_lookup: the hosts and ports of SRV records instead of MX (RFC 2782). */
static void srv_records(void **state)
{
#define SERVICES                                                                         \
    "known_tcp_ports = offer=1, none=1, broken=1, lost=1\n"                              \
    "use_srv_lookup = offer, none broken lost\n"
    (void)state;
    unsigned before = count_queries("udp free.example MX");
    assert_string_equal(status_by_service(SERVICES, "offer"), "2.0.0");
    assert_logged("relay=mx2.free.example[127.1.0.2]:%u, ", port);
    assert_int_equal(count_queries("udp free.example MX"), before);
    end();
    assert_string_equal(status_by_service(SERVICES, "none"), "5.4.4");
    assert_logged("free.example does not offer this %s", "service");
    end();
    assert_string_equal(status_by_service(SERVICES, "broken"), "4.4.3");
    end();
    assert_string_equal(status_by_service(SERVICES, "lost"), "5.4.4");
    end();
    char fallback[400];
    static const char *const allowed[][2] = {{"allow_srv_lookup_fallback", "lost"},
                                             {"allow_srv_lookup_fallback", "broken"},
                                             {"ignore_srv_lookup_error", "broken"}};
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(fallback, sizeof fallback,
                       "known_tcp_ports = lost=%u, broken=%u\n"
                       "use_srv_lookup = lost, broken\n%s = yes\n",
                       port, port, allowed[i][0]);
        assert_string_equal(status_by_service(fallback, allowed[i][1]), "2.0.0");
        assert_logged("relay=mx1.free.example[127.1.0.1]:%u, ", port);
        end();
    }
    assert_string_equal(
        status_by_service(SERVICES "ignore_srv_lookup_error = yes\n", "lost"), "5.4.4");
    end();
}

/* S043: nobody listens at the first. */
static void next_mx(void **state)
{
    (void)state;
    begin("");
    fake_host_start(&two, "127.1.0.2", port);
    deliver("free.example");
    assert_int_equal(a.results[0].outcome, OUTCOME_RELAYED);
    assert_logged("connect to mx1.free.example[127.1.0.1]:%u: Connection refused\n",
                  port);
    assert_logged("relay=mx2.free.example[127.1.0.2]:%u, ", port);
    assert_string_equal(a.dead_status, "");
    end();
}

/* S043: a soft refusal of one recipient; the other one is not sent twice. */
static void next_mx_for_one_recipient(void **state)
{
    (void)state;
    begin("");
    one.rcpt_of[0] = "y@";
    one.rcpt_of[1] = "451 4.3.0 later";
    start_both();
    deliver("free.example");
    assert_logged(
        "4F1A2B3C4D: host mx1.free.example[127.1.0.1] said: 451 4.3.0 later (in reply to "
        "RCPT TO command)\n");
    assert_logged("to=<x@free.example>, relay=mx1.free.example");
    assert_logged("to=<y@free.example>, relay=mx2.free.example");
    assert_int_equal(one.messages, 1);
    assert_int_equal(two.messages, 1);
    assert_false(fake_host_heard(&two, "x@free.example"));
    end();
}

/* What a host said of the recipient counts more than that the next does not answer. */
static void best_error(void **state)
{
    (void)state;
    begin("");
    one.rcpt = "450 4.7.1 greylisted";
    fake_host_start(&one, "127.1.0.1", port);
    deliver("free.example");
    assert_int_equal(a.results[0].outcome, OUTCOME_DEFERRED);
    assert_string_equal(a.results[0].status, "4.7.1");
    assert_string_equal(a.results[0].text,
                        "host mx1.free.example[127.1.0.1] said: 450 4.7.1 greylisted (in "
                        "reply to RCPT TO command)");
    end();
}

/* S046: a dead address is not tried again under another name. */
static void one_try_per_address(void **state)
{
    (void)state;
    begin("");
    deliver("twins.example");
    assert_int_equal(a.results[0].outcome, OUTCOME_DEFERRED);
    assert_string_equal(a.results[0].status, "4.4.1");
    assert_logged("connect to a.twins.example[127.1.0.7]:%u: Connection refused\n", port);
    assert_null(strstr(log_text, "b.twins.example"));
    assert_logged("relay=none, ");
    assert_string_equal(a.dead_status, "4.4.1");
    end();
}

/* S047 */
static void loops(void **state)
{
    (void)state;
    begin("inet_interfaces = 127.1.0.9\nsmtp_bind_address = 127.0.0.1\n");
    start_both();
    deliver("ourselves.example");
    assert_int_equal(a.results[0].outcome, OUTCOME_BOUNCED);
    assert_string_equal(a.results[0].status, "5.4.6");
    assert_string_equal(a.results[0].text,
                        "mail for ourselves.example loops back to myself");
    deliver("backup.example");
    assert_int_equal(a.results[0].outcome, OUTCOME_RELAYED);
    deliver("[127.1.0.9]");
    assert_string_equal(a.results[0].status, "5.4.6");
    end();
}

/* S041 S049: names without MX, without anything, without an answer. */
static void names(void **state)
{
    (void)state;
    begin("smtp_defer_if_no_mx_address_found = no\n");
    start_both();
    deliver("nomx.example");
    assert_int_equal(a.results[0].outcome, OUTCOME_RELAYED);
    assert_logged("relay=nomx.example[127.1.0.2]:%u, ", port);
    deliver("nomail.example");
    assert_int_equal(a.results[0].outcome, OUTCOME_BOUNCED);
    assert_string_equal(a.results[0].status, "5.1.0");
    assert_string_equal(a.results[0].text,
                        "Domain nomail.example does not accept mail (nullMX)");
    deliver("unknown.example");
    assert_int_equal(a.results[0].outcome, OUTCOME_BOUNCED);
    assert_string_equal(a.results[0].status, "5.4.4");
    assert_string_equal(a.results[0].text,
                        "Host or domain name not found. Name service error for "
                        "name=unknown.example type=A: Host not found");
    deliver("lost.example");
    assert_int_equal(a.results[0].outcome, OUTCOME_BOUNCED);
    assert_logged("warning: no MX host for lost.example has a valid address record\n");
    deliver("broken.example");
    assert_int_equal(a.results[0].outcome, OUTCOME_DEFERRED);
    assert_string_equal(a.results[0].status, "4.4.3");
    assert_string_equal(a.dead_status, "4.4.3");
    end();
}

/* S131: [name] asks for no MX, :port is another port; several destinations. */
static void next_hop_forms(void **state)
{
    (void)state;
    char nexthop[200];
    begin("smtp_tcp_port = 1\n");
    start_both();
    (void)snprintf(nexthop, sizeof nexthop, "[mx2.free.example]:%u", port);
    deliver(nexthop);
    assert_int_equal(two.messages, 1);
    (void)snprintf(nexthop, sizeof nexthop, "free.example:%u", port);
    deliver(nexthop);
    assert_int_equal(one.messages, 1);
    (void)snprintf(nexthop, sizeof nexthop, "[127.1.0.2]:%u", port);
    deliver(nexthop);
    assert_logged("relay=127.1.0.2[127.1.0.2]:%u, ", port);
    (void)snprintf(nexthop, sizeof nexthop, "[127.1.0.8]:%u, [127.1.0.1]:%u", port, port);
    deliver(nexthop);
    assert_int_equal(one.messages, 2);
    deliver("[127.1.0.1]:frobnicate");
    assert_string_equal(a.results[0].status, "4.3.5");
    end();
}

/* A mistyped relayhost must not bounce all mail. */
static void wrong_relayhost(void **state)
{
    (void)state;
    begin("relayhost = unknown.example\n");
    deliver("unknown.example");
    assert_int_equal(a.results[0].outcome, OUTCOME_DEFERRED);
    assert_string_equal(a.results[0].status, "4.3.5");
    assert_logged("warning: relayhost configuration problem\n");
    end();
    begin("smtp_fallback_relay = unknown.example\n");
    deliver("twins.example");
    assert_string_equal(a.results[0].status, "4.3.5");
    assert_logged("warning: smtp_fallback_relay configuration problem\n");
    end();
}

static void fallback_relay(void **state)
{
    (void)state;
    begin("smtp_fallback_relay = [127.1.0.8], [127.1.0.2]\n");
    fake_host_start(&two, "127.1.0.2", port);
    deliver("twins.example");
    assert_int_equal(a.results[0].outcome, OUTCOME_RELAYED);
    assert_logged("relay=127.1.0.2[127.1.0.2]:%u, ", port);
    /* Also for names that do not exist. */
    deliver("unknown.example");
    assert_int_equal(a.results[0].outcome, OUTCOME_RELAYED);
    end();
}

/* --- connections --- */

/* S086: one connection serves several messages. */
static void reuse(void **state)
{
    (void)state;
    begin("smtp_connection_reuse_count_limit = 2\n");
    start_both();
    deliver("free.example");
    assert_null(strstr(log_text, "conn_use="));
    deliver("free.example");
    assert_logged("relay=mx1.free.example[127.1.0.1]:%u, conn_use=2, delay=", port);
    assert_int_equal(one.sessions, 1);
    deliver("free.example");
    assert_int_equal(one.sessions, 2);
    assert_int_equal(one.messages, 3);
    end();
}

static void no_reuse(void **state)
{
    (void)state;
    begin("smtp_connection_cache_on_demand = no\n");
    start_both();
    deliver("free.example");
    deliver("free.example");
    assert_int_equal(one.sessions, 2);
    end();
}

/* A kept connection whose other end has gone: at once anew, to the same host. */
static void stale_connection(void **state)
{
    (void)state;
    begin("");
    one.ends_after_message = true;
    start_both();
    deliver("free.example");
    deliver("free.example");
    assert_int_equal(a.results[0].outcome, OUTCOME_RELAYED);
    assert_int_equal(one.sessions, 2);
    assert_int_equal(two.sessions, 0);
    end();
    begin("");
    one.ends_at_second_mail = true;
    start_both();
    deliver("free.example");
    deliver("free.example");
    assert_int_equal(a.results[1].outcome, OUTCOME_RELAYED);
    assert_int_equal(one.messages, 2);
    assert_int_equal(two.sessions, 0);
    end();
}

/* A kept connection is polite at the end: it says QUIT. */
static void quits_after_a_while(void **state)
{
    (void)state;
    begin("smtp_connection_cache_time_limit = 1s\n");
    start_both();
    deliver("free.example");
    assert_false(fake_host_heard(&one, "QUIT\n"));
    for (int i = 0; i < 500 && !fake_host_heard(&one, "QUIT\n"); i++)
        usleep(10000);
    assert_true(fake_host_heard(&one, "QUIT\n"));
    end();
}

static void time_outs(void **state)
{
    (void)state;
    begin("smtp_helo_timeout = 1s\nsmtp_mx_address_limit = 1\n");
    one.is_silent = true;
    start_both();
    deliver("free.example");
    assert_int_equal(a.results[0].outcome, OUTCOME_DEFERRED);
    assert_string_equal(a.results[0].status, "4.4.2");
    assert_string_equal(a.results[0].text,
                        "conversation with mx1.free.example[127.1.0.1] timed out while "
                        "receiving the initial server greeting");
    assert_string_equal(a.dead_status, "4.4.2");
    assert_int_equal(two.sessions, 0);
    end();
}

/* smtp_mx_session_limit bounds the sessions of one delivery. */
static void session_limit(void **state)
{
    (void)state;
    begin("smtp_mx_session_limit = 1\n");
    one.mail = "451 4.3.2 not now";
    start_both();
    deliver("free.example");
    assert_int_equal(a.results[0].outcome, OUTCOME_DEFERRED);
    assert_int_equal(two.sessions, 0);
    end();
}

static void bind_address(void **state)
{
    (void)state;
    begin("smtp_bind_address = 192.0.2.99\nsmtp_bind_address_enforce = yes\n");
    start_both();
    deliver("free.example");
    assert_string_equal(a.results[0].status, "4.4.0");
    assert_string_equal(a.results[0].text, "server configuration error");
    end();
    begin("smtp_bind_address = 192.0.2.99\n");
    start_both();
    deliver("free.example");
    assert_logged("warning: bind 192.0.2.99: Cannot assign requested address\n");
    assert_int_equal(a.results[0].outcome, OUTCOME_RELAYED);
    end();
}

/* --- LMTP --- */

/* Over a UNIX socket, with an answer for each recipient. */
static void lmtp_over_unix(void **state)
{
    (void)state;
    char nexthop[200];
    begin_as("lmtp", "");
    driver_start(&d, NULL);
    one.is_lmtp = true;
    one.rcpt_of[0] = "y@";
    one.rcpt_of[1] = "550 5.1.1 who?";
    fake_host_start(&one, driver_path(&d, "socket"), 0);
    (void)snprintf(nexthop, sizeof nexthop, "unix:%s", driver_path(&d, "socket"));
    deliver(nexthop);
    assert_true(fake_host_heard(&one, "LHLO gw1.maison.mrs\n"));
    assert_int_equal(a.results[0].outcome, OUTCOME_RELAYED);
    assert_int_equal(a.results[1].outcome, OUTCOME_BOUNCED);
    assert_logged("postfix/lmtp[");
    assert_logged("relay=gw1.maison.mrs[%s], delay=", driver_path(&d, "socket"));
    (void)snprintf(nexthop, sizeof nexthop, "unix:%s", driver_path(&d, "nothing"));
    deliver(nexthop);
    assert_logged("connect to gw1.maison.mrs[%s]: No such file or directory\n",
                  driver_path(&d, "nothing"));
    assert_string_equal(a.dead_status, "4.4.1");
    end();
}

static void lmtp_over_tcp(void **state)
{
    (void)state;
    begin_as("lmtp", "");
    driver_start(&d, NULL);
    two.is_lmtp = true;
    fake_host_start(&two, "127.1.0.2", port);
    deliver("inet:mx2.free.example");
    assert_int_equal(a.results[1].outcome, OUTCOME_RELAYED);
    assert_int_equal(two.messages, 1);
    end();
}

#define SMTP(f) cmocka_unit_test_teardown(f, clean_up)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SMTP(best_mx),
        SMTP(srv_records),
        SMTP(next_mx),
        SMTP(next_mx_for_one_recipient),
        SMTP(best_error),
        SMTP(one_try_per_address),
        SMTP(loops),
        SMTP(names),
        SMTP(next_hop_forms),
        SMTP(wrong_relayhost),
        SMTP(fallback_relay),
        SMTP(reuse),
        SMTP(no_reuse),
        SMTP(stale_connection),
        SMTP(quits_after_a_while),
        SMTP(time_outs),
        SMTP(session_limit),
        SMTP(bind_address),
        SMTP(lmtp_over_unix),
        SMTP(lmtp_over_tcp),
    };
    if (argc < 4)
        return 2;
    program = realpath(argv[1], NULL); /* the tests work in a directory of their own */
    assert_non_null(program);
    python = argv[2];
    dns_script = argv[3];
    port = free_port();
    return cmocka_run_group_tests(tests, start_dns, stop_dns);
}
