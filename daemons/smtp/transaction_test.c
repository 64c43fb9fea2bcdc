/* transaction_test - what we say to scripted servers, and what we make of their replies
 */
#include "rehearsal.h"

#include "run/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define PIPELINING "220 mx.example ESMTP\r\n250-mx.example\r\n250 PIPELINING\r\n"
#define PLAIN      "220 mx.example ESMTP\r\n250 mx.example\r\n"
#define BODY       "Subject: x\n\nhello\n.dot\n"

static struct rehearsal_result r; /* of the last one */

static void play(struct rehearsal in)
{
    if (!in.sender)
        in.sender = "a@maison.mrs";
    if (!in.recipients[0])
        in.recipients[0] = "x@x.example";
    if (!in.content)
        in.content = BODY;
    rehearsal_done(&r);
    rehearse(&in, &r);
}
#define SCRIPT(text) .script = VIEW(text)

/* One recipient, one command at a time (S017's dialogue from the other side). */
static void in_turn(void **state)
{
    (void)state;
    play((struct rehearsal){
        SCRIPT(PLAIN "250 ok\r\n250 ok\r\n354 go\r\n250 2.6.0 queued as 1\r\n")});
    assert_string_equal(str_cstr(&r.said),
                        "EHLO gw1.maison.mrs\nMAIL FROM:<a@maison.mrs>\n"
                        "RCPT TO:<x@x.example>\nDATA\nSubject: x\n\nhello\n..dot\n.\n");
    assert_int_equal(r.outcomes[0], OUTCOME_RELAYED);
    assert_string_equal(r.status[0], "2.6.0");
    assert_string_equal(r.text[0], "250 2.6.0 queued as 1");
    assert_true(r.usable);
}

/* S027 S028: keywords that we do not know are passed over; SIZE is told when offered. */
static void old_server(void **state)
{
    (void)state;
    play((struct rehearsal){
        .keep_log = true,
        SCRIPT(
            "220 mail.monaco.net ESMTP Sendmail Pro-8.9.3\r\n250-mail.monaco.net "
            "Hello\r\n"
            "250-EXPN\r\n250-VERB\r\n250-8BITMIME\r\n250-SIZE\r\n250-DSN\r\n250-ONEX\r\n"
            "250-ETRN\r\n250-XUSR\r\n250 HELP\r\n"
            "250 <a@maison.mrs>... Sender ok\r\n250 <x@x.example>... Recipient ok\r\n"
            "354 Enter mail, end with \".\" on a line by itself\r\n"
            "250 PAA08472 Message accepted for delivery\r\n")});
    assert_non_null(strstr(str_cstr(&r.said), "\nMAIL FROM:<a@maison.mrs> SIZE=23\n"));
    assert_int_equal(r.outcomes[0], OUTCOME_PASSED_ON);
    assert_string_equal(r.text[0], "250 PAA08472 Message accepted for delivery");
    assert_non_null(strstr(
        str_cstr(&r.log),
        ", dsn=2.0.0, status=sent (250 PAA08472 Message accepted for delivery)\n"));
    assert_non_null(
        strstr(str_cstr(&r.log),
               "4F1A2B3C4D: to=<x@x.example>, relay=mx.example[192.0.2.25]:25, delay="));
}

#define FILTER                                                                           \
    "220 filter.example ESMTP\r\n250-filter.example\r\n250 XFORWARD NAME ADDR HELO "     \
    "IDENT SOURCE\r\n"

/* A filter that wants to know hears who the client is, when it is meant to; that it does
 * not like it does no harm. */
