/* error_test - the real program, asked by a queue manager of the test */
#include "agent/agent_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *path_of_program;
static struct driver_answer a;
static char log_text[2000];

static const struct driver_request request = {
    .sender = "eme13@enprovence.com",
    .recipients = {"chris@maison.mrs", "Root@maison.mrs"},
    .originals = {"c@maison.mrs", "root@maison.mrs"},
    .content = "Subject: x\n\nx\n"};

/* Ask once; the answer is in a, the log lines in log_text. */
static void run(const char *name, const char *service, const char *main_cf,
                const struct driver_request *r)
{
    struct driver d;

    driver_init(&d, path_of_program, name, service, main_cf);
    driver_start(&d, NULL);
    driver_deliver(&d, r, &a);
    snprintf(log_text, sizeof log_text, "%s", driver_log(&d));
    driver_done(&d);
}

/* S090: error(8) bounces with the given text and code. */
static void s090_error_bounces_with_its_code(void **state)
{
    (void)state;
    struct driver_request r = request;

    r.nexthop = "5.1.6 User has moved to dupond@free.fr";
    run("error", "error", "", &r);
    assert_int_equal(a.n, 2);
    assert_int_equal(a.results[0].index, 100);
    assert_int_equal(a.results[1].index, 101);
    assert_int_equal(a.results[0].outcome, OUTCOME_BOUNCED);
    assert_string_equal(a.results[0].status, "5.1.6");
    assert_string_equal(a.results[0].text, "User has moved to dupond@free.fr");
    assert_non_null(strstr(log_text, "postfix/error["));
    assert_non_null(
        strstr(log_text, "]: 4F1A2B3C4D: to=<chris@maison.mrs>, orig_to=<c@maison.mrs>, "
                         "relay=none, delay=0"));
    assert_non_null(strstr(log_text, ", dsn=5.1.6, status=bounced (User has moved to "
                                     "dupond@free.fr)\n"));
    /* The same address in other case is not told twice. */
    assert_non_null(strstr(log_text, "to=<Root@maison.mrs>, relay=none, "));
}

static void s090_retry_defers(void **state)
{
    (void)state;
    struct driver_request r = request;

    r.nexthop = "connection refused";
    run("error", "retry", "", &r);
    assert_int_equal(a.results[1].outcome, OUTCOME_DEFERRED);
    assert_string_equal(a.results[1].status, "4.0.0");
    assert_non_null(
        strstr(log_text, "dsn=4.0.0, status=deferred (connection refused)\n"));
}

static void discard_says_sent(void **state)
{
    (void)state;
    struct driver_request r = request;

    r.nexthop = "silently";
    run("discard", "discard", "", &r);
    assert_int_equal(a.results[0].outcome, OUTCOME_SENT);
    assert_string_equal(a.results[0].status, "2.0.0");
    assert_non_null(strstr(log_text, "postfix/discard["));
    assert_non_null(strstr(log_text, "dsn=2.0.0, status=sent (silently)\n"));
}

static void soft_bounce_defers(void **state)
{
    (void)state;
    struct driver_request r = request;

    r.nexthop = "5.1.1 who?";
    run("error", "error", "soft_bounce = yes\n", &r);
    assert_int_equal(a.results[0].outcome, OUTCOME_DEFERRED);
    assert_string_equal(a.results[0].status, "4.1.1");
    assert_non_null(strstr(log_text, "dsn=4.1.1, status=SOFTBOUNCE (who?)\n"));
}

static void probes_have_their_own_words(void **state)
{
    (void)state;
    struct driver_request r = request;

    r.nexthop = "who?";
    r.flags = MESSAGE_VERIFY;
    run("error", "error", "", &r);
    assert_int_equal(a.results[0].outcome, OUTCOME_BOUNCED);
    assert_non_null(strstr(log_text, "dsn=5.0.0, status=undeliverable (who?)\n"));
}

static void status_filter_changes_text_and_code(void **state)
{
    (void)state;
    struct driver_request r = request;

    r.nexthop = "5.1.1 no such user";
    run("error", "error",
        "default_delivery_status_filter = regexp:{{/^5.1.1 no such user/ 4.2.1 later}}\n",
        &r);
    assert_int_equal(a.results[0].outcome, OUTCOME_DEFERRED);
    assert_string_equal(a.results[0].text, "later");
    assert_non_null(strstr(log_text, "dsn=4.2.1, status=deferred (later)\n"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s090_error_bounces_with_its_code),
        cmocka_unit_test(s090_retry_defers),
        cmocka_unit_test(discard_says_sent),
        cmocka_unit_test(soft_bounce_defers),
        cmocka_unit_test(probes_have_their_own_words),
        cmocka_unit_test(status_filter_changes_text_and_code),
    };

    if (argc < 2)
        return 2;
    path_of_program = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
