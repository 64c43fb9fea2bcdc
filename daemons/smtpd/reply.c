/* reply - answers to the client, and the price of errors
 */
#include "smtp/reply.h"
#include "base/log.h"
#include "session.h"

/* Slow down clients that make too many errors (smtpd_soft_error_limit). */
static void slow_down(struct session *s)
{
    const struct conf *c = s->server->conf;
    if (s->errors <= (unsigned)conf_int(c, P_smtpd_soft_error_limit))
        return;
    int64_t pause = conf_time(c, P_smtpd_error_sleep_time);
    if (pause > 0 && !s->lost)
        (void)fiber_sleep(pause);
}

static void send_reply(struct session *s, struct view text)
{
    struct str wire = STR_INIT(16384);
    slow_down(s);
    if (!smtp_reply_write_full(&wire, text))
        log_warning("reply to %.*s cut: %.*s", VIEW_FMT(s->facts.client_display),
                    VIEW_FMT(view_sub(text, 0, 200)));
    stream_write(s->stream, str_view(&wire));
    log_debug("> %.*s: %.*s", VIEW_FMT(s->facts.client_display), VIEW_FMT(text));
    str_done(&wire);
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
    s->errors++;
    va_start(args, format);
    send_formatted(s, format, args);
    va_end(args);
}

void reply_refusal(struct session *s, const struct access_outcome *outcome)
{
    s->errors++;
    send_reply(s, outcome->reply);
}

void reply_unsupported(struct session *s, const struct smtp_parameter *p)
{
    reply_error(s, "555 5.5.4 Unsupported option: %.*s%s%.*s", VIEW_FMT(p->name),
                p->has_value ? "=" : "", VIEW_FMT(p->value));
}
