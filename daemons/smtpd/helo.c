/* helo - HELO and EHLO (RFC 5321 4.1.1.1)
 */
#include "base/log.h"
#include "session.h"
#include "transaction.h"

/* The client's name for itself, made printable. */
static struct view clean_name(struct session *s, struct view args)
{
    struct view rest = args, name = VIEW_NONE;
    (void)smtp_command_argument(&rest, &name);
    struct view copy = arena_dup(s->arena, view_sub(name, 0, 512));
    char *p = (char *)(uintptr_t)copy.p;
    for (size_t i = 0; i < copy.n; i++) {
        if ((unsigned char)p[i] < 0x21 || p[i] == 0x7f || strchr("<>()\\\";", p[i]))
            p[i] = '?';
    }
    return copy;
}

/* Common to both: syntax, undelayed restrictions, a fresh start. */
static bool introduce(struct session *s, const struct command *c, const char *verb)
{
    if (view_is_empty(c->args)) {
        reply_error(s, "501 Syntax: %s hostname", verb);
        return false;
    }
    transaction_end(s);
    struct view name = clean_name(s, c->args);
    s->facts.command = verb;
    if (!s->server->standalone && !conf_bool(s->server->conf, P_smtpd_delay_reject)) {
        struct access_subject facts = s->facts;
        struct access_outcome outcome;
        facts.helo_name = name;
        access_evaluate(s->server->access, ACCESS_HELO, &facts, NULL, s->arena, &outcome);
        if (outcome.refused) {
            reply_refusal(s, &outcome);
            return false;
        }
    }
    s->facts.helo_name = name;
    return true;
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
    if (maps_is_empty(d->ehlo_discard_by_address))
        return d->ehlo_discard;
    switch (maps_get(d->ehlo_discard_by_address, s->facts.client_address, s->arena, &list,
                     &e)) {
    case TABLE_FOUND:
        return ehlo_discard_parse(list, NULL);
    case TABLE_ERROR:
        log_warning("don't know what EHLO features to announce to %.*s: %s",
                    VIEW_FMT(s->facts.client_display), e.text);
        return ~0u;
    case TABLE_NOT_FOUND:
    default:
        return d->ehlo_discard;
    }
}

bool verb_ehlo(struct session *s, const struct command *c)
{
    if (!introduce(s, c, "EHLO"))
        return false;
    const struct conf *conf = s->server->conf;
    s->esmtp = true;
    s->facts.protocol = VIEW("ESMTP");
    s->ehlo_hidden = hidden_keywords(s);
    unsigned shown = ~s->ehlo_hidden;
    if (s->ehlo_hidden && !(s->ehlo_hidden & EHLO_SILENT_DISCARD))
        log_info("discarding EHLO keywords: %.*s",
                 VIEW_FMT(conf_view(conf, P_smtpd_discard_ehlo_keywords)));

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
