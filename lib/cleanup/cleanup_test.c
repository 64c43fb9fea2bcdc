/* cleanup_test - whole messages through the filter
 *
 * Rows S013 S054 S056 S057 S058 S059 S063 S064 S081 S125 S126 S132 S133 S149 S150 S157
 * S158 S159 S293.  The log lines are those of Postfix 3.7.
 */
#include "cleanup/cleanup.h"
#include "cleanup/draft_fake.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct conf *conf;
static struct rewrite *rewrite;
static struct cleanup_setup *setup;
static struct str logged;
static struct error error;

static const char base[] = "compatibility_level = 3.6\n"
                           "myhostname = gw1.maison.mrs\n"
                           "mydomain = maison.mrs\n"
                           "inet_interfaces = 127.0.0.1\n";

static void keep_line(enum log_level level, const char *text)
{
    (void)level;
    str_addf(&logged, "%s\n", text);
}

static void close_setup(void)
{
    cleanup_setup_free(setup);
    rewrite_free(rewrite);
    conf_free(conf);
    setup = NULL;
    rewrite = NULL;
    conf = NULL;
}

static void use(const char *more)
{
    static char text[8192];
    struct error e = ERROR_INIT;
    close_setup();
    snprintf(text, sizeof text, "%s%s", base, more);
    if (!conf_load_text("/nonexistent", view_of(text), NULL, 0, &conf, &e))
        fail_msg("%s", error_cstr(&e));
    rewrite = rewrite_new(conf);
    setup = cleanup_setup_new(conf, rewrite);
}

static int begin(void **state)
{
    (void)state;
    str_init(&logged, 1 << 20);
    log_set_hook(keep_line);
    setenv("TZ", "UTC", 1);
    tzset();
    return 0;
}

static int end(void **state)
{
    (void)state;
    close_setup();
    str_done(&logged);
    draft_fake_reset();
    return 0;
}

/* A message of the network: from a client that we do not complete headers for. */
static const struct envelope network = {
    .arrival = INT64_C(1052668017000000), /* Sun, 11 May 2003 15:46:57 UTC */
    .client_name = {"unknown", 7},
    .client_address = {"1.2.3.4", 7},
    .protocol_name = {"ESMTP", 5},
    .helo_name = {"h", 1},
    .rewrite_context = {"remote", 6},
};
static const struct envelope local = {
    .arrival = INT64_C(1052668017000000),
    .rewrite_context = {"local", 5},
};

static struct cleanup *start(const struct envelope *env, unsigned flags)
{
    draft_fake_reset();
    str_clear(&logged);
    error_clear(&error);
    return cleanup_open(setup, draft_open(NULL, NULL), env, flags);
}

/* Lines separated by LF. */
static void lines(struct cleanup *c, const char *text)
{
    struct view line, rest = view_of(text);
    while (view_has(rest, '\n')) {
        view_cut(rest, '\n', &line, &rest);
        cleanup_line(c, line);
    }
    if (!view_is_empty(rest))
        cleanup_line(c, rest);
}

/* From a@x.org to b@y.org. */
static enum cleanup_verdict pass(const struct envelope *env, unsigned flags,
                                 const char *text)
{
    struct cleanup *c = start(env, flags);
    cleanup_sender(c, VIEW("a@x.org"));
    cleanup_recipient(c, VIEW("b@y.org"), VIEW_NONE, VIEW_NONE, 0);
    lines(c, text);
    return cleanup_finish(c, NULL, &error);
}

static void content_is(const char *want)
{
    assert_string_equal(str_cstr(&draft_fake.content), want);
}

static void recipients_are(const char *want)
{
    assert_string_equal(str_cstr(&draft_fake.recipients), want);
}

static void log_has(const char *want)
{
    if (!strstr(str_cstr(&logged), want))
        fail_msg("not logged: %s\nbut:\n%s", want, str_cstr(&logged));
}

#define FLAGS (CLEANUP_EXTERNAL | CLEANUP_SMTP)

/* S053 S054 S064: what came from the network stays as it is. */
static void test_network_mail_is_kept(void **state)
{
    (void)state;
    static const char text[] =
        "Received: from h\n\tby gw1\nX-Priority: 1\nFROM:a\nsubject: x\n"
        "User-Agent:  y z\n folded\nMessage-ID: <i@x>\n\n.body\n\n";
    use("");
    assert_int_equal(pass(&network, FLAGS, text), CLEANUP_QUEUED);
    content_is(text);
    recipients_are("b@y.org|b@y.org||0|p\n");
    assert_string_equal(draft_fake.sender, "a@x.org");
    assert_string_equal(draft_fake.message_id, "<i@x>");
    assert_string_equal(str_cstr(&logged), "61D3F800081: message-id=<i@x>\n");
}

