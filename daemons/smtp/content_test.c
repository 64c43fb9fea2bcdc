/* content_test - the message as it leaves: line ends, dots, long lines, conversions */
#include "rehearsal.h"

#include "run/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define HELLO(keywords) "220 mx.example ESMTP\r\n250-mx.example\r\n" keywords
#define REPLIES         "250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n"

static struct rehearsal_result r;

/* Send CONTENT; what followed DATA, without the final dot, in storage of ours. */
static const char *sent(struct rehearsal in, const char *content)
{
    static char text[1 << 20];
    in.content = content;
    in.sender = in.sender ? in.sender : "chris@maison.mrs";
    in.recipients[0] = "x@x.example";
    if (view_is_empty(in.script))
        in.script = VIEW(HELLO("250 8BITMIME\r\n") REPLIES);
    rehearsal_done(&r);
    rehearse(&in, &r);
    const char *data = strstr(str_cstr(&r.said), "\nDATA\n");
    assert_non_null(data);
    size_t n = strlen(data + 6);
    assert_true(n < sizeof text);
    memcpy(text, data + 6, n + 1);
    if (r.outcomes[0] != OUTCOME_RELAYED)
        return text;
    assert_true(n >= 2 && strcmp(text + n - 2, ".\n") == 0);
    text[n - 2] = '\0';
    return text;
}

static const char *plain(const char *content)
{
    return sent((struct rehearsal){.settings = NULL}, content);
}

static void line_ends_and_dots(void **state)
{
    (void)state;
    assert_string_equal(plain("A: b\n\n.\n..\n.x\nend\n"), "A: b\n\n..\n...\n..x\nend\n");
    assert_string_equal(plain("A: b\n\nno end"), "A: b\n\nno end\n");
    assert_string_equal(plain("A: b\n\n."), "A: b\n\n..\n");
    assert_string_equal(plain("\n"), "\n");
    assert_int_equal(r.outcomes[0], OUTCOME_RELAYED);
}

/* smtp_line_length_limit: the rest of a long line begins with a blank. */
static void long_lines_are_folded(void **state)
{
    (void)state;
    struct str content = STR_INIT(65536);
    str_addf(&content, "A: b\n\n");
    for (int i = 0; i < 1000; i++)
        str_add_char(&content, 'x');
    str_addf(&content, "\n");
    struct view out = view_of(plain(str_cstr(&content)));
    out = view_from(out, 6);
    assert_int_equal(view_find(out, '\n'), 998);
    assert_string_equal(out.p + 998, "\n xx\n");
    assert_int_equal(
        strlen(sent((struct rehearsal){.settings = "smtp_line_length_limit = 0\n"},
                    str_cstr(&content))),
        content.n);
    str_done(&content);
}

/* S031: the same bytes where the server has 8BITMIME, quoted-printable where not. */
static void eight_bits(void **state)
{
    (void)state;
    static const char latin1[] =
        "MIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\n"
        "Content-Transfer-Encoding: 8bit\n\nd\351j\340 vu\n";
    struct rehearsal in = {.message_flags = MESSAGE_8BIT};
    assert_string_equal(sent(in, latin1), latin1);
    assert_non_null(
        strstr(str_cstr(&r.said), "MAIL FROM:<chris@maison.mrs> BODY=8BITMIME\n"));
    in.script = VIEW("220 mx.example ESMTP\r\n250 mx.example\r\n" REPLIES);
    assert_string_equal(
        sent(in, latin1),
        "MIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\n"
        "Content-Transfer-Encoding: quoted-printable\n\nd=E9j=E0 vu\n");
    assert_null(strstr(str_cstr(&r.said), "BODY="));
    in.settings = "disable_mime_output_conversion = yes\n";
    assert_string_equal(sent(in, latin1), latin1);
}

/* S293: inside addresses become outside ones, in envelope and headers. */
static void generic_maps(void **state)
{
    (void)state;
    struct rehearsal in = {
        .settings = "mydestination = maison.mrs\nmyorigin = maison.mrs\n"
                    "smtp_generic_maps = inline:{{chris@maison.mrs=c.caleca@wanadoo.fr},"
                    " {root=admin@wanadoo.fr}, {@maison.mrs=@wanadoo.fr}}\n"};
    assert_string_equal(
        sent(in, "From: Chris <chris@maison.mrs>\nTo: root@maison.mrs, x@x.example\n"
                 "Cc: eme@maison.mrs\nSubject: chris@maison.mrs\n\nchris@maison.mrs\n"),
        "From: Chris <c.caleca@wanadoo.fr>\nTo: admin@wanadoo.fr, x@x.example\n"
        "Cc: eme@wanadoo.fr\nSubject: chris@maison.mrs\n\nchris@maison.mrs\n");
}

