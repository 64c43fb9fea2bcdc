/* milter - the session's milters; see milter.h
 *
 * Content is shown to them by lib/cleanup, when it is complete.  MILTER_README, smtpd(8).
 */
#include "milter.h"

#include "access/milters.h"
#include "transaction.h"

#define WORDS_MAX 64

/* A milter_macro_fn; CONTEXT is a session. */
static bool session_macro(void *context, struct view name, struct str *value)
{
    const struct session *s = context;
    const struct transaction *t = s->transaction;
    struct access_milter_facts facts = {.subject = &s->facts,
                                        .rewrite = s->server->rewrite,
                                        .recipient = s->facts.recipient,
                                        .refusal = s->milter_refusal};
    if (view_is_empty(facts.recipient) && t && t->recipients == 1)
        facts.recipient = t->first_recipient;
    return access_milter_macro(&facts, name, value);
}

static void add_effect(struct session *s, enum access_effect_kind kind)
{
    struct transaction *t = s->transaction;
    if (!t)
        return; /* said of the connection: it will be said again at MAIL */
    struct access_effect *effect = ARENA_NEW(t->arena, struct access_effect);
    effect->kind = kind;
    transaction_add_effects(t, effect);
}

/* Log what was said; the reply that it makes, empty when the command goes on. */
static struct view judge(struct session *s, struct milter_reply r)
{
    struct view reply = access_milter_text(r);
    switch (r.verdict) {
    case MILTER_HOLD:
        add_effect(s, ACCESS_HOLD);
        access_log_event(&s->facts, "milter-hold", VIEW("milter triggers HOLD action"));
        break;
    case MILTER_DISCARD:
        add_effect(s, ACCESS_DISCARD);
        access_log_event(&s->facts, "milter-discard",
                         VIEW("milter triggers DISCARD action"));
        break;
    case MILTER_SHUTDOWN:
    case MILTER_REFUSE:
    case MILTER_CONTINUE:
    default:
        break;
    }
    if (!view_is_empty(reply))
        access_log_event(&s->facts, "milter-reject", reply);
    return reply;
}

/* The same, and the reply is sent. */
static bool passes(struct session *s, struct milter_reply r)
{
    struct view text = judge(s, r);
    if (view_is_empty(text))
        return true;
    reply_error_about(s, NOTICE_POLICY, "%.*s", VIEW_FMT(text));
    return false;
}

bool milter_connect(struct session *s)
{
    const struct milter_list *list;
    struct view host = conf_view(s->server->conf, P_myhostname);
    milter_disconnect(s);
    if (!access_milters_choose(s->server->milters, &s->facts, s->arena, &list,
                               &s->own_milters)) {
        reply_error_about(s, NOTICE_SOFTWARE, "421 4.3.5 %.*s Server configuration error",
                          VIEW_FMT(host));
        return false;
    }
    if (milter_list_is_empty(list))
        return true;
    s->facts.command = "CONNECT";
    s->milters = milters_new(list, session_macro, s);
    struct view text = judge(s, access_milters_connect(s->milters, &s->facts, s->arena));
    struct view greeting = access_milter_greeting(text, host, s->arena);
    if (view_starts(greeting, VIEW("421")))
        reply(s, "%.*s", VIEW_FMT(greeting));
    else if (greeting.n > 0)
        reply_error_about(s, NOTICE_POLICY, "%.*s", VIEW_FMT(greeting));
    return greeting.n == 0;
}

bool milter_helo(struct session *s)
{
    if (!s->milters)
        return true;
    struct view text = judge(s, milters_helo(s->milters, s->facts.helo_name));
    if (!view_starts(text, VIEW("421")))
        return true;
    reply_error_about(s, NOTICE_POLICY, "%.*s", VIEW_FMT(text));
    return false;
}

/* PATH and the words of PARAMETERS. */
static size_t collect(struct view words[WORDS_MAX], struct view path,
                      struct view parameters)
{
    size_t n = 0;
    words[n++] = path;
    while (n < WORDS_MAX && view_token(&parameters, VIEW(" \t"), &words[n]))
        n++;
    return n;
}

bool milter_mail(struct session *s, struct view path, struct view parameters)
{
    struct view words[WORDS_MAX];
    if (!s->milters || access_is_discarded(s->transaction->effects))
        return true;
    size_t n = collect(words, path, parameters);
    return passes(s, milters_mail(s->milters, words, n));
}

bool milter_rcpt(struct session *s, struct view path, struct view parameters,
                 const struct access_outcome *outcome)
{
    struct view words[WORDS_MAX];
    struct view refusal = outcome->refused ? outcome->reply : VIEW_NONE;
    if (!s->milters || access_is_discarded(s->transaction->effects) ||
        access_is_discarded(outcome->effects))
        return true;
    size_t n = collect(words, path, parameters);
    s->milter_refusal = refusal;
    struct milter_reply r = milters_rcpt(s->milters, words, n, !view_is_empty(refusal));
    s->milter_refusal = VIEW_NONE;
    return !view_is_empty(refusal) || passes(s, r);
}

bool milter_data(struct session *s)
{
    if (!s->milters || access_is_discarded(s->transaction->effects))
        return true;
    s->facts.recipient = s->transaction->first_recipient;
    bool good = passes(s, milters_data(s->milters));
    s->facts.recipient = VIEW_NONE;
    return good;
}

bool milter_unknown(struct session *s, struct view line)
{
    s->facts.command = "UNKNOWN";
    return !s->milters || passes(s, milters_unknown(s->milters, line));
}

bool milter_other(struct session *s)
{
    if (!s->milters)
        return true;
    struct view text = access_milter_text(milters_other(s->milters));
    if (view_is_empty(text))
        return true;
    reply_error_about(s, NOTICE_POLICY, "%.*s", VIEW_FMT(text));
    return false;
}

void milter_abort(struct session *s)
{
    if (s->milters)
        milters_abort(s->milters);
}

void milter_disconnect(struct session *s)
{
    milters_free(s->milters);
    milter_list_free(s->own_milters);
    s->milters = NULL;
    s->own_milters = NULL;
}