/* S054 S057 S058 S063: a local message with only a body. */
static void test_missing_headers(void **state)
{
    (void)state;
    use("undisclosed_recipients_header = To: undisclosed-recipients:;\n");
    struct cleanup *c = start(&local, FLAGS);
    cleanup_sender(c, VIEW("chris"));
    cleanup_full_name(c, VIEW("Christian Caleca"));
    cleanup_recipient(c, VIEW("root"), VIEW_NONE, VIEW_NONE, 0);
    lines(c, "Received: by gw1\n\nonly a body\n");
    assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_QUEUED);
    content_is("Received: by gw1\n"
               "Message-Id: <20030511154657.61D3F800081@gw1.maison.mrs>\n"
               "Date: Sun, 11 May 2003 15:46:57 +0000 (UTC)\n"
               "From: Christian Caleca <chris@gw1.maison.mrs>\n"
               "To: undisclosed-recipients:;\n"
               "\nonly a body\n");
    recipients_are("root@gw1.maison.mrs|root||0|p\n");
    log_has("61D3F800081: message-id=<20030511154657.61D3F800081@gw1.maison.mrs>\n");
    use("header_from_format = obsolete\nenable_long_queue_ids = yes\n");
    c = start(&local, FLAGS);
    cleanup_sender(c, VIEW("chris"));
    cleanup_full_name(c, VIEW("Christian Caleca"));
    cleanup_recipient(c, VIEW("root"), VIEW_NONE, VIEW_NONE, 0);
    lines(c, "To: x@y\n");
    assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_QUEUED);
    content_is("To: x@y\n"
               "Message-Id: <61D3F800081@gw1.maison.mrs>\n"
               "Date: Sun, 11 May 2003 15:46:57 +0000 (UTC)\n"
               "From: chris@gw1.maison.mrs (Christian Caleca)\n");
}

static void test_always_add_missing(void **state)
{
    (void)state;
    use("");
    assert_int_equal(pass(&network, FLAGS, "Subject: x\n\n"), CLEANUP_QUEUED);
    content_is("Subject: x\n\n");
    log_has("message-id=<>");
    use("always_add_missing_headers = yes\n");
    assert_int_equal(pass(&network, FLAGS, "Subject: x\nResent-To: q@r\nTo: x@y\n\n"),
                     CLEANUP_QUEUED);
    content_is("Subject: x\nResent-To: q@r\nTo: x@y\n"
               "Resent-Message-Id: <20030511154657.61D3F800081@gw1.maison.mrs>\n"
               "Resent-Date: Sun, 11 May 2003 15:46:57 +0000 (UTC)\n"
               "Resent-From: a@x.org\n\n");
    log_has(
        "61D3F800081: resent-message-id=<20030511154657.61D3F800081@gw1.maison.mrs>\n");
}

/* S082 S125 S126: local headers get our domain, the network's do not. */
static void test_header_rewriting(void **state)
{
    (void)state;
    static const char text[] = "From: Chris C <chris>\nTo: root, x@y.org (C), \"Q R\" "
                               "<h!u>\nCc: z\nMessage-Id: <i>\n"
                               "Date: d\nSubject: chris\n\nchris\n";
    use("myorigin = $mydomain\n");
    assert_int_equal(pass(&local, FLAGS, text), CLEANUP_QUEUED);
    content_is("From: Chris C <chris@maison.mrs>\nTo: root@maison.mrs, x@y.org (C), \"Q "
               "R\" <u@h>\n"
               "Cc: z@maison.mrs\nMessage-Id: <i>\nDate: d\nSubject: chris\n\nchris\n");
    assert_int_equal(pass(&network, FLAGS, text), CLEANUP_QUEUED);
    content_is(text);
    use("remote_header_rewrite_domain = domain.invalid\n");
    assert_int_equal(
        pass(&network, FLAGS, "From: chris\nMessage-Id: <i>\nDate: d\nTo: x@y.org\n\n"),
        CLEANUP_QUEUED);
    content_is("From: chris@domain.invalid\nMessage-Id: <i>\nDate: d\nTo: x@y.org\n\n");
}

/* S013 S056: Bcc goes; the envelope is not the header's matter. */
static void test_dropped_headers(void **state)
{
    (void)state;
    use("");
    assert_int_equal(
        pass(
            &network, FLAGS,
            "Bcc: secret@x.org\nContent-Length: 5\nreturn-PATH: <q>\nTo: other@z\n\nx\n"),
        CLEANUP_QUEUED);
    content_is("To: other@z\n\nx\n");
    recipients_are("b@y.org|b@y.org||0|p\n");
    use("message_drop_headers = x-secret, subject\n");
    assert_int_equal(
        pass(&network, FLAGS, "Bcc: b\nX-Secret: 1\nX-Other: 2\nSubject: 3\n\n"),
        CLEANUP_QUEUED);
    content_is("Bcc: b\nX-Other: 2\n\n");
}