static void forwarded(void **state)
{
    (void)state;
    struct rehearsal in = {.settings = "smtp_send_xforward_command = yes\n",
                           .client_name = "unknown",
                           .client_address = "2001:db8::7",
                           .helo_name = "far=name",
                           .keep_log = true,
                           SCRIPT(FILTER
                                  "550 5.7.0 not you\r\n250 ok\r\n250 ok\r\n354 go\r\n"
                                  "250 2.6.0 queued as 1\r\n")};
    play(in);
    assert_string_equal(
        str_cstr(&r.said),
        "EHLO gw1.maison.mrs\n"
        "XFORWARD NAME=[UNAVAILABLE] ADDR=IPv6:2001:db8::7 HELO=far+3Dname "
        "IDENT=4F1A2B3C4D SOURCE=REMOTE\n"
        "MAIL FROM:<a@maison.mrs>\nRCPT TO:<x@x.example>\nDATA\nSubject: x\n\nhello\n"
        "..dot\n.\n");
    assert_int_equal(r.outcomes[0], OUTCOME_RELAYED);
    assert_non_null(strstr(str_cstr(&r.log),
                           "4F1A2B3C4D: host mx.example[192.0.2.25] said: "
                           "550 5.7.0 not you (in reply to XFORWARD)"));
    in.settings = NULL; /* not asked for */
    in.script = VIEW(FILTER "250 ok\r\n250 ok\r\n354 go\r\n250 2.6.0 queued as 1\r\n");
    play(in);
    assert_null(strstr(str_cstr(&r.said), "XFORWARD"));
    in.settings = "smtp_send_xforward_command = yes\n";
    in.script = VIEW(FILTER); /* and hangs up */
    play(in);
    assert_int_equal(r.in_the_end[0], OUTCOME_DEFERRED);
    assert_non_null(strstr(r.text[0], "while sending XFORWARD"));
}

/* All in one go, and nobody waits for anybody. */
static void pipelined(void **state)
{
    (void)state;
    play((struct rehearsal){
        .recipients = {"x@x.example", "y@x.example", "z@x.example"},
        SCRIPT(PIPELINING "250 ok\r\n250 ok\r\n550 5.1.1 who?\r\n450 later\r\n354 go\r\n"
                          "250 ok\r\n"),
        .not_last = true});
    assert_string_equal(str_cstr(&r.said),
                        "EHLO gw1.maison.mrs\nMAIL FROM:<a@maison.mrs>\n"
                        "RCPT TO:<x@x.example>\nRCPT TO:<y@x.example>\n"
                        "RCPT TO:<z@x.example>\nDATA\nSubject: x\n\nhello\n..dot\n.\n");
    assert_int_equal(r.outcomes[0], OUTCOME_RELAYED);
    assert_int_equal(r.outcomes[1], OUTCOME_BOUNCED);
    assert_string_equal(r.status[1], "5.1.1");
    assert_string_equal(
        r.text[1],
        "host mx.example[192.0.2.25] said: 550 5.1.1 who? (in reply to RCPT TO command)");
    assert_int_equal(r.outcomes[2], OUTCOME_NONE); /* for the next host */
    assert_int_equal(r.in_the_end[2], OUTCOME_DEFERRED);
    assert_string_equal(r.status[2], "4.0.0");
    assert_false(r.is_dead);
}

/* 354 though every recipient was refused: an empty message to nobody, and go on. */
static void go_ahead_for_nobody(void **state)
{
    (void)state;
    play((struct rehearsal){SCRIPT(
        PIPELINING "250 ok\r\n550 5.1.1 who?\r\n354 go\r\n503 nobody\r\n250 reset\r\n")});
    assert_non_null(strstr(str_cstr(&r.said), "\nDATA\n.\nRSET\n"));
    assert_int_equal(r.outcomes[0], OUTCOME_BOUNCED);
    assert_true(r.usable);
}

static void sender_refused(void **state)
{
    (void)state;
    play((struct rehearsal){.recipients = {"x@x.example", "y@x.example"},
                            SCRIPT(PIPELINING
                                   "550 5.7.1 no\r\n503 mail first\r\n503 mail first\r\n"
                                   "503 mail first\r\n250 reset\r\n")});
    for (int i = 0; i < 2; i++) {
        assert_int_equal(r.outcomes[i], OUTCOME_BOUNCED);
        assert_string_equal(r.text[i], "host mx.example[192.0.2.25] said: 550 5.7.1 no "
                                       "(in reply to MAIL FROM command)");
    }
    assert_true(r.usable);
    /* Without pipelining nothing more is said than RSET. */
    play((struct rehearsal){SCRIPT(PLAIN "451 4.3.2 later\r\n250 reset\r\n")});
    assert_non_null(strstr(str_cstr(&r.said), "MAIL FROM:<a@maison.mrs>\nRSET\n"));
    assert_int_equal(r.in_the_end[0], OUTCOME_DEFERRED);
    assert_string_equal(r.status[0], "4.3.2");
}

