/* local_test - the real program, asked by a queue manager of the test
 *
 * Users are taken from the password database: daemon and bin, whom every system has.  As
 * root deliveries have their rights, else the caller's.
 */
#include "agent/agent_driver.h"
#include "agent/queue_driver.h"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *path_of_program, *path_of_error;
static struct driver d;
static struct driver_answer a;
static pid_t queue;

static const struct driver_request request = {.sender = "eme13@enprovence.com",
                                              .recipients = {"daemon@maison.mrs"},
                                              .nexthop = "maison.mrs",
                                              .content = "Subject: x\n\nFrom here\n"};

/* Behind the directories of the instance; DIR stands for the test's directory. */
static const char common[] =
    "mail_spool_directory = DIR/spool\n"
    "forward_path = DIR/forward/$user${recipient_delimiter}${extension}, "
    "DIR/forward/$user\n"
    "alias_maps = texthash:DIR/aliases\n"
    "recipient_delimiter = +\n"
    "export_environment = TZ\n"
    "mailbox_delivery_lock = fcntl, dotlock\n"
    "deliver_lock_attempts = 1\n"
    "command_time_limit = 20s\n";

/* TEXT with DIR replaced. */
static const char *with_directory(const char *text)
{
    struct str out = STR_INIT(60000);
    struct view v = view_of(text);
    size_t at;

    while ((at = view_find_view(v, VIEW("DIR"))) != VIEW_NPOS) {
        str_add(&out, view_sub(v, 0, at));
        str_add_cstr(&out, d.directory);
        v = view_from(v, at + 3);
    }
    str_add(&out, v);
    const char *copy = arena_cstr(d.arena, str_view(&out));
    str_done(&out);
    return copy;
}

static void write_file(const char *name, const char *text)
{
    driver_write(&d, name, with_directory(text));
}

static void make_directory(const char *name)
{
    assert_int_equal(mkdir(driver_path(&d, name), 0755), 0);
    assert_int_equal(chmod(driver_path(&d, name), 01777), 0);
}

static void begin(const char *main_cf, const char *aliases)
{
    driver_init(&d, path_of_program, "local", "local", "");
    const char *base = driver_read(&d, "etc/main.cf");
    write_file("etc/main.cf", arena_printf(d.arena, "%s%s%s", base, common, main_cf).p);
    write_file("aliases", aliases);
    make_directory("spool");
    make_directory("forward");
    make_directory("out");
    queue = queue_driver_start(&d);
    driver_start(&d, NULL);
}

static int end(void **state)
{
    (void)state;
    queue_driver_stop(queue);
    driver_done(&d);
    return 0;
}

static void deliver(const struct driver_request *r)
{
    driver_deliver(&d, r, &a);
    assert_int_equal(a.n, 1);
}

static void deliver_to(const char *recipient)
{
    struct driver_request r = request;

    r.recipients[0] = recipient;
    deliver(&r);
}

static void expect(enum outcome outcome, const char *status, const char *text)
{
    if (strcmp(a.results[0].text, text) != 0 || a.results[0].outcome != outcome)
        fail_msg("%s (outcome %d), expected: %s; the log:\n%s", a.results[0].text,
                 a.results[0].outcome, text, driver_log(&d));
    assert_string_equal(a.results[0].status, status);
}

static void expect_log(const char *text)
{
    const char *lines = driver_log(&d);

    if (!strstr(lines, text))
        fail_msg("not in the log: %s\n%s", text, lines);
}

static void expect_in(const char *file, const char *text)
{
    const char *content = driver_read(&d, file);

    if (!strstr(content, text))
        fail_msg("not in %s: %s\n%s", file, text, content);
}

static uid_t uid_of(const char *name)
{
    const struct passwd *pw = getpwnam(name);

    assert_non_null(pw);
    return geteuid() == 0 ? pw->pw_uid : geteuid();
}

