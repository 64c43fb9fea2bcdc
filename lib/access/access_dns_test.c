/* access_dns_test - restrictions that look names up
 *
 * Arguments: the Python interpreter, tests/testnet/dnsserver.py.
 */
#include "access/access_test_help.h"

#include "net/dns.h"
#include "net/test_nameserver.h"
#include "run/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const char *python, *script;
static struct test_nameserver server;

static const char zone[] =
    "{\"good.example\": {\"MX\": [\"10 mx.good.example\"], \"NS\": [\"ns.bad.example\"]},"
    " \"mx.good.example\": {\"A\": [\"192.0.2.25\"]},"
    " \"ns.bad.example\": {\"A\": [\"192.0.2.53\"]},"
    " \"nomx.example\": {\"A\": [\"192.0.2.26\"]},"
    " \"nomail.example\": {\"MX\": [\"0 .\"]},"
    " \"broken.example\": {\"fail\": \"servfail\"},"
    " \"backup.example\": {\"MX\": [\"10 mx.good.example\", \"20 here.maison.mrs\"]},"
    " \"named.example\": {\"MX\": [\"10 mx.good.example\", \"20 maison.mrs\"]},"
    " \"here.maison.mrs\": {\"A\": [\"127.0.0.1\"]}}";

static struct question q; /* the last one */

/* The reply to SENDER of an outside client; "" when nothing is refused. */
static const char *from_sender(const char *settings, const char *sender)
{
    q = ask(settings, OUTSIDE, sender, "chris@maison.mrs");
    return q.reply;
}

static const char *to_recipient(const char *settings, const char *client,
                                const char *recipient)
{
    q = ask(settings, client, "a@b", recipient);
    return q.reply;
}

/* S208: the sender's domain must exist. */
static void unknown_sender_domain(void **state)
{
    (void)state;
    const char *settings =
        DEFAULTS "smtpd_sender_restrictions = reject_unknown_sender_domain\n"
                 "unknown_address_reject_code = 550\n";
    assert_string_equal(from_sender(settings, "a@good.example"), "");
    assert_string_equal(from_sender(settings, "a@nomx.example"), "");
    assert_string_equal(from_sender(settings, ""), "");
    assert_string_equal(from_sender(settings, "a@maison.mrs"), "");
    assert_string_equal(
        from_sender(settings, "a@unknown.example"),
        "550 5.1.8 <a@unknown.example>: Sender address rejected: Domain not found");
    assert_string_equal(
        from_sender(settings, "a@broken.example"),
        "450 4.1.8 <a@broken.example>: Sender address rejected: Domain not found");
    assert_string_equal(from_sender(settings, "a@nomail.example"),
                        "550 5.7.27 <a@nomail.example>: Sender address rejected: Domain "
                        "nomail.example does not accept mail (nullMX)");
    const char *older = DEFAULTS "smtpd_sender_restrictions = reject_unknown_address\n";
    assert_int_equal(strncmp(from_sender(older, "a@unknown.example"), "450 4.1.8 ", 10),
                     0);
}

static void unknown_recipient_domain(void **state)
{
    (void)state;
    const char *settings =
        DEFAULTS "smtpd_recipient_restrictions = reject_unknown_recipient_domain\n";
    assert_string_equal(to_recipient(settings, "127.0.0.1", "x@nomail.example"),
                        "556 5.1.10 <x@nomail.example>: Recipient address rejected: "
                        "Domain nomail.example does not accept mail (nullMX)");
    assert_string_equal(
        to_recipient(settings, "127.0.0.1", "x@unknown.example"),
        "450 4.1.2 <x@unknown.example>: Recipient address rejected: Domain not found");
    assert_string_equal(to_recipient(settings, "127.0.0.1", "x@good.example"), "");
}

/* S210: the HELO name must exist. */
static void unknown_helo(void **state)
{
    (void)state;
    q = (struct question){.settings = DEFAULTS
                          "smtpd_helo_restrictions = reject_unknown_helo_hostname\n",
                          .client = OUTSIDE,
                          .sender = "a@b",
                          .recipient = "chris@maison.mrs",
                          .helo = "mx.good.example"};
    ask_question(&q);
    assert_false(q.refused);
    q.helo = "unknown.example";
    ask_question(&q);
    assert_string_equal(
        q.reply, "450 4.7.1 <unknown.example>: Helo command rejected: Host not found");
}

