/* session_test - whole SMTP dialogues over a stream in memory */
#include "dialogue.h"

#include "run/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct dialogue_result r; /* of the last one */
static struct str plain;         /* its replies behind the banner, LF line ends */

static void run(struct dialogue d)
{
    dialogue_done(&r);
    dialogue_run(&d, &r);
    str_done(&plain);
    str_init(&plain, (size_t)64 << 20);
    struct view rest = str_view(&r.output);
    size_t banner = view_find(rest, '\n');
    rest = banner == VIEW_NPOS ? VIEW_NONE : view_from(rest, banner + 1);
    for (size_t i = 0; i < rest.n; i++) {
        if (rest.p[i] != '\r')
            str_add_char(&plain, rest.p[i]);
    }
}

/* Say INPUT, with CR LF for each LF. */
static void say(struct dialogue d, const char *input)
{
    struct str text = STR_INIT((size_t)16 << 20);
    for (const char *p = input; *p; p++) {
        if (*p == '\n')
            str_add_char(&text, '\r');
        str_add_char(&text, *p);
    }
    d.input = str_view(&text);
    run(d);
    str_done(&text);
}

/* Say INPUT, and compare the replies but for the banner. */
static void expect(const char *settings, const char *input, size_t chunk,
                   const char *replies)
{
    say((struct dialogue){.settings = settings, .chunk = chunk}, input);
    assert_string_equal(str_cstr(&plain), replies);
}

/* As it stands. */
static void raw(const char *settings, const char *input)
{
    run((struct dialogue){.settings = settings, .input = view_of(input)});
}

static void assert_logged(const char *text)
{
    if (!strstr(str_cstr(&r.log), text))
        fail_msg("not in the log: %s\n%s", text, str_cstr(&r.log));
}

#define START   "EHLO x\nMAIL FROM:<a@b.c>\nRCPT TO:<d@e.f>\n"
#define STARTED EHLO_REPLY "250 2.1.0 Ok\n250 2.1.5 Ok\n"

/* S017 S018 S021 S022: the course's dialogue, which has no HELO and a space before the
 * path. */
static void test_course_dialogue(void **state)
{
    (void)state;
    expect("",
           "MAIL FROM: <christian.caleca@wanadoo.fr>\nRCPT TO: "
           "<eme13@enprovence.com>\nDATA\n"
           "le texte du message\n.\nQUIT\n",
           0,
           "250 2.1.0 Ok\n250 2.1.5 Ok\n354 End data with <CR><LF>.<CR><LF>\n"
           "250 2.0.0 Ok: queued\n221 2.0.0 Bye\n");
    assert_string_equal(str_cstr(&r.content), "le texte du message\n");
    assert_string_equal(str_cstr(&r.recipients), "<eme13@enprovence.com>/0;");
    assert_int_equal(r.finished, 1);
}

#define EHLO_REPLY                                                                       \
    "250-gw1.maison.mrs\n250-PIPELINING\n250-SIZE 10240000\n250-VRFY\n"                  \
    "250-ENHANCEDSTATUSCODES\n250-8BITMIME\n250-DSN\n250-SMTPUTF8\n250 CHUNKING\n"

/* S025 S026: the same in pieces of every size. */
static void test_pipelined_in_pieces(void **state)
{
    (void)state;
    for (size_t chunk = 1; chunk < 90; chunk += 7)
        expect("", "EHLO x\nMAIL FROM:<a@b.c>\nRCPT TO:<d@e.f> NOTIFY=NEVER\nDATA\n",
               chunk,
               EHLO_REPLY
               "250 2.1.0 Ok\n250 2.1.5 Ok\n354 End data with <CR><LF>.<CR><LF>\n");
    assert_string_equal(str_cstr(&r.recipients), "<d@e.f>/1;");
    assert_int_equal(r.finished, 0);
    assert_int_equal(r.aborted, 1);
}

/* S026: keywords can be hidden. */
static void test_hidden_keywords(void **state)
{
    (void)state;
    expect("smtpd_discard_ehlo_keywords = silent-discard, pipelining, dsn, chunking, "
           "smtputf8\n"
           "disable_vrfy_command = yes\nmessage_size_limit = 0",
           "EHLO x\n", 0,
           "250-gw1.maison.mrs\n250-SIZE\n250-ENHANCEDSTATUSCODES\n250 8BITMIME\n");
}

static void test_bdat(void **state)
{
    (void)state;
    expect("",
           "EHLO x\nMAIL FROM:<>\nRCPT TO:<d@e.f>\nBDAT 6\nabcd\nBDAT 4 LAST\nef\nQUIT\n",
           3,
           EHLO_REPLY "250 2.1.0 Ok\n250 2.1.5 Ok\n250 2.0.0 Ok: 6 bytes\n"
                      "250 2.0.0 Ok: 10 bytes: queued\n221 2.0.0 Bye\n");
    assert_string_equal(str_cstr(&r.content), "abcd\nef\n");
}