/* S056: sendmail -t. */
static void test_extraction(void **state)
{
    (void)state;
    use("");
    struct cleanup *c = start(&local, FLAGS | CLEANUP_EXTRACT);
    cleanup_sender(c, VIEW("chris"));
    lines(c, "To: a@x.org, Q <b@x.org>\nCc: g: c@x.org, a@x.org;\nBcc: d@x.org\nFrom: "
             "e@x.org\n\nx\n");
    assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_QUEUED);
    recipients_are("a@x.org|a@x.org||0|p\nb@x.org|b@x.org||0|p\nc@x.org|c@x.org||0|p\n"
                   "d@x.org|d@x.org||0|p\n");
    assert_null(strstr(str_cstr(&draft_fake.content), "Bcc"));
    c = start(&local, FLAGS | CLEANUP_EXTRACT);
    cleanup_sender(c, VIEW("chris"));
    cleanup_extract_notify(c, NOTIFY_NEVER);
    lines(c, "To: a@x.org\nResent-To: r@x.org\nCc: b@x.org\nResent-Bcc: s@x.org\n\n");
    assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_QUEUED);
    recipients_are("r@x.org|r@x.org||1|p\ns@x.org|s@x.org||1|p\n");
    c = start(&local, FLAGS | CLEANUP_EXTRACT);
    lines(c, "Subject: x\n\n");
    assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_REJECTED);
    assert_string_equal(error.status, "5.1.0");
    assert_string_equal(error.text, "Error: no recipients specified");
    assert_true(draft_fake.discarded);
}

/* S132 S133 S149. */
static void test_canonical(void **state)
{
    (void)state;
    use("sender_canonical_maps = inline:{ chris@gw1.maison.mrs=C.Caleca@public.com }\n"
        "recipient_canonical_maps = inline:{ boss@gw1.maison.mrs=ceo@public.com }\n"
        "canonical_maps = inline:{ bob=Bob.X@maison.mrs @old.org=@new.org }\n"
        "recipient_delimiter = +\n");
    struct cleanup *c = start(&local, FLAGS);
    cleanup_sender(c, VIEW("chris"));
    cleanup_recipient(c, VIEW("boss"), VIEW_NONE, VIEW_NONE, 0);
    cleanup_recipient(c, VIEW("chris"), VIEW_NONE, VIEW_NONE, 0);
    cleanup_recipient(c, VIEW("bob+lists"), VIEW_NONE, VIEW_NONE, 0);
    cleanup_recipient(c, VIEW("u+e@old.org"), VIEW_NONE, VIEW_NONE, 0);
    lines(c, "From: Chris <chris>\nTo: boss, chris\nCc: bob+q\nReply-To: "
             "boss\nMessage-Id: <i>\nDate: d\n\n");
    assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_QUEUED);
    assert_string_equal(draft_fake.sender, "C.Caleca@public.com");
    recipients_are(
        "ceo@public.com|boss||0|p\nchris@gw1.maison.mrs|chris||0|p\n"
        "Bob.X+lists@maison.mrs|bob+lists||0|p\nu+e@new.org|u+e@old.org||0|p\n");
    content_is(
        "From: Chris <C.Caleca@public.com>\nTo: ceo@public.com, chris@gw1.maison.mrs\n"
        "Cc: Bob.X+q@maison.mrs\nReply-To: boss@gw1.maison.mrs\nMessage-Id: <i>\nDate: "
        "d\n\n");
    use("canonical_maps = inline:{ a@x.org=z@x.org b@y.org=z@y.org }\n"
        "canonical_classes = envelope_recipient\npropagate_unmatched_extensions =\n");
    assert_int_equal(
        pass(&local, FLAGS, "From: a@x.org\nTo: b@y.org\nMessage-Id: <i>\nDate: d\n\n"),
        CLEANUP_QUEUED);
    assert_string_equal(draft_fake.sender, "a@x.org");
    recipients_are("z@y.org|b@y.org||0|p\n");
    content_is("From: a@x.org\nTo: b@y.org\nMessage-Id: <i>\nDate: d\n\n");
}

static void test_masquerade(void **state)
{
    (void)state;
    use("masquerade_domains = !keep.x.org x.org\nmasquerade_exceptions = root\n"
        "recipient_canonical_maps =\n");
    struct cleanup *c = start(&local, FLAGS);
    cleanup_sender(c, VIEW("a@host.x.org"));
    cleanup_recipient(c, VIEW("b@host.x.org"), VIEW_NONE, VIEW_NONE, 0);
    lines(c, "From: a@HOST.X.org\nTo: b@h.keep.x.org, root@h.x.org, c@x.org, "
             "d@yx.org\nMessage-Id: <i>\nDate: d\n\n");
    assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_QUEUED);
    assert_string_equal(draft_fake.sender, "a@x.org");
    recipients_are("b@host.x.org|b@host.x.org||0|p\n");
    content_is("From: a@x.org\nTo: b@h.keep.x.org, root@h.x.org, c@x.org, "
               "d@yx.org\nMessage-Id: <i>\nDate: d\n\n");
}

