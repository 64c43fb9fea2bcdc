/* mail - MAIL FROM and its parameters (RFC 5321 4.1.1.2, 1870, 6152, 3461, 6531)
 */
#include "base/log.h"
#include "base/number.h"
#include "format/verp.h"
#include "format/xtext.h"
#include "limits.h"
#include "milter.h"
#include "transaction.h"

/* What the parameters of one MAIL command said. */
struct mail_parameters {
    uint64_t size;
    uint32_t flags;
    enum dsn_ret ret;
    struct view envid;
    struct view verp; /* the two delimiters; empty: no VERP */
    struct view auth; /* AUTH=; empty: nobody */
};

static bool take_size(struct session *s, struct mail_parameters *m, struct view value)
{
    if (number_parse_u64(value, 0, INT64_MAX, &m->size))
        return true;
    reply_error(s, "501 5.5.4 Bad message size syntax");
    return false;
}

static bool take_body(struct session *s, struct mail_parameters *m,
                      const struct smtp_parameter *p)
{
    if (view_eq_case(p->value, VIEW("8BITMIME"))) {
        m->flags |= MESSAGE_8BIT;
        return true;
    }
    if (view_eq_case(p->value, VIEW("7BIT")))
        return true;
    reply_unsupported(s, p);
    return false;
}

static bool take_ret(struct session *s, struct mail_parameters *m, struct view value)
{
    bool full = view_eq_case(value, VIEW("FULL"));
    if (m->ret == DSN_RET_NONE && (full || view_eq_case(value, VIEW("HDRS")))) {
        m->ret = full ? DSN_RET_FULL : DSN_RET_HDRS;
        return true;
    }
    reply_error(s, "501 5.5.4 Bad RET parameter syntax");
    return false;
}

static bool take_envid(struct session *s, struct mail_parameters *m, struct view value)
{
    struct str plain = STR_INIT(200);
    bool good = value.n > 0 && value.n <= 100 && view_is_empty(m->envid) &&
                xtext_decode(value, &plain) && view_is_ascii(str_view(&plain));
    str_done(&plain);
    if (good) {
        m->envid = value;
        return true;
    }
    reply_error(s, "501 5.5.4 Bad ENVID parameter syntax");
    return false;
}

/* XVERP, XVERP=+= (VERP_README). */
static bool take_verp(struct session *s, struct mail_parameters *m,
                      const struct smtp_parameter *p)
{
    const struct conf *c = s->server->conf;
    struct view allowed = conf_view(c, P_verp_delimiter_filter);
    m->verp = p->has_value ? p->value : conf_view(c, P_default_verp_delimiters);
    if (verp_delimiters_are_valid(m->verp, allowed))
        return true;
    reply_error(s, "501 5.5.4 Error: XVERP needs two characters from %.*s",
                VIEW_FMT(allowed));
    return false;
}

/* The value without its xtext encoding; it was checked before. */
static struct view decode_envid(struct arena *arena, struct view value)
{
    struct str plain = STR_INIT(200);
    (void)(xtext_decode(value, &plain) == true);
    struct view decoded = arena_dup(arena, str_view(&plain));
    str_done(&plain);
    return decoded;
}

/* RFC 4954 5: told to policy servers and the log as it came, believed by nobody, and so
 * taken from clients that did not log in. */
static bool take_auth(struct session *s, struct mail_parameters *m, struct view value)
{
    if (m->auth.n > 0) {
        reply_error(s, "503 5.5.4 Error: multiple AUTH= options");
        return false;
    }
    m->auth = view_eq(value, VIEW("<>")) ? VIEW_NONE : value;
    return true;
}

static bool take_parameter(struct session *s, struct mail_parameters *m,
                           const struct smtp_parameter *p)
{
    const struct conf *c = s->server->conf;
    bool dsn = !(s->ehlo_hidden & EHLO_DSN);
    if (view_eq_case(p->name, VIEW("SIZE")) && p->has_value)
        return take_size(s, m, p->value);
    if (view_eq_case(p->name, VIEW("BODY")) && p->has_value)
        return take_body(s, m, p);
    if (view_eq_case(p->name, VIEW("SMTPUTF8")) && !p->has_value &&
        conf_bool(c, P_smtputf8_enable)) {
        m->flags |= MESSAGE_SMTPUTF8;
        return true;
    }
    if (view_eq_case(p->name, VIEW("AUTH")) && p->has_value)
        return take_auth(s, m, p->value);
    bool ret = view_eq_case(p->name, VIEW("RET"));
    if ((ret || view_eq_case(p->name, VIEW("ENVID"))) && p->has_value) {
        if (!dsn) {
            reply_error(s, "501 5.7.1 DSN support is disabled");
            return false;
        }
        return ret ? take_ret(s, m, p->value) : take_envid(s, m, p->value);
    }
    if (view_eq_case(p->name, VIEW("XVERP")) && s->may_use_verp &&
        !(s->ehlo_hidden & EHLO_VERP))
        return take_verp(s, m, p);
    reply_unsupported(s, p);
    return false;
}