/* A refused chunk's bytes are not taken for commands. */
static void test_bdat_without_mail(void **state)
{
    (void)state;
    expect("", "EHLO x\nBDAT 6 LAST\nQUIT\nNOOP\n", 0,
           EHLO_REPLY "503 5.5.1 Error: need RCPT command\n250 2.0.0 Ok\n");
    assert_int_equal(r.finished, 0);
}

/* Smuggling: a bare LF around the dot does not end the message. */
static void test_smuggling(void **state)
{
    (void)state;
    raw("", "EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n"
            "one\n.\nMAIL FROM:<evil@b.c>\r\ntwo\r\n.\r\nQUIT\r\n");
    assert_int_equal(r.finished, 1);
    assert_non_null(strstr(str_cstr(&r.content), "MAIL FROM:<evil@b.c>"));
}

static void test_bare_newline_rejected(void **state)
{
    (void)state;
    raw("smtpd_forbid_bare_newline = reject",
        "EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n"
        "one\ntwo\r\n.\r\nQUIT\r\n");
    assert_int_equal(r.finished, 0);
    assert_int_equal(r.aborted, 1);
    assert_non_null(strstr(str_cstr(&plain), "550 5.5.2 gw1.maison.mrs Error: bare <LF> "
                                             "received\n"));
    assert_null(strstr(str_cstr(&plain), "221"));
    raw("smtpd_forbid_bare_newline = reject",
        "EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nBDAT 9 LAST\r\n"
        "one\ntwo\r\nQUIT\r\n");
    assert_int_equal(r.finished, 0);
    assert_non_null(strstr(str_cstr(&plain), "550 5.5.2"));
}

static void test_limits(void **state)
{
    (void)state;
    expect("message_size_limit = 20000\nsmtpd_recipient_limit = 1",
           "EHLO x\nMAIL FROM:<a@b.c> SIZE=20001\nMAIL FROM:<a@b.c>\nRCPT TO:<a@b>\n"
           "RCPT TO:<b@b>\nRSET\n",
           0,
           "250-gw1.maison.mrs\n250-PIPELINING\n250-SIZE 20000\n250-VRFY\n"
           "250-ENHANCEDSTATUSCODES\n250-8BITMIME\n250-DSN\n250-SMTPUTF8\n250 CHUNKING\n"
           "552 5.3.4 Message size exceeds fixed limit\n250 2.1.0 Ok\n250 2.1.5 Ok\n"
           "452 4.5.3 Error: too many recipients\n250 2.0.0 Ok\n");
}

static void test_error_limit(void **state)
{
    (void)state;
    expect("smtpd_hard_error_limit = 3\nsmtpd_soft_error_limit = 5",
           "EHLO x\nFOO\nFOO\nFOO\nNOOP\n", 0,
           EHLO_REPLY "500 5.5.2 Error: command not recognized\n"
                      "500 5.5.2 Error: command not recognized\n"
                      "500 5.5.2 Error: command not recognized\n"
                      "421 4.7.0 gw1.maison.mrs Error: too many errors\n");
}

/* S027: VRFY answers with the address, and only when it may; EXPN never. */
static void test_vrfy(void **state)
{
    (void)state;
    expect("",
           "EHLO x\nVRFY chris@maison.mrs\nVRFY \"a b\"@c.d\nVRFY\nVRFY <>\nVRFY a b\n"
           "EXPN x\n",
           0,
           EHLO_REPLY "252 2.0.0 chris@maison.mrs\n252 2.0.0 \"a b\"@c.d\n"
                      "501 5.5.4 Syntax: VRFY address [SMTPUTF8]\n"
                      "501 5.1.3 Bad recipient address syntax\n"
                      "501 5.1.3 Bad recipient address syntax\n"
                      "502 5.5.1 Error: command not implemented\n");
    expect("disable_vrfy_command = yes\nsmtputf8_enable = no\n", "VRFY x\n", 0,
           "502 5.5.1 VRFY command is disabled\n");
    expect("smtpd_helo_required = yes\n", "VRFY x\n", 0,
           "503 5.5.1 Error: send HELO/EHLO first\n");
    expect("", "EHLO x\nVRFY ren\303\251@c.d SMTPUTF8\nVRFY ren\303\251@c.d\n", 0,
           EHLO_REPLY "252 2.0.0 ren\303\251@c.d\n252 2.0.0 ren\303\251@c.d\n");
}

