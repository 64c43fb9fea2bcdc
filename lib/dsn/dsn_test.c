/* dsn_test - the text of notifications, line by line, and the templates
 *
 * Rows S195 S196 S197 S198 S199.  With arguments KIND and FLAGS it prints one
 * notification in place of testing, for dsn_check.py.
 */
#include "dsn/dsn.h"
#include "dsn/notice.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct conf *conf;
static struct dsn_templates templates;
static struct str out, logged;

static const char message[] =
    "Received: by gw1\n\tid 1\nFrom: chris@maison.mrs\nMessage-Id: <1@x>\n"
    "Subject: test\n\nHello.\n";

static const struct report_recipient recipients[] = {
    {.address = {"nobody@example.org", 18},
     .original = {"alias@maison.mrs", 16},
     .orcpt = {"rfc822;alias@maison.mrs", 23},
     .action = REPORT_FAILED,
     .status = {"5.1.1", 5},
     .text = {"host mx.example.org[192.0.2.1] said: 550 5.1.1 <nobody@example.org>: "
              "Recipient address "
              "rejected: User unknown (in reply to RCPT TO command)",
              139},
     .diagnostic_type = {"smtp", 4},
     .diagnostic =
         {"550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown", 72},
     .remote_mta = {"mx.example.org", 14}},
    {.address = {"a b@example.org", 15},
     .original = {"a b@example.org", 15},
     .action = REPORT_FAILED,
     .status = {"5.0.0", 5},
     .text = {"bad\r\nX-Evil: 1\xff", 15}},
};

static void keep_line(enum log_level level, const char *text)
{
    (void)level;
    str_addf(&logged, "%s\n", text);
}

static void use(const char *more)
{
    char text[2048];
    struct error e = ERROR_INIT;
    conf_free(conf);
    snprintf(text, sizeof text,
             "compatibility_level = 3.6\nmyhostname = gw1.maison.mrs\nmydomain = "
             "maison.mrs\n%s",
             more);
    if (!conf_load_text("/nonexistent", view_of(text), NULL, 0, &conf, &e)) {
        fprintf(stderr, "%s\n", error_cstr(&e));
        exit(1);
    }
}

static int begin(void **state)
{
    (void)state;
    str_init(&out, 1 << 20);
    str_init(&logged, 1 << 20);
    log_set_hook(keep_line);
    setenv("TZ", "UTC", 1);
    tzset();
    use("");
    dsn_templates_default(&templates, false);
    return 0;
}

static int end(void **state)
{
    (void)state;
    conf_free(conf);
    str_done(&out);
    str_done(&logged);
    return 0;
}

static void add_line(void *arg, struct view line)
{
    struct str *to = arg;
    str_add(to, line);
    str_add_char(to, '\n');
}

static int memory_file(struct view bytes)
{
    int fd = memfd_create("message", MFD_CLOEXEC);
    if (fd < 0 || write(fd, bytes.p, bytes.n) != (ssize_t)bytes.n)
        exit(1);
    return fd;
}

static struct dsn sample(enum dsn_kind kind, int fd)
{
    return (struct dsn){
        .conf = conf,
        .templates = &templates,
        .kind = kind,
        .original = {.queue_id = VIEW("61D3F800081"),
                     .sender = VIEW("chris@maison.mrs"),
                     .envid = VIEW("env+1"),
                     .arrival = INT64_C(1052668017000000),
                     .content_fd = fd,
                     .content_size = sizeof message - 1},
        .recipients = recipients,
        .n_recipients = 1,
        .to = VIEW("chris@maison.mrs"),
        .ret = DSN_RET_FULL,
        .new_id = VIEW("7AAAA800082"),
        .now = INT64_C(1052668100000000),
    };
}

static void write_dsn(const struct dsn *d)
{
    str_clear(&out);
    assert_true(dsn_write(d, add_line, &out, NULL));
}

static void has(const char *text)
{
    if (!strstr(str_cstr(&out), text))
        fail_msg("missing:\n%s\nin:\n%s", text, str_cstr(&out));
}

static void has_not(const char *text)
{
    if (strstr(str_cstr(&out), text))
        fail_msg("unwanted: %s\nin:\n%s", text, str_cstr(&out));
}

