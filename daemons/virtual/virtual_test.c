/* virtual_test - the real program, asked by a queue manager of the test */
#include "agent/agent_driver.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *path_of_program;
static struct driver d;
static struct driver_answer a;

#define UID 12345
#define GID 12346

static const struct driver_request request = {.sender = "eme13@enprovence.com",
                                              .recipients = {"Chris@virt.mrs"},
                                              .originals = {"root@virt.mrs"},
                                              .repeat = 0,
                                              .content = "Subject: x\n\nFrom here\n"};

/* An instance whose mailboxes are below boxes/, in the test's own directory. */
static int set_up(void **state)
{
    char text[2000];
    static const char maps[] =
        "virtual_mailbox_maps = inline:{{chris@virt.mrs = chris/Maildir/}, "
        "{pierre@virt.mrs = "
        "pierre.mbox}, {paul@virt.mrs = paul/}, {@catch.mrs = all/}}\n"
        "virtual_uid_maps = inline:{{paul@virt.mrs = 12}, {chris@virt.mrs = 12345}, "
        "{pierre@virt.mrs = 12345}, {@catch.mrs = 12345}}\n"
        "virtual_gid_maps = static:12346\n"
        "recipient_delimiter = +\nvirtual_mailbox_lock = fcntl, dotlock\n"
        "deliver_lock_attempts = 2\ndeliver_lock_delay = 1s\n"
        "message_size_limit = 3000\nvirtual_mailbox_limit = 4000\n";

    (void)state;
    driver_init(&d, path_of_program, "virtual", "virtual", "");
    snprintf(text, sizeof text, "%svirtual_mailbox_base = %s/boxes\n%s",
             driver_read(&d, "etc/main.cf"), d.directory, maps);
    driver_write(&d, "etc/main.cf", text);
    mkdir(driver_path(&d, "boxes"), 0755);
    if (geteuid() == 0 && chown(driver_path(&d, "boxes"), UID, GID) < 0)
        return -1;
    driver_start(&d, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    driver_done(&d);
    return 0;
}

/* The one file in directory NAME; "" when there is none, fails when there are more. */
static const char *only_file(const char *name)
{
    DIR *dir = opendir(driver_path(&d, name));
    const char *found = "";

    if (!dir)
        return "";
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        assert_string_equal(found, "");
        found = arena_printf(d.arena, "%s/%s", name, entry->d_name).p;
    }
    closedir(dir);
    return found;
}

static void deliver(const struct driver_request *r)
{
    driver_deliver(&d, r, &a);
}

static void expect(size_t i, enum outcome outcome, const char *status, const char *text)
{
    assert_true(i < a.n);
    assert_string_equal(a.results[i].text, text);
    assert_int_equal(a.results[i].outcome, outcome);
    assert_string_equal(a.results[i].status, status);
}

#define EXPECTED                                                                         \
    "Return-Path: <eme13@enprovence.com>\nX-Original-To: root@virt.mrs\n"                \
    "Delivered-To: Chris@virt.mrs\nSubject: x\n\nFrom here\n"

/* S237: into a Maildir, with the owner's rights, durable by a checkpoint. */
static void s237_delivery_to_a_maildir(void **state)
{
    struct stat st;

    (void)state;
    deliver(&request);
    expect(0, OUTCOME_SENT, "2.0.0", "delivered to maildir");
    const char *file = only_file("boxes/chris/Maildir/new");
    assert_string_equal(driver_read(&d, file), EXPECTED);
    assert_int_equal(stat(driver_path(&d, file), &st), 0);
    assert_int_equal(st.st_uid, geteuid() == 0 ? UID : geteuid());
    assert_int_equal(st.st_gid, geteuid() == 0 ? GID : getegid());
    assert_string_equal(a.checkpoint, driver_path(&d, "boxes"));
    assert_non_null(strstr(driver_log(&d),
                           ": to=<Chris@virt.mrs>, orig_to=<root@virt.mrs>, "
                           "relay=virtual, delay=0"));
}

/* S237: killed before its answer is taken, asked again: one copy, also when it was read
 * meanwhile. */