static void test_etrn(void **state)
{
    (void)state;
    say((struct dialogue){.settings = "fast_flush_domains = maison.mrs\n"
                                      "smtpd_etrn_restrictions = permit_mynetworks\n",
                          .client = "127.0.0.1"},
        "ETRN\nETRN a b\nETRN -x-\nETRN other.example\nETRN [1.2.3.4]\n"
        "MAIL FROM:<a@b.c>\nETRN maison.mrs\n");
    assert_string_equal(str_cstr(&plain),
                        "500 Syntax: ETRN domain\n500 Syntax: ETRN domain\n"
                        "501 Error: invalid parameter syntax\n"
                        "459 <other.example>: service unavailable\n"
                        "459 <[1.2.3.4]>: service unavailable\n250 2.1.0 Ok\n"
                        "503 Error: MAIL transaction in progress\n");
    say((struct dialogue){.settings = "smtpd_etrn_restrictions = reject\n",
                          .client = "192.0.2.7"},
        "ETRN maison.mrs\n");
    assert_string_equal(str_cstr(&plain),
                        "554 5.7.1 <maison.mrs>: Etrn command rejected: Access denied\n");
}

/* S019 S020 S201: what is wrong with paths and parameters. */
static void test_parameter_errors(void **state)
{
    (void)state;
    static const struct {
        const char *command, *reply;
    } cases[] = {
        {"MAIL FROM:<a@b.c> SIZE=x", "501 5.5.4 Bad message size syntax\n"},
        {"MAIL FROM:<a@b.c> SIZE=99999999999999999999",
         "501 5.5.4 Bad message size syntax\n"},
        {"MAIL FROM:<a@b.c> BODY=9BIT", "555 5.5.4 Unsupported option: BODY=9BIT\n"},
        {"MAIL FROM:<a@b.c> RET=ALL", "501 5.5.4 Bad RET parameter syntax\n"},
        {"MAIL FROM:<a@b.c> RET=FULL RET=HDRS", "501 5.5.4 Bad RET parameter syntax\n"},
        {"MAIL FROM:<a@b.c> ENVID=", "501 5.5.4 Bad ENVID parameter syntax\n"},
        {"MAIL FROM:<a@b.c> ENVID=a+zz", "501 5.5.4 Bad ENVID parameter syntax\n"},
        {"MAIL FROM:<a@b.c> FOO", "555 5.5.4 Unsupported option: FOO\n"},
        {"MAIL FROM:<a@b.c> =x", "555 5.5.4 Unsupported option: =x\n"},
        {"MAIL FROM:<a@b", "501 5.5.4 Syntax: MAIL FROM:<address>\n"},
        {"MAIL", "501 5.5.4 Syntax: MAIL FROM:<address>\n"},
        {"MAIL FROM:<a b@c>", "501 5.1.7 Bad sender address syntax\n"},
        {"MAIL FROM:<a@b.c>\nRCPT TO:<d@e.f> NOTIFY=",
         "250 2.1.0 Ok\n501 5.5.4 Error: Bad NOTIFY parameter syntax\n"},
        {"MAIL FROM:<a@b.c>\nRCPT TO:<d@e.f> NOTIFY=NEVER,DELAY",
         "250 2.1.0 Ok\n501 5.5.4 Error: Bad NOTIFY parameter syntax\n"},
        {"MAIL FROM:<a@b.c>\nRCPT TO:<d@e.f> ORCPT=x",
         "250 2.1.0 Ok\n501 5.5.4 Error: Bad ORCPT parameter syntax\n"},
        {"MAIL FROM:<a@b.c>\nRCPT TO:<d@e.f> ORCPT=rfc822;a+2",
         "250 2.1.0 Ok\n501 5.5.4 Error: Bad ORCPT parameter syntax\n"},
        {"MAIL FROM:<a@b.c>\nRCPT TO:<>",
         "250 2.1.0 Ok\n501 5.1.3 Bad recipient address syntax\n"},
        {"MAIL FROM:<a@b.c>\nRCPT TO:<d@e.f> SIZE=1",
         "250 2.1.0 Ok\n555 5.5.4 Unsupported option: SIZE=1\n"},
        {"RCPT TO:<d@e.f>", "503 5.5.1 Error: need MAIL command\n"},
        {"DATA", "503 5.5.1 Error: need RCPT command\n"},
        {"MAIL FROM:<a@b.c>\nDATA",
         "250 2.1.0 Ok\n554 5.5.1 Error: no valid recipients\n"},
        {"RSET now", "501 5.5.4 Syntax: RSET\n"},
        {"HELO", "501 Syntax: HELO hostname\n"},
        {"EHLO", "501 Syntax: EHLO hostname\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str input = STR_INIT(4096);
        str_addf(&input, "%s\n", cases[i].command);
        expect("", str_cstr(&input), 0, cases[i].reply);
        str_done(&input);
    }
    expect("smtpd_discard_ehlo_keywords = dsn, silent-discard\n",
           "EHLO x\nMAIL FROM:<a@b.c> RET=FULL\nMAIL FROM:<a@b.c>\n"
           "RCPT TO:<d@e.f> NOTIFY=NEVER\n",
           0,
           "250-gw1.maison.mrs\n250-PIPELINING\n250-SIZE 10240000\n250-VRFY\n"
           "250-ENHANCEDSTATUSCODES\n250-8BITMIME\n250-SMTPUTF8\n250 CHUNKING\n"
           "501 5.7.1 DSN support is disabled\n250 2.1.0 Ok\n"
           "501 5.7.1 DSN support is disabled\n");
}

/* S201: what is right with them. */
static void test_dsn_parameters(void **state)
{
    (void)state;
    expect("",
           "EHLO x\nMAIL FROM:<a@b.c> RET=HDRS ENVID=QQ+2B1\n"
           "RCPT TO:<d@e.f> ORCPT=rfc822;d+40e.f NOTIFY=success,FAILURE\nRSET\n",
           0, EHLO_REPLY "250 2.1.0 Ok\n250 2.1.5 Ok\n250 2.0.0 Ok\n");
    assert_string_equal(str_cstr(&r.recipients), "<d@e.f>rfc822;d+40e.f/6;");
}

/* UTF-8 addresses need SMTPUTF8 when that is demanded. */
static void test_smtputf8(void **state)
{
    (void)state;
    expect("strict_smtputf8 = yes\n",
           "EHLO x\nMAIL FROM:<ren\303\251@b.c>\nMAIL FROM:<ren\303\251@b.c> SMTPUTF8\n"
           "RCPT TO:<h\303\251l\303\250ne@e.f>\nMAIL FROM:<\377@b.c> SMTPUTF8\n",
           0,
           EHLO_REPLY "553 5.6.7 Must declare SMTPUTF8 to send unicode address\n"
                      "250 2.1.0 Ok\n250 2.1.5 Ok\n500 5.5.2 Error: bad UTF-8 syntax\n");
    expect("smtputf8_enable = no\n", "EHLO x\nMAIL FROM:<a@b.c> SMTPUTF8\n", 0,
           "250-gw1.maison.mrs\n250-PIPELINING\n250-SIZE 10240000\n250-VRFY\n"
           "250-ENHANCEDSTATUSCODES\n250-8BITMIME\n250-DSN\n250 CHUNKING\n"
           "555 5.5.4 Unsupported option: SMTPUTF8\n");
}

/* The first recipients too many are forgiven, the others are errors. */
static void test_recipient_overshoot(void **state)
{
    (void)state;
    struct str input = STR_INIT(65536);
    str_addf(&input, "EHLO x\nMAIL FROM:<a@b.c>\n");
    for (int i = 0; i < 12; i++)
        str_addf(&input, "RCPT TO:<r%d@e.f>\n", i);
    say((struct dialogue){.settings = "smtpd_recipient_limit = 2\n"
                                      "smtpd_recipient_overshoot_limit = 5\n"
                                      "smtpd_hard_error_limit = 3\n"},
        str_cstr(&input));
    size_t n = 0;
    for (const char *p = str_cstr(&plain); (p = strstr(p, "452 4.5.3 ")); p++)
        n++;
    assert_int_equal(n, 5 + 3);
    assert_non_null(strstr(str_cstr(&plain), "421 4.7.0 "));
    assert_logged("too many errors after RCPT from localhost[127.0.0.1]\n");
    str_done(&input);
}

/* Commands that lead nowhere wear out patience too. */
static void test_junk_commands(void **state)
{
    (void)state;
    struct str input = STR_INIT(65536);
    for (int i = 0; i < 40; i++)
        str_addf(&input, i % 2 ? "NOOP\n" : "EHLO x\n");
    say((struct dialogue){.settings = "smtpd_junk_command_limit = 10\n"
                                      "smtpd_hard_error_limit = 5\n"},
        str_cstr(&input));
    assert_logged("too many errors after NOOP from");
    assert_logged(" ehlo=8 noop=8 commands=16\n");
    str_done(&input);
}

/* Long lines, NUL bytes, 8-bit bytes, empty lines. */
static void test_odd_lines(void **state)
{
    (void)state;
    struct str input = STR_INIT(4 << 20);
    str_addf(&input, "NOOP ");
    for (int i = 0; i < 5000; i++)
        str_add_char(&input, 'x');
    str_addf(&input, "\nNOOP\n");
    expect("", str_cstr(&input), 0, "500 5.5.2 Error: line too long\n250 2.0.0 Ok\n");
    expect("", str_cstr(&input), 7, "500 5.5.2 Error: line too long\n250 2.0.0 Ok\n");
    /* A line without end is not listened to for ever. */
    str_clear(&input);
    for (int i = 0; i < 3 << 20; i++)
        str_add_char(&input, 'x');
    run((struct dialogue){.settings = "", .input = str_view(&input)});
    assert_string_equal(str_cstr(&plain), "500 5.5.2 Error: line too long\n");
    run((struct dialogue){.settings = "", .input = VIEW("NO\0OP\r\nNOOP\r\n")});
    assert_string_equal(str_cstr(&plain), "500 5.5.2 Error: bad syntax\n250 2.0.0 Ok\n");
    run((struct dialogue){.settings = "",
                          .input = VIEW("\r\n \r\nNOOP \200\r\n\001\r\n")});
    assert_string_equal(str_cstr(&plain),
                        "500 5.5.2 Error: bad syntax\n500 5.5.2 Error: bad syntax\n"
                        "500 5.5.2 Error: bad UTF-8 syntax\n"
                        "221 2.7.0 Error: I can break rules, too. Goodbye.\n");
    str_done(&input);
}

/* Web browsers and spoilt mail clients are sent away. */
static void test_foreign_protocols(void **state)
{
    (void)state;
    static const char *const first_lines[] = {"GET / HTTP/1.1", "Subject: hello",
                                              "CONNECT x:25", "\"quoted\""};
    for (size_t i = 0; i < 4; i++) {
        struct str input = STR_INIT(4096);
        str_addf(&input, "%s\nNOOP\n", first_lines[i]);
        expect("", str_cstr(&input), 0,
               "221 2.7.0 Error: I can break rules, too. Goodbye.\n");
        assert_logged("warning: non-SMTP command from localhost[127.0.0.1]: ");
        str_done(&input);
    }
    expect("smtpd_noop_commands = frob\n", "FROB\nNOOP\n", 0,
           "250 2.0.0 Ok\n250 2.0.0 Ok\n");
}

/* Cut a dialogue after every byte: what was taken was acknowledged, and nothing else. */
static void test_disconnect_at_every_byte(void **state)
{
    (void)state;
    static const char *const dialogues[] = {
        "EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\nSubject: x\r\n\r\n"
        "..dot\r\n.\r\nQUIT\r\n",
        "EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nBDAT 12\r\nSubject: x\r\nBDAT "
        "9 LAST\r\n\r\nhello\r\nQUIT\r\n"};
    for (size_t i = 0; i < 2; i++) {
        size_t whole = strlen(dialogues[i]) - strlen("QUIT\r\n");
        for (size_t n = 0; n <= strlen(dialogues[i]); n++) {
            run((struct dialogue){.settings = "",
                                  .input = view_sub(view_of(dialogues[i]), 0, n)});
            assert_int_equal(r.finished, n >= whole);
            assert_int_equal(r.opened, r.finished + r.aborted);
            assert_int_equal(strstr(str_cstr(&plain), "queued") != NULL, n >= whole);
            assert_logged("disconnect from localhost[127.0.0.1]");
        }
    }
}

/* "lost connection after x" names the right x. */
static void test_where_it_was_lost(void **state)
{
    (void)state;
    static const struct {
        const char *input, *log;
    } cases[] = {
        {"", "lost connection after CONNECT from localhost[127.0.0.1]\n"},
        {"EHLO x\n", "lost connection after EHLO from "},
        {"FROB\n", "lost connection after UNKNOWN from "},
        {START "DATA\nabc\n", "lost connection after DATA (5 bytes) from "},
        {START "DATA\nabc\n.\n", "lost connection after END-OF-MESSAGE from "},
        {START "BDAT 9\nabc\n", "lost connection after BDAT (5 bytes) from "},
        {START "BDAT 5\nabc\n", "lost connection after BDAT from "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        say((struct dialogue){.settings = ""}, cases[i].input);
        assert_logged(cases[i].log);
    }
}

/* After a chunk that was refused the others are swallowed up to the last (RFC 3030). */
static void test_bdat_stays_in_step(void **state)
{
    (void)state;
    expect("", "EHLO x\nMAIL FROM:<a@b.c>\nBDAT 6\nNOOP\nBDAT 6 LAST\nQUIT\nNOOP\n", 0,
           EHLO_REPLY "250 2.1.0 Ok\n554 5.5.1 Error: no valid recipients\n"
                      "551 5.0.0 Discarded 6 bytes after earlier error\n250 2.0.0 Ok\n");
    expect("message_size_limit = 1000\n",
           START "BDAT 6\nNOOP\nBDAT 18446744073709551615 LAST\n", 0,
           "250-gw1.maison.mrs\n250-PIPELINING\n250-SIZE 1000\n250-VRFY\n"
           "250-ENHANCEDSTATUSCODES\n250-8BITMIME\n250-DSN\n250-SMTPUTF8\n250 CHUNKING\n"
           "250 2.1.0 Ok\n250 2.1.5 Ok\n250 2.0.0 Ok: 6 bytes\n"
           "521 5.5.4 Syntax: BDAT count [LAST]\n");
    expect("message_size_limit = 10\n",
           START "BDAT 6\nNOOP\nBDAT 6\nNOOP\nBDAT 6 LAST\nNOOP\nMAIL FROM:<a@b.c>\n", 0,
           "250-gw1.maison.mrs\n250-PIPELINING\n250-SIZE 10\n250-VRFY\n"
           "250-ENHANCEDSTATUSCODES\n250-8BITMIME\n250-DSN\n250-SMTPUTF8\n250 CHUNKING\n"
           "250 2.1.0 Ok\n250 2.1.5 Ok\n250 2.0.0 Ok: 6 bytes\n"
           "552 5.3.4 Chunk exceeds message size limit\n"
           "551 5.0.0 Discarded 6 bytes after earlier error\n250 2.1.0 Ok\n");
    assert_logged("NOQUEUE: BDAT request from localhost[127.0.0.1] exceeds message size "
                  "limit\n");
    assert_int_equal(r.finished, 0);
    expect("", START "BDAT 0\nBDAT 0 LAST\nMAIL FROM:<a@b.c>\n", 0,
           STARTED "551 5.7.1 Null BDAT request\n"
                   "551 5.0.0 Discarded 0 bytes after earlier error\n250 2.1.0 Ok\n");
    expect("", START "BDAT 0 LAST\n", 0, STARTED "250 2.0.0 Ok: 0 bytes: queued\n");
    expect("", START "BDAT 6\nNOOP\nDATA\nRCPT TO:<g@h.i>\nMAIL FROM:<a@b.c>\nRSET\n", 0,
           STARTED
           "250 2.0.0 Ok: 6 bytes\n503 5.5.1 Error: DATA after BDAT\n"
           "503 5.5.1 Error: RCPT after BDAT\n503 5.5.1 Error: nested MAIL command\n"
           "250 2.0.0 Ok\n");
    expect("", START "BDAT\nNOOP\n", 0, STARTED "521 5.5.4 Syntax: BDAT count [LAST]\n");
    assert_logged(
        "NOQUEUE: malformed BDAT command syntax from localhost[127.0.0.1]: BDAT\n");
}

/* A message over the limit is read to its end, and refused there. */
static void test_too_big(void **state)
{
    (void)state;
    expect("message_size_limit = 10\n", START "DATA\n123456\n123456\n.\nNOOP\n", 0,
           "250-gw1.maison.mrs\n250-PIPELINING\n250-SIZE 10\n250-VRFY\n"
           "250-ENHANCEDSTATUSCODES\n250-8BITMIME\n250-DSN\n250-SMTPUTF8\n250 CHUNKING\n"
           "250 2.1.0 Ok\n250 2.1.5 Ok\n354 End data with <CR><LF>.<CR><LF>\n"
           "552 5.3.4 Error: message file too big\n250 2.0.0 Ok\n");
    assert_int_equal(r.finished, 0);
    assert_int_equal(r.aborted, 1);
}

/* The queue says no: at the first recipient, or at the end. */
static void test_sink_failures(void **state)
{
    (void)state;
    say((struct dialogue){.settings = "", .cannot_open = true}, START "DATA\n");
    assert_non_null(strstr(str_cstr(&plain), "451 4.3.0 Error: queue file write error\n"
                                             "554 5.5.1 Error: no valid recipients\n"));
    assert_int_equal(r.aborted, 0);
    say((struct dialogue){.settings = "", .finish_code = 452},
        START "DATA\nx\n.\nMAIL FROM:<a@b.c>\n");
    assert_non_null(strstr(str_cstr(&plain), "452 4.3.1 Error: no room\n250 2.1.0 Ok\n"));
    say((struct dialogue){.settings = "", .finish_code = 550}, START "DATA\nx\n.\n");
    assert_non_null(strstr(str_cstr(&plain), "550 5.7.1 Error: no room\n"));
}

/* smtpd_reject_footer: behind refusals only, with what it may tell. */
static void test_reject_footer(void **state)
{
    (void)state;
    expect("smtpd_reject_footer = See $server_name\\n[$client_address]:$client_port\n",
           "NOOP\nRCPT TO:<x>\n", 0,
           "250 2.0.0 Ok\n503-5.5.1 Error: need MAIL command\n"
           "503-5.5.1 See gw1.maison.mrs\n503 5.5.1 [127.0.0.1]:0\n");
    expect("smtpd_reject_footer = \\c. Call us.\n", "DATA\n", 0,
           "503 5.5.1 Error: need RCPT command. Call us.\n");
    expect("smtpd_reject_footer = $sender\n", "DATA\n", 0,
           "503 5.5.1 Error: need RCPT command\n");
    assert_logged("unknown macro name \"sender\"");
    expect(
        "smtpd_expansion_filter = abc.\\061\\t\nsmtpd_reject_footer = $client_address\n",
        "DATA\n", 0, "503-5.5.1 Error: need RCPT command\n503 5.5.1 1__._._.1\n");
    expect("smtpd_reject_footer = none\nsmtpd_reject_footer_maps = "
           "regexp:{{/RCPT/ here}}\n",
           "DATA\nRCPT TO:<x>\n", 0,
           "503-5.5.1 Error: need RCPT command\n503 5.5.1 here\n"
           "503-5.5.1 Error: need MAIL command\n503 5.5.1 none\n");
}

static void test_soft_bounce(void **state)
{
    (void)state;
    expect("soft_bounce = yes\n", "DATA\nHELO\nBDAT x\n", 0,
           "403 4.5.1 Error: need RCPT command\n401 Syntax: HELO hostname\n"
           "521 5.5.4 Syntax: BDAT count [LAST]\n");
}

/* What could be mistaken for something else in a header or a log line. */
static void test_helo_name_is_made_harmless(void **state)
{
    (void)state;
    say((struct dialogue){.settings = "mynetworks =\n", .client = "192.0.2.7"},
        "HELO a b(c)<d>;@\"\\\nMAIL FROM:<a@b.c>\nRCPT TO:<x@y.z>\n");
    assert_logged(" helo=<a?b?c?"
                  "?d?"
                  "?"
                  "?"
                  "?"
                  "?>\n");
}

/* Refused at the connection: nothing but QUIT is heard (smtpd_delay_reject = no). */
static void test_refused_client_stays_refused(void **state)
{
    (void)state;
    say((struct dialogue){.settings = "smtpd_delay_reject = no\n"
                                      "smtpd_client_restrictions = reject\n",
                          .client = "192.0.2.7"},
        "EHLO x\nMAIL FROM:<a@b.c>\nFROB\nQUIT\n");
    assert_string_equal(
        str_cstr(&r.output),
        "554 5.7.1 <unknown[192.0.2.7]>: Client host rejected: Access denied\r\n"
        "503 5.7.0 Error: access denied for unknown[192.0.2.7]\r\n"
        "503 5.7.0 Error: access denied for unknown[192.0.2.7]\r\n"
        "503 5.7.0 Error: access denied for unknown[192.0.2.7]\r\n"
        "221 2.0.0 Bye\r\n");
    assert_logged("NOQUEUE: reject: CONNECT from unknown[192.0.2.7]: 554 5.7.1 "
                  "<unknown[192.0.2.7]>: Client host rejected: Access denied; "
                  "proto=SMTP\n");
}

/* Each stage when nothing waits for RCPT. */
static void test_undelayed_stages(void **state)
{
    (void)state;
    say(
        (struct dialogue){
            .settings =
                "smtpd_delay_reject = no\n"
                "smtpd_helo_restrictions = check_helo_access "
                "inline:{bad.example=REJECT}\n"
                "smtpd_sender_restrictions = check_sender_access "
                "inline:{{a@bad.example=REJECT}, {a@held.example=HOLD look}}\n"
                "smtpd_data_restrictions = check_recipient_access static:HOLD\n"
                "smtpd_end_of_data_restrictions = check_sender_access static:HOLD\n",
            .client = "127.0.0.1"},
        "EHLO bad.example\nEHLO good.example\nMAIL FROM:<a@bad.example>\n"
        "MAIL FROM:<a@held.example>\nRCPT TO:<chris@maison.mrs>\nDATA\nx\n.\n");
    assert_non_null(strstr(str_cstr(&plain),
                           "554 5.7.1 <bad.example>: Helo command rejected: Access "
                           "denied\n250-gw1.maison.mrs\n"));
    assert_non_null(strstr(str_cstr(&plain),
                           "554 5.7.1 <a@bad.example>: Sender address rejected: Access "
                           "denied\n250 2.1.0 Ok\n250 2.1.5 Ok\n354 "));
    assert_string_equal(str_cstr(&r.recipients),
                        "<chris@maison.mrs>/0;effect 2 look;effect 2 ;effect 2 ;");
}

/* S116: debug_peer_list shows one client's dialogue. */
static void test_debug_peer(void **state)
{
    (void)state;
    say((struct dialogue){.settings = "debug_peer_list = 192.0.2.7\n",
                          .client = "192.0.2.7"},
        "EHLO x\nMAIL FROM:<a@b.c>\nRCPT TO:<chris@maison.mrs>\n");
    assert_logged("< unknown[192.0.2.7]: MAIL FROM:<a@b.c>\n");
    assert_logged("> unknown[192.0.2.7]: 250 2.1.5 Ok\n");
    assert_logged("smtpd_relay_restrictions: restriction permit_mynetworks\n");
    assert_logged(": client=unknown[192.0.2.7]\n");
    assert_logged(
        ": NOQUEUE: RCPT: smtpd_relay_restrictions: permit_mynetworks: dunno\n");
    assert_logged(": NOQUEUE: RCPT: list mynetworks: 192.0.2.7 -> ");
    say((struct dialogue){.settings = "debug_peer_list = 192.0.2.7\n",
                          .client = "192.0.2.8"},
        "EHLO x\n");
    assert_null(strstr(str_cstr(&r.log), "< unknown"));
}

/* S091: the transcript goes out only when something listed happened; here it cannot,
 * which is a line in the log and no harm. */
static void test_notices(void **state)
{
    (void)state;
    static const char *const settings =
        "notify_classes = protocol\nqueue_directory = /nonexistent\n";
    say((struct dialogue){.settings = settings, .client = "192.0.2.7"},
        "EHLO x\nFROB\nQUIT\n");
    assert_logged("warning: postmaster notify: ");
    say((struct dialogue){.settings = settings, .client = "192.0.2.7"}, "EHLO x\nQUIT\n");
    assert_null(strstr(str_cstr(&r.log), "postmaster notify"));
    say((struct dialogue){.settings = settings, .client = "192.0.2.7"},
        "EHLO x\nMAIL FROM:<a@b.c>\nRCPT TO:<x@y.z>\nQUIT\n"); /* policy */
    assert_null(strstr(str_cstr(&r.log), "postmaster notify"));
}

static void test_command_filter(void **state)
{
    (void)state;
    expect("smtpd_command_filter = regexp:{{/^HELO\\s*$$/ HELO domain.invalid}}\n",
           "HELO\nNOOP\n", 0, "250 gw1.maison.mrs\n250 2.0.0 Ok\n");
    assert_logged("replacing command \"HELO\" with \"HELO domain.invalid\"\n");
}

/* Talking without listening, where EHLO did not allow it (RFC 2920). */
static void test_improper_pipelining(void **state)
{
    (void)state;
    say((struct dialogue){.settings = "", .client = "192.0.2.7"},
        "HELO x\nMAIL FROM:<a@b.c>\nRCPT TO:<d@e.f>\n");
    assert_logged("improper command pipelining after HELO from unknown[192.0.2.7]: MAIL "
                  "FROM:<a@b.c>\\r\\nRCPT TO:<d@e.f>\\r\\n\n");
    say((struct dialogue){.settings = "smtpd_forbid_unauth_pipelining = yes\n",
                          .client = "192.0.2.7"},
        "EHLO x\nMAIL FROM:<a@b.c>\n");
    assert_string_equal(str_cstr(&plain),
                        "554 5.5.0 Error: SMTP protocol synchronization\n");
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
        cmocka_unit_test(test_course_dialogue),
        cmocka_unit_test(test_pipelined_in_pieces),
        cmocka_unit_test(test_hidden_keywords),
        cmocka_unit_test(test_bdat),
        cmocka_unit_test(test_bdat_without_mail),
        cmocka_unit_test(test_smuggling),
        cmocka_unit_test(test_bare_newline_rejected),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_error_limit),
        cmocka_unit_test(test_vrfy),
        cmocka_unit_test(test_etrn),
        cmocka_unit_test(test_parameter_errors),
        cmocka_unit_test(test_dsn_parameters),
        cmocka_unit_test(test_smtputf8),
        cmocka_unit_test(test_recipient_overshoot),
        cmocka_unit_test(test_junk_commands),
        cmocka_unit_test(test_odd_lines),
        cmocka_unit_test(test_foreign_protocols),
        cmocka_unit_test(test_disconnect_at_every_byte),
        cmocka_unit_test(test_where_it_was_lost),
        cmocka_unit_test(test_bdat_stays_in_step),
        cmocka_unit_test(test_too_big),
        cmocka_unit_test(test_sink_failures),
        cmocka_unit_test(test_reject_footer),
        cmocka_unit_test(test_soft_bounce),
        cmocka_unit_test(test_helo_name_is_made_harmless),
        cmocka_unit_test(test_refused_client_stays_refused),
        cmocka_unit_test(test_undelayed_stages),
        cmocka_unit_test(test_debug_peer),
        cmocka_unit_test(test_notices),
        cmocka_unit_test(test_command_filter),
        cmocka_unit_test(test_improper_pipelining),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
