/* policy_test - requests, replies and options of policy servers; patterns of DNS lists */
#include "access/access_test_help.h"
#include "access/internal.h"
#include "access/policy_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* The action in REPLY; NULL when it is no good. */
static const char *action_in(const char *reply)
{
    static char kept[256];
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct view action;
    struct stream *s = stream_open_memory(view_of(reply), NULL);
    bool good = policy_reply_read(s, a, &action, &e);
    assert_true(good == !error_is_set(&e));
    if (good)
        (void)snprintf(kept, sizeof kept, "%.*s", VIEW_FMT(action));
    stream_close(s);
    arena_free(a);
    return good ? kept : NULL;
}

static void replies(void **state)
{
    (void)state;
    assert_string_equal(action_in("action=dunno\n\n"), "dunno");
    assert_string_equal(action_in("x=y\r\naction = 450 4.7.1 a=b\r\n\r\n"),
                        "450 4.7.1 a=b");
    assert_null(action_in("action=dunno\n"));
    assert_null(action_in("action=\n\n"));
    assert_null(action_in("\n"));
    assert_null(action_in("reject\n\n"));
    assert_null(action_in("action=\xff\n\n"));
    assert_null(action_in(""));
}

static void options(void **state)
{
    (void)state;
    struct conf *c = load_settings("smtpd_policy_service_timeout = 7s\n");
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct policy_service p = {.conf = c};
    assert_true(policy_options_read(&p, a, VIEW("unix:private/policy"), &e));
    assert_int_equal(p.timeout, 7 * CLOCK_SECOND);
    assert_int_equal(p.try_limit, 2);
    assert_true(policy_options_read(
        &p, a,
        VIEW("inet:host:25, timeout=3s try_limit=1, { default_action = 450 no answer }, "
             "policy_context=here, max_idle=1h"),
        &e));
    assert_true(view_eq(p.endpoint, VIEW("inet:host:25")));
    assert_true(view_eq(p.default_action, VIEW("450 no answer")));
    assert_true(view_eq(p.context, VIEW("here")));
    assert_int_equal(p.timeout, 3 * CLOCK_SECOND);
    assert_int_equal(p.max_idle, 3600 * CLOCK_SECOND);
    assert_false(policy_options_read(&p, a, VIEW("inet:host:25, patience=3s"), &e));
    assert_false(policy_options_read(&p, a, VIEW("nowhere"), &e));
    arena_free(a);
    conf_free(c);
}

/* All attributes of the protocol, and no way to add one from outside. */
static void request(void **state)
{
    (void)state;
    static const char *const names[] = {"request",
                                        "protocol_state",
                                        "protocol_name",
                                        "helo_name",
                                        "queue_id",
                                        "sender",
                                        "recipient",
                                        "recipient_count",
                                        "client_address",
                                        "client_name",
                                        "reverse_client_name",
                                        "instance",
                                        "sasl_method",
                                        "sasl_username",
                                        "sasl_sender",
                                        "size",
                                        "ccert_subject",
                                        "ccert_issuer",
                                        "ccert_fingerprint",
                                        "encryption_protocol",
                                        "encryption_cipher",
                                        "encryption_keysize",
                                        "etrn_domain",
                                        "stress",
                                        "ccert_pubkey_fingerprint",
                                        "client_port",
                                        "policy_context",
                                        "server_address",
                                        "server_port",
                                        "compatibility_level",
                                        "mail_version",
                                        "tls_sni"};
    struct conf *c = load_settings("stress = yes\n");
    struct policy_service p = {.conf = c, .context = VIEW("door")};
    struct access_subject s = {.helo_name = VIEW("a\nsender=x"),
                               .where = "BDAT",
                               .command = "BDAT",
                               .recipients = 3,
                               .ccert_subject = VIEW("Wietse Venema")};
    struct str out = STR_INIT(65536);
    policy_request_write(&p, &s, &out);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char line[80];
        (void)snprintf(line, sizeof line, "%s%s=", i ? "\n" : "", names[i]);
        if (!strstr(str_cstr(&out), line))
            fail_msg("no %s in %s", names[i], str_cstr(&out));
    }
    assert_non_null(strstr(str_cstr(&out), "protocol_state=DATA\n"));
    assert_non_null(strstr(str_cstr(&out), "recipient_count=3\n"));
    assert_non_null(strstr(str_cstr(&out), "helo_name=a?sender=x\n"));
    assert_non_null(strstr(str_cstr(&out), "ccert_subject=Wietse+20Venema\n"));
    assert_non_null(strstr(str_cstr(&out), "stress=yes\n"));
    assert_true(view_ends(str_view(&out), VIEW("\n\n")));
    str_done(&out);
    conf_free(c);
}