/* S238 S113 S061 S052: the default mailbox, its headers and its owner. */
static void s238_s113_s061_spool_mailbox(void **state)
{
    struct stat st;

    (void)state;
    begin("", "");
    deliver_to("Daemon@maison.mrs");
    expect(OUTCOME_SENT, "2.0.0", "delivered to mailbox");
    expect_log(": to=<Daemon@maison.mrs>, relay=local, delay=0");
    const char *text = driver_read(&d, "spool/daemon");
    assert_int_equal(strncmp(text, "From eme13@enprovence.com ", 26), 0);
    assert_non_null(strstr(text, "\nReturn-Path: <eme13@enprovence.com>\n"
                                 "X-Original-To: Daemon@maison.mrs\n"
                                 "Delivered-To: Daemon@maison.mrs\n"
                                 "Subject: x\n\n>From here\n\n"));
    assert_int_equal(stat(driver_path(&d, "spool/daemon"), &st), 0);
    assert_int_equal(st.st_uid, uid_of("daemon"));
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(access(driver_path(&d, "spool/daemon.lock"), F_OK), -1);
}

/* A spool directory that only root may write: the file is made and given away. */
static void spool_directory_of_root(void **state)
{
    struct stat st;

    (void)state;
    begin("", "");
    if (geteuid() != 0)
        return;
    assert_int_equal(chmod(driver_path(&d, "spool"), 0755), 0);
    deliver_to("daemon@maison.mrs");
    expect(OUTCOME_SENT, "2.0.0", "delivered to mailbox");
    assert_int_equal(stat(driver_path(&d, "spool/daemon"), &st), 0);
    assert_int_equal(st.st_uid, uid_of("daemon"));
    assert_int_equal(access(driver_path(&d, "spool/daemon.lock"), F_OK), -1);
    deliver_to("daemon@maison.mrs");
    expect(OUTCOME_SENT, "2.0.0", "delivered to mailbox");
}

static void foreign_mailbox_is_left_alone(void **state)
{
    (void)state;
    begin("", "");
    if (geteuid() != 0)
        return;
    write_file("spool/daemon", "");
    assert_int_equal(chmod(driver_path(&d, "spool/daemon"), 0666), 0);
    deliver_to("daemon@maison.mrs");
    assert_int_equal(a.results[0].outcome, OUTCOME_DEFERRED);
    assert_string_equal(a.results[0].status, "4.2.0");
    assert_non_null(strstr(a.results[0].text, "cannot update mailbox "));
    assert_non_null(strstr(a.results[0].text, " for user daemon. destination "));
    expect_log(
        "specify \"strict_mailbox_ownership = no\" to ignore mailbox ownership mismatch");
    assert_string_equal(driver_read(&d, "spool/daemon"), "");
}

/* S113 S237: a final slash makes Maildirs; a repetition is not doubled. */
static void s113_s237_maildir(void **state)
{
    struct driver_request r = request;

    (void)state;
    begin("mail_spool_directory = DIR/spool/\n", "");
    r.repeat = 1;
    r.age = -(clock_wall() - CLOCK_SECOND);
    deliver(&r);
    expect(OUTCOME_SENT, "2.0.0", "delivered to maildir");
    deliver(&r);
    expect(OUTCOME_SENT, "2.0.0", "delivered to maildir");
    DIR *dir = opendir(driver_path(&d, "spool/daemon/new"));
    int n = 0;
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(dir);
    assert_int_equal(n, 1);
}

static void unknown_users_bounce(void **state)
{
    (void)state;
    begin("", "");
    deliver_to("No-Such.User@maison.mrs");
    expect(OUTCOME_BOUNCED, "5.1.1", "unknown user: \"no-such.user\"");
    deliver_to("postmaster@maison.mrs");
    expect(OUTCOME_SENT, "2.0.0", "discarded");
    expect_log("required alias not found: postmaster");
}

/* S143 S274: one name stands for another, or for several; each gets one copy. */
static void s143_s274_aliases(void **state)
{
    (void)state;
    begin("", "root daemon\ncastorj daemon, bin, DAEMON\nself self\nloop1 loop2\nloop2 "
              "loop1\n");
    deliver_to("root@maison.mrs");
    expect(OUTCOME_SENT, "2.0.0", "delivered to mailbox");
    expect_log(": to=<daemon@gw1.maison.mrs>, orig_to=<root@maison.mrs>, relay=local, ");
    expect_in("spool/daemon",
              "X-Original-To: root@maison.mrs\nDelivered-To: root@maison.mrs\n");
    deliver_to("CastorJ+x@maison.mrs");
    expect(OUTCOME_SENT, "2.0.0", "delivered to mailbox");
    expect_in("spool/bin", "Delivered-To: CastorJ+x@maison.mrs\n");
    deliver_to("loop1@maison.mrs");
    expect(OUTCOME_BOUNCED, "5.4.6", "alias database loop for loop1");
    deliver_to("self@maison.mrs");
    expect(OUTCOME_BOUNCED, "5.1.1", "unknown user: \"self\"");
}

