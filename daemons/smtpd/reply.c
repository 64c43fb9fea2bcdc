/* reply - answers to the client, and the price of errors
 */
#include "smtp/reply.h"
#include "base/log.h"
#include "session.h"

/* Slow down clients that make too many errors (smtpd_soft_error_limit). */
static void slow_down(struct session *s)
{
    const struct conf *c = s->server->conf;
    if (s->errors < (unsigned)conf_int(c, P_smtpd_soft_error_limit))
        return;
    int64_t pause = conf_time(c, P_smtpd_error_sleep_time);
    if (pause > 0 && !s->lost)
        (void)fiber_sleep(pause);
}

void session_debug(const struct session *s, const char *arrow, struct view text)
{
    if (s->debug)
        log_info("%s %.*s: %.*s", arrow, VIEW_FMT(s->facts.client_display),
                 VIEW_FMT(text));
    else
        log_debug("%s %.*s: %.*s", arrow, VIEW_FMT(s->facts.client_display),
                  VIEW_FMT(text));
}

/* soft_bounce: no refusal is for good. */
static void soften(struct str *text)
{
    if (text->n > 4 && text->p[0] == '5' && memcmp(text->p, "521", 3) != 0) {
        text->p[0] = '4';
        if (text->p[4] == '5')
            text->p[4] = '4';
    }
}

/* smtpd_reject_filter_maps: the administrator may replace a refusal. */
static struct view filter_refusal(struct session *s, struct view text, struct arena *a)
{
    struct view fixed;
    struct error e = ERROR_INIT;
    if (maps_is_empty(s->server->reject_filters))
        return text;
    enum table_result found = maps_get(s->server->reject_filters, text, a, &fixed, &e);
    if (found == TABLE_ERROR)
        log_warning("smtpd_reject_filter_maps lookup error for \"%.*s\"",
                    VIEW_FMT(view_sub(text, 0, 100)));
    if (found != TABLE_FOUND)
        return text;
    if (fixed.n < 4 || (fixed.p[0] != '4' && fixed.p[0] != '5') ||
        !view_is_number(view_sub(fixed, 0, 3))) {
        log_warning("smtpd_reject_filter_maps: not a refusal: %.*s", VIEW_FMT(fixed));
        return text;
    }
    return fixed;
}

/* TEXT with what the configuration makes of it. */
static void decorate(struct session *s, struct view text, struct str *out)
{
    bool is_refusal = text.n > 0 && (text.p[0] == '4' || text.p[0] == '5');
    struct arena *a = arena_new();
    if (is_refusal)
        text = filter_refusal(s, text, a);
    if (!is_refusal || !footer_append(s, text, out))
        str_add(out, text);
    if (is_refusal && conf_bool(s->server->conf, P_soft_bounce))
        soften(out);
    arena_free(a);
}

static void send_reply(struct session *s, struct view text)
{
    struct str wire = STR_INIT(32768), final = STR_INIT(16384);
    slow_down(s);
    decorate(s, text, &final);
    if (!smtp_reply_write_full(&wire, str_view(&final)))
        log_warning("reply to %.*s cut: %.*s", VIEW_FMT(s->facts.client_display),
                    VIEW_FMT(view_sub(text, 0, 200)));
    for (unsigned i = 0; i == 0 || i < s->reply_times; i++)
        stream_write(s->stream, str_view(&wire));
    session_debug(s, ">", str_view(&final));
    transcript_said(s, "Out: ", str_view(&final));
    str_done(&wire);
    str_done(&final);
    if (view_starts(text, VIEW("421")) || view_starts(text, VIEW("521")))
        s->closing = true;
}

static void send_formatted(struct session *s, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void send_formatted(struct session *s, const char *format, va_list args)
{
    struct str text = STR_INIT(8192);
    str_addv(&text, format, args);
    send_reply(s, str_view(&text));
    str_done(&text);
}

void reply(struct session *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    send_formatted(s, format, args);
    va_end(args);
}

void reply_error(struct session *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    send_formatted(s, format, args);
    va_end(args);
    s->errors++;
    s->seen |= NOTICE_PROTOCOL;
}

void reply_error_about(struct session *s, unsigned notice, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    send_formatted(s, format, args);
    va_end(args);
    s->errors++;
    s->seen |= notice;
}

void reply_refusal(struct session *s, const struct access_outcome *outcome)
{
    send_reply(s, outcome->reply);
    s->errors++;
    s->seen |= NOTICE_POLICY;
}

void reply_unsupported(struct session *s, const struct smtp_parameter *p)
{
    reply_error(s, "555 5.5.4 Unsupported option: %.*s%s%.*s", VIEW_FMT(p->name),
                p->has_value ? "=" : "", VIEW_FMT(p->value));
}

void reply_malformed(struct session *s, struct view rest)
{
    struct view word = VIEW_NONE;
    (void)smtp_command_argument(&rest, &word);
    reply_error(s, "555 5.5.4 Unsupported option: %.*s", VIEW_FMT(word));
}
