/* access_test - restriction lists: order, soft refusals, access(5) actions */
#include "access/access_test_help.h"

#include "base/log.h"
#include "run/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* S203 S205: strangers may write to us, not through us. */
static void test_relay_control(void **state)
{
    (void)state;
    struct question q = ask(DEFAULTS, OUTSIDE, "a@b.example", "x@outside.example");
    assert_string_equal(q.reply, "554 5.7.1 <x@outside.example>: Relay access denied");
    assert_string_equal(str_cstr(&logged),
                        "NOQUEUE: reject: RCPT from host.example[192.0.2.7]: 554 5.7.1 "
                        "<x@outside.example>: Relay access denied; from=<a@b.example> "
                        "to=<x@outside.example> proto=ESMTP helo=<host.example>\n");
    assert_false(ask(DEFAULTS, "127.0.0.1", "a@b", "x@outside.example").refused);
    assert_false(ask(DEFAULTS, OUTSIDE, "a@b", "chris@maison.mrs").refused);
}

/* A main.cf of before the relay list: strangers are stopped, known networks relay. */
static void test_older_configuration(void **state)
{
    (void)state;
    assert_int_equal(ask("", OUTSIDE, "a@b", "x@outside.example").code, 554);
    assert_false(ask("", "127.0.0.1", "a@b", "x@outside.example").refused);
    assert_false(ask("", OUTSIDE, "a@b", "chris@maison.mrs").refused);
}

static void test_relay_probes(void **state)
{
    (void)state;
    static const char *const probes[] = {
        "x%outside.example@maison.mrs",  "outside.example!x@maison.mrs",
        "x@outside.example@maison.mrs",  "x@[192.0.2.9]",
        "x%outside.example@[192.0.2.9]", "outside.example!x"};
    for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++)
        assert_true(ask(DEFAULTS, OUTSIDE, "", probes[i]).refused);
}

/* Refused at RCPT, also for trusted clients. */
static void test_unknown_recipient(void **state)
{
    (void)state;
    struct question q = ask(DEFAULTS, "127.0.0.1", "a@b", "nobody@maison.mrs");
    assert_string_equal(q.reply,
                        "550 5.1.1 <nobody@maison.mrs>: Recipient address rejected: "
                        "User unknown in local recipient table");
}

/* S154 S155: the three-line access table of the course. */
static void test_course_access_table(void **state)
{
    (void)state;
    const char *settings = DEFAULTS
        "smtpd_sender_restrictions = check_sender_access inline:{{isima.fr=RELAY}, "
        "{gargamel.isima.fr=OK}, {chef@boulout.net=REJECT}}\n";
    assert_string_equal(
        ask(settings, "127.0.0.1", "chef@boulout.net", "chris@maison.mrs").reply,
        "554 5.7.1 <chef@boulout.net>: Sender address rejected: Access denied");
    assert_false(ask(settings, OUTSIDE, "a@isima.fr", "chris@maison.mrs").refused);
}

static void test_actions(void **state)
{
    (void)state;
    struct question q = ask(
        DEFAULTS
        "smtpd_recipient_restrictions = check_client_access inline:{{192.0.2=HOLD wait}},"
        " check_sender_access inline:{{b.example=FILTER smtp:scan}},"
        " check_recipient_access inline:{{maison.mrs=PREPEND X-Seen: yes}}, permit\n",
        OUTSIDE, "a@b.example", "chris@maison.mrs");
    assert_false(q.refused);
    assert_string_equal(q.effects, "2:wait;0:smtp:scan;4:X-Seen: yes;");
}

/* What TABLE_ENTRY as the answer for the sender does at RCPT. */
static struct question with_action(const char *action, bool content_received)
{
    static struct str settings;
    str_done(&settings);
    str_init(&settings, 4096);
    str_addf(&settings,
             DEFAULTS "access_map_reject_code = 551\n"
                      "smtpd_sender_restrictions = check_sender_access "
                      "inline:{{a@b.example=%s}}, permit\n",
             action);
    struct question q = {.settings = str_cstr(&settings),
                         .client = "127.0.0.1",
                         .sender = "a@b.example",
                         .recipient = "x@outside.example",
                         .content_received = content_received};
    ask_question(&q);
    return q;
}

