/* rcpt - RCPT TO: who may send to whom (RFC 5321 4.1.1.3, 3461 4.1, 4.2)
 */
#include "access/verify.h"
#include "base/log.h"
#include "format/xtext.h"
#include "limits.h"
#include "milter.h"
#include "transaction.h"

struct rcpt_parameters {
    unsigned notify;
    struct view orcpt;
};

/* NOTIFY=NEVER, or a list of SUCCESS, FAILURE, DELAY. */
static bool parse_notify(struct view value, unsigned *notify)
{
    static const struct {
        const char *name;
        unsigned bit;
    } words[] = {{"NEVER", NOTIFY_NEVER},
                 {"SUCCESS", NOTIFY_SUCCESS},
                 {"FAILURE", NOTIFY_FAILURE},
                 {"DELAY", NOTIFY_DELAY}};
    struct view word;
    while (view_token(&value, VIEW(","), &word)) {
        unsigned bit = 0;
        for (size_t i = 0; i < 4; i++) {
            if (view_eq_case(word, view_of(words[i].name)))
                bit = words[i].bit;
        }
        if (bit == 0)
            return false;
        *notify |= bit;
    }
    return *notify != 0 && (!(*notify & NOTIFY_NEVER) || *notify == NOTIFY_NEVER);
}

static bool orcpt_is_valid(struct view value)
{
    struct view type, rest;
    struct str plain = STR_INIT(1024);
    bool good = value.n <= 500 && orcpt_split(value, &type, &rest) &&
                (view_eq_case(type, VIEW("utf-8")) ? uxtext_decode(rest, &plain)
                                                   : xtext_decode(rest, &plain));
    str_done(&plain);
    return good;
}

static bool take_parameter(struct session *s, struct rcpt_parameters *r,
                           const struct smtp_parameter *p)
{
    bool notify = view_eq_case(p->name, VIEW("NOTIFY"));
    if ((!notify && !view_eq_case(p->name, VIEW("ORCPT"))) || !p->has_value) {
        reply_unsupported(s, p);
        return false;
    }
    if (s->ehlo_hidden & EHLO_DSN) {
        reply_error(s, "501 5.7.1 DSN support is disabled");
        return false;
    }
    if (notify) {
        if (r->notify == 0 && parse_notify(p->value, &r->notify))
            return true;
        reply_error(s, "501 5.5.4 Error: Bad NOTIFY parameter syntax");
        return false;
    }
    if (view_is_empty(r->orcpt) && orcpt_is_valid(p->value)) {
        r->orcpt = p->value;
        return true;
    }
    reply_error(s, "501 5.5.4 Error: Bad ORCPT parameter syntax");
    return false;
}

static bool take_parameters(struct session *s, struct rcpt_parameters *r,
                            struct view rest)
{
    struct smtp_parameter p;
    enum smtp_parameter_state state;
    struct view before = rest;
    bool utf8 = s->transaction->envelope.flags & MESSAGE_SMTPUTF8;
    while ((state = smtp_parameter_next(&rest, utf8, &p)) == SMTP_PARAMETER_OK) {
        if (!take_parameter(s, r, &p))
            return false;
        before = rest;
    }
    if (state == SMTP_PARAMETER_BAD)
        reply_malformed(s, before);
    return state == SMTP_PARAMETER_END;
}

/* smtpd_recipient_limit, with some tolerance before it counts as an error. */
static bool has_room(struct session *s)
{
    const struct conf *c = s->server->conf;
    struct transaction *t = s->transaction;
    if (t->recipients < (uint64_t)conf_int(c, P_smtpd_recipient_limit))
        return true;
    if (t->overshoot++ < (uint64_t)conf_int(c, P_smtpd_recipient_overshoot_limit))
        reply(s, "452 4.5.3 Error: too many recipients");
    else
        reply_error_about(s, NOTICE_POLICY, "452 4.5.3 Error: too many recipients");
    return false;
}

bool verb_rcpt(struct session *s, const struct command *c)
{
    struct transaction *t = s->transaction;
    struct view path, rest, recipient;
    s->facts.command = "RCPT";
    if (!t) {
        reply_error(s, "503 5.5.1 Error: need MAIL command");
        return false;
    }
    if (transaction_has_chunks(t)) {
        reply_error(s, "503 5.5.1 Error: RCPT after BDAT");
        return false;
    }
    bool strict = conf_bool(s->server->conf, P_strict_rfc821_envelopes);
    if (smtp_path_split(c->args, VIEW("TO"), strict, &path, &rest) != SMTP_PATH_OK) {
        reply_error(s, "501 5.5.4 Syntax: RCPT TO:<address>");
        return false;
    }
    if (!limits_allow(s, ANVIL_RECIPIENT))
        return false;
    struct rcpt_parameters r = {.notify = 0};
    if (!path_parse(s, path, false, t->envelope.flags & MESSAGE_SMTPUTF8, t->arena,
                    &recipient) ||
        !take_parameters(s, &r, rest) || !has_room(s))
        return false;

    struct access_outcome outcome = {.effects = NULL};
    s->facts.recipient = recipient;
    s->facts.recipients = t->recipients;
    /* Who verifies the sender of our own probes must not be refused, or both sides keep
     * each other out. */
    if (!s->server->standalone &&
        !verify_sender_is(s->server->conf, recipient, clock_wall()))
        access_evaluate_recipient(s->server->access, &s->facts, t->arena, &outcome);
    bool pleases = milter_rcpt(s, path, rest, &outcome);
    s->facts.recipient = VIEW_NONE;
    if (outcome.refused) {
        reply_refusal(s, &outcome);
        return false;
    }
    if (!pleases || !limits_allow_user(s, ANVIL_USER_RECIPIENT) ||
        !quota_allows(s, recipient))
        return false;
    t->rcpt_arguments = c->args;
    if (!transaction_recipient(s, recipient, arena_dup(t->arena, r.orcpt), r.notify,
                               outcome.effects))
        return false;
    reply(s, "250 2.1.5 Ok");
    return true;
}