/* All of one, so that the order of lines is Postfix's. */
static void test_failure(void **state)
{
    (void)state;
    int fd = memory_file(view_of(message));
    struct dsn d = sample(DSN_FAILURE, fd);
    write_dsn(&d);
    assert_string_equal(
        str_cstr(&out),
        "From: Mail Delivery System <MAILER-DAEMON>\n"
        "Subject: Undelivered Mail Returned to Sender\n"
        "To: chris@maison.mrs\n"
        "Auto-Submitted: auto-replied\n"
        "MIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status;\n"
        "\tboundary=\"7AAAA800082.1052668100/gw1.maison.mrs\"\n"
        "Content-Transfer-Encoding: 8bit\n"
        "\n"
        "This is a MIME-encapsulated message.\n"
        "\n"
        "--7AAAA800082.1052668100/gw1.maison.mrs\n"
        "Content-Description: Notification\n"
        "Content-Type: text/plain; charset=utf-8\n"
        "Content-Transfer-Encoding: 8bit\n"
        "\n"
        "This is the mail system at host gw1.maison.mrs.\n"
        "\n"
        "I'm sorry to have to inform you that your message could not be\n"
        "delivered to all of its recipients. The reasons are given below,\n"
        "and your message is attached.\n"
        "\n"
        "For further assistance, please write to postmaster and include\n"
        "this report; your own text in the part at its end is not\n"
        "needed and may be cut off.\n"
        "\n"
        "                   The mail system\n"
        "\n"
        "<nobody@example.org> (expanded from <alias@maison.mrs>): host\n"
        "    mx.example.org[192.0.2.1] said: 550 5.1.1 <nobody@example.org>: Recipient\n"
        "    address rejected: User unknown (in reply to RCPT TO command)\n"
        "\n"
        "--7AAAA800082.1052668100/gw1.maison.mrs\n"
        "Content-Description: Delivery report\n"
        "Content-Type: message/delivery-status\n"
        "\n"
        "Reporting-MTA: dns; gw1.maison.mrs\n"
        "Original-Envelope-Id: env+1\n"
        "X-Postfix-Queue-ID: 61D3F800081\n"
        "X-Postfix-Sender: rfc822; chris@maison.mrs\n"
        "Arrival-Date: Sun, 11 May 2003 15:46:57 +0000 (UTC)\n"
        "\n"
        "Final-Recipient: rfc822; nobody@example.org\n"
        "Original-Recipient: rfc822;alias@maison.mrs\n"
        "Action: failed\n"
        "Status: 5.1.1\n"
        "Remote-MTA: dns; mx.example.org\n"
        "Diagnostic-Code: smtp; 550 5.1.1 <nobody@example.org>: Recipient address\n"
        "    rejected: User unknown\n"
        "\n"
        "--7AAAA800082.1052668100/gw1.maison.mrs\n"
        "Content-Description: Undelivered Message\n"
        "Content-Type: message/rfc822\n"
        "Content-Transfer-Encoding: 8bit\n"
        "\n"
        "Return-Path: <chris@maison.mrs>\n"
        "Received: by gw1\n"
        "\tid 1\n"
        "From: chris@maison.mrs\n"
        "Message-Id: <1@x>\n"
        "Subject: test\n"
        "\n"
        "Hello.\n"
        "\n"
        "--7AAAA800082.1052668100/gw1.maison.mrs--\n");
    close(fd);
}

/* Nothing that a stranger wrote makes a line of its own. */
static void test_hostile_texts(void **state)
{
    (void)state;
    int fd = memory_file(view_of(message));
    struct dsn d = sample(DSN_FAILURE, fd);
    d.recipients = &recipients[1];
    write_dsn(&d);
    has("<\"a b\"@example.org>: bad??X-Evil: 1?\n");
    has("Final-Recipient: rfc822; \"a b\"@example.org\nOriginal-Recipient: ");
    has("Diagnostic-Code: X-Postfix; bad??X-Evil: 1?\n");
    has("Original-Recipient: rfc822;\"a b\"@example.org\n");
    close(fd);
}

/* S199: over bounce_size_limit, or RET=HDRS, the header alone. */
static void test_headers_only(void **state)
{
    (void)state;
    int fd = memory_file(view_of(message));
    struct dsn d = sample(DSN_FAILURE, fd);
    d.ret = DSN_RET_HDRS;
    write_dsn(&d);
    has("Content-Description: Undelivered Message Headers\nContent-Type: "
        "text/rfc822-headers\n");
    has("Subject: test\n\n--7AAAA800082");
    has_not("Hello.");
    use("bounce_size_limit = 20\n");
    d = sample(DSN_FAILURE, fd);
    write_dsn(&d);
    has("Content-Type: text/rfc822-headers\n");
    has_not("Hello.");
    use("");
    close(fd);
}