/* One recipient is remembered, so the second comes twice. */
static void test_short_memory(void **state)
{
    (void)state;
    use("virtual_alias_maps = inline:{ {l@v.org=a@x.org, b@x.org, b@x.org, a@x.org} }\n"
        "duplicate_filter_limit = 1\nempty_address_recipient = nobody@x.org\n"
        "enable_original_recipient = no\n");
    struct cleanup *c = start(&local, FLAGS);
    cleanup_sender(c, VIEW("s@x.org"));
    cleanup_recipient(c, VIEW("l@v.org"), VIEW("l@v.org"), VIEW_NONE, 0);
    cleanup_recipient(c, VIEW_NONE, VIEW_NONE, VIEW_NONE, 0);
    lines(c, "Subject: x\n\n");
    assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_QUEUED);
    recipients_are("a@x.org|||0|p\nb@x.org|||0|p\nb@x.org|||0|p\nnobody@x.org|||0|p\n");
}

/* S150: expansion, catch-all, chains, loops, duplicates. */
static void test_virtual(void **state)
{
    (void)state;
    use("virtual_alias_maps = inline:{ {list@v.org=a@x.org, b@x.org, list2@v.org} "
        "{list2@v.org=c@x.org,a@x.org}\n"
        "  {@v.org=catch@x.org} {self@v.org=self@v.org, d@x.org} "
        "{loop1@v.org=loop2@v.org} {loop2@v.org=loop1@v.org} }\n"
        "recipient_delimiter = +\n");
    struct cleanup *c = start(&local, FLAGS);
    cleanup_sender(c, VIEW("s@x.org"));
    cleanup_recipient(c, VIEW("list@v.org"), VIEW_NONE, VIEW("rfc822;list@v.org"), 0);
    cleanup_recipient(c, VIEW("none@v.org"), VIEW_NONE, VIEW_NONE, 0);
    cleanup_recipient(c, VIEW("self@v.org"), VIEW_NONE, VIEW_NONE, 0);
    cleanup_recipient(c, VIEW("none+e@v.org"), VIEW_NONE, VIEW_NONE, 0);
    lines(c, "Subject: x\n\n");
    assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_QUEUED);
    recipients_are(
        "a@x.org|list@v.org|rfc822;list@v.org|0|p\nb@x.org|list@v.org|rfc822;list@v.org|"
        "0|p\n"
        "c@x.org|list@v.org|rfc822;list@v.org|0|p\ncatch@x.org|none@v.org||0|p\n"
        "self@v.org|self@v.org||0|p\nd@x.org|self@v.org||0|p\ncatch+e@x.org|none+e@v.org|"
        "|0|p\n");
    use("virtual_alias_maps = inline:{ {loop1@v.org=loop2@v.org} "
        "{loop2@v.org=loop1@v.org} }\n");
    c = start(&network, FLAGS);
    cleanup_recipient(c, VIEW("loop1@v.org"), VIEW_NONE, VIEW_NONE, 0);
    lines(c, "Subject: x\n\n");
    assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_DEFERRED);
    assert_string_equal(error.status, "4.6.0");
    assert_string_equal(error.text, "Alias expansion error");
    log_has("61D3F800081: unreasonable virtual_alias_maps map nesting for loop1@v.org -- "
            "message not "
            "accepted, try again later");
    use("virtual_alias_maps = regexp:{ {/^(.*)@v.org$$/ $$1@v.org, x$$1@v.org} "
        "}\nvirtual_alias_expansion_limit = 10\n");
    c = start(&network, FLAGS);
    cleanup_recipient(c, VIEW("u@v.org"), VIEW_NONE, VIEW_NONE, 0);
    assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_DEFERRED);
    log_has("unreasonable virtual_alias_maps map expansion size for u@v.org");
}

/* What wanted to know of success is told that it was expanded, members tell of failure. A
 * probe ends at a list. */
static void test_expanded_dsn(void **state)
{
    (void)state;
    use("virtual_alias_maps = inline:{ {list@v.org=a@x.org, b@x.org} {one@v.org=c@x.org} "
        "}\n"
        "enable_original_recipient = no\n");
    struct cleanup *c = start(&local, FLAGS);
    cleanup_recipient(c, VIEW("list@v.org"), VIEW_NONE, VIEW_NONE,
                      NOTIFY_SUCCESS | NOTIFY_FAILURE);
    cleanup_recipient(c, VIEW("one@v.org"), VIEW_NONE, VIEW_NONE, NOTIFY_SUCCESS);
    assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_QUEUED);
    recipients_are("list@v.org|||2|x\na@x.org|||4|p\nb@x.org|||4|p\n"
                   "one@v.org|||2|x\nc@x.org|||1|p\n");
    struct envelope probe = {.flags = MESSAGE_PROBE};
    c = start(&probe, FLAGS);
    cleanup_recipient(c, VIEW("list@v.org"), VIEW_NONE, VIEW_NONE, 0);
    assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_QUEUED);
    recipients_are("list@v.org|||2|x\n");
}