/* S275 S276: commands, files and lists, with the restrictions on lists. */
static void s275_s276_alias_to_command_file_and_list(void **state)
{
    (void)state;
    begin("",
          "cmd \"|cat > DIR/out/cmd; id -u >> DIR/out/cmd\"\n"
          "file DIR/out/file\nnull /dev/null\nfails \"|exit 67\"\nlater \"|exit 75\"\n"
          "list :include:DIR/list\nnolist :include:DIR/nolist\nrel :include:list\n");
    write_file("list", "# comment\n# another: \"|cmd\"\n/DIR/out/forbidden\n\"|cat\"\n");
    deliver_to("cmd@maison.mrs");
    assert_int_equal(a.results[0].outcome, OUTCOME_SENT);
    assert_int_equal(strncmp(a.results[0].text, "delivered to command: cat > ", 28), 0);
    expect_in("out/cmd", "From eme13@enprovence.com ");
    expect_in("out/cmd", "\nDelivered-To: cmd@maison.mrs\nSubject: x\n\nFrom here\n");
    expect_in("out/cmd", geteuid() == 0 ? "\n65534\n" : "\n");
    deliver_to("file@maison.mrs");
    expect(OUTCOME_SENT, "2.0.0", with_directory("delivered to file: DIR/out/file"));
    expect_in("out/file", "\n\n>From here\n\n");
    deliver_to("null@maison.mrs");
    expect(OUTCOME_SENT, "2.0.0", "delivered to file: /dev/null");
    deliver_to("fails@maison.mrs");
    expect(OUTCOME_BOUNCED, "5.1.1", "user unknown");
    assert_string_equal(a.results[0].diagnostic, "x-unix; user unknown");
    deliver_to("later@maison.mrs");
    expect(OUTCOME_DEFERRED, "4.3.0", "temporary failure");
    deliver_to("list@maison.mrs");
    expect(OUTCOME_BOUNCED, "5.7.1", "mail to file is restricted");
    expect_log("(mail to command is restricted)");
    deliver_to("nolist@maison.mrs");
    expect(OUTCOME_BOUNCED, "5.3.5", "mail system configuration error");
    deliver_to("rel@maison.mrs");
    expect(OUTCOME_BOUNCED, "5.3.5", ":include:list uses a relative path");
}

/* What goes elsewhere is a new message: one for all, with the list's owner as sender. */
static void s276_lists_are_sent_on(void **state)
{
    (void)state;
    begin("", "out daemon, chris@enprovence.com, (x) Paul <paul@free.fr>\n"
              "half x@free.fr, no.such.user\nteam :include:DIR/team\nowner-team bin\nbad "
              "chris@free.fr, \"|exit 75\"\n");
    write_file("team", "daemon\nriri@free.fr, fifi@free.fr\n");
    deliver_to("out@maison.mrs");
    assert_int_equal(a.results[0].outcome, OUTCOME_SENT);
    expect_in("queue/new.1", "from=<eme13@enprovence.com>\nto=<chris@enprovence.com>\n"
                             "to=<paul@free.fr>\nreplaces=4F1A2B3C4D 100\n\nReceived: by "
                             "gw1.maison.mrs (Postfix)\n\tid ");
    expect_in("queue/new.1", "\nDelivered-To: out@maison.mrs\nSubject: x\n");
    expect_in("queue/new.1", "\n\nFrom here\n");
    expect_log("status=sent (forwarded as ");
    expect_in("spool/daemon", "Delivered-To: out@maison.mrs\n");
    deliver_to("team@maison.mrs");
    assert_int_equal(a.results[0].outcome, OUTCOME_EXPANDED);
    assert_int_equal(strncmp(a.results[0].text, "forwarded as ", 13), 0);
    expect_in("queue/new.2",
              "from=<owner-team@gw1.maison.mrs>\nto=<daemon@gw1.maison.mrs>\n"
              "to=<riri@free.fr>\nto=<fifi@free.fr>\nreplaces=4F1A2B3C4D 100\n\n");
    /* A failure that is still to be told must survive a crash: the recipient stays open.
     */
    deliver_to("half@maison.mrs");
    expect(OUTCOME_BOUNCED, "5.1.1", "unknown user: \"no.such.user\"");
    expect_in("queue/new.3", "from=<eme13@enprovence.com>\nto=<x@free.fr>\n\n");
    /* As long as a part must be tried again nothing is sent on. */
    deliver_to("bad@maison.mrs");
    expect(OUTCOME_DEFERRED, "4.3.0", "temporary failure");
    assert_string_equal(driver_read(&d, "queue/new.4"), "");
}