/* S191: refusals at DATA and after the dot, hard and soft. */
static void content_refused(void **state)
{
    (void)state;
    static const struct {
        const char *at_data, *at_end, *text;
        enum outcome outcome;
    } cases[] = {
        {"554 no\r\n", "", "554 no (in reply to DATA command)", OUTCOME_BOUNCED},
        {"451 no\r\n", "", "451 no (in reply to DATA command)", OUTCOME_DEFERRED},
        {"354 go\r\n", "552 5.2.2 full\r\n", "552 5.2.2 full (in reply to end of DATA",
         OUTCOME_BOUNCED},
        {"354 go\r\n", "452 full\r\n", "452 full (in reply to end of DATA command)",
         OUTCOME_DEFERRED},
        {"250 go?\r\n", "",
         "host mx.example[192.0.2.25] said: 250 go? (in reply to DATA command)",
         OUTCOME_BOUNCED},
        {"354 go\r\n", "354 more?\r\n", "said: 354 more?", OUTCOME_BOUNCED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str script = STR_INIT(4096);
        str_addf(&script, "%s250 ok\r\n250 ok\r\n%s%s", PLAIN, cases[i].at_data,
                 cases[i].at_end);
        play((struct rehearsal){.script = str_view(&script)});
        assert_int_equal(r.in_the_end[0], cases[i].outcome);
        assert_non_null(strstr(r.text[0], cases[i].text));
        assert_true(r.usable);
        str_done(&script);
    }
}

/* S028: a message over the server's limit is not even begun. */
static void too_big_for_host(void **state)
{
    (void)state;
    play((struct rehearsal){
        SCRIPT("220 mx.example ESMTP\r\n250-mx.example\r\n250 SIZE 10\r\n")});
    assert_string_equal(str_cstr(&r.said), "EHLO gw1.maison.mrs\n");
    assert_int_equal(r.outcomes[0], OUTCOME_BOUNCED);
    assert_string_equal(r.status[0], "5.3.4");
    assert_string_equal(r.text[0], "message size 23 exceeds size limit 10 of server "
                                   "mx.example[192.0.2.25]");
}

/* S201: DSN parameters, when the server has DSN. */
static void dsn_parameters(void **state)
{
    (void)state;
    play((struct rehearsal){.notify = NOTIFY_SUCCESS | NOTIFY_FAILURE,
                            .ret = DSN_RET_HDRS,
                            .envid = "QQ314159",
                            .orcpt = "rfc822;y+2Bz@old.example",
                            SCRIPT("220 mx.example ESMTP\r\n250-mx.example\r\n250 DSN\r\n"
                                   "250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n")});
    assert_non_null(strstr(str_cstr(&r.said),
                           "MAIL FROM:<a@maison.mrs> ENVID=QQ314159 RET=HDRS\n"
                           "RCPT TO:<x@x.example> ORCPT=rfc822;y+2Bz@old.example "
                           "NOTIFY=SUCCESS,FAILURE\n"));
    assert_int_equal(r.outcomes[0], OUTCOME_PASSED_ON);
    play((struct rehearsal){.notify = NOTIFY_NEVER,
                            .ret = DSN_RET_HDRS,
                            SCRIPT(PLAIN "250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n")});
    assert_non_null(strstr(str_cstr(&r.said), "MAIL FROM:<a@maison.mrs>\n"
                                              "RCPT TO:<x@x.example>\nDATA\n"));
    /* Without ORCPT one is made from the address as it came. */
    play((struct rehearsal){.recipients = {"a+b@x.example"},
                            SCRIPT("220 mx.example ESMTP\r\n250-mx.example\r\n250 DSN\r\n"
                                   "250 ok\r\n250 ok\r\n")});
    assert_non_null(strstr(str_cstr(&r.said),
                           "RCPT TO:<a+b@x.example> ORCPT=rfc822;a+2Bb@x.example\n"));
}

/* Addresses leave in external form; what would break the dialogue does not leave. */
static void odd_addresses(void **state)
{
    (void)state;
    static char longest[2200];
    memset(longest, 'x', sizeof longest);
    memcpy(longest + sizeof longest - 11, "@x.example", 11);
    play((struct rehearsal){
        .sender = "a b@maison.mrs",
        .recipients = {"with \"quote@x.example",
                       "x@x.example>\r\nRCPT TO:<evil@x.example", longest, "y@x.example"},
        SCRIPT(PLAIN "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n")});
    assert_non_null(strstr(str_cstr(&r.said), "MAIL FROM:<\"a b\"@maison.mrs>\n"
                                              "RCPT TO:<\"with \\\"quote\"@x.example>\n"
                                              "RCPT TO:<"));
    assert_null(strstr(str_cstr(&r.said), "evil"));
    assert_int_equal(r.outcomes[0], OUTCOME_RELAYED);
    assert_int_equal(r.outcomes[1], OUTCOME_BOUNCED);
    assert_string_equal(r.status[1], "5.1.3");
    assert_string_equal(r.status[2], "5.1.3");
}

static void smtputf8_needed(void **state)
{
    (void)state;
    play((struct rehearsal){
        .message_flags = MESSAGE_SMTPUTF8,
        .sender = "ren\303\251@maison.mrs",
        SCRIPT("220 mx.example ESMTP\r\n250-mx.example\r\n250 8BITMIME\r\n")});
    assert_string_equal(r.status[0], "5.6.7");
    assert_string_equal(r.text[0], "SMTPUTF8 is required, but was not offered by host "
                                   "mx.example[192.0.2.25]");
    /* Declared by the client, but nothing in the message needs it. */
    play((struct rehearsal){.message_flags = MESSAGE_SMTPUTF8,
                            SCRIPT(PLAIN "250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n")});
    assert_int_equal(r.outcomes[0], OUTCOME_RELAYED);
    play((struct rehearsal){
        .message_flags = MESSAGE_SMTPUTF8,
        .sender = "ren\303\251@maison.mrs",
        SCRIPT(
            "220 mx.example ESMTP\r\n250-mx.example\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
            "250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n")});
    assert_non_null(
        strstr(str_cstr(&r.said), "MAIL FROM:<ren\303\251@maison.mrs> SMTPUTF8\n"));
}

#define CHUNKING                                                                         \
    "220 mx.example ESMTP\r\n250-mx.example\r\n250-PIPELINING\r\n250 CHUNKING\r\n"

static void small_message_in_one_chunk(void **state)
{
    (void)state;
    play((struct rehearsal){SCRIPT(CHUNKING "250 ok\r\n250 ok\r\n250 ok\r\n")});
    assert_string_equal(
        str_cstr(&r.said),
        "EHLO gw1.maison.mrs\nMAIL FROM:<a@maison.mrs>\n"
        "RCPT TO:<x@x.example>\nBDAT 27 LAST\nSubject: x\n\nhello\n.dot\n");
    assert_int_equal(r.outcomes[0], OUTCOME_RELAYED);
    play((struct rehearsal){
        SCRIPT(CHUNKING "250 ok\r\n550 no\r\n503 nobody\r\n250 reset\r\n")});
    assert_int_equal(r.outcomes[0], OUTCOME_BOUNCED);
    assert_true(r.usable);
    play((struct rehearsal){.settings = "smtp_discard_ehlo_keywords = chunking\n",
                            .keep_log = true,
                            SCRIPT(CHUNKING "250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n")});
    assert_non_null(strstr(str_cstr(&r.said), "\nDATA\n"));
    assert_non_null(
        strstr(str_cstr(&r.log), "4F1A2B3C4D: discarding EHLO keywords: CHUNKING\n"));
}

/* More recipients than leave together. */
static void many_recipients(void **state)
{
    (void)state;
    struct str script = STR_INIT(65536);
    str_addf(&script, "%s250 ok\r\n", PIPELINING);
    for (int i = 0; i < 250; i++)
        str_addf(&script, i % 2 ? "250 ok\r\n" : "451 4.2.0 later\r\n");
    str_addf(&script, "354 go\r\n250 ok\r\n");
    play((struct rehearsal){.many = 250, .script = str_view(&script), .chunk = 7});
    for (size_t i = 0; i < 250; i++)
        assert_int_equal(r.in_the_end[i], i % 2 ? OUTCOME_RELAYED : OUTCOME_DEFERRED);
    /* The sender is refused: the second group is not even offered. */
    str_clear(&script);
    str_addf(&script, "%s550 no\r\n", PIPELINING);
    for (int i = 0; i < 100; i++)
        str_addf(&script, "503 mail\r\n");
    str_addf(&script, "250 reset\r\n");
    play((struct rehearsal){.many = 250, .script = str_view(&script)});
    for (size_t i = 0; i < 250; i++)
        assert_int_equal(r.in_the_end[i], OUTCOME_BOUNCED);
    assert_null(strstr(str_cstr(&r.said), "r100@"));
    assert_true(r.usable);
    str_done(&script);
}

/* LMTP: a reply for each accepted recipient (RFC 2033 4.2). */
static void lmtp(void **state)
{
    (void)state;
    play((struct rehearsal){
        .process_name = "lmtp",
        .recipients = {"x@x.example", "y@x.example", "z@x.example"},
        SCRIPT("220 mx.example LMTP\r\n250-mx.example\r\n250 PIPELINING\r\n"
               "250 ok\r\n250 ok\r\n550 5.1.1 who?\r\n250 ok\r\n354 go\r\n"
               "250 2.1.5 x has it\r\n452 4.2.2 z is full\r\n")});
    assert_true(view_starts(str_view(&r.said), VIEW("LHLO gw1.maison.mrs\n")));
    assert_int_equal(r.outcomes[0], OUTCOME_RELAYED);
    assert_string_equal(r.text[0], "250 2.1.5 x has it");
    assert_int_equal(r.outcomes[1], OUTCOME_BOUNCED);
    assert_int_equal(r.in_the_end[2], OUTCOME_DEFERRED);
    assert_string_equal(r.status[2], "4.2.2");
    play((struct rehearsal){.process_name = "lmtp",
                            .settings = "lmtp_assume_final = yes\n",
                            SCRIPT("220 mx LMTP\r\n250 mx\r\n250 ok\r\n250 ok\r\n"
                                   "354 go\r\n250 ok\r\n")});
    assert_int_equal(r.outcomes[0], OUTCOME_SENT);
}

/* Connection lost between the replies to two LMTP recipients: one has it, one not. */
static void lmtp_lost_between_replies(void **state)
{
    (void)state;
    play((struct rehearsal){
        .process_name = "lmtp",
        .recipients = {"x@x.example", "y@x.example"},
        SCRIPT("220 mx LMTP\r\n250 mx\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"
               "250 ok\r\n")});
    assert_int_equal(r.in_the_end[0], OUTCOME_RELAYED);
    assert_int_equal(r.in_the_end[1], OUTCOME_DEFERRED);
    assert_string_equal(r.text[1], "lost connection with mx.example[192.0.2.25] while "
                                   "sending end of data -- message may be sent more than "
                                   "once");
    assert_false(r.usable);
}

/* Cut SCRIPT after every byte: each recipient ends with exactly one outcome, and none is
 * sent before its last reply was there.  COMPLETE: bytes from which on all is sent. */
static void cut_everywhere(struct rehearsal from, size_t complete)
{
    struct view script = from.script;
    for (size_t n = 0; n <= script.n; n++) {
        struct rehearsal in = from;
        in.script = view_sub(script, 0, n);
        in.keep_log = true;
        play(in);
        for (size_t i = 0; i < r.n; i++) {
            assert_int_not_equal(r.in_the_end[i], OUTCOME_NONE);
            bool sent = r.in_the_end[i] != OUTCOME_DEFERRED;
            assert_int_equal(sent, n >= complete);
        }
        size_t lines = 0;
        for (const char *p = str_cstr(&r.log); (p = strstr(p, "status=")); p++)
            lines++;
        assert_int_equal(lines, r.n);
    }
}

static void lost_at_every_byte(void **state)
{
    (void)state;
    struct rehearsal in = {.recipients = {"x@x.example", "y@x.example"}};
    in.script = VIEW(PLAIN "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n");
    cut_everywhere(in, in.script.n);
    in.script = VIEW(PIPELINING "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n");
    cut_everywhere(in, in.script.n);
    in.script = VIEW(CHUNKING "250 ok\r\n250 ok\r\n250 ok\r\n250 queued\r\n");
    cut_everywhere(in, in.script.n);
}

/* What a refusal said counts more than that the connection broke afterwards. */
static void best_error_is_kept(void **state)
{
    (void)state;
    play((struct rehearsal){
        .recipients = {"x@x.example", "y@x.example"},
        SCRIPT(PIPELINING "250 ok\r\n450 4.7.1 greylisted\r\n250 ok\r\n354 go\r\n")});
    assert_string_equal(r.status[0], "4.7.1");
    assert_string_equal(r.status[1], "4.4.2");
    assert_true(r.is_dead);
}

static void lost_at_once_when_kept(void **state)
{
    (void)state;
    play((struct rehearsal){.reused = true, SCRIPT(PLAIN)});
    assert_true(r.stale);
    assert_int_equal(r.outcomes[0], OUTCOME_NONE);
    play((struct rehearsal){.reused = true, SCRIPT(PLAIN "250 ok\r\n")});
    assert_false(r.stale);
    assert_int_equal(r.in_the_end[0], OUTCOME_DEFERRED);
}

/* 421 ends the session, wherever. */
static void service_closing(void **state)
{
    (void)state;
    play((struct rehearsal){.recipients = {"x@x.example", "y@x.example"},
                            SCRIPT(PLAIN "250 ok\r\n250 ok\r\n421 4.3.2 closing\r\n")});
    assert_string_equal(r.text[0], "lost connection with mx.example[192.0.2.25] while "
                                   "sending RCPT TO");
    assert_string_equal(r.status[1], "4.3.2");
    assert_false(r.usable);
    play((struct rehearsal){SCRIPT(PLAIN "421 4.3.2 closing\r\n")});
    assert_string_equal(r.status[0], "4.3.2");
    assert_false(r.usable);
}

static void greetings(void **state)
{
    (void)state;
    static const struct {
        const char *script, *settings, *text;
        enum outcome outcome;
    } cases[] = {
        {"554 5.7.1 go away\r\n", "", "refused to talk to me: 554 5.7.1 go away",
         OUTCOME_DEFERRED},
        {"554 5.7.1 go away\r\n", "smtp_skip_5xx_greeting = no\n",
         "host mx.example[192.0.2.25] refused to talk to me: 554 5.7.1 go away",
         OUTCOME_BOUNCED},
        {"421 busy\r\n", "", "refused to talk to me: 421 busy", OUTCOME_DEFERRED},
        {"220 mx.example ESMTP\r\n502 what?\r\n550 no\r\n", "",
         "refused to talk to me: 550 no", OUTCOME_BOUNCED},
        {"220 gw1.maison.mrs ESMTP\r\n250 gw1.maison.mrs\r\n", "",
         "mail for x.example loops back to myself", OUTCOME_BOUNCED},
        {"", "",
         "lost connection with mx.example[192.0.2.25] while receiving the initial server "
         "greeting",
         OUTCOME_DEFERRED},
        {"220 x\r\n", "",
         "lost connection with mx.example[192.0.2.25] while performing the EHLO "
         "handshake",
         OUTCOME_DEFERRED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        play((struct rehearsal){.script = view_of(cases[i].script),
                                .settings = cases[i].settings});
        assert_int_equal(r.in_the_end[0], cases[i].outcome);
        assert_non_null(strstr(r.text[0], cases[i].text));
        assert_int_equal(r.is_dead, cases[i].outcome == OUTCOME_DEFERRED);
    }
}

/* S025: EHLO is the card; HELO where the other side has none. */
static void helo_where_ehlo_is_unknown(void **state)
{
    (void)state;
    play((struct rehearsal){SCRIPT("220 mx.example\r\n500 what?\r\n250 mx.example\r\n"
                                   "250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n")});
    assert_true(view_starts(str_view(&r.said), VIEW("EHLO gw1.maison.mrs\n"
                                                    "HELO gw1.maison.mrs\nMAIL ")));
    play((struct rehearsal){.settings = "smtp_never_send_ehlo = yes\n",
                            SCRIPT("220 mx.example ESMTP\r\n250 mx.example\r\n"
                                   "250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n")});
    assert_true(view_starts(str_view(&r.said), VIEW("HELO gw1.maison.mrs\nMAIL ")));
    play((struct rehearsal){
        .settings = "smtp_always_send_ehlo = no\nsmtp_helo_name = other.example\n",
        SCRIPT("220 mx.example\r\n250 mx.example\r\n250 ok\r\n250 ok\r\n354 go\r\n"
               "250 ok\r\n")});
    assert_true(view_starts(str_view(&r.said), VIEW("HELO other.example\nMAIL ")));
}

/* Lines that are no replies: ignored one at a time, fatal while pipelining. */
static void garbage(void **state)
{
    (void)state;
    play((struct rehearsal){
        .keep_log = true,
        SCRIPT("220 mx.example ESMTP\r\n250 mx.example\r\nhello?\r\n250 ok\r\n250 ok\r\n"
               "354 go\r\n250 ok\r\n")});
    assert_int_equal(r.outcomes[0], OUTCOME_RELAYED);
    assert_non_null(strstr(str_cstr(&r.log), "4F1A2B3C4D: non-ESMTP response from "
                                             "mx.example[192.0.2.25]:25: hello?\n"));
    play((struct rehearsal){
        SCRIPT(PIPELINING "250 ok\r\nhello?\r\n250 ok\r\n354 go\r\n250 ok\r\n")});
    assert_int_equal(r.in_the_end[0], OUTCOME_DEFERRED);
    assert_string_equal(r.status[0], "4.5.0");
    assert_false(r.usable);
}

static void endless_replies(void **state)
{
    (void)state;
    struct str script = STR_INIT(4 << 20);
    str_addf(&script, PLAIN);
    for (int i = 0; i < 5000; i++)
        str_addf(&script, "250-and more\r\n");
    play((struct rehearsal){.script = str_view(&script)});
    assert_int_equal(r.in_the_end[0], OUTCOME_DEFERRED);
    assert_string_equal(r.text[0], "host mx.example[192.0.2.25] sent an endless reply "
                                   "while sending MAIL FROM");
    assert_false(r.usable);
    /* One line without end. */
    str_clear(&script);
    str_addf(&script, PLAIN "250 ");
    for (int i = 0; i < 3000000; i++)
        str_add_char(&script, 'x');
    play((struct rehearsal){.script = str_view(&script)});
    assert_int_equal(r.in_the_end[0], OUTCOME_DEFERRED);
    str_done(&script);
}

/* A probe ends at RCPT, or after DATA; no content leaves. */
static void probes(void **state)
{
    (void)state;
    play((struct rehearsal){
        .message_flags = MESSAGE_PROBE,
        .recipients = {"x@x.example", "y@x.example"},
        SCRIPT(PIPELINING
               "250 ok\r\n250 2.1.5 known\r\n550 5.1.1 who?\r\n250 reset\r\n")});
    assert_int_equal(r.outcomes[0], OUTCOME_SENT);
    assert_string_equal(r.text[0], "250 2.1.5 known");
    assert_int_equal(r.outcomes[1], OUTCOME_BOUNCED);
    assert_null(strstr(str_cstr(&r.said), "DATA"));
    assert_true(r.usable);
    play((struct rehearsal){.message_flags = MESSAGE_PROBE,
                            .settings = "smtp_address_verify_target = data\n",
                            SCRIPT(PLAIN "250 ok\r\n250 ok\r\n554 5.7.1 no\r\n")});
    assert_int_equal(r.outcomes[0], OUTCOME_BOUNCED);
    play((struct rehearsal){.message_flags = MESSAGE_PROBE,
                            .settings = "smtp_address_verify_target = data\n",
                            SCRIPT(PLAIN "250 ok\r\n250 ok\r\n354 go\r\n")});
    assert_int_equal(r.outcomes[0], OUTCOME_SENT);
    assert_null(strstr(str_cstr(&r.said), "Subject"));
    assert_false(r.usable);
}

static void soft_bounce_tries_others(void **state)
{
    (void)state;
    play((struct rehearsal){.settings = "soft_bounce = yes\n",
                            .not_last = true,
                            SCRIPT(PLAIN "250 ok\r\n550 5.1.1 no\r\n"
                                         "250 reset\r\n")});
    assert_int_equal(r.outcomes[0], OUTCOME_NONE);
    assert_int_equal(r.in_the_end[0], OUTCOME_DEFERRED);
}

static void reply_filter(void **state)
{
    (void)state;
    play((struct rehearsal){
        .settings = "smtp_reply_filter = regexp:{{/^550 5.2.1 s/ 450 4.2.1 asleep}}\n",
        .keep_log = true,
        SCRIPT(PLAIN "250 ok\r\n550 5.2.1 sleeping\r\n250 reset\r\n")});
    assert_int_equal(r.in_the_end[0], OUTCOME_DEFERRED);
    assert_string_equal(r.status[0], "4.2.1");
    assert_non_null(strstr(str_cstr(&r.log),
                           "4F1A2B3C4D: replacing server reply \"550 5.2.1 "
                           "sleeping\" with \"450 4.2.1 asleep\"\n"));
}

/* debug_peer_list shows one peer's dialogue. */
static void debug_peer(void **state)
{
    (void)state;
    play((struct rehearsal){.settings = "debug_peer_list = 192.0.2.0/24\n",
                            .keep_log = true,
                            SCRIPT(PLAIN "550 no\r\n250 reset\r\n")});
    assert_non_null(
        strstr(str_cstr(&r.log), "> mx.example[192.0.2.25]:25: EHLO gw1.maison.mrs\n"));
    assert_non_null(strstr(str_cstr(&r.log), "< mx.example[192.0.2.25]:25: 550 no\n"));
}

static int setup(void **state)
{
    (void)state;
    loop_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_turn),
        cmocka_unit_test(forwarded),
        cmocka_unit_test(old_server),
        cmocka_unit_test(pipelined),
        cmocka_unit_test(go_ahead_for_nobody),
        cmocka_unit_test(sender_refused),
        cmocka_unit_test(content_refused),
        cmocka_unit_test(too_big_for_host),
        cmocka_unit_test(dsn_parameters),
        cmocka_unit_test(odd_addresses),
        cmocka_unit_test(smtputf8_needed),
        cmocka_unit_test(small_message_in_one_chunk),
        cmocka_unit_test(many_recipients),
        cmocka_unit_test(lmtp),
        cmocka_unit_test(lmtp_lost_between_replies),
        cmocka_unit_test(lost_at_every_byte),
        cmocka_unit_test(best_error_is_kept),
        cmocka_unit_test(lost_at_once_when_kept),
        cmocka_unit_test(service_closing),
        cmocka_unit_test(greetings),
        cmocka_unit_test(helo_where_ehlo_is_unknown),
        cmocka_unit_test(garbage),
        cmocka_unit_test(endless_replies),
        cmocka_unit_test(probes),
        cmocka_unit_test(soft_bounce_tries_others),
        cmocka_unit_test(reply_filter),
        cmocka_unit_test(debug_peer),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