static void test_table_error(void **state)
{
    (void)state;
    use("virtual_alias_maps = fail:x\n");
    assert_int_equal(pass(&network, FLAGS, "Subject: x\n\n"), CLEANUP_DEFERRED);
    assert_string_equal(error.text, "Alias expansion error");
    log_has("virtual_alias_maps map lookup problem for b@y.org -- message not accepted, "
            "try again later");
    use("header_checks = fail:x\n");
    assert_int_equal(pass(&network, FLAGS, "Subject: x\n\n"), CLEANUP_DEFERRED);
    assert_string_equal(error.status, "4.3.0");
    assert_int_equal(cleanup_reply_code(&error), 451);
}

static void test_bcc(void **state)
{
    (void)state;
    use("always_bcc = archive@x.org\nsender_bcc_maps = inline:{ a@x.org=sent@x.org }\n"
        "recipient_bcc_maps = inline:{ @y.org=got }\n");
    assert_int_equal(pass(&network, FLAGS, "Subject: x\n\n"), CLEANUP_QUEUED);
    recipients_are(
        "sent@x.org|sent@x.org||1|p\nb@y.org|b@y.org||0|p\n"
        "got@gw1.maison.mrs|got@gw1.maison.mrs||1|p\narchive@x.org|archive@x.org||1|p\n");
    assert_int_equal(pass(&network, FLAGS & ~(unsigned)CLEANUP_BCC, "Subject: x\n\n"),
                     CLEANUP_QUEUED);
    recipients_are("b@y.org|b@y.org||0|p\n");
}

/* S157 S158 S159 and all other actions. */
static void test_header_checks(void **state)
{
    (void)state;
    use("header_checks = regexp:{ {/^Received:*/ IGNORE} {/^From:.*chose@public\\.com$$/ "
        "REJECT}\n"
        " {/^Subject: warn/ WARN look at this} {/^X-Info/ INFO} {/^X-Strip/ STRIP gone}\n"
        " {/^X-Pre/ PREPEND X-Before: 1} {/^X-Old: (.*)/ REPLACE X-New: $$1} {/^X-Hold/ "
        "HOLD later}\n"
        " {/^X-Filter/ FILTER scan:[127.0.0.1]:10025} {/^X-Bcc/ BCC copy@x.org} "
        "{/^X-Bad/ BOGUS x}\n"
        " {/^X-Redirect/ REDIRECT other@z.org} {/^X-Dunno/ dunno} }\n");
    assert_int_equal(
        pass(
            &network, FLAGS,
            "Received: by a\nReceived: by b\n\tc\nSubject: warn me\nX-Info: 1\nX-Strip: "
            "2\n"
            "X-Pre: 3\nX-Old: 4\nX-Hold: 5\nX-Filter: 6\nX-Bcc: 7\nX-Bad: 8\nX-Dunno: 9\n"
            "X-Redirect: 10\nX-Strip: kept now\n\nx\n"),
        CLEANUP_QUEUED);
    content_is(
        "Subject: warn me\nX-Info: 1\nX-Before: 1\nX-Pre: 3\nX-New: 4\nX-Hold: "
        "5\nX-Filter: 6\n"
        "X-Bcc: 7\nX-Bad: 8\nX-Dunno: 9\nX-Redirect: 10\nX-Strip: kept now\n\nx\n");
    recipients_are("b@y.org|b@y.org||0|p\ncopy@x.org|copy@x.org||1|p\n");
    assert_string_equal(draft_fake.filter, "scan:[127.0.0.1]:10025");
    assert_string_equal(draft_fake.redirect, "other@z.org");
    assert_true(draft_fake.flags & MESSAGE_HOLD);
    log_has("61D3F800081: warning: header Subject: warn me from unknown[1.2.3.4]; "
            "from=<a@x.org> "
            "to=<b@y.org> proto=ESMTP helo=<h>: look at this\n");
    log_has("61D3F800081: info: header X-Info: 1 from unknown[1.2.3.4]; from=<a@x.org> "
            "to=<b@y.org> "
            "proto=ESMTP helo=<h>\n");
    log_has(": strip: header X-Strip: 2 from ");
    log_has(": prepend: header X-Pre: 3 from ");
    log_has(": replace: header X-Old: 4 from ");
    log_has(": hold: header X-Hold: 5 from ");
    log_has(": filter: header X-Filter: 6 from ");
    log_has(": bcc: header X-Bcc: 7 from ");
    log_has(": redirect: header X-Redirect: 10 from ");
    log_has("unknown command in header_checks map: BOGUS x");
}

