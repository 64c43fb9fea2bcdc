/* helo - HELO and EHLO (RFC 5321 4.1.1.1)
 */
#include "base/log.h"
#include "milter.h"
#include "transaction.h"

/* The client's name for itself: what could be mistaken for something else in a header or
 * a log line becomes "?". */
void session_clean_name(struct view name, struct str *out)
{
    name = view_trim_space(name);
    while (name.n > 0) {
        size_t utf8 = view_utf8_length(name);
        size_t n = utf8 > 0 ? utf8 : 1;
        bool bad = utf8 == 0 || (utf8 == 1 && (!ascii_is_print(name.p[0]) ||
                                               strchr(" <>()\\\";@", name.p[0])));
        str_add(out, bad ? VIEW("?") : view_sub(name, 0, n));
        name = view_from(name, n);
    }
}

/* smtpd_helo_restrictions, when they are not delayed.  False: a reply was sent. */
static bool name_is_acceptable(struct session *s)
{
    struct access_outcome outcome;
    if (s->server->standalone || conf_bool(s->server->conf, P_smtpd_delay_reject))
        return true;
    struct arena *arena = arena_new();
    access_evaluate(s->server->access, ACCESS_HELO, &s->facts, NULL, arena, &outcome);
    if (outcome.refused)
        reply_refusal(s, &outcome);
    arena_free(arena);
    return !outcome.refused;
}

/* Common to both: syntax, restrictions, a fresh start. */
static bool introduce(struct session *s, const struct command *c, const char *verb)
{
    if (view_is_empty(c->args)) {
        reply_error(s, "501 Syntax: %s hostname", verb);
        return false;
    }
    transaction_end(s);
    transcript_flush(
        s, (unsigned)conf_int(s->server->conf, P_smtpd_history_flush_threshold), NULL);
    s->facts.command = verb;
    str_clear(&s->helo);
    session_clean_name(c->args, &s->helo);
    s->facts.helo_name = str_view(&s->helo);
    if (name_is_acceptable(s) && milter_helo(s))
        return true;
    s->facts.helo_name = VIEW_NONE;
    return false;
}

bool verb_helo(struct session *s, const struct command *c)
{
    if (!introduce(s, c, "HELO"))
        return false;
    s->esmtp = false;
    s->facts.protocol = VIEW("SMTP");
    reply(s, "250 %.*s", VIEW_FMT(conf_view(s->server->conf, P_myhostname)));
    return true;
}

/* smtpd_discard_ehlo_keyword_address_maps, else smtpd_discard_ehlo_keywords. */
static unsigned hidden_keywords(struct session *s)
{
    struct view list;
    struct error e = ERROR_INIT;
    struct smtpd *d = s->server;
    unsigned hidden = d->ehlo_discard;
    if (maps_is_empty(d->ehlo_discard_by_address))
        return hidden;
    struct arena *arena = arena_new();
    switch (
        maps_get(d->ehlo_discard_by_address, s->facts.client_address, arena, &list, &e)) {
    case TABLE_FOUND:
        hidden = ehlo_discard_parse(list, NULL);
        break;
    case TABLE_ERROR:
        log_warning("don't know what EHLO features to announce to %.*s: %s",
                    VIEW_FMT(s->facts.client_display), e.text);
        hidden = ~0u;
        break;
    case TABLE_NOT_FOUND:
    default:
        break;
    }
    arena_free(arena);
    return hidden;
}

/* Tell which keywords are kept from the client, unless silent-discard is among them. */
static void log_hidden(const struct session *s)
{
    struct str names = STR_INIT(512);
    if (!s->ehlo_hidden || s->ehlo_hidden & EHLO_SILENT_DISCARD)
        return;
    for (unsigned bit = 1; bit < EHLO_SILENT_DISCARD; bit <<= 1) {
        const char *name = s->ehlo_hidden & bit ? ehlo_keyword_name(bit) : "";
        if (name[0])
            str_addf(&names, " %s", name);
    }
    log_info("discarding EHLO keywords:%s", str_cstr(&names));
    str_done(&names);
}

/* "AUTH PLAIN LOGIN", and for clients of old as broken_sasl_auth_clients says. */
static void add_auth(struct session *s, struct str *text)
{
    struct view names;
    struct arena *a = arena_new();
    if (session_offers_auth(s, a, &names)) {
        str_addf(text, "\nAUTH %.*s", VIEW_FMT(names));
        if (conf_bool(s->server->conf, P_broken_sasl_auth_clients))
            str_addf(text, "\nAUTH=%.*s", VIEW_FMT(names));
    }
    arena_free(a);
}

bool verb_ehlo(struct session *s, const struct command *c)
{
    if (!introduce(s, c, s->server->direct ? "LHLO" : "EHLO"))
        return false;
    const struct conf *conf = s->server->conf;
    s->esmtp = true;
    s->facts.protocol = s->server->direct ? VIEW("LMTP") : VIEW("ESMTP");
    s->ehlo_hidden = hidden_keywords(s);
    unsigned shown = ~(s->ehlo_hidden | s->ehlo_absent);
    log_hidden(s);
    struct str text = STR_INIT(2048);
    str_addf(&text, "250 %.*s", VIEW_FMT(conf_view(conf, P_myhostname)));
    if (shown & EHLO_PIPELINING)
        str_add(&text, VIEW("\nPIPELINING"));
    if (shown & EHLO_SIZE) {
        int64_t size = conf_int(conf, P_message_size_limit);
        str_add(&text, VIEW("\nSIZE"));
        if (size > 0)
            str_addf(&text, " %lld", (long long)size);
    }
    if (shown & EHLO_VRFY && !conf_bool(conf, P_disable_vrfy_command))
        str_add(&text, VIEW("\nVRFY"));
    if (shown & EHLO_ETRN && !s->server->standalone)
        str_add(&text, VIEW("\nETRN"));
    if (session_offers_tls(s))
        str_add(&text, VIEW("\nSTARTTLS"));
    add_auth(s, &text);
    if (shown & EHLO_VERP && s->may_use_verp)
        str_add(&text, VIEW("\nXVERP"));
    if (shown & EHLO_XCLIENT && s->may_xclient)
        str_add(&text, VIEW("\nXCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN "
                            "DESTADDR DESTPORT"));
    if (shown & EHLO_XFORWARD && s->may_xforward)
        str_add(&text, VIEW("\nXFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT"));
    if (shown & EHLO_ENHANCEDSTATUSCODES)
        str_add(&text, VIEW("\nENHANCEDSTATUSCODES"));
    if (shown & EHLO_8BITMIME)
        str_add(&text, VIEW("\n8BITMIME"));
    if (shown & EHLO_DSN)
        str_add(&text, VIEW("\nDSN"));
    if (shown & EHLO_SMTPUTF8 && conf_bool(conf, P_smtputf8_enable))
        str_add(&text, VIEW("\nSMTPUTF8"));
    if (shown & EHLO_CHUNKING)
        str_add(&text, VIEW("\nCHUNKING"));
    reply(s, "%s", str_cstr(&text));
    str_done(&text);
    return true;
}
