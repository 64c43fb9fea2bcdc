/* bounce_test - who is told of what, and the conversation with qmgr
 *
 * Rows S091 S195 S197 S200 S201 S202.
 */
#include "bounce.h"

#include "base/log.h"
#include "cleanup/draft_fake.h"
#include "ipc/ipc.h"
#include "run/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct bouncer bouncer;
static struct str logged;
static struct error error;

static const char message[] =
    "Received: by gw1\nMessage-Id: <1@x>\nSubject: test\n\nHello.\n";

static void keep_line(enum log_level level, const char *text)
{
    (void)level;
    str_addf(&logged, "%s\n", text);
}

static void close_bouncer(void)
{
    cleanup_setup_free(bouncer.cleanup);
    rewrite_free(bouncer.rewrite);
    conf_free((struct conf *)(uintptr_t)bouncer.conf);
    bouncer = (struct bouncer){.conf = NULL};
}

static void use(const char *more)
{
    char text[2048];
    struct error e = ERROR_INIT;
    struct conf *c;
    close_bouncer();
    snprintf(
        text, sizeof text,
        "compatibility_level = 3.6\nmyhostname = gw1.maison.mrs\nmydomain = maison.mrs\n"
        "inet_interfaces = 127.0.0.1\n%s",
        more);
    if (!conf_load_text("/nonexistent", view_of(text), NULL, 0, &c, &e))
        fail_msg("%s", error_cstr(&e));
    bouncer.conf = c;
    bouncer.rewrite = rewrite_new(c);
    bouncer.cleanup = cleanup_setup_new(c, bouncer.rewrite);
    bouncer.notify = notice_classes(c);
    dsn_templates_default(&bouncer.templates, false);
}

static int begin(void **state)
{
    (void)state;
    str_init(&logged, 1 << 20);
    log_set_hook(keep_line);
    return 0;
}

static int end(void **state)
{
    (void)state;
    close_bouncer();
    draft_fake_reset();
    str_done(&logged);
    return 0;
}

