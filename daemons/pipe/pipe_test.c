/* pipe_test - the real program, asked by a queue manager of the test */
#include "agent/agent_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *path_of_program;
static struct driver d;
static struct driver_answer a;

static const struct driver_request request = {.sender = "eme13@enprovence.com",
                                              .recipients = {"chris@maison.mrs"},
                                              .originals = {"root@maison.mrs"},
                                              .content =
                                                  "Subject: x\n\nFrom here\n.\nend\n"};

static int set_up(void **state)
{
    (void)state;
    driver_init(&d, path_of_program, "pipe", "filter",
                "filter_time_limit = 2s\nfilter_destination_recipient_limit = 1\n");
    return chmod(driver_path(&d, "queue"), 0777);
}

static int tear_down(void **state)
{
    (void)state;
    driver_done(&d);
    return 0;
}

/* Run SCRIPT by sh with FLAGS. */
static void run(const char *flags, const char *script, const struct driver_request *r)
{
    const char *const args[] = {flags, "user=nobody", "argv=/bin/sh", "-c", script, NULL};

    driver_start(&d, args);
    driver_deliver(&d, r, &a);
    driver_stop(&d, false);
    assert_int_equal(a.n, 1);
}

static void expect(enum outcome outcome, const char *status, const char *text)
{
    assert_string_equal(a.results[0].text, text);
    assert_int_equal(a.results[0].outcome, outcome);
    assert_string_equal(a.results[0].status, status);
}

/* S087: the message comes on standard input as the flags say; the directory is the
 * queue's. */
static void s087_message_reaches_the_command(void **state)
{
    (void)state;
    run("flags=BDFORX>.", "cat > out; echo all well", &request);
    expect(OUTCOME_SENT, "2.0.0", "delivered via filter service (all well)");
    const char *out = driver_read(&d, "queue/out");
    assert_int_equal(strncmp(out, "From eme13@enprovence.com ", 26), 0);
    assert_non_null(strstr(out, "\nReturn-Path: <eme13@enprovence.com>\n"
                                "X-Original-To: root@maison.mrs\n"
                                "Delivered-To: chris@maison.mrs\n"
                                "Subject: x\n\n>From here\n..\nend\n\n"));
    assert_non_null(strstr(driver_log(&d),
                           "to=<chris@maison.mrs>, orig_to=<root@maison.mrs>, "
                           "relay=filter, delay="));
}

/* S087: exit 75 defers, others bounce, in Postfix's words. */
static void s087_exit_status(void **state)
{
    (void)state;
    run("flags=", "exit 75", &request);
    expect(OUTCOME_DEFERRED, "4.3.0", "temporary failure");
    run("flags=", "echo nobody here >&2; exit 67", &request);
    expect(OUTCOME_BOUNCED, "5.1.1", "user unknown. Command output: nobody here ");
    assert_string_equal(a.results[0].diagnostic, "x-unix; nobody here ");
    run("flags=", "printf 'one\\ntwo\\n'; exit 1", &request);
    expect(OUTCOME_BOUNCED, "5.3.0",
           "Command died with status 1: \"/bin/sh\". Command output: one two ");
    run("flags=", "exit 3", &request);
    expect(OUTCOME_BOUNCED, "5.3.0", "Command died with status 3: \"/bin/sh\"");
    run("flags=", "kill -9 $$$$", &request);
    expect(OUTCOME_DEFERRED, "4.3.0", "Command died with signal 9: \"/bin/sh\"");
    run("flags=", "echo 4.2.2 mailbox full; exit 1", &request);
    expect(OUTCOME_DEFERRED, "4.2.2", "mailbox full ");
    assert_string_equal(a.results[0].diagnostic, "x-unix; mailbox full ");
    run("flags=", "exec <&-; exit 0", &request); /* does not read its input */
    expect(OUTCOME_RELAYED, "2.0.0", "delivered via filter service");
    assert_non_null(strstr(driver_log(&d), "dsn=5.1.1, status=bounced (user unknown. "));
}

static void time_limit_ends_the_command_and_its_children(void **state)
{
    (void)state;
    run("flags=", "echo begin; sleep 30 & sleep 30; echo never", &request);
    expect(OUTCOME_BOUNCED, "5.3.0",
           "Command time limit exceeded: \"/bin/sh\". Command output: begin ");
}

static void output_is_bounded(void **state)
{
    (void)state;
    run("flags=", "yes | head -c 300000; exit 65", &request);
    assert_int_equal(a.results[0].outcome, OUTCOME_BOUNCED);
    assert_true(strlen(a.results[0].text) < 1000);
    assert_non_null(
        strstr(a.results[0].text, "data format error. Command output: y y y"));
}

static void missing_command_is_temporary(void **state)
{
    (void)state;
    static const char *const args[] = {"user=nobody", "argv=/no/such/command", NULL};

    driver_start(&d, args);
    driver_deliver(&d, &request, &a);
    driver_stop(&d, false);
    assert_int_equal(a.results[0].outcome, OUTCOME_DEFERRED);
    assert_string_equal(a.results[0].status, "4.3.0");
    assert_non_null(strstr(a.results[0].text, "/no/such/command"));
}

static void loops_and_large_messages_are_refused(void **state)
{
    (void)state;
    struct driver_request r = request;
    static const char *const args[] = {"size=10", "user=nobody", "argv=/bin/cat", NULL};

    r.content = "Received: x\n\tfolded\nDELIVERED-TO: Chris@maison.mrs\n\nx\n";
    run("flags=D", "cat > loop", &r);
    expect(OUTCOME_BOUNCED, "5.4.6", "mail forwarding loop for chris@maison.mrs");
    driver_start(&d, args);
    driver_deliver(&d, &request, &a);
    driver_stop(&d, false);
    expect(OUTCOME_BOUNCED, "5.2.3", "message too large");
    assert_string_equal(driver_read(&d, "queue/loop"), "");
}

/* The command has the rights of the user and a small environment. */
static void rights_and_environment(void **state)
{
    (void)state;
    run("flags=X", "id -u > id; id -G >> id; env > environment", &request);
    expect(OUTCOME_SENT, "2.0.0", "delivered via filter service");
    if (geteuid() == 0)
        assert_string_equal(driver_read(&d, "queue/id"), "65534\n65534\n");
    const char *env = driver_read(&d, "queue/environment");
    assert_non_null(strstr(env, "PATH=/usr/bin:/bin\n"));
    assert_non_null(strstr(env, "MAIL_CONFIG="));
    assert_null(strstr(env, "DILIGENCE"));
    assert_null(strstr(env, "HOME="));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s087_message_reaches_the_command),
        cmocka_unit_test(s087_exit_status),
        cmocka_unit_test(time_limit_ends_the_command_and_its_children),
        cmocka_unit_test(output_is_bounded),
        cmocka_unit_test(missing_command_is_temporary),
        cmocka_unit_test(loops_and_large_messages_are_refused),
        cmocka_unit_test(rights_and_environment),
    };

    if (argc < 2)
        return 2;
    path_of_program = argv[1];
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
