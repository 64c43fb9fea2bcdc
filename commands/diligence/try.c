/* try - talk to a server as by telnet, and say what each reply means
 *
 * Usage: diligence try [--from ADDRESS] [--to ADDRESS] [--relay] [HOST[:PORT]].  Without
 * HOST the first smtpd service of master.cf is asked.  With --to a short message is sent;
 * with --relay the server is probed (try_relay.c).  Exit status 0 when all was accepted
 * (or no probe was), 1 when something was refused (or a probe was accepted), 75 when
 * there is no answer for now, 64 for wrong words.
 */
#include "try.h"

#include "base/clock.h"
#include "base/log.h"
#include "conf/master_cf.h"
#include "net/dial.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#define TIMEOUT (60 * CLOCK_SECOND)
enum { LINE_LONGEST = 2048 };

/* --- the dialogue --- */

static bool lost(struct try *t, enum stream_result r)
{
    printf("= %s\n", stream_strerror(t->stream, r));
    t->status = EX_TEMPFAIL;
    return false;
}

/* One line of a server, in which control bytes are not for our terminal. */
static void show_line(struct view line)
{
    fputs("< ", stdout);
    for (size_t i = 0; i < line.n; i++)
        putchar(ascii_is_print(line.p[i]) || (unsigned char)line.p[i] >= 0x80 ? line.p[i]
                                                                              : '?');
    putchar('\n');
}

/* A line of the EHLO reply. */
static void look_at_keyword(struct try *t, struct view line)
{
    struct view keyword, rest;

    if (line.n < 4)
        return;
    rest = view_from(line, 4);
    if (!view_token(&rest, VIEW(" ="), &keyword))
        return;
    if (view_eq_case(keyword, VIEW("XCLIENT")))
        t->offers_xclient = true;
    const char *text = try_keyword(keyword);
    if (text && !t->quiet)
        printf("= %.*s: %s\n", VIEW_FMT(keyword), text);
}

bool try_hear(struct try *t, const char *verb)
{
    enum smtp_reply_state state = SMTP_REPLY_MORE;
    struct view line;
    int ending;

    smtp_reply_clear(&t->reply);
    while (state == SMTP_REPLY_MORE) {
        enum stream_result r = stream_read_line(t->stream, LINE_LONGEST, &line, &ending);
        if (r != STREAM_OK)
            return lost(t, r);
        if (!t->quiet)
            show_line(line);
        if (strcmp(verb, "EHLO") == 0 && t->reply.lines > 0)
            look_at_keyword(t, line);
        state = smtp_reply_line(&t->reply, line);
    }
    if (state == SMTP_REPLY_TOO_LONG || t->reply.garbage) {
        printf("= this is no SMTP reply\n");
        t->status = EX_TEMPFAIL;
        return false;
    }
    if (!t->quiet)
        printf("= %d: %s\n", t->reply.code,
               try_meaning(verb, t->reply.code, t->reply.status));
    return true;
}

bool try_say(struct try *t, const char *verb, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    struct view line = arena_vprintf(t->arena, format, args);
    va_end(args);
    if (!t->quiet)
        printf("> %.*s\n", VIEW_FMT(line));
    stream_printf(t->stream, "%.*s\r\n", VIEW_FMT(line));
    return try_hear(t, verb);
}

/* The same, and is it accepted? */
static bool is_accepted(struct try *t)
{
    int class = smtp_reply_class(&t->reply);

    if (class == 2 || class == 3)
        return true;
    t->status = class == 4 ? EX_TEMPFAIL : 1;
    return false;
}

bool try_introduce(struct try *t)
{
    return try_say(t, "EHLO", "EHLO %s", conf_cstr(t->control->conf, P_myhostname)) &&
           is_accepted(t);
}

/* --- one message --- */

static void send_message(struct try *t)
{
    if (!try_say(t, "MAIL", "MAIL FROM:<%s>", t->from) || !is_accepted(t) ||
        !try_say(t, "RCPT", "RCPT TO:<%s>", t->to) || !is_accepted(t) ||
        !try_say(t, "DATA", "DATA") || !is_accepted(t))
        return;
    printf("> (headers, \"a test message\")\n");
    stream_printf(t->stream,
                  "From: <%s>\r\nTo: <%s>\r\nSubject: a test message\r\n"
                  "Auto-Submitted: auto-generated\r\n\r\n"
                  "Sent by diligence try on %s.\r\n",
                  t->from, t->to, conf_cstr(t->control->conf, P_myhostname));
    if (try_say(t, ".", "."))
        (void)is_accepted(t);
}