static int memory_file(const char *text)
{
    int fd = memfd_create("message", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

/* Report one recipient of a message from SENDER. */
static enum result tell(enum dsn_kind kind, const char *sender, unsigned notify)
{
    struct report_recipient to = {.address = VIEW("nobody@example.org"),
                                  .notify = (uint8_t)notify,
                                  .action = kind == DSN_FAILURE ? REPORT_FAILED
                                                                : REPORT_DELAYED,
                                  .status = VIEW("5.1.1"),
                                  .text = VIEW("no such user")};
    struct report r = {.arena = arena_new(), .kind = kind, .recipients = &to, .n = 1};
    r.return_to = view_of(sender);
    snprintf(r.id.text, sizeof r.id.text, "AAAA1");
    r.original = (struct dsn_original){.queue_id = queue_id_view(&r.id),
                                       .sender = view_of(sender),
                                       .content_fd = memory_file(message),
                                       .content_size = sizeof message - 1};
    draft_fake_reset();
    str_clear(&logged);
    error_clear(&error);
    enum result result = report_answer(&bouncer, &r, &error);
    close(r.original.content_fd);
    arena_free(r.arena);
    return result;
}

static void senders_are(const char *want)
{
    assert_string_equal(str_cstr(&draft_fake.senders), want);
}

static void has(const struct str *in, const char *want)
{
    if (!strstr(str_cstr(in), want))
        fail_msg("missing: %s\nin:\n%s", want, str_cstr(in));
}

/* S195 S197 S200. */
static void test_failure(void **state)
{
    (void)state;
    use("");
    assert_int_equal(tell(DSN_FAILURE, "chris@maison.mrs", 0), OK);
    senders_are("<>\n");
    assert_string_equal(str_cstr(&draft_fake.recipients),
                        "chris@maison.mrs|chris@maison.mrs||0|p\n");
    assert_string_equal(draft_fake.origin, "AAAA1");
    has(&draft_fake.content, "Received: by gw1.maison.mrs (Postfix)\n\tid 61D3F800081; ");
    has(&draft_fake.content,
        "From: Mail Delivery System <MAILER-DAEMON@gw1.maison.mrs>\n"
        "Subject: Undelivered Mail Returned to Sender\nTo: chris@maison.mrs\n");
    has(&draft_fake.content, "Message-Id: <");
    has(&draft_fake.content, "Hello.");
    has(&logged, "AAAA1: sender non-delivery notification: 61D3F800081\n");
    assert_true(draft_fake.flags & MESSAGE_INTERNAL);
}

/* S201: NOTIFY=NEVER, and success only where it is wanted. */
static void test_notify(void **state)
{
    (void)state;
    use("");
    assert_int_equal(tell(DSN_FAILURE, "chris@maison.mrs", NOTIFY_NEVER), OK);
    senders_are("");
    assert_int_equal(tell(DSN_FAILURE, "chris@maison.mrs", NOTIFY_SUCCESS), OK);
    senders_are("");
    assert_int_equal(tell(DSN_SUCCESS, "chris@maison.mrs", NOTIFY_SUCCESS), OK);
    senders_are("<>\n");
    has(&logged, "AAAA1: sender delivery status notification: 61D3F800081\n");
    assert_string_equal(draft_fake.origin, "AAAA1");
    assert_int_equal(tell(DSN_SUCCESS, "chris@maison.mrs", 0), OK);
    senders_are("");
    assert_int_equal(tell(DSN_VERIFY, "chris@maison.mrs", NOTIFY_NEVER), OK);
    senders_are("<>\n");
}

/* S200: a bounce of a bounce goes to the postmaster when that is wanted, one of that
 * nowhere. */
static void test_no_loops(void **state)
{
    (void)state;
    use("");
    assert_int_equal(tell(DSN_FAILURE, "", 0), OK);
    senders_are("");
    use("notify_classes = 2bounce\n2bounce_notice_recipient = chef\n");
    assert_int_equal(tell(DSN_FAILURE, "", NOTIFY_NEVER), OK);
    senders_are("<double-bounce@gw1.maison.mrs>\n");
    assert_string_equal(str_cstr(&draft_fake.recipients),
                        "chef@gw1.maison.mrs|chef||0|p\n");
    has(&draft_fake.content, "Subject: Postmaster Copy: Undelivered Mail\n");
    has(&logged, "AAAA1: postmaster non-delivery notification: 61D3F800081\n");
    assert_int_equal(tell(DSN_FAILURE, "double-bounce@gw1.maison.mrs", 0), OK);
    senders_are("");
    has(&logged, "AAAA1: undeliverable postmaster notification discarded");
    assert_int_equal(tell(DSN_SUCCESS, "", NOTIFY_SUCCESS), OK);
    senders_are("");
    assert_int_equal(tell(DSN_DELAY, "double-bounce@gw1.maison.mrs", 0), OK);
    senders_are("");
}

/* S091: copies for the postmaster. */
static void test_postmaster_copies(void **state)
{
    (void)state;
    use("notify_classes = bounce, delay\ndelay_notice_recipient = slow@x.org\n");
    assert_int_equal(tell(DSN_FAILURE, "chris@maison.mrs", 0), OK);
    senders_are("<>\n<double-bounce@gw1.maison.mrs>\n");
    has(&logged, "AAAA1: postmaster non-delivery notification: ");
    assert_string_equal(draft_fake.origin, "");
    assert_int_equal(tell(DSN_DELAY, "chris@maison.mrs", 0), OK);
    senders_are("<>\n<double-bounce@gw1.maison.mrs>\n");
    has(&draft_fake.recipients, "slow@x.org|");
    has(&draft_fake.content, "Subject: Postmaster Warning: Delayed Mail\n");
    has(&logged, "AAAA1: sender delay notification: ");
    has(&logged, "AAAA1: postmaster delay notification: ");
}

/* S202. */
static void test_delay(void **state)
{
    (void)state;
    use("delay_warning_time = 4h\n");
    assert_int_equal(tell(DSN_DELAY, "chris@maison.mrs", NOTIFY_FAILURE), OK);
    senders_are("");
    assert_int_equal(tell(DSN_DELAY, "chris@maison.mrs", 0), OK);
    senders_are("<>\n");
    has(&draft_fake.content, "Subject: Delayed Mail (still being retried)\n");
    assert_null(strstr(str_cstr(&draft_fake.content), "Hello."));
    assert_string_equal(draft_fake.origin, "");
}

static void test_queue_trouble(void **state)
{
    (void)state;
    use("virtual_alias_maps = fail:x\n");
    assert_int_equal(tell(DSN_FAILURE, "chris@maison.mrs", 0), TEMPFAIL);
    has(&logged, "AAAA1: sender non-delivery notification failed: ");
}

/* S091: a session that broke the rules. */
static void test_notice(void **state)
{
    (void)state;
    struct transcript t;
    struct notice n = {.classes = NOTICE_PROTOCOL,
                       .role = "SMTP server",
                       .peer = VIEW("unknown[192.0.2.1]"),
                       .reason = VIEW("lost connection"),
                       .transcript = &t};
    transcript_init(&t);
    transcript_add(&t, "Out: ", VIEW("220 gw1"));
    transcript_add(&t, "In:  ", VIEW("FOO"));
    draft_fake_reset();
    use("");
    assert_true(notice_post(bouncer.conf, bouncer.cleanup, NULL, &n, &error));
    senders_are("");
    use("notify_classes = protocol\nerror_notice_recipient = errors\n");
    assert_true(notice_post(bouncer.conf, bouncer.cleanup, NULL, &n, &error));
    senders_are("<double-bounce@gw1.maison.mrs>\n");
    has(&draft_fake.recipients, "errors@gw1.maison.mrs|");
    has(&draft_fake.content,
        "Subject: Postfix SMTP server: errors from unknown[192.0.2.1]\n");
    has(&draft_fake.content,
        "\n Out: 220 gw1\n In:  FOO\n\nSession aborted, reason: lost connection\n");
    transcript_done(&t);
}

/* --- the conversation --- */

static int ends[2];

static void serve(void *arg)
{
    (void)arg;
    bounce_session(&bouncer, ends[1], INT64_C(10000000));
}

static struct ipc_message *ask(struct ipc *c, struct arena *a, const char *kind,
                               int report_fd)
{
    struct error e = ERROR_INIT;
    int content = memory_file(message);
    struct ipc_message *m = ipc_message_new(a, IPC_REPORT_ABOUT);
    ipc_put_u64(m, IPC_ATTR_TAG, 7);
    ipc_put_cstr(m, IPC_ATTR_REPORT, kind);
    ipc_put_cstr(m, IPC_ATTR_QUEUE_ID, "AAAAABCDEF1");
    ipc_put_u64(m, IPC_ATTR_CONTENT_SIZE, sizeof message - 1);
    ipc_put_cstr(m, IPC_ATTR_SENDER, "chris@maison.mrs");
    ipc_put_u64(m, IPC_ATTR_FLAGS, 0);
    ipc_put_u64(m, IPC_ATTR_RET, DSN_RET_HDRS);
    ipc_put_cstr(m, IPC_ATTR_ENVID, "env");
    ipc_put_i64(m, IPC_ATTR_ARRIVAL, 1);
    ipc_put_fd(m, content);
    ipc_put_fd(m, report_fd);
    bool sent = ipc_send(c, m, clock_in(10 * CLOCK_SECOND), &e);
    close(content);
    close(report_fd);
    return sent ? ipc_receive(c, a, clock_in(10 * CLOCK_SECOND), &e) : NULL;
}

static void be_qmgr(void *arg)
{
    bool *ok = arg;
    struct arena *a = arena_new();
    struct ipc *c = ipc_open(ends[0]);
    struct report_recipient r = {
        .address = VIEW("x@y.org"), .status = VIEW("5.0.0"), .text = VIEW("no")};
    struct ipc_message *m = ask(c, a, "failure", report_write_memory(&r, 1, NULL));
    *ok =
        m && ipc_message_type(m) == IPC_REPORTED && ipc_get_u64(m, IPC_ATTR_TAG, 0) == 7;
    m = ask(c, a, "failure", memory_file("garbage"));
    *ok &=
        m && ipc_message_type(m) == IPC_REFUSED && ipc_get_u64(m, IPC_ATTR_TAG, 0) == 7;
    m = ask(c, a, "nonsense", report_write_memory(&r, 1, NULL));
    *ok &= m && ipc_message_type(m) == IPC_REFUSED;
    ipc_close(c);
    arena_free(a);
}

static void test_session(void **state)
{
    (void)state;
    bool ok = false;
    use("enable_threaded_bounces = yes\n");
    draft_fake_reset();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    loop_init();
    fiber_spawn("serve", serve, NULL);
    fiber_spawn("qmgr", be_qmgr, &ok);
    loop_run();
    loop_done();
    if (!ok)
        fail_msg("%s", str_cstr(&logged));
    senders_are("<>\n");
    has(&draft_fake.content, "In-Reply-To: <1@x>\n");
    has(&draft_fake.content, "Original-Envelope-Id: env\n");
    has(&draft_fake.content, "Content-Type: text/rfc822-headers\n");
    assert_string_equal(draft_fake.origin, "AAAAABCDEF1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failure),  cmocka_unit_test(test_notify),
        cmocka_unit_test(test_no_loops), cmocka_unit_test(test_postmaster_copies),
        cmocka_unit_test(test_delay),    cmocka_unit_test(test_queue_trouble),
        cmocka_unit_test(test_notice),   cmocka_unit_test(test_session),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