static void test_reject(void **state)
{
    (void)state;
    use("header_checks = regexp:{ {/^From:.*chose@public\\.com$$/ REJECT}\n"
        " {/^X-Text/ REJECT 5.7.9 go away} {/^X-Soft/ REJECT 4.7.0 later} {/^X-Drop/ "
        "DISCARD spam} }\n");
    assert_int_equal(pass(&network, FLAGS, "From: X <chose@public.com>\nTo: x@y\n\nx\n"),
                     CLEANUP_QUEUED);
    assert_int_equal(pass(&network, FLAGS, "From: chose@public.com\nTo: x@y\n\nx\n"),
                     CLEANUP_REJECTED);
    assert_string_equal(error.status, "5.7.1");
    assert_string_equal(error.text, "message content rejected");
    assert_int_equal(cleanup_reply_code(&error), 550);
    log_has("61D3F800081: reject: header From: chose@public.com from unknown[1.2.3.4]; "
            "from=<a@x.org> "
            "to=<b@y.org> proto=ESMTP helo=<h>: 5.7.1 message content rejected\n");
    assert_int_equal(pass(&network, FLAGS, "X-Text: 1\n\nx\n"), CLEANUP_REJECTED);
    assert_string_equal(error.status, "5.7.9");
    assert_string_equal(error.text, "go away");
    assert_int_equal(pass(&network, FLAGS, "X-Soft: 1\n\nx\n"), CLEANUP_DEFERRED);
    assert_string_equal(error.status, "4.7.0");
    assert_int_equal(pass(&network, FLAGS, "X-Drop: 1\n\nx\n"), CLEANUP_DISCARDED);
    assert_true(draft_fake.discarded);
    log_has(
        ": discard: header X-Drop: 1 from unknown[1.2.3.4]; from=<a@x.org> to=<b@y.org> "
        "proto=ESMTP helo=<h>: spam\n");
    assert_int_equal(pass(&local, FLAGS & ~(unsigned)CLEANUP_FILTER, "X-Text: 1\n\nx\n"),
                     CLEANUP_QUEUED);
}

/* header, mime_header, nested_header and body checks each see their own. */
static void test_mime_checks(void **state)
{
    (void)state;
    static const char text[] =
        "Subject: top\nContent-Type: multipart/mixed; boundary=b\n\nfirst\n--b\n"
        "Content-Type: text/plain; name=x.exe\nX-Part: 1\n\nbad line\n--b\n"
        "Content-Type: message/rfc822\n\nSubject: inner\nX-In: 1\n\nbad line\n--b--\n";
    use("header_checks = regexp:{{/^Subject: top/ WARN H}}\nmime_header_checks = "
        "regexp:{{/x.exe/ WARN M} {/X-Part/ STRIP}}\n"
        "nested_header_checks = regexp:{{/^Subject: inner/ REPLACE Subject: changed} "
        "{/^Content/ WARN never}}\n"
        "body_checks = regexp:{{/^bad/ REPLACE good} {/^first/ PREPEND zeroth} {/^--b--/ "
        "WARN B}}\n");
    assert_int_equal(pass(&network, FLAGS, text), CLEANUP_QUEUED);
    content_is(
        "Subject: top\nContent-Type: multipart/mixed; boundary=b\n\nzeroth\nfirst\n--b\n"
        "Content-Type: text/plain; name=x.exe\n\ngood\n--b\n"
        "Content-Type: message/rfc822\n\nSubject: changed\nX-In: 1\n\ngood\n--b--\n");
    log_has(": warning: header Subject: top from ");
    log_has(": warning: header Content-Type: text/plain; name=x.exe from ");
    log_has(": replace: header Subject: inner from ");
    log_has(": replace: body bad line from ");
    log_has(": warning: body --b-- from ");
    assert_null(strstr(str_cstr(&logged), "never"));
}

static void test_body_limit(void **state)
{
    (void)state;
    use("body_checks = regexp:{{/^x/ IGNORE}}\nbody_checks_size_limit = 4\n");
    assert_int_equal(pass(&network, FLAGS, "Subject: s\n\nx1\nx2\nx3\nx4\n"),
                     CLEANUP_QUEUED);
    content_is("Subject: s\n\nx2\nx3\nx4\n");
}

static void test_limits(void **state)
{
    (void)state;
    use("hopcount_limit = 3\nmessage_size_limit = 100\n");
    assert_int_equal(pass(&network, FLAGS, "Received: 1\nReceived: 2\n\n"),
                     CLEANUP_QUEUED);
    assert_int_equal(pass(&network, FLAGS, "Received: 1\nReceived: 2\nReceived: 3\n\n"),
                     CLEANUP_REJECTED);
    assert_string_equal(error.status, "5.4.0");
    assert_string_equal(error.text, "Error: too many hops");
    assert_int_equal(cleanup_reply_code(&error), 554);
    log_has("warning: 61D3F800081: message rejected: hopcount exceeded");
    assert_int_equal(pass(&network, FLAGS,
                          "Subject: x\n\n0123456789012345678901234567890123456789\n"
                          "0123456789012345678901234567890123456789\n0123456789\n"),
                     CLEANUP_REJECTED);
    assert_string_equal(error.text, "Error: message file too big");
    assert_int_equal(cleanup_reply_code(&error), 552);
}