static void test_delay(void **state)
{
    (void)state;
    int fd = memory_file(view_of(message));
    use("delay_warning_time = 4h\n");
    struct dsn d = sample(DSN_DELAY, fd);
    struct report_recipient r = recipients[0];
    r.action = REPORT_DELAYED;
    r.status = VIEW("4.4.1");
    d.recipients = &r;
    d.ret = DSN_RET_HDRS;
    write_dsn(&d);
    has("Subject: Delayed Mail (still being retried)\n");
    has("For more than 4 hour(s) your");
    has("\n5 day(s) old.");
    has("Action: delayed\nStatus: 4.4.1\n");
    has("Will-Retry-Until: Fri, 16 May 2003 15:46:57 +0000 (UTC)\n");
    use("");
    close(fd);
}

static void test_postmaster_copy(void **state)
{
    (void)state;
    int fd = memory_file(view_of(message));
    use("enable_threaded_bounces = yes\nmail_name = Diligence\nsmtputf8_enable = no\n");
    struct dsn d = sample(DSN_FAILURE, fd);
    d.for_postmaster = true;
    d.original.message_id = VIEW("<1@x>");
    write_dsn(&d);
    has("Subject: Postmaster Copy: Undelivered Mail\n");
    has("References: <1@x>\nIn-Reply-To: <1@x>\nAuto-Submitted: auto-generated\n");
    has("Content-Type: text/plain; charset=us-ascii\n\n\n<nobody@example.org>");
    has("X-Diligence-Queue-ID: 61D3F800081\n");
    has_not("I'm sorry");
    has_not("8bit");
    d.original.sender = VIEW("");
    write_dsn(&d);
    has("X-Diligence-Sender: rfc822; MAILER-DAEMON@gw1.maison.mrs\n");
    has("Return-Path: <MAILER-DAEMON@gw1.maison.mrs>\n");
    use("");
    close(fd);
}

/* RFC 6533. */
static void test_utf8(void **state)
{
    (void)state;
    int fd = memory_file(view_of(message));
    struct dsn d = sample(DSN_FAILURE, fd);
    struct report_recipient r = {.address = VIEW("chr\xc3\xafs@x.org"),
                                 .status = VIEW("5.1.1"),
                                 .text = VIEW("pas trouv\xc3\xa9")};
    d.recipients = &r;
    d.original.smtputf8 = true;
    write_dsn(&d);
    has("report-type=global-delivery-status;");
    has("Content-Transfer-Encoding: 8bit\n");
    has("Content-Type: text/plain; charset=utf-8\n");
    has("Content-Type: message/global-delivery-status\n");
    has("Final-Recipient: utf-8; chr\xc3\xafs@x.org\n");
    has("Content-Type: message/global\n");
    has("<chr\xc3\xafs@x.org>: pas trouv\xc3\xa9\n");
    d.original.smtputf8 = false;
    write_dsn(&d);
    has("Final-Recipient: rfc822; chr??s@x.org\n");
    close(fd);
}

static void test_wanted(void **state)
{
    (void)state;
    struct report_recipient r = {.notify = 0};
    assert_true(dsn_is_wanted(&r, DSN_FAILURE));
    assert_true(dsn_is_wanted(&r, DSN_DELAY));
    assert_false(dsn_is_wanted(&r, DSN_SUCCESS));
    r.notify = NOTIFY_NEVER;
    assert_false(dsn_is_wanted(&r, DSN_FAILURE));
    r.notify = NOTIFY_SUCCESS;
    assert_true(dsn_is_wanted(&r, DSN_SUCCESS));
    assert_false(dsn_is_wanted(&r, DSN_DELAY));
}

static void test_unreadable_original(void **state)
{
    (void)state;
    int fd = memory_file(VIEW("Subject: x\n"));
    struct error e = ERROR_INIT;
    struct dsn d = sample(DSN_FAILURE, fd); /* says it is longer */
    str_clear(&out);
    assert_false(dsn_write(&d, add_line, &out, &e));
    has("--- The message could not be read to its end ---");
    has("/gw1.maison.mrs--\n");
    d.original.content_fd = -1;
    write_dsn(&d);
    has_not("rfc822-headers");
    close(fd);
}

