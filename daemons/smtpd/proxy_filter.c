/* proxy_filter - the SMTP dialogue with a filter in front of the queue
 *
 * SMTPD_PROXY_README.  The filter's refusals are passed on to the client as they are; a
 * filter that cannot be reached costs the client a 451.
 */
#include "proxy_filter.h"

#include "base/log.h"
#include "format/xforward.h"
#include "net/dial.h"

#define LINE_MAX_BYTES 2048
#define FAILURE        VIEW("451 4.3.0 Error: queue file write error")

static struct view filter_name(const struct proxy *p)
{
    return conf_view(p->conf, P_smtpd_proxy_filter);
}

/* WHAT happened to the filter, with the reason when there is one. */
static bool fail(struct proxy *p, const char *what, const char *why)
{
    log_warning("%s %.*s%s%s", what, VIEW_FMT(filter_name(p)), why ? ": " : "",
                why ? why : "");
    p->failed = true;
    (void)str_set(&p->line, FAILURE);
    return false;
}

static bool read_reply(struct proxy *p)
{
    enum smtp_reply_state state = SMTP_REPLY_MORE;
    struct view line = VIEW_NONE;
    int ending;
    smtp_reply_clear(&p->reply);
    while (state == SMTP_REPLY_MORE) {
        enum stream_result r =
            stream_read_line(p->stream, LINE_MAX_BYTES, &line, &ending);
        if (r == STREAM_TIMEOUT)
            return fail(p, "timeout talking to proxy", NULL);
        if (r != STREAM_OK)
            return fail(p, "lost connection with proxy", NULL);
        state = smtp_reply_line(&p->reply, line);
    }
    if (state != SMTP_REPLY_DONE || p->reply.garbage)
        return fail(p, "received garbage from proxy", NULL);
    (void)str_set(&p->line, line);
    return true;
}

bool proxy_ask(struct proxy *p, char expected, struct view command)
{
    if (p->failed)
        return false;
    if (!view_is_empty(command)) {
        stream_write(p->stream, command);
        stream_write(p->stream, VIEW("\r\n"));
    }
    if (!read_reply(p))
        return false;
    struct view line = str_view(&p->line);
    if (line.p[0] == expected)
        return true;
    log_warning("proxy %.*s rejected \"%.*s\": \"%.*s\"", VIEW_FMT(filter_name(p)),
                VIEW_FMT(view_is_empty(command) ? VIEW("connection") : command),
                VIEW_FMT(line));
    if (line.p[0] != '4' && line.p[0] != '5') /* it makes no sense to the client */
        (void)str_set(&p->line, FAILURE);
    return false;
}

/* Which attributes the filter's XFORWARD takes: "NAME ADDR ..."; empty: none. */
static struct view xforward_attributes(const struct proxy *p)
{
    struct view rest = str_view(&p->reply.text), line;
    while (view_token(&rest, VIEW("\n"), &line)) {
        if (view_starts_case(view_from(line, 4), VIEW("XFORWARD ")))
            return view_from(line, 4 + strlen("XFORWARD "));
    }
    return VIEW_NONE;
}

/* Who the client is, as far as the filter wants to know. */
static bool tell_client(struct session *s, struct proxy *p, struct view wanted)
{
    const struct access_subject *f = &s->facts;
    const struct forwarded *x = s->forwarded.is_set ? &s->forwarded : NULL;
    struct str address = STR_INIT(256), commands = STR_INIT(8192);
    xforward_address(x ? x->address : f->client_address, &address);
    const struct xforward_fact facts[] = {
        {"NAME", x ? x->name : f->client_name},
        {"ADDR", str_view(&address)},
        {"PORT", x ? x->port : f->client_port},
        {"HELO", x ? x->helo : f->helo_name},
        {"IDENT", x ? x->ident : f->queue_id},
        {"PROTO", x ? x->protocol : f->protocol},
        {"SOURCE", session_is_local(s) ? VIEW("LOCAL") : VIEW("REMOTE")},
    };
    bool good = xforward_write(wanted, facts, sizeof facts / sizeof facts[0], &commands);
    struct view rest = str_view(&commands), line;
    while (good && view_cut(rest, '\n', &line, &rest))
        good = proxy_ask(p, '2', line);
    str_done(&address);
    str_done(&commands);
    return good;
}

/* Greeting, EHLO, XFORWARD when it is offered. */
static bool greet(struct session *s, struct proxy *p)
{
    struct str line = STR_INIT(1024);
    struct view name = conf_view(p->conf, P_smtpd_proxy_ehlo);
    str_addf(&line, "EHLO %.*s", VIEW_FMT(name));
    bool good = proxy_ask(p, '2', VIEW_NONE) && proxy_ask(p, '2', str_view(&line));
    str_done(&line);
    if (!good)
        return false;
    struct view wanted = arena_dup(s->transaction->arena, xforward_attributes(p));
    return view_is_empty(wanted) || tell_client(s, p, wanted);
}

bool proxy_connect(struct session *s, struct proxy *p)
{
    struct error e = ERROR_INIT;
    struct transaction *t = s->transaction;
    int64_t timeout = conf_time(p->conf, P_smtpd_proxy_timeout);
    int fd = dial_endpoint(filter_name(p), conf_queue_directory(p->conf), timeout, &e);
    if (fd < 0)
        return fail(p, "connect to proxy filter", e.text);
    p->stream = stream_open_fd(fd);
    stream_set_timeout(p->stream, timeout);
    struct view mail = arena_printf(t->arena, "MAIL %.*s", VIEW_FMT(t->mail_arguments));
    return greet(s, p) && proxy_ask(p, '2', mail);
}

void proxy_content(struct proxy *p, struct view text)
{
    struct str out = STR_INIT(2 * text.n + 16);
    if (!p->failed && dot_writer_feed(&p->dot, text, &out))
        stream_write(p->stream, str_view(&out));
    str_done(&out);
}

bool proxy_end(struct proxy *p)
{
    struct str out = STR_INIT(16);
    if (p->failed)
        return false;
    (void)dot_writer_end(&p->dot, &out);
    stream_write(p->stream, str_view(&out));
    str_done(&out);
    if (!read_reply(p))
        return false;
    if (str_view(&p->line).p[0] == '2')
        return true;
    if (str_view(&p->line).p[0] == '3')
        (void)str_set(&p->line, FAILURE);
    return false;
}

void proxy_close(struct proxy *p)
{
    if (!p->stream)
        return;
    if (!p->failed) {
        stream_write(p->stream, VIEW("QUIT\r\n"));
        (void)(stream_flush(p->stream) == STREAM_OK);
    }
    stream_close(p->stream);
    p->stream = NULL;
}