static bool take_parameters(struct session *s, struct mail_parameters *m,
                            struct view rest)
{
    struct smtp_parameter p;
    enum smtp_parameter_state state;
    struct view before = rest;
    bool utf8 = conf_bool(s->server->conf, P_smtputf8_enable);
    while ((state = smtp_parameter_next(&rest, utf8, &p)) == SMTP_PARAMETER_OK) {
        if (!take_parameter(s, m, &p))
            return false;
        before = rest;
    }
    if (state == SMTP_PARAMETER_BAD)
        reply_malformed(s, before);
    return state == SMTP_PARAMETER_END;
}

/* SIZE= against the limit, and against what the queue's disk has left. */
static bool size_is_acceptable(struct session *s, uint64_t size)
{
    const struct conf *c = s->server->conf;
    uint64_t limit = (uint64_t)conf_int(c, P_message_size_limit);
    if (limit > 0 && size > limit) {
        struct view text = VIEW("552 5.3.4 Message size exceeds fixed limit");
        access_log_event(&s->facts, "reject", text);
        reply_error_about(s, NOTICE_POLICY, "%.*s", VIEW_FMT(text));
        return false;
    }
    if (s->server->standalone)
        return true;
    uint64_t free_bytes = queue_link_free_bytes(s->server->queue);
    uint64_t least = (uint64_t)conf_int(c, P_queue_minfree);
    if (free_bytes != UINT64_MAX &&
        (free_bytes < least || free_bytes / 3 * 2 < limit || free_bytes < size)) {
        log_warning(
            "not enough free space in mail queue: %llu bytes < 1.5*message size limit",
            (unsigned long long)free_bytes);
        struct view text = VIEW("452 4.3.1 Insufficient system storage");
        access_log_event(&s->facts, "reject", text);
        reply_error_about(s, NOTICE_RESOURCE, "%.*s", VIEW_FMT(text));
        return false;
    }
    return true;
}

/* The client may speak of a message now at all? */
static bool may_begin(struct session *s)
{
    if (view_is_empty(s->facts.helo_name)) {
        if (conf_bool(s->server->conf, P_smtpd_helo_required)) {
            reply_error(s, "503 5.5.1 Error: send HELO/EHLO first");
            return false;
        }
        log_info("%.*s didn't use HELO protocol", VIEW_FMT(s->facts.client_display));
    }
    if (s->transaction) {
        reply_error(s, "503 5.5.1 Error: nested MAIL command");
        return false;
    }
    return true;
}

/* Sender restrictions that are not delayed, and smtpd_reject_unlisted_sender. */
static bool sender_is_acceptable(struct session *s, struct arena *arena)
{
    struct access_outcome outcome;
    if (s->server->standalone)
        return true;
    access_evaluate_sender(s->server->access, &s->facts, arena, &outcome);
    transaction_add_effects(s->transaction, outcome.effects);
    if (!outcome.refused)
        return true;
    reply_refusal(s, &outcome);
    return false;
}

bool verb_mail(struct session *s, const struct command *c)
{
    struct view path, rest, sender;
    s->facts.command = "MAIL";
    if (!may_begin(s))
        return false;
    bool strict = conf_bool(s->server->conf, P_strict_rfc821_envelopes);
    if (smtp_path_split(c->args, VIEW("FROM"), strict, &path, &rest) != SMTP_PATH_OK) {
        reply_error(s, "501 5.5.4 Syntax: MAIL FROM:<address>");
        return false;
    }
    if (!limits_allow(s, ANVIL_MESSAGE))
        return false;
    struct mail_parameters m = {.size = 0};
    if (!take_parameters(s, &m, rest))
        return false;
    struct transaction *t = transaction_new(s, VIEW_NONE);
    bool good = path_parse(s, path, true, m.flags & MESSAGE_SMTPUTF8, t->arena, &sender);
    if (good && !view_is_empty(m.verp) && view_is_empty(sender)) {
        reply_error(s, "503 5.5.4 Error: XVERP requires non-null sender");
        good = false;
    }
    if (good) {
        s->facts.size = m.size;
        s->facts.sender = sender;
        s->facts.sasl_sender = arena_dup(t->arena, m.auth);
        s->facts.has_sender = true;
    }
    if (!good || !size_is_acceptable(s, m.size) || !sender_is_acceptable(s, t->arena) ||
        !limits_allow_user(s, ANVIL_USER_MESSAGE) || !milter_mail(s, path, rest)) {
        transaction_end(s);
        return false;
    }
    session_new_instance(s);
    t->sender = sender;
    t->mail_arguments = arena_dup(t->arena, c->args);
    t->announced_size = m.size;
    t->envelope.flags = m.flags;
    t->envelope.ret = m.ret;
    t->envelope.verp_delimiters = arena_dup(t->arena, m.verp);
    t->envelope.envid = decode_envid(t->arena, m.envid);
    if (!transaction_open_early(s)) {
        transaction_end(s);
        return false;
    }
    int64_t pause = s->server->standalone ? 0 : queue_link_flow_delay(s->server->queue);
    if (pause > 0)
        (void)fiber_sleep(pause);
    reply(s, "250 2.1.0 Ok");
    return true;
}