/* S196: own templates. */
/* bounce(5): names of this host are written as people read them. */
static void test_names_of_ours(void **state)
{
    (void)state;
    struct dsn_templates t;
    struct dsn_template *failure = &t.kind[DSN_FAILURE];
    dsn_templates_default(&t, false);
    failure->text = VIEW("$myhostname $mydomain $myorigin");
    use("myhostname = gw1.xn--caf-dma.example\nmydomain = xn--caf-dma.example\n");
    str_clear(&out);
    dsn_template_expand(failure, DSN_FAILURE, conf, &out);
    assert_string_equal(str_cstr(&out), "gw1.caf\xc3\xa9.example caf\xc3\xa9.example "
                                        "gw1.xn--caf-dma.example");
    use("myhostname = gw1.xn--caf-dma.example\nmydomain = xn--0.example\n"
        "smtputf8_enable = no\n");
    str_clear(&out);
    dsn_template_expand(failure, DSN_FAILURE, conf, &out);
    assert_string_equal(str_cstr(&out), "gw1.xn--caf-dma.example xn--0.example "
                                        "gw1.xn--caf-dma.example");
    use("");
}

static void test_template_file(void **state)
{
    (void)state;
    static const char text[] =
        "# mine\n\nfailure_template = <<END\nCharset: utf-8\nFrom: MAILER-DAEMON (Le "
        "facteur)\n"
        "Subject: Retour\nPostmaster-Subject: Copie\n\nD\xc3\xa9sol\xc3\xa9 de "
        "$myhostname, $$5.\nEND\n"
        "success_template = <<EOF\nPostmaster-Subject: no\n\ntext\nEOF\n"
        "delay_template = <<EOF\nSubject: x\n\n\xc3\xa9\nEOF\n"
        "other_template = <<EOF\ntext\nEOF\nverify_template = <<EOF\nX: y\n\ntext\nEOF\n"
        "nonsense\nverify_template = <<E\ntext\n";
    struct dsn_templates t;
    str_clear(&logged);
    dsn_templates_default(&t, true);
    assert_true(
        view_eq(t.kind[DSN_DELAY].from, VIEW("MAILER-DAEMON (Mail Delivery System)")));
    dsn_templates_parse(&t, "bounce.cf", view_of(text));
    assert_true(view_eq(t.kind[DSN_FAILURE].subject, VIEW("Retour")));
    assert_true(view_eq(t.kind[DSN_FAILURE].postmaster_subject, VIEW("Copie")));
    assert_true(
        view_eq(t.kind[DSN_DELAY].subject, VIEW("Delayed Mail (still being retried)")));
    str_clear(&out);
    dsn_template_expand(&t.kind[DSN_FAILURE], DSN_FAILURE, conf, &out);
    assert_string_equal(str_cstr(&out), "D\xc3\xa9sol\xc3\xa9 de gw1.maison.mrs, $5.\n");
    const char *wanted[] = {
        "bounce.cf: inapplicable \"Postmaster-Subject\" header label in success template",
        "bounce.cf: 8-bit message text in delay template",
        "bounce.cf, line 21: unknown template name: other_template -- ignoring this "
        "template",
        "bounce.cf: unknown \"X\" header label in verify template",
        "bounce.cf, line 29: expecting \"name = <<END\": \"nonsense\"",
        "bounce.cf, line 30: missing \"E\" end marker",
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (!strstr(str_cstr(&logged), wanted[i]))
            fail_msg("not logged: %s\nbut:\n%s", wanted[i], str_cstr(&logged));
}

/* What postconf -b prints can be read back. */
static void test_template_round_trip(void **state)
{
    (void)state;
    struct dsn_templates one, two;
    dsn_templates_default(&one, false);
    dsn_templates_default(&two, true);
    str_clear(&out);
    dsn_templates_print(&one, conf, true, &out);
    dsn_templates_parse(&two, "printed", str_view(&out));
    for (size_t i = 0; i < DSN_KINDS; i++) {
        assert_true(view_eq(one.kind[i].from, two.kind[i].from));
        assert_true(view_eq(one.kind[i].subject, two.kind[i].subject));
        assert_true(view_eq(one.kind[i].text, two.kind[i].text));
    }
}

/* The French set that comes with the program. */
static void test_french(void **state)
{
    (void)state;
    const char *directory = getenv("SOURCE_ROOT");
    char more[512];
    struct arena *a = arena_new();
    struct dsn_templates t;
    struct error e = ERROR_INIT;
    if (!directory)
        skip();
    snprintf(more, sizeof more,
             "bounce_template_file = %s/conf/bounce.cf.fr\ndelay_warning_time = 4h\n",
             directory);
    use(more);
    str_clear(&logged);
    assert_true(dsn_templates_load(&t, conf, a, &e));
    str_clear(&out);
    for (size_t i = 0; i < DSN_KINDS; i++) {
        assert_true(view_eq(t.kind[i].charset, VIEW("utf-8")));
        dsn_template_expand(&t.kind[i], (enum dsn_kind)i, conf, &out);
    }
    assert_string_equal(str_cstr(&logged), "");
    use("");
    arena_free(a);
}

static void test_fold(void **state)
{
    (void)state;
    str_clear(&out);
    dsn_fold(VIEW("aaa bbb ccc dddddddddddd e"), 7, 2, add_line, &out);
    assert_string_equal(str_cstr(&out), "aaa bbb\n  ccc\n  dddddddddddd\n  e\n");
    str_clear(&out);
    dsn_fold(VIEW(""), 7, 2, add_line, &out);
    assert_string_equal(str_cstr(&out), "\n");
}

static void test_notice_settings(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    use("notify_classes = bounce, policy\nmyorigin = x.org\n");
    assert_int_equal(notice_classes(conf),
                     NOTICE_BOUNCE | NOTICE_2BOUNCE | NOTICE_POLICY);
    assert_true(view_eq(double_bounce_address(conf, a), VIEW("double-bounce@x.org")));
    assert_true(is_double_bounce(conf, VIEW("Double-Bounce@X.org")));
    assert_true(is_double_bounce(conf, VIEW("double-bounce")));
    assert_false(is_double_bounce(conf, VIEW("double-bounce@other.org")));
    assert_false(is_double_bounce(conf, VIEW("")));
    use("");
    arena_free(a);
}

static void test_transcript(void **state)
{
    (void)state;
    struct transcript t;
    transcript_init(&t);
    transcript_add(&t, "In:  ", VIEW("EHLO \x01x"));
    assert_string_equal(str_cstr(&t.lines), "In:  EHLO ?x\n");
    for (int i = 0; i < 10000; i++)
        transcript_add(&t, "Out: ", VIEW("250 a line of the session"));
    assert_true(t.is_cut);
    assert_true(t.lines.n <= 64 * 1024);
    assert_true(view_starts(str_view(&t.lines), VIEW("Out: ")));
    transcript_done(&t);
}

/* One notification to standard output: "failure", "failure-utf8" ... */
static int print_sample(const char *name)
{
    enum dsn_kind kind;
    struct view word, flag;
    view_cut(view_of(name), '-', &word, &flag);
    if (!dsn_kind_parse(word, &kind))
        return 1;
    (void)begin(NULL);
    int fd = memory_file(view_of(message));
    struct dsn d = sample(kind, fd);
    d.n_recipients = 2;
    d.original.smtputf8 = view_eq(flag, VIEW("utf8"));
    d.ret = view_eq(flag, VIEW("headers")) ? DSN_RET_HDRS : DSN_RET_FULL;
    d.for_postmaster = view_eq(flag, VIEW("postmaster"));
    (void)dsn_write(&d, add_line, &out, NULL);
    printf("%s", str_cstr(&out));
    close(fd);
    (void)end(NULL);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_hostile_texts),
        cmocka_unit_test(test_headers_only),
        cmocka_unit_test(test_delay),
        cmocka_unit_test(test_postmaster_copy),
        cmocka_unit_test(test_names_of_ours),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_wanted),
        cmocka_unit_test(test_unreadable_original),
        cmocka_unit_test(test_template_file),
        cmocka_unit_test(test_template_round_trip),
        cmocka_unit_test(test_french),
        cmocka_unit_test(test_fold),
        cmocka_unit_test(test_notice_settings),
        cmocka_unit_test(test_transcript),
    };
    return argc > 1 ? print_sample(argv[1]) : cmocka_run_group_tests(tests, begin, end);
}