/* S277: .forward files: lists, \user, commands with the user's rights, ownership. */
static void s277_forward_files(void **state)
{
    (void)state;
    begin("", "");
    write_file("forward/daemon",
               "# mine\n\\daemon\n\"|id -un > DIR/out/who\", x@free.fr\n");
    deliver_to("daemon@maison.mrs");
    assert_int_equal(a.results[0].outcome, OUTCOME_SENT);
    expect_in("spool/daemon", "Delivered-To: daemon@maison.mrs\n");
    expect_in("queue/new.1",
              "from=<eme13@enprovence.com>\nto=<x@free.fr>\nreplaces=4F1A2B3C4D 100\n\n");
    if (geteuid() == 0)
        assert_string_equal(driver_read(&d, "out/who"), "daemon\n");
    /* By the extension; a user of this host gets a message of its own. */
    write_file("forward/daemon+list", "bin\n");
    deliver_to("daemon+list@maison.mrs");
    assert_int_equal(a.results[0].outcome, OUTCOME_EXPANDED);
    expect_in("queue/new.2", "to=<bin@gw1.maison.mrs>\nreplaces=4F1A2B3C4D 100\n\n");
    /* The file of somebody else, or one that anybody may write, does not count. */
    assert_int_equal(chmod(driver_path(&d, "forward/daemon"), 0666), 0);
    deliver_to("daemon@maison.mrs");
    expect(OUTCOME_SENT, "2.0.0", "delivered to mailbox");
    expect_log("is world writable");
}

/* S277 S061: a loop is stopped by Delivered-To. */
static void s277_s061_loops_are_stopped(void **state)
{
    struct driver_request r = request;

    (void)state;
    begin("", "root daemon\n");
    r.content = "Received: x\nDelivered-To: Daemon@maison.mrs\n\nx\n";
    deliver(&r);
    expect(OUTCOME_BOUNCED, "5.4.6", "mail forwarding loop for daemon@maison.mrs");
}

/* S114 S190: mailbox_command and its environment. */
static void s114_s190_mailbox_command(void **state)
{
    static const char *const lines[] = {"\nDOMAIN=maison.mrs\n",
                                        "\nEXTENSION=ext__\n",
                                        "\nHOME=/",
                                        "\nLOCAL=daemon+ext__\n",
                                        "\nLOGNAME=daemon\n",
                                        "\nUSER=daemon\n",
                                        "\nSENDER=eme13@enprovence.com\n",
                                        "\nSHELL=/",
                                        "\nPATH=/usr/bin:/bin\n",
                                        "\nCLIENT_ADDRESS=192.0.2.9\n",
                                        "\nCLIENT_HOSTNAME=client.example\n",
                                        "\nCLIENT_PROTOCOL=ESMTP\n",
                                        "\nRECIPIENT=daemon+ext__@maison.mrs\n",
                                        "\nORIGINAL_RECIPIENT=daemon+ext__@maison.mrs\n"};

    (void)state;
    begin("mailbox_command = (echo; env; id -u; cat) > DIR/out/cmd $EXTENSION\n", "");
    deliver_to("daemon+ext$(@maison.mrs");
    assert_int_equal(a.results[0].outcome,
                     OUTCOME_BOUNCED); /* the $EXTENSION of our own line */
    driver_stop(&d, false);
    write_file("etc/main.cf",
               arena_printf(d.arena,
                            "%smailbox_command = (echo; env; cat) > DIR/out/cmd\n",
                            driver_read(&d, "etc/main.cf"))
                   .p);
    driver_start(&d, NULL);
    deliver_to("daemon+ext$(@maison.mrs");
    expect(OUTCOME_SENT, "2.0.0",
           with_directory("delivered to command: (echo; env; cat) > DIR/out/cmd"));
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        expect_in("out/cmd", lines[i]);
    expect_in("out/cmd", "\nSubject: x\n\nFrom here\n");
}