static void s237_crash_and_repetition_give_one_copy(void **state)
{
    struct driver_request r = request;

    (void)state;
    r.age = -(clock_wall() - 60 * CLOCK_SECOND);
    r.repeat = -1; /* the connection begins after the message came */
    driver_send(&d, &r);
    for (int i = 0; i < 500 && !*only_file("boxes/chris/Maildir/new"); i++)
        usleep(10000);
    driver_stop(&d, true);
    driver_start(&d, NULL);
    deliver(&r);
    expect(0, OUTCOME_SENT, "2.0.0", "delivered to maildir");
    const char *file = only_file("boxes/chris/Maildir/new");
    assert_string_equal(driver_read(&d, file), EXPECTED);
    const char *read =
        arena_printf(d.arena, "boxes/chris/Maildir/cur%s:2,S", strrchr(file, '/')).p;
    assert_int_equal(rename(driver_path(&d, file), driver_path(&d, read)), 0);
    deliver(&r);
    assert_string_equal(only_file("boxes/chris/Maildir/new"), "");
    assert_string_equal(only_file("boxes/chris/Maildir/cur"), read);
}

/* S235: into an mbox file. */
static void s235_delivery_to_an_mbox(void **state)
{
    struct driver_request r = request;

    (void)state;
    r.recipients[0] = "pierre+list@virt.mrs";
    deliver(&r);
    expect(0, OUTCOME_SENT, "2.0.0", "delivered to mailbox");
    assert_string_equal(a.checkpoint, "");
    const char *text = driver_read(&d, "boxes/pierre.mbox");
    assert_int_equal(strncmp(text, "From eme13@enprovence.com ", 26), 0);
    assert_non_null(strstr(text, "\nDelivered-To: pierre+list@virt.mrs\nSubject: x\n\n"
                                 ">From here\n\n"));
    driver_write(&d, "boxes/pierre.mbox.lock", "");
    deliver(&r);
    assert_int_equal(a.results[0].outcome, OUTCOME_DEFERRED);
    assert_non_null(strstr(a.results[0].text, "delivery failed to mailbox "));
    assert_non_null(strstr(a.results[0].text, "unable to create lock file "));
}

static void several_recipients(void **state)
{
    struct driver_request r = request;

    (void)state;
    r.recipients[1] = "nobody@virt.mrs";
    r.recipients[2] = "any.one@catch.mrs";
    r.recipients[3] = "paul@virt.mrs";
    deliver(&r);
    assert_int_equal(a.n, 4);
    expect(0, OUTCOME_SENT, "2.0.0", "delivered to maildir");
    expect(1, OUTCOME_BOUNCED, "5.1.1", "unknown user: \"nobody@virt.mrs\"");
    expect(2, OUTCOME_SENT, "2.0.0", "delivered to maildir");
    if (geteuid() == 0) { /* the uid is below virtual_minimum_uid */
        expect(3, OUTCOME_DEFERRED, "4.3.5", "mail system configuration error");
        assert_non_null(
            strstr(driver_log(&d), "recipient paul@virt.mrs: bad uid 12 in inline:"));
    }
    assert_string_not_equal(only_file("boxes/all/new"), "");
}

static void probes_deliver_nothing(void **state)
{
    struct driver_request r = request;

    (void)state;
    r.flags = MESSAGE_PROBE;
    deliver(&r);
    expect(0, OUTCOME_SENT, "2.0.0", "delivers to maildir");
    assert_non_null(strstr(driver_log(&d), "status=deliverable (delivers to maildir)"));
    assert_string_equal(only_file("boxes/chris/Maildir/new"), "");
}

static void loops_and_limits_bounce(void **state)
{
    struct driver_request r = request;
    static char big[4001];

    (void)state;
    r.content = "Delivered-To: chris@virt.mrs\n\nx\n";
    deliver(&r);
    expect(0, OUTCOME_BOUNCED, "5.4.6", "mail forwarding loop for Chris@virt.mrs");
    memset(big, 'x', sizeof big - 1);
    r.content = big;
    deliver(&r);
    expect(0, OUTCOME_BOUNCED, "5.2.2",
           "maildir delivery failed: error writing message: File too large");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(s237_delivery_to_a_maildir, set_up, tear_down),
        cmocka_unit_test_setup_teardown(s237_crash_and_repetition_give_one_copy, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(s235_delivery_to_an_mbox, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_recipients, set_up, tear_down),
        cmocka_unit_test_setup_teardown(probes_deliver_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(loops_and_limits_bounce, set_up, tear_down),
    };

    if (argc < 2)
        return 2;
    path_of_program = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
