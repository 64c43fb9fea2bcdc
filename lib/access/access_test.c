/* access_test - restriction lists: order, soft refusals, access(5) actions */
#include "access/access.h"

#include "base/log.h"
#include "base/memory.h"
#include "run/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct str logged;

static void keep_log(enum log_level level, const char *text)
{
    (void)level;
    str_addf(&logged, "%s\n", text);
}

static struct conf *load(const char *settings)
{
    char directory[] = "/tmp/dlg.XXXXXX", path[64];
    struct error e = ERROR_INIT;
    struct conf *c = NULL;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/main.cf", directory);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fprintf(f,
                  "myhostname = gw1.maison.mrs\nmydestination = maison.mrs\n"
                  "mynetworks = 127.0.0.0/8\nlocal_recipient_maps = inline:{chris=x}\n"
                  "alias_maps =\n%s\n",
                  settings);
    (void)fclose(f);
    if (!conf_load(directory, NULL, 0, &c, &e))
        fail_msg("%s", error_cstr(&e));
    (void)unlink(path);
    (void)rmdir(directory);
    return c;
}

struct question {
    const char *settings, *client, *sender, *recipient;
    struct access_outcome outcome;
    char reply[512];
    char effects[256];
};

static void ask_fiber(void *arg)
{
    struct question *q = arg;
    struct conf *c = load(q->settings);
    struct error e = ERROR_INIT;
    struct rewrite *rewrite = rewrite_new(c);
    struct recipients *recipients = recipients_new(c, rewrite);
    struct access *a = access_new(c, rewrite, recipients, &e);
    struct arena *arena = arena_new();
    if (!a)
        fail_msg("%s", e.text);
    struct access_subject s = {
        .client_name = VIEW("host.example"),
        .reverse_name = VIEW("host.example"),
        .client_address = view_of(q->client),
        .client_display = arena_printf(arena, "host.example[%s]", q->client),
        .helo_name = VIEW("host.example"),
        .protocol = VIEW("ESMTP"),
        .sender = view_of(q->sender),
        .has_sender = true,
        .recipient = view_of(q->recipient),
        .command = "RCPT",
    };
    access_evaluate_recipient(a, &s, arena, &q->outcome);
    (void)snprintf(q->reply, sizeof q->reply, "%.*s", VIEW_FMT(q->outcome.reply));
    for (struct access_effect *x = q->outcome.effects; x; x = x->next)
        (void)snprintf(q->effects + strlen(q->effects), 64, "%d:%.*s;", (int)x->kind,
                       VIEW_FMT(x->value));
    arena_free(arena);
    access_free(a);
    recipients_free(recipients);
    rewrite_free(rewrite);
    conf_free(c);
}

static struct question ask(const char *settings, const char *client, const char *sender,
                           const char *recipient)
{
    struct question q = {
        .settings = settings, .client = client, .sender = sender, .recipient = recipient};
    str_done(&logged);
    str_init(&logged, 65536);
    (void)fiber_spawn("ask", ask_fiber, &q);
    loop_run();
    return q;
}

#define OUTSIDE "192.0.2.7"
#define DEFAULTS                                                                         \
    "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n"

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
    assert_false(ask(DEFAULTS, "127.0.0.1", "a@b", "x@outside.example").outcome.refused);
    assert_false(ask(DEFAULTS, OUTSIDE, "a@b", "chris@maison.mrs").outcome.refused);
}

static void test_relay_probes(void **state)
{
    (void)state;
    static const char *const probes[] = {
        "x%outside.example@maison.mrs",  "outside.example!x@maison.mrs",
        "x@outside.example@maison.mrs",  "x@[192.0.2.9]",
        "x%outside.example@[192.0.2.9]", "outside.example!x"};
    for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++)
        assert_true(ask(DEFAULTS, OUTSIDE, "", probes[i]).outcome.refused);
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
    assert_false(
        ask(settings, OUTSIDE, "a@isima.fr", "chris@maison.mrs").outcome.refused);
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
    assert_false(q.outcome.refused);
    assert_string_equal(q.effects, "2:wait;0:smtp:scan;4:X-Seen: yes;");
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
    assert_false(q.outcome.refused);
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
    assert_true(q.outcome.refused);
    assert_int_equal(q.outcome.code, 451);
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
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct conf *c = load(bad[i].settings);
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
    log_set_hook(keep_log);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relay_control),
        cmocka_unit_test(test_relay_probes),
        cmocka_unit_test(test_unknown_recipient),
        cmocka_unit_test(test_course_access_table),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_defer_if_permit),
        cmocka_unit_test(test_warn_if_reject),
        cmocka_unit_test(test_soft_bounce_and_classes),
        cmocka_unit_test(test_table_error),
        cmocka_unit_test(test_errors_at_start),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