/* S146: nothing is written or run as root. */
static void s146_root_gets_no_mail_as_root(void **state)
{
    struct stat st;

    (void)state;
    begin("", "rootcmd \"|id -u > DIR/out/id\"\n");
    deliver_to("root@maison.mrs");
    expect(OUTCOME_SENT, "2.0.0", "delivered to mailbox");
    assert_int_equal(stat(driver_path(&d, "spool/root"), &st), 0);
    assert_int_equal(st.st_uid, uid_of("nobody"));
    write_file("forward/root", "\"|id -u > DIR/out/id\"\n");
    deliver_to("root@maison.mrs");
    assert_int_equal(a.results[0].outcome, OUTCOME_SENT);
    assert_string_not_equal(driver_read(&d, "out/id"), "0\n");
    assert_string_not_equal(driver_read(&d, "out/id"), "");
}

static void luser_relay_and_probes(void **state)
{
    struct driver_request r = request;

    (void)state;
    begin("luser_relay = $local@free.fr\n", "x \"|cat\"\n");
    deliver_to("No.Body+1@maison.mrs");
    assert_int_equal(a.results[0].outcome, OUTCOME_EXPANDED);
    expect_in("queue/new.1", "to=<no.body+1@free.fr>\nreplaces=4F1A2B3C4D 100\n\n");
    r.flags = MESSAGE_VERIFY;
    deliver(&r);
    expect(OUTCOME_SENT, "2.0.0", "delivers to mailbox");
    expect_log("status=deliverable (delivers to mailbox)");
    r.recipients[0] = "x@maison.mrs";
    deliver(&r);
    expect(OUTCOME_SENT, "2.0.0", "aliased to \"|cat\"");
    assert_string_equal(driver_read(&d, "spool/daemon"), "");
}

/* S257: another agent delivers; one that is not there defers. */
static void s257_mailbox_transport_is_asked(void **state)
{
    struct driver other;
    char path[200];

    (void)state;
    begin(
        "mailbox_transport = x\nmailbox_transport_maps = inline:{{bin = error:5.7.1 not "
        "here}}\n",
        "");
    deliver_to("daemon@maison.mrs");
    assert_int_equal(a.results[0].outcome, OUTCOME_DEFERRED);
    assert_non_null(strstr(a.results[0].text, "transport x: "));
    /* The other agent lives in an instance of its own; a link leads to its socket. */
    driver_init(&other, path_of_error, "error", "error", "");
    driver_start(&other, NULL);
    snprintf(path, sizeof path, "%s/queue/private/error", other.directory);
    assert_int_equal(symlink(path, driver_path(&d, "queue/private/error")), 0);
    deliver_to("bin@maison.mrs");
    expect(OUTCOME_BOUNCED, "5.7.1", "not here");
    assert_non_null(strstr(driver_log(&other), "to=<bin@maison.mrs>, relay=none, "));
    driver_done(&other);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_teardown(name, end)
    const struct CMUnitTest tests[] = {
        TEST(s238_s113_s061_spool_mailbox),
        TEST(spool_directory_of_root),
        TEST(foreign_mailbox_is_left_alone),
        TEST(s113_s237_maildir),
        TEST(unknown_users_bounce),
        TEST(s143_s274_aliases),
        TEST(s275_s276_alias_to_command_file_and_list),
        TEST(s276_lists_are_sent_on),
        TEST(s277_forward_files),
        TEST(s277_s061_loops_are_stopped),
        TEST(s114_s190_mailbox_command),
        TEST(s146_root_gets_no_mail_as_root),
        TEST(luser_relay_and_probes),
        TEST(s257_mailbox_transport_is_asked),
    };

    if (argc < 3)
        return 2;
    path_of_program = argv[1];
    path_of_error = argv[2];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