/* S154 S206: every right-hand side of access(5). */
static void test_every_action(void **state)
{
    (void)state;
    static const struct {
        const char *action, *reply, *effects, *log;
    } cases[] = {
        {"OK", "", "", NULL},
        {"RELAY", "", "", NULL},
        {"12345", "", "", NULL},
        {"DUNNO", "", "", NULL},
        {"dunno", "", "", NULL},
        {"REJECT", "551 5.7.1 <a@b.example>: Sender address rejected: Access denied", "",
         "NOQUEUE: reject: RCPT from host.example[127.0.0.1]: 551 5.7.1 "},
        {"REJECT not you", "551 5.7.1 <a@b.example>: Sender address rejected: not you",
         "", NULL},
        {"REJECT 5.7.9 not you",
         "551 5.7.9 <a@b.example>: Sender address rejected: not you", "", NULL},
        {"DEFER", "450 4.7.1 <a@b.example>: Sender address rejected: Access denied", "",
         NULL},
        {"DEFER_IF_PERMIT",
         "450 4.7.1 <a@b.example>: Sender address rejected: Service unavailable", "",
         NULL},
        {"DEFER_IF_REJECT 4.7.8 x", "", "", NULL},
        {"450 later", "450 4.7.1 <a@b.example>: Sender address rejected: later", "",
         NULL},
        {"554 5.1.8 no", "554 5.1.8 <a@b.example>: Sender address rejected: no", "",
         NULL},
        {"554 4.1.8 no", "554 5.1.8 <a@b.example>: Sender address rejected: no", "",
         NULL},
        {"521", "", "", NULL},
        {"WARN look", "", "",
         "NOQUEUE: warn: RCPT from host.example[127.0.0.1]: look; from=<a@b.example> "
         "to=<x@outside.example>"},
        {"INFO look", "", "", "NOQUEUE: info: "},
        {"HOLD wait", "", "2:wait;", "]: <a@b.example>: Sender address wait; "},
        {"HOLD", "", "2:;", "Sender address triggers HOLD action; "},
        {"DISCARD gone", "", "3:gone;", "NOQUEUE: discard: "},
        {"FILTER smtp:[127.0.0.1]:10026", "", "0:smtp:[127.0.0.1]:10026;",
         "NOQUEUE: filter: "},
        {"REDIRECT c@d.example", "", "1:c@d.example;", "NOQUEUE: redirect: "},
        {"BCC c@d.example", "", "5:c@d.example;", "NOQUEUE: bcc: "},
        {"PREPEND X-Seen: yes", "", "4:X-Seen: yes;", NULL},
        {"FILTER nothing", "", "", "warning: access table inline:"},
        {"REDIRECT nobody", "", "", "warning: access table inline:"},
        {"PREPEND nothing", "", "", "warning: access table inline:"},
        {"reject_unauth_destination, permit",
         "554 5.7.1 <x@outside.example>: Relay access denied", "", NULL},
        {"FROBNICATE now", "451 4.3.5 Server configuration error", "",
         "unknown smtpd restriction"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct question q = with_action(cases[i].action, false);
        assert_string_equal(q.reply, cases[i].reply);
        assert_int_equal(q.refused, cases[i].reply[0] != '\0');
        assert_string_equal(q.effects, cases[i].effects);
        if (cases[i].log)
            assert_non_null(strstr(str_cstr(&logged), cases[i].log));
    }
    assert_false(with_action("PREPEND X-Seen: yes", true).refused);
}

/* A table that sends to itself ends, and the mail waits. */
static void test_endless_nesting(void **state)
{
    (void)state;
    struct question q = ask(DEFAULTS "smtpd_restriction_classes = again\n"
                                     "again = check_sender_access static:again\n"
                                     "smtpd_sender_restrictions = again\n",
                            OUTSIDE, "a@b.example", "chris@maison.mrs");
    assert_int_equal(q.code, 451);
    assert_non_null(strstr(str_cstr(&logged), "restrictions nested too deeply"));
}

/* Keys in access(5)'s order; the first that is there counts. */
static void test_keys(void **state)
{
    (void)state;
    static const struct {
        const char *restriction, *table, *answer;
    } cases[] = {
        {"check_recipient_access", "chris+x@maison.mrs=REJECT 1", "1"},
        {"check_recipient_access", "chris@maison.mrs=REJECT 2", "2"},
        {"check_recipient_access", "maison.mrs=REJECT 3", "3"},
        {"check_recipient_access", "mrs=REJECT 4", "4"},
        {"check_recipient_access", "chris+x@=REJECT 5", "5"},
        {"check_recipient_access", "chris@=REJECT 6", "6"},
        {"check_recipient_access", ".mrs=REJECT 7", NULL},
        {"check_recipient_access", "chris=REJECT 8", NULL},
        {"check_client_access", "host.example=REJECT 9", "9"},
        {"check_client_access", "example=REJECT 10", "10"},
        {"check_client_access", "192.0.2.7=REJECT 11", "11"},
        {"check_client_access", "192.0.2=REJECT 12", "12"},
        {"check_client_access", "192=REJECT 13", "13"},
        {"check_client_access", "192.0.2.=REJECT 14", NULL},
        {"check_client_access", "192.0.2.0/24=REJECT 15", NULL},
        {"check_helo_access", "host.example=REJECT 16", "16"},
        {"check_helo_access", "example=REJECT 17", "17"},
        {"check_reverse_client_hostname_access", "example=REJECT 18", "18"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str settings = STR_INIT(4096), end = STR_INIT(64);
        str_addf(&settings,
                 DEFAULTS "recipient_delimiter = +\nsmtpd_recipient_restrictions = %s "
                          "inline:{{%s}}, permit\n",
                 cases[i].restriction, cases[i].table);
        struct question q =
            ask(str_cstr(&settings), OUTSIDE, "a@b.example", "chris+x@maison.mrs");
        assert_int_equal(q.refused, cases[i].answer != NULL);
        str_addf(&end, "rejected: %s", cases[i].answer ? cases[i].answer : "");
        assert_true(!cases[i].answer || view_ends(view_of(q.reply), str_view(&end)));
        str_done(&settings);
        str_done(&end);
    }
    assert_true(ask(DEFAULTS "parent_domain_matches_subdomains =\n"
                             "smtpd_client_restrictions = check_client_access "
                             "inline:{{.example=REJECT}}\n",
                    OUTSIDE, "a@b", "chris@maison.mrs")
                    .refused);
}

/* Patterns see whole keys only. */
static void test_patterns_see_whole_keys(void **state)
{
    (void)state;
    assert_false(ask(DEFAULTS "smtpd_recipient_restrictions = check_recipient_access "
                              "regexp:{{/^maison\\.mrs$$/ REJECT}}, permit\n",
                     OUTSIDE, "a@b", "chris@maison.mrs")
                     .refused);
    assert_true(ask(DEFAULTS "smtpd_recipient_restrictions = check_recipient_access "
                             "regexp:{{/@maison\\.mrs$$/ REJECT}}, permit\n",
                    OUTSIDE, "a@b", "chris@maison.mrs")
                    .refused);
    assert_true(ask(DEFAULTS "smtpd_client_restrictions = check_client_access "
                             "cidr:{{192.0.2.0/24 REJECT}}\n",
                    OUTSIDE, "a@b", "chris@maison.mrs")
                    .refused);
}

/* S203: an OK for our domain does not open a way behind it. */
static void test_ok_does_not_relay(void **state)
{
    (void)state;
    struct question q = ask("smtpd_relay_restrictions =\nsmtpd_recipient_restrictions = "
                            "check_recipient_access inline:{{maison.mrs=OK}}, "
                            "reject_unauth_destination\n",
                            OUTSIDE, "", "\"x@outside.example\"@maison.mrs");
    assert_true(q.refused);
}

/* The null sender has a key of its own; an address without domain is one of ours. */
static void test_null_and_bare_keys(void **state)
{
    (void)state;
    assert_true(ask(DEFAULTS "smtpd_sender_restrictions = check_sender_access "
                             "inline:{{<>=REJECT}}\n",
                    "127.0.0.1", "", "chris@maison.mrs")
                    .refused);
    assert_true(ask(DEFAULTS "smtpd_recipient_restrictions = check_recipient_access "
                             "inline:{{postmaster@gw1.maison.mrs=REJECT}}, permit\n",
                    OUTSIDE, "a@b", "postmaster")
                    .refused);
}

/* S209 S210: what can be wrong with a HELO name. */
static void test_helo_names(void **state)
{
    (void)state;
    static const struct {
        const char *restriction, *helo, *reply;
    } cases[] = {
        {"reject_invalid_helo_hostname", "not..valid",
         "501 5.5.2 <not..valid>: Helo command rejected: Invalid name"},
        {"reject_invalid_helo_hostname", "[192.0.2.7]", ""},
        {"reject_invalid_helo_hostname", "[192.0.2.777]",
         "501 5.5.2 <[192.0.2.777]>: Helo command rejected: invalid ip address"},
        {"reject_invalid_helo_hostname", "host.example.", ""},
        {"reject_non_fqdn_helo_hostname", "host",
         "504 5.5.2 <host>: Helo command rejected: need fully-qualified hostname"},
        {"reject_non_fqdn_helo_hostname", "host.example", ""},
        {"reject_non_fqdn_helo_hostname", "[IPv6:2001:db8::1]", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str settings = STR_INIT(4096);
        str_addf(&settings, DEFAULTS "smtpd_helo_restrictions = %s\n",
                 cases[i].restriction);
        struct question q = {.settings = str_cstr(&settings),
                             .client = OUTSIDE,
                             .sender = "a@b",
                             .recipient = "chris@maison.mrs",
                             .helo = cases[i].helo};
        ask_question(&q);
        assert_string_equal(q.reply, cases[i].reply);
        str_done(&settings);
    }
    /* A number has no parents. */
    struct question q = {.settings = DEFAULTS "smtpd_helo_restrictions = "
                                              "check_helo_access inline:{{2.7=REJECT}}\n",
                         .client = OUTSIDE,
                         .sender = "a@b",
                         .recipient = "chris@maison.mrs",
                         .helo = "192.0.2.7"};
    ask_question(&q);
    assert_false(q.refused);
}

/* S048: clients without a name, for good or for now. */
static void test_client_names(void **state)
{
    (void)state;
    struct question q = {
        .settings = DEFAULTS
        "smtpd_client_restrictions = reject_unknown_reverse_client_hostname, "
        "reject_unknown_client_hostname\nunknown_client_reject_code = 550\n",
        .client = OUTSIDE,
        .sender = "a@b",
        .recipient = "chris@maison.mrs",
        .name_status = ACCESS_NAME_PERMFAIL};
    ask_question(&q);
    assert_string_equal(q.reply, "550 5.7.25 Client host rejected: cannot find your "
                                 "hostname, [192.0.2.7]");
    q.reverse_status = ACCESS_NAME_TEMPFAIL;
    ask_question(&q);
    assert_string_equal(q.reply, "450 4.7.1 Client host rejected: cannot find your "
                                 "reverse hostname, [192.0.2.7]");
}

static void test_stages_of_their_own(void **state)
{
    (void)state;
    struct question q = {.settings = DEFAULTS "smtpd_data_restrictions = "
                                              "reject_unauth_pipelining, "
                                              "reject_multi_recipient_bounce\n",
                         .client = OUTSIDE,
                         .sender = "",
                         .recipients = 2,
                         .stage = ACCESS_DATA,
                         .at_stage = true};
    ask_question(&q);
    assert_string_equal(
        q.reply, "550 5.5.3 <DATA>: Data command rejected: Multi-recipient bounce");
    q.pipelined = true;
    ask_question(&q);
    assert_string_equal(q.reply, "503 5.5.0 <DATA>: Data command rejected: Improper use "
                                 "of SMTP command pipelining");
}

/* The two lists of the recipient may stand in either order. */
static void test_defer_unauth(void **state)
{
    (void)state;
    assert_string_equal(ask("smtpd_relay_restrictions = defer_unauth_destination\n",
                            OUTSIDE, "a@b", "x@outside.example")
                            .reply,
                        "454 4.7.1 <x@outside.example>: Relay access denied");
    assert_false(ask("smtpd_relay_restrictions = permit_auth_destination, reject\n",
                     OUTSIDE, "a@b", "chris@maison.mrs")
                     .refused);
    assert_true(ask("smtpd_relay_restrictions = permit_inet_interfaces, reject\n",
                    OUTSIDE, "a@b", "chris@maison.mrs")
                    .refused);
    assert_false(ask("smtpd_relay_restrictions = permit_inet_interfaces, reject\n",
                     "127.0.0.1", "a@b", "chris@maison.mrs")
                     .refused);
}

/* A soft failure counts only when the request would be permitted. */
static void test_defer_if_permit(void **state)
{
    (void)state;
    const char *settings = DEFAULTS "smtpd_sender_restrictions = check_sender_access "
                                    "inline:{{b.example=DEFER_IF_PERMIT 4.7.9 later}}\n";
    assert_string_equal(ask(settings, OUTSIDE, "a@b.example", "chris@maison.mrs").reply,
                        "450 4.7.9 <a@b.example>: Sender address rejected: later");
    assert_string_equal(ask(settings, OUTSIDE, "a@b.example", "x@outside.example").reply,
                        "554 5.7.1 <x@outside.example>: Relay access denied");
}

static void test_warn_if_reject(void **state)
{
    (void)state;
    struct question q =
        ask(DEFAULTS "smtpd_recipient_restrictions = warn_if_reject reject, permit\n",
            OUTSIDE, "a@b", "chris@maison.mrs");
    assert_false(q.refused);
    assert_non_null(strstr(str_cstr(&logged), "NOQUEUE: reject_warning: RCPT from"));
}

static void test_soft_bounce_and_classes(void **state)
{
    (void)state;
    struct question q =
        ask(DEFAULTS "soft_bounce = yes\nsmtpd_restriction_classes = strict\n"
                     "strict = reject\nsmtpd_recipient_restrictions = strict\n",
            OUTSIDE, "a@b", "chris@maison.mrs");
    assert_string_equal(
        q.reply,
        "454 4.7.1 <chris@maison.mrs>: Recipient address rejected: Access denied");
}

/* A broken table defers, it does not bounce and does not permit. */
static void test_table_error(void **state)
{
    (void)state;
    struct question q = ask(
        DEFAULTS "smtpd_recipient_restrictions = check_client_access fail:x, permit\n",
        OUTSIDE, "a@b", "chris@maison.mrs");
    assert_true(q.refused);
    assert_int_equal(q.code, 451);
}

/* Mistakes are told at the start, with the parameter's name. */
static void test_errors_at_start(void **state)
{
    (void)state;
    static const struct {
        const char *settings, *text;
    } bad[] = {
        {"smtpd_client_restrictions = reject_everybody\n",
         "parameter smtpd_client_restrictions: unknown smtpd restriction: "
         "\"reject_everybody\""},
        {"smtpd_client_restrictions = check_client_access\n",
         "parameter smtpd_client_restrictions: restriction check_client_access needs an "
         "argument"},
        {"smtpd_relay_restrictions = permit\nsmtpd_recipient_restrictions =\n",
         "specify at least one working instance of"},
        {"smtpd_recipient_restrictions = permit\ncompatibility_level = 0\n",
         "specify at least one working instance of"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct conf *c = load_settings(bad[i].settings);
        struct error e = ERROR_INIT;
        struct rewrite *rewrite = rewrite_new(c);
        struct recipients *recipients = recipients_new(c, rewrite);
        assert_null(access_new(c, rewrite, recipients, &e));
        assert_non_null(strstr(e.text, bad[i].text));
        recipients_free(recipients);
        rewrite_free(rewrite);
        conf_free(c);
    }
}

static int setup(void **state)
{
    (void)state;
    loop_init();
    keep_logged();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relay_control),
        cmocka_unit_test(test_older_configuration),
        cmocka_unit_test(test_relay_probes),
        cmocka_unit_test(test_unknown_recipient),
        cmocka_unit_test(test_course_access_table),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_every_action),
        cmocka_unit_test(test_endless_nesting),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_patterns_see_whole_keys),
        cmocka_unit_test(test_ok_does_not_relay),
        cmocka_unit_test(test_null_and_bare_keys),
        cmocka_unit_test(test_helo_names),
        cmocka_unit_test(test_client_names),
        cmocka_unit_test(test_stages_of_their_own),
        cmocka_unit_test(test_defer_unauth),
        cmocka_unit_test(test_defer_if_permit),
        cmocka_unit_test(test_warn_if_reject),
        cmocka_unit_test(test_soft_bounce_and_classes),
        cmocka_unit_test(test_table_error),
        cmocka_unit_test(test_errors_at_start),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