static void test_characters(void **state)
{
    (void)state;
    use("message_reject_characters = \\0\nmessage_strip_characters = \\001\\t\n");
    struct cleanup *c = start(&network, FLAGS);
    cleanup_recipient(c, VIEW("b@y.org"), VIEW_NONE, VIEW_NONE, 0);
    cleanup_line(c, VIEW("Subject: a\001b"));
    cleanup_line(c, VIEW(""));
    cleanup_line(c, VIEW("x\ty\rz\nq"));
    cleanup_line(c, VIEW("caf\xc3\xa9"));
    assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_QUEUED);
    content_is("Subject: ab\n\nxy z q\ncaf\xc3\xa9\n");
    assert_true(draft_fake.flags & MESSAGE_8BIT);
    c = start(&network, FLAGS);
    cleanup_recipient(c, VIEW("b@y.org"), VIEW_NONE, VIEW_NONE, 0);
    cleanup_line(c, VIEW("Subject: a"));
    cleanup_line(c, VIEW(""));
    cleanup_line(c, VIEW("x\0y"));
    assert_true(cleanup_is_doomed(c));
    assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_REJECTED);
    assert_string_equal(error.text, "disallowed character");
    log_has(": reject: content x from unknown[1.2.3.4]");
}

static void test_strict_mime(void **state)
{
    (void)state;
    use("strict_7bit_headers = yes\nstrict_8bitmime_body = yes\nmime_nesting_limit = "
        "2\n");
    assert_int_equal(pass(&network, FLAGS, "Subject: caf\xc3\xa9\n\n"), CLEANUP_REJECTED);
    assert_string_equal(error.status, "5.6.0");
    log_has(
        "61D3F800081: reject: mime-error improper use of 8-bit data in message header: ");
    log_has(" from unknown[1.2.3.4]; from=<a@x.org> to=<b@y.org>\n");
    assert_int_equal(pass(&network, FLAGS, "Subject: x\n\n\xe9\n"), CLEANUP_REJECTED);
    assert_int_equal(pass(&network, FLAGS,
                          "MIME-Version: 1.0\nContent-Transfer-Encoding: "
                          "8bit\nContent-Type: text/plain\n\n\xe9\n"),
                     CLEANUP_QUEUED);
}

/* The client's first line may not go on with our Received header. */
/* non_empty_end_of_header_action */
static void test_header_end(void **state)
{
    (void)state;
    static const char text[] = "Subject: x\nno header\n";
    use("");
    assert_int_equal(pass(&network, FLAGS, text), CLEANUP_QUEUED);
    content_is("Subject: x\n\nno header\n");
    use("non_empty_end_of_header_action = add_header\n");
    assert_int_equal(pass(&network, FLAGS, text), CLEANUP_QUEUED);
    content_is("Subject: x\nMIME-Error: message header was not terminated by empty "
               "line\n\nno header\n");
    assert_int_equal(pass(&network, FLAGS, "Subject: x\n\ny\n"), CLEANUP_QUEUED);
    content_is("Subject: x\n\ny\n");
    use("non_empty_end_of_header_action = reject\n");
    assert_int_equal(pass(&network, FLAGS, text), CLEANUP_REJECTED);
    assert_string_equal(error.status, "5.6.0");
    log_has("61D3F800081: reject: mime-error message header was not terminated by empty "
            "line: no header from unknown[1.2.3.4]");
}

#define EIGHT_BIT "MIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\n\n"

static void expect_8bit(const char *text, bool want)
{
    assert_int_equal(pass(&network, FLAGS, text), CLEANUP_QUEUED);
    assert_int_equal((draft_fake.flags & MESSAGE_8BIT) != 0, want);
}

/* S031: detect_8bit_encoding_header, force_mime_input_conversion. */
static void test_8bit(void **state)
{
    (void)state;
    use("");
    expect_8bit("Subject: x\n\ny\n", false);
    expect_8bit("Subject: x\n\n\xe9\n", true);
    expect_8bit(EIGHT_BIT "y\n", true);
    use("detect_8bit_encoding_header = no\n");
    expect_8bit("Subject: x\n\n\xe9\n", false);
    expect_8bit(EIGHT_BIT "\xe9\n", false);
    use("force_mime_input_conversion = yes\n");
    expect_8bit(EIGHT_BIT "\xe9\n", false);
    content_is("MIME-Version: 1.0\nContent-Transfer-Encoding: quoted-printable\n\n"
               "=E9\n");
    expect_8bit("Subject: x\n\n\xe9\n", true); /* which does not say that it is */
}

/* full_name_encoding_charset */
static void test_name_charset(void **state)
{
    (void)state;
    static const char *const charsets[] = {"utf-8", "iso-8859-1"};
    static const char *const names[] = {"Ren\xc3\xa9", "Ren\xe9"};
    for (size_t i = 0; i < 2; i++) {
        char settings[64];
        snprintf(settings, sizeof settings, "full_name_encoding_charset = %s\n",
                 charsets[i]);
        use(settings);
        struct cleanup *c = start(&local, FLAGS);
        cleanup_sender(c, VIEW("a@x.org"));
        cleanup_full_name(c, view_of(names[i]));
        cleanup_recipient(c, VIEW("b@y.org"), VIEW_NONE, VIEW_NONE, 0);
        lines(c, "Subject: x\n\ny\n");
        assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_QUEUED);
        assert_non_null(strstr(str_cstr(&draft_fake.content),
                               "From: =?utf-8?B?UmVuw6k=?= <a@x.org>\n"));
    }
}