static void talk(struct try *t)
{
    if (!try_hear(t, "") || !is_accepted(t) || !try_introduce(t))
        return;
    if (t->is_relay_test)
        try_relay(t);
    else if (t->to)
        send_message(t);
    int status = t->status;
    (void)try_say(t, "QUIT", "QUIT");
    t->status = status; /* a server that hangs up at QUIT has done no harm */
}

static void try_fiber(void *arg)
{
    struct try *t = arg;
    struct error e = ERROR_INIT;
    int fd = dial_endpoint(view_of(t->server), VIEW("/"), TIMEOUT, &e);

    if (fd < 0) {
        printf("connect to %s: %s\n", t->server, e.text);
        t->status = EX_TEMPFAIL;
        return;
    }
    printf("connected to %s\n", t->server);
    t->stream = stream_open_fd(fd);
    stream_set_timeout(t->stream, TIMEOUT);
    smtp_reply_init(&t->reply);
    talk(t);
    smtp_reply_done(&t->reply);
    stream_close(t->stream);
}

/* --- words --- */

/* "127.0.0.1:2525" of the first smtpd in master.cf; a service that listens everywhere is
 * asked at the loopback address. */
static const char *own_server(const struct try *t)
{
    struct master_cf services;
    struct error e = ERROR_INIT;
    struct net_endpoint at;

    if (!master_cf_load(t->control->directory, t->arena, &services, &e))
        log_fatal("%s", error_cstr(&e));
    for (size_t i = 0; i < services.n; i++) {
        const struct master_service *s = &services.items[i];
        struct view host, port;
        if (s->type != SERVICE_INET || !view_eq(s->command, VIEW("smtpd")))
            continue;
        if (!view_rcut(s->name, ':', &host, &port)) {
            host = VIEW("127.0.0.1");
            port = s->name;
        }
        struct view whole =
            arena_printf(t->arena, "inet:%.*s:%.*s", VIEW_FMT(host), VIEW_FMT(port));
        if (net_endpoint_parse(whole, &at))
            return whole.p;
    }
    log_fatal("master.cf has no smtpd service of type inet; name a HOST");
}

static const char *named_server(const struct try *t, const char *text)
{
    struct net_endpoint at;

    if (!net_endpoint_parse(view_of(text), &at) || at.host.n == 0)
        log_fatal("try: not HOST or HOST:PORT: \"%s\"", text);
    if (at.unix_path)
        return text;
    bool is_v6 = view_has(at.host, ':');
    return arena_printf(t->arena, "inet:%s%.*s%s:%.*s", is_v6 ? "[" : "",
                        VIEW_FMT(at.host), is_v6 ? "]" : "",
                        VIEW_FMT(at.port.n ? at.port : VIEW("25")))
        .p;
}

/* No line end gets into a command. */
static const char *address(const char *text)
{
    for (struct view v = view_of(text); v.n > 0; v = view_from(v, 1))
        if (!ascii_is_print(v.p[0]) || strchr("<>", v.p[0])) {
            log_error("try: not an address: \"%s\"", text);
            exit(EX_USAGE);
        }
    return text;
}

static void take_words(struct try *t)
{
    static const struct option options[] = {{"from", required_argument, NULL, 'f'},
                                            {"to", required_argument, NULL, 't'},
                                            {"relay", no_argument, NULL, 'r'},
                                            {NULL, 0, NULL, 0}};
    const struct control *c = t->control;
    int letter;

    optind = 0;
    while ((letter = getopt_long(c->argc + 1, c->argv - 1, "+", options, NULL)) != -1) {
        if (letter == 'f')
            t->from = address(optarg);
        else if (letter == 't')
            t->to = address(optarg);
        else if (letter == 'r')
            t->is_relay_test = true;
        else
            exit(EX_USAGE);
    }
    int left = c->argc + 1 - optind;
    if (left > 1 || (t->is_relay_test && t->to)) {
        log_error("usage: try [--from ADDRESS] [--to ADDRESS | --relay] [HOST[:PORT]]");
        exit(EX_USAGE);
    }
    t->has_server = left == 1;
    t->server = left == 1 ? named_server(t, c->argv[c->argc - 1]) : own_server(t);
}

int try_server(struct control *c)
{
    struct try t = {.control = c, .arena = arena_new()};

    t.from = arena_printf(t.arena, "postmaster@%s", conf_cstr(c->conf, P_myorigin)).p;
    take_words(&t);
    network_run(c, try_fiber, &t);
    arena_free(t.arena);
    if (fflush(stdout) != 0)
        return EX_IOERR;
    return t.status;
}