static void patterns(void **state)
{
    (void)state;
    struct view a = VIEW("127.0.0.4");
    assert_true(rbl_pattern_matches(VIEW("127.0.0.4"), a));
    assert_true(rbl_pattern_matches(VIEW("127.0.0.[1;3..5]"), a));
    assert_true(rbl_pattern_matches(VIEW("[120..130].0.[0].[4]"), a));
    assert_false(rbl_pattern_matches(VIEW("127.0.0.[1;5..9]"), a));
    assert_false(rbl_pattern_matches(VIEW("127.0.0.4"), VIEW("127.0.0")));
    assert_true(rbl_pattern_is_valid(VIEW("127.0.[0..255].[1;2]")));
    static const char *const bad[] = {
        "127.0.0",        "127.0.0.4.",   "127.0.0.256", "127.0.0.[4", "127.0.0.[]",
        "127.0.0.[5..4]", "127.0.0.[4]x", "a.b.c.d",     "",           "127.0.0.4.5"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (rbl_pattern_is_valid(view_of(bad[i])) ||
            rbl_pattern_matches(view_of(bad[i]), a))
            fail_msg("%s", bad[i]);
    }
}

/* S213: soft scores add up, and a warning reaches the next restriction alone. */
static void scores(void **state)
{
    (void)state;
    const char *settings = DEFAULTS
        "smtpd_helo_restrictions = score_if_reject 2, reject_non_fqdn_helo_hostname\n"
        "smtpd_sender_restrictions = score_if_reject 3, reject_non_fqdn_sender\n"
        "smtpd_recipient_restrictions = reject_score 5, permit\n";
    struct question q = {.settings = settings,
                         .client = OUTSIDE,
                         .helo = "short",
                         .sender = "a@short",
                         .recipient = "chris@maison.mrs"};
    ask_question(&q);
    assert_string_equal(
        q.reply, "554 5.7.1 <chris@maison.mrs>: Recipient address rejected: score 5");
    q = (struct question){.settings = settings,
                          .client = OUTSIDE,
                          .helo = "short",
                          .sender = "a@full.example",
                          .recipient = "chris@maison.mrs"};
    ask_question(&q);
    assert_string_equal(q.reply, "");
    assert_non_null(strstr(str_cstr(&logged), "reject_warning: "));
    assert_true(ask(DEFAULTS "smtpd_sender_restrictions = warn_if_reject, "
                             "reject_unlisted_sender, reject_non_fqdn_sender\n",
                    OUTSIDE, "a@short", "chris@maison.mrs")
                    .refused);
}

/* S206: what lets a client pass can be logged. */
static void permits(void **state)
{
    (void)state;
    (void)ask("smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n"
              "smtpd_log_access_permit_actions = static:all\n",
              "127.0.0.1", "a@b", "chris@maison.mrs");
    assert_non_null(strstr(str_cstr(&logged),
                           "NOQUEUE: permit: RCPT from host.example[127.0.0.1]: "
                           "action=permit_mynetworks for Client host="
                           "host.example[127.0.0.1] ; from=<a@b>"));
}

/* A status that a table gives is made to fit what it is about. */
static void fitting_status(void **state)
{
    (void)state;
    char status[12] = "5.1.1";
    access_fix_status(status, ACCESS_SENDER);
    assert_string_equal(status, "5.1.7");
    memcpy(status, "5.1.8", 6);
    access_fix_status(status, ACCESS_RECIPIENT);
    assert_string_equal(status, "5.1.2");
    memcpy(status, "4.1.7", 6);
    access_fix_status(status, ACCESS_CLIENT);
    assert_string_equal(status, "4.0.0");
    memcpy(status, "5.7.1", 6);
    access_fix_status(status, ACCESS_CLIENT);
    assert_string_equal(status, "5.7.1");
}

int main(void)
{
    loop_init();
    keep_logged();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies),        cmocka_unit_test(options),
        cmocka_unit_test(request),        cmocka_unit_test(patterns),
        cmocka_unit_test(scores),         cmocka_unit_test(permits),
        cmocka_unit_test(fitting_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
