/* session_test - whole SMTP dialogues over a stream in memory */
#include "session.h"

#include "base/log.h"
#include "base/memory.h"
#include "run/loop.h"
#include "transaction.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A sink that keeps what it gets. */
static struct {
    struct str content, recipients;
    unsigned finished, aborted;
    int finish_code;
} kept;

static bool keep_open(struct session *s, struct error *e)
{
    (void)s;
    (void)e;
    return true;
}
static void keep_recipient(struct session *s, struct view address, struct view orcpt,
                           unsigned notify)
{
    (void)s;
    str_addf(&kept.recipients, "<%.*s>%.*s/%u;", VIEW_FMT(address), VIEW_FMT(orcpt),
             notify);
}
static void keep_begin(struct session *s)
{
    (void)s;
}
static void keep_line(struct session *s, struct view text, bool more)
{
    (void)s;
    str_add(&kept.content, text);
    if (!more)
        str_add_char(&kept.content, '\n');
}
static int keep_finish(struct session *s, struct error *e)
{
    (void)s;
    kept.finished++;
    if (kept.finish_code != 250)
        error_set(e, "4.3.1", "Error: no room");
    return kept.finish_code;
}
static void keep_abort(struct session *s)
{
    (void)s;
    kept.aborted++;
}
static const struct sink keeper = {.open = keep_open,
                                   .recipient = keep_recipient,
                                   .begin = keep_begin,
                                   .line = keep_line,
                                   .finish = keep_finish,
                                   .abort = keep_abort};

/* One dialogue: INPUT with CRLF line ends given as \n, in pieces of CHUNK bytes. */
struct dialogue {
    const char *settings, *input;
    size_t chunk;
    bool raw; /* line ends as they stand */
    struct str output;
};

static const struct conf *load_conf(const char *settings)
{
    char directory[] = "/tmp/dlg.XXXXXX", path[64];
    struct error e = ERROR_INIT;
    struct conf *c = NULL;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/main.cf", directory);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fprintf(f,
                  "compatibility_level = 3.7\nmyhostname = "
                  "gw1.maison.mrs\nsmtpd_error_sleep_time = 0\n"
                  "smtpd_forbid_unauth_pipelining = no\n%s\n",
                  settings);
    (void)fclose(f);
    if (!conf_load(directory, NULL, 0, &c, &e))
        fail_msg("%s", error_cstr(&e));
    (void)unlink(path);
    (void)rmdir(directory);
    return c;
}

static void run_dialogue(void *arg)
{
    struct dialogue *d = arg;
    struct str input = STR_INIT(1 << 20);
    for (const char *p = d->input; *p; p++) {
        if (*p == '\n' && !d->raw)
            str_add_char(&input, '\r');
        str_add_char(&input, *p);
    }
    const struct conf *c = load_conf(d->settings);
    struct smtpd server = {.conf = c, .standalone = true, .sink = &keeper};
    server.dot_mode = DOT_NORMALIZE;
    (void)dot_mode_parse(conf_view(c, P_smtpd_forbid_bare_newline), &server.dot_mode);
    server.forbidden_commands = match_open_view(c, "x", VIEW("CONNECT GET POST"), false);
    server.noop_commands =
        match_open_view(c, "x", conf_view(c, P_smtpd_noop_commands), false);
    server.command_filter = maps_open(c, VIEW_NONE, 0);
    server.ehlo_discard_by_address = maps_open(c, VIEW_NONE, 0);
    server.ehlo_discard =
        ehlo_discard_parse(conf_view(c, P_smtpd_discard_ehlo_keywords), NULL);
    struct session s = {.server = &server, .where = "CONNECT", .arena = arena_new()};
    s.stream = stream_open_memory(str_view(&input), &d->output);
    if (d->chunk)
        stream_set_chunk(s.stream, d->chunk);
    client_identify(&s, NULL);
    session_run(&s);
    stream_close(s.stream);
    arena_free(s.arena);
    match_close(server.forbidden_commands);
    match_close(server.noop_commands);
    maps_close(server.command_filter);
    maps_close(server.ehlo_discard_by_address);
    conf_free((struct conf *)(uintptr_t)c);
    str_done(&input);
}

static void forget(void)
{
    str_done(&kept.content);
    str_done(&kept.recipients);
    memset(&kept, 0, sizeof kept);
    str_init(&kept.content, 1 << 20);
    str_init(&kept.recipients, 65536);
    kept.finish_code = 250;
}

/* Run and compare the output (with \n for CRLF) but for the banner. */
static void expect(const char *settings, const char *input, size_t chunk,
                   const char *replies)
{
    struct dialogue d = {.settings = settings, .input = input, .chunk = chunk};
    forget();
    str_init(&d.output, 1 << 20);
    (void)fiber_spawn("dialogue", run_dialogue, &d);
    loop_run();
    static struct str plain;
    str_done(&plain);
    str_init(&plain, 1 << 20);
    struct view rest = str_view(&d.output);
    size_t banner = view_find(rest, '\n');
    rest = view_from(rest, banner + 1);
    for (size_t i = 0; i < rest.n; i++) {
        if (rest.p[i] != '\r')
            str_add_char(&plain, rest.p[i]);
    }
    assert_string_equal(str_cstr(&plain), replies);
    str_done(&d.output);
}

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
    assert_string_equal(str_cstr(&kept.content), "le texte du message\n");
    assert_string_equal(str_cstr(&kept.recipients), "<eme13@enprovence.com>/0;");
    assert_int_equal(kept.finished, 1);
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
    assert_string_equal(str_cstr(&kept.recipients), "<d@e.f>/1;");
    assert_int_equal(kept.finished, 0);
    assert_int_equal(kept.aborted, 1);
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
    assert_string_equal(str_cstr(&kept.content), "abcd\nef\n");
}

/* A refused chunk's bytes are not taken for commands. */
static void test_bdat_without_mail(void **state)
{
    (void)state;
    expect("", "EHLO x\nBDAT 6 LAST\nQUIT\nNOOP\n", 0,
           EHLO_REPLY "503 5.5.1 Error: need RCPT command\n250 2.0.0 Ok\n");
    assert_int_equal(kept.finished, 0);
}

/* Smuggling: a bare LF around the dot does not end the message. */
static void test_smuggling(void **state)
{
    (void)state;
    struct dialogue d = {.settings = "",
                         .raw = true,
                         .input =
                             "EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n"
                             "one\n.\nMAIL FROM:<evil@b.c>\r\ntwo\r\n.\r\nQUIT\r\n"};
    forget();
    str_init(&d.output, 65536);
    (void)fiber_spawn("dialogue", run_dialogue, &d);
    loop_run();
    assert_int_equal(kept.finished, 1);
    assert_non_null(strstr(str_cstr(&kept.content), "MAIL FROM:<evil@b.c>"));
    str_done(&d.output);
}

static void test_bare_newline_rejected(void **state)
{
    (void)state;
    struct dialogue d = {.settings = "smtpd_forbid_bare_newline = reject",
                         .raw = true,
                         .input =
                             "EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n"
                             "one\ntwo\r\n.\r\nQUIT\r\n"};
    forget();
    str_init(&d.output, 65536);
    (void)fiber_spawn("dialogue", run_dialogue, &d);
    loop_run();
    assert_int_equal(kept.finished, 0);
    assert_non_null(
        strstr(str_cstr(&d.output), "550 5.5.2 gw1.maison.mrs Error: bare <LF>"));
    str_done(&d.output);
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
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