/* S211: what DNS says behind a name, by name and by address. */
static void hosts_behind_names(void **state)
{
    (void)state;
    static const struct {
        const char *restriction, *sender;
        bool refused;
    } cases[] = {
        {"check_sender_mx_access inline:{{mx.good.example=REJECT}}", "a@good.example",
         true},
        {"check_sender_mx_access inline:{{192.0.2=REJECT}}", "a@good.example", true},
        {"check_sender_mx_access inline:{{192.0.3=REJECT}}", "a@good.example", false},
        {"check_sender_mx_access inline:{{192.0.2.26=REJECT}}", "a@nomx.example", true},
        {"check_sender_mx_access static:REJECT", "a@broken.example", false},
        {"check_sender_mx_access inline:{{192.0.2.9=REJECT}}", "a@[192.0.2.9]", true},
        {"check_sender_ns_access inline:{{bad.example=REJECT}}", "a@good.example", true},
        {"check_sender_ns_access inline:{{bad.example=REJECT}}", "a@deep.in.good.example",
         true},
        {"check_sender_ns_access inline:{{192.0.2.53=REJECT}}", "a@good.example", true},
        {"check_sender_a_access cidr:{{192.0.2.24/29 REJECT}}", "a@mx.good.example",
         true},
        {"check_sender_a_access cidr:{{192.0.2.24/29 REJECT}}", "a@good.example", false},
        {"check_sender_mx_access static:REJECT", "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str settings = STR_INIT(4096);
        str_addf(&settings, DEFAULTS "smtpd_sender_restrictions = %s\n",
                 cases[i].restriction);
        (void)from_sender(str_cstr(&settings), cases[i].sender);
        assert_int_equal(q.refused, cases[i].refused);
        str_done(&settings);
    }
    q = (struct question){.settings =
                              DEFAULTS "smtpd_helo_restrictions = check_helo_mx_access "
                                       "inline:{{192.0.2.25=554 5.7.1 no}}\n",
                          .client = OUTSIDE,
                          .sender = "a@b",
                          .recipient = "chris@maison.mrs",
                          .helo = "good.example"};
    ask_question(&q);
    assert_string_equal(q.reply, "554 5.7.1 <good.example>: Helo command rejected: no");
}

/* S015: we take mail for whom we are a backup of, and, when it is said, only for known
 * primaries. */
static void mx_backup(void **state)
{
    (void)state;
    const char *settings =
        "smtpd_relay_restrictions = permit_mx_backup, reject_unauth_destination\n"
        "smtpd_recipient_restrictions =\n";
    assert_string_equal(to_recipient(settings, OUTSIDE, "x@backup.example"), "");
    assert_string_equal(to_recipient(settings, OUTSIDE, "x@named.example"), "");
    assert_string_equal(to_recipient(settings, OUTSIDE, "chris@maison.mrs"), "");
    assert_string_not_equal(to_recipient(settings, OUTSIDE, "x@good.example"), "");
    assert_true(
        ask(settings, OUTSIDE, "a@b", "x%unknown.example@backup.example").refused);
    (void)to_recipient(settings, OUTSIDE, "x@broken.example");
    assert_int_equal(q.code, 450);
    const char *restricted =
        "smtpd_relay_restrictions = permit_mx_backup, reject_unauth_destination\n"
        "permit_mx_backup_networks = 198.51.100.0/24\n";
    assert_string_not_equal(to_recipient(restricted, OUTSIDE, "x@backup.example"), "");
    const char *known =
        "smtpd_relay_restrictions = permit_mx_backup, reject_unauth_destination\n"
        "permit_mx_backup_networks = 192.0.2.0/24\n";
    assert_string_equal(to_recipient(known, OUTSIDE, "x@backup.example"), "");
}

static int setup(void **state)
{
    (void)state;
    test_nameserver_start(&server, python, script, zone);
    dns_init(view_of(server.address));
    loop_init();
    keep_logged();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dns_done();
    test_nameserver_stop(&server);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_sender_domain),
        cmocka_unit_test(unknown_recipient_domain),
        cmocka_unit_test(unknown_helo),
        cmocka_unit_test(hosts_behind_names),
        cmocka_unit_test(mx_backup),
    };
    if (argc < 3)
        return 2;
    python = argv[1];
    script = argv[2];
    return cmocka_run_group_tests(tests, setup, teardown);
}
