/* received - the trace header that this hop puts on top (RFC 5321 4.4)
 */
#include "format/address.h"
#include "format/date.h"
#include "transaction.h"

/* "192.0.2.1" or "IPv6:2001:db8::1". */
static struct view literal(const struct session *s, struct arena *a)
{
    struct view address = s->facts.client_address;
    return view_has(address, ':') ? arena_printf(a, "IPv6:%.*s", VIEW_FMT(address))
                                  : address;
}

static void emit_line(struct session *s, const struct sink *sink, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void emit_line(struct session *s, const struct sink *sink, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct view line = arena_vprintf(s->transaction->arena, format, args);
    va_end(args);
    sink->line(s, line, false);
}

/* "(using TLSv1.3 with cipher ...)". */
static void emit_tls(struct session *s, const struct sink *sink)
{
    struct str text = STR_INIT(4096);
    tls_facts_received(&s->tls, &text);
    struct view rest = str_view(&text), line;
    while (view_token(&rest, VIEW("\n"), &line))
        sink->line(s, line, false);
    str_done(&text);
}

static void emit_login(struct session *s, const struct sink *sink)
{
    struct str name = STR_INIT(1024);
    struct view user = s->facts.sasl_username;
    for (size_t i = 0; i < user.n; i++) /* in a comment (RFC 5322 3.2.2) */
        str_addf(&name, "%s%c", strchr("()\\", user.p[i]) ? "\\" : "", user.p[i]);
    emit_line(s, sink, "\t(Authenticated sender: %s)", str_cstr(&name));
    str_done(&name);
}

/* RFC 3848: ESMTPS, ESMTPA, ESMTPSA; HELO's SMTP stays as it is. */
static const char *security_letters(const struct session *s, struct view protocol)
{
    bool is_encrypted = tls_is_on(&s->tls), is_known = s->facts.sasl_username.n > 0;
    if (view_eq(protocol, VIEW("SMTP")))
        return "";
    return is_encrypted ? (is_known ? "SA" : "S") : is_known ? "A" : "";
}

void received_emit(struct session *s, const char *queue_id)
{
    const struct transaction *t = s->transaction;
    const struct conf *c = s->server->conf;
    char date[DATE_MAX];
    struct tm local;
    time_t now = (time_t)(t->envelope.arrival / CLOCK_SECOND);
    (void)localtime_r(&now, &local);
    (void)date_format(date, &local);

    struct view helo =
        view_is_empty(s->facts.helo_name) ? s->facts.client_name : s->facts.helo_name;
    struct view address = literal(s, t->arena);
    struct view protocol = s->facts.protocol;
    if (view_is_empty(protocol))
        protocol = VIEW("SMTP");
    if (t->envelope.flags & MESSAGE_SMTPUTF8)
        protocol = VIEW("UTF8SMTP"); /* RFC 6531 4.3 */
    struct view by =
        arena_printf(t->arena, "by %.*s (%.*s)", VIEW_FMT(conf_view(c, P_myhostname)),
                     VIEW_FMT(conf_view(c, P_mail_name)));
    const char *end = t->recipients == 1 ? "" : ";", *id = queue_id ? " id " : "";
    if (conf_bool(c, P_smtpd_hide_client_session)) {
        emit_line(s, t->sink, "Received: %.*s%s%s%s", VIEW_FMT(by), id,
                  queue_id ? queue_id : "", end);
    } else {
        emit_line(s, t->sink, "Received: from %.*s (%.*s [%.*s])", VIEW_FMT(helo),
                  VIEW_FMT(s->facts.client_name), VIEW_FMT(address));
        if (tls_is_on(&s->tls) && conf_bool(c, P_smtpd_tls_received_header))
            emit_tls(s, t->sink);
        if (s->facts.sasl_username.n > 0 &&
            conf_bool(c, P_smtpd_sasl_authenticated_header))
            emit_login(s, t->sink);
        emit_line(s, t->sink, "\t%.*s with %.*s%s%s%s%s", VIEW_FMT(by),
                  VIEW_FMT(protocol), security_letters(s, protocol), id,
                  queue_id ? queue_id : "", end);
    }
    if (t->recipients == 1) {
        struct str recipient = STR_INIT(ADDRESS_QUOTED_MAX);
        (void)address_quote_822(t->first_recipient, &recipient);
        emit_line(s, t->sink, "\tfor <%s>; %s", str_cstr(&recipient), date);
        str_done(&recipient);
    } else {
        emit_line(s, t->sink, "\t%s", date);
    }
}
