/* verbs - the commands that carry no mail: RSET NOOP VRFY EXPN ETRN HELP QUIT
 */
#include "base/log.h"
#include "format/address.h"
#include "transaction.h"

bool verb_rset(struct session *s, const struct command *c)
{
    if (!view_is_empty(c->args)) {
        reply_error(s, "501 5.5.4 Syntax: RSET");
        return false;
    }
    transaction_end(s);
    transcript_flush(
        s, (unsigned)conf_int(s->server->conf, P_smtpd_history_flush_threshold), NULL);
    reply(s, "250 2.0.0 Ok");
    return true;
}

bool verb_noop(struct session *s, const struct command *c)
{
    (void)c;
    reply(s, "250 2.0.0 Ok");
    return true;
}

bool verb_quit(struct session *s, const struct command *c)
{
    (void)c;
    reply(s, "221 2.0.0 Bye");
    s->closing = true;
    return true;
}

bool verb_help(struct session *s, const struct command *c)
{
    (void)c;
    reply(
        s,
        "214 2.0.0 Commands: HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY ETRN HELP "
        "QUIT\n"
        "A message: MAIL FROM:<you@here>, RCPT TO:<them@there>, DATA, text, a line with "
        "only a dot");
    return true;
}

bool verb_expn(struct session *s, const struct command *c)
{
    (void)c;
    reply_error(s, "502 5.5.1 Error: command not implemented");
    return false;
}

/* "address" or "address SMTPUTF8" (RFC 6531 3.7.4.2). */
static struct view vrfy_argument(struct session *s, const struct command *c, bool *utf8)
{
    struct view head, word;
    *utf8 = conf_bool(s->server->conf, P_smtputf8_enable) &&
            !(s->ehlo_hidden & EHLO_SMTPUTF8) && view_rcut(c->args, ' ', &head, &word) &&
            view_eq_case(word, VIEW("SMTPUTF8"));
    return *utf8 ? view_trim_space(head) : c->args;
}

static bool verify(struct session *s, struct view argument, bool utf8,
                   struct arena *arena)
{
    struct view address;
    struct access_outcome outcome = {.effects = NULL};
    if (!path_parse(s, argument, false, utf8, arena, &address))
        return false;
    if (!s->server->standalone) {
        struct access_subject facts = s->facts;
        facts.command = "VRFY";
        facts.recipient = address;
        access_evaluate_recipient(s->server->access, &facts, arena, &outcome);
    }
    if (outcome.refused) {
        reply_refusal(s, &outcome);
        return false;
    }
    reply(s, "252 2.0.0 %.*s", VIEW_FMT(argument));
    return true;
}

/* VRFY answers as RCPT would, without a transaction (RFC 5321 3.5). */
bool verb_vrfy(struct session *s, const struct command *c)
{
    const struct conf *conf = s->server->conf;
    bool utf8;
    if (conf_bool(conf, P_disable_vrfy_command)) {
        reply_error(s, "502 5.5.1 VRFY command is disabled");
        return false;
    }
    if (conf_bool(conf, P_smtpd_helo_required) && view_is_empty(s->facts.helo_name)) {
        reply_error(s, "503 5.5.1 Error: send HELO/EHLO first");
        return false;
    }
    struct view argument = vrfy_argument(s, c, &utf8);
    if (view_is_empty(argument)) {
        bool offered =
            conf_bool(conf, P_smtputf8_enable) && !(s->ehlo_hidden & EHLO_SMTPUTF8);
        reply_error(s, "501 5.5.4 Syntax: VRFY address%s", offered ? " [SMTPUTF8]" : "");
        return false;
    }
    struct arena *arena = arena_new();
    bool good = verify(s, argument, utf8, arena);
    arena_free(arena);
    return good;
}

/* Ask the queue manager for the mail of DOMAIN. */
static void flush_site(struct session *s, struct view domain)
{
    struct error e = ERROR_INIT;
    if (queue_link_flush_site(s->server->queue, domain, &e))
        reply(s, "250 Queuing started");
    else
        reply_error_about(s, NOTICE_RESOURCE, "458 Unable to queue messages");
}

static void refuse_site(struct session *s, struct view domain)
{
    log_warning("reject: ETRN %.*s... from %.*s", VIEW_FMT(view_sub(domain, 0, 100)),
                VIEW_FMT(s->facts.client_display));
    reply_error_about(s, NOTICE_POLICY, "459 <%.*s>: service unavailable",
                      VIEW_FMT(domain));
}

bool verb_etrn(struct session *s, const struct command *c)
{
    struct view rest = c->args, domain, more;
    s->facts.command = "ETRN";
    if (view_is_empty(s->facts.helo_name) &&
        conf_bool(s->server->conf, P_smtpd_helo_required)) {
        reply_error(s, "503 Error: send HELO/EHLO first");
        return false;
    }
    if (s->transaction) {
        reply_error(s, "503 Error: MAIL transaction in progress");
        return false;
    }
    if (!smtp_command_argument(&rest, &domain) || smtp_command_argument(&rest, &more)) {
        reply_error(s, "500 Syntax: ETRN domain");
        return false;
    }
    if (domain.p[0] == '@' || domain.p[0] == '#')
        domain = view_from(domain, 1);
    if (!hostname_is_valid(domain) && !host_literal_is_valid(domain, NULL)) {
        reply_error(s, "501 Error: invalid parameter syntax");
        return false;
    }
    struct arena *arena = arena_new();
    struct access_outcome outcome = {.effects = NULL};
    struct access_subject facts = s->facts;
    struct error e = ERROR_INIT;
    facts.etrn_domain = domain;
    if (!s->server->standalone)
        access_evaluate(s->server->access, ACCESS_ETRN, &facts, NULL, arena, &outcome);
    bool good = !outcome.refused && !s->server->standalone &&
                match_domain(s->server->etrn_domains, domain, &e) == MATCH_YES;
    if (outcome.refused)
        reply_refusal(s, &outcome);
    else if (!good)
        refuse_site(s, domain);
    else
        flush_site(s, domain);
    arena_free(arena);
    return good;
}