/* A broken table must not let inside addresses out. */
static void broken_generic_maps(void **state)
{
    (void)state;
    struct rehearsal in = {.settings = "smtp_generic_maps = fail:x\n",
                           .keep_log = true,
                           .sender = "",
                           .recipients = {"x@x.example"},
                           .content = "From: chris@maison.mrs\n\nx\n",
                           .script = VIEW(HELLO("250 8BITMIME\r\n") REPLIES)};
    rehearsal_done(&r);
    rehearse(&in, &r);
    assert_int_equal(r.in_the_end[0], OUTCOME_DEFERRED);
    assert_string_equal(r.status[0], "4.3.0");
    assert_string_equal(r.text[0],
                        "smtp_generic_maps map lookup problem for x@x.example");
    assert_null(strstr(str_cstr(&r.said), "RCPT"));
}

static void checks(void **state)
{
    (void)state;
    struct rehearsal in = {
        .settings =
            "smtp_header_checks = regexp:{{/^X-Inside:/ IGNORE}, {/^Subject: old/ "
            "REPLACE Subject: new}, {/^To:/ PREPEND X-Seen: yes}, {/^From:/ WARN who}, "
            "{/^Date:/ FROBNICATE}}\n"
            "smtp_body_checks = regexp:{{/secret/ STRIP it}}\n",
        .keep_log = true};
    assert_string_equal(sent(in, "X-Inside: a\n b\nSubject: old\nTo: x@x\nFrom: c@d\n"
                                 "Date: now\n\na secret\nrest\n"),
                        "Subject: new\nX-Seen: yes\nTo: x@x\nFrom: c@d\nDate: now\n\n"
                        "rest\n");
    assert_non_null(
        strstr(str_cstr(&r.log), "4F1A2B3C4D: warning: header From: c@d: who\n"));
    assert_non_null(strstr(str_cstr(&r.log), "4F1A2B3C4D: strip: body a secret: it\n"));
    assert_non_null(strstr(str_cstr(&r.log), "unsupported command"));
}

/* A table error in the middle: no final dot is sent, and it is not the host's fault. */
static void broken_checks(void **state)
{
    (void)state;
    struct rehearsal in = {.settings = "smtp_body_checks = fail:x\n"};
    const char *text = sent(in, "A: b\n\nbody\n");
    assert_null(strstr(text, "\n.\n"));
    assert_int_equal(r.in_the_end[0], OUTCOME_DEFERRED);
    assert_string_equal(r.status[0], "4.3.0");
    assert_string_equal(r.text[0],
                        "local data error while talking to mx.example[192.0.2.25]");
    assert_false(r.usable);
    assert_false(r.is_dead);
}

/* master.cf: flags=DOR. */
static void headers_by_flags(void **state)
{
    (void)state;
    assert_string_equal(sent((struct rehearsal){.flags = "flags=DOR"}, "A: b\n\nx\n"),
                        "Return-Path: <chris@maison.mrs>\nX-Original-To: x@x.example\n"
                        "Delivered-To: x@x.example\nA: b\n\nx\n");
}

/* A header of the longest kind, all of it line ends. */
static void long_header(void **state)
{
    (void)state;
    struct str content = STR_INIT(1 << 20);
    str_addf(&content, "A: b\n");
    for (int i = 0; i < 60000; i++)
        str_addf(&content, " \n");
    str_addf(&content, "\nbody\n");
    struct rehearsal in = {.settings = "smtp_header_checks = regexp:{{/^X/ IGNORE}}\n"};
    assert_non_null(strstr(sent(in, str_cstr(&content)), "\n\nbody\n"));
    assert_int_equal(r.outcomes[0], OUTCOME_RELAYED);
    str_done(&content);
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
        cmocka_unit_test(line_ends_and_dots),  cmocka_unit_test(long_lines_are_folded),
        cmocka_unit_test(eight_bits),          cmocka_unit_test(generic_maps),
        cmocka_unit_test(broken_generic_maps), cmocka_unit_test(checks),
        cmocka_unit_test(broken_checks),       cmocka_unit_test(headers_by_flags),
        cmocka_unit_test(long_header),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