static void test_content_begin(void **state)
{
    (void)state;
    use("");
    struct cleanup *c = start(&network, FLAGS);
    cleanup_recipient(c, VIEW("b@y.org"), VIEW_NONE, VIEW_NONE, 0);
    cleanup_line(c, VIEW("Received: by us"));
    cleanup_content_begin(c);
    lines(c, "From a@x Sun May 11\n>From b\n by them\nx: y\n");
    assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_QUEUED);
    content_is("Received: by us\nX-Mailbox-Line: From a@x Sun May 11\nX-Mailbox-Line: "
               ">From b\n\n by them\nx: y\n");
}

static void test_long_lines(void **state)
{
    (void)state;
    use("body_checks = regexp:{{/^drop/ IGNORE}}\n");
    struct cleanup *c = start(&network, FLAGS);
    cleanup_recipient(c, VIEW("b@y.org"), VIEW_NONE, VIEW_NONE, 0);
    lines(c, "X: y\n\n");
    cleanup_line_piece(c, VIEW("one "), true);
    cleanup_line_piece(c, VIEW("two "), true);
    cleanup_line_piece(c, VIEW("drop"), false);
    cleanup_line_piece(c, VIEW("drop"), false);
    cleanup_line(c, VIEW("end"));
    assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_QUEUED);
    content_is("X: y\n\none two \nend\n");
}

static void test_envelope(void **state)
{
    (void)state;
    use("");
    struct cleanup *c = start(&local, FLAGS);
    cleanup_sender(c, VIEW("MAILER-DAEMON"));
    cleanup_recipient(c, VIEW(""), VIEW_NONE, VIEW_NONE, 0);
    cleanup_recipient(c, VIEW("a@x.org"), VIEW_NONE, VIEW_NONE, 0);
    cleanup_recipient(c, VIEW("A@X.org"), VIEW("a@x.org"), VIEW_NONE, 0);
    cleanup_set_hold(c, VIEW("x"));
    struct queue_id origin = {"AAAA"};
    lines(c, "X: y\n");
    assert_int_equal(cleanup_finish(c, &origin, &error), CLEANUP_QUEUED);
    assert_string_equal(draft_fake.sender, "");
    assert_string_equal(draft_fake.origin, "AAAA");
    assert_true(draft_fake.flags & MESSAGE_HOLD);
    recipients_are(
        "MAILER-DAEMON@gw1.maison.mrs|MAILER-DAEMON||0|p\na@x.org|a@x.org||0|p\n");
    log_has("message-id=");
    assert_non_null(strstr(str_cstr(&draft_fake.content), "From: MAILER-DAEMON\n"));
    c = start(&local, FLAGS);
    cleanup_line(c, VIEW("X: y"));
    cleanup_abort(c);
    assert_true(draft_fake.discarded);
    c = start(&local, FLAGS);
    draft_fake.answer = TEMPFAIL;
    cleanup_recipient(c, VIEW("a@x.org"), VIEW_NONE, VIEW_NONE, 0);
    assert_int_equal(cleanup_finish(c, NULL, &error), CLEANUP_DEFERRED);
    assert_int_equal(cleanup_reply_code(&error), 452);
}

static void test_utf8_detection(void **state)
{
    (void)state;
    use("");
    assert_int_equal(pass(&local, FLAGS | CLEANUP_AUTO_UTF8, "Subject: caf\xc3\xa9\n\n"),
                     CLEANUP_QUEUED);
    assert_true(draft_fake.flags & MESSAGE_SMTPUTF8);
    assert_int_equal(
        pass(&local, FLAGS | CLEANUP_AUTO_UTF8, "Subject: x\n\ncaf\xc3\xa9\n"),
        CLEANUP_QUEUED);
    assert_false(draft_fake.flags & MESSAGE_SMTPUTF8);
    assert_int_equal(pass(&local, FLAGS, "Subject: caf\xc3\xa9\n\n"), CLEANUP_QUEUED);
    assert_false(draft_fake.flags & MESSAGE_SMTPUTF8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_network_mail_is_kept),
        cmocka_unit_test(test_missing_headers),
        cmocka_unit_test(test_always_add_missing),
        cmocka_unit_test(test_header_rewriting),
        cmocka_unit_test(test_dropped_headers),
        cmocka_unit_test(test_extraction),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_masquerade),
        cmocka_unit_test(test_short_memory),
        cmocka_unit_test(test_virtual),
        cmocka_unit_test(test_expanded_dsn),
        cmocka_unit_test(test_table_error),
        cmocka_unit_test(test_bcc),
        cmocka_unit_test(test_header_checks),
        cmocka_unit_test(test_reject),
        cmocka_unit_test(test_mime_checks),
        cmocka_unit_test(test_body_limit),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_strict_mime),
        cmocka_unit_test(test_header_end),
        cmocka_unit_test(test_8bit),
        cmocka_unit_test(test_name_charset),
        cmocka_unit_test(test_content_begin),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_utf8_detection),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
