/* milter - the session's milters; see milter.h
 *
 * Content is shown to them by lib/cleanup, when it is complete.  MILTER_README, smtpd(8).
 */
#include "milter.h"

#include "base/log.h"
#include "transaction.h"

#define WORDS_MAX 64

static bool has_no_milters(const struct conf *c)
{
    struct view rest = conf_view(c, P_receive_override_options), word;
    while (conf_list_next(&rest, &word)) {
        if (view_eq_case(word, VIEW("no_milters")))
            return true;
    }
    return false;
}

bool milter_setup(struct smtpd *d, struct error *e)
{
    const struct conf *c = d->conf;
    if (has_no_milters(c))
        return true;
    d->milter_maps = maps_open(c, conf_view(c, P_smtpd_milter_maps), 0);
    d->milters = milter_list_new(c, conf_view(c, P_smtpd_milters), e);
    return d->milters != NULL;
}

/* smtpd_milter_maps, else smtpd_milters.  False: a table or its value is bad. */
static bool choose(struct session *s, const struct milter_list **list)
{
    const struct smtpd *d = s->server;
    struct error e = ERROR_INIT;
    struct view value;
    *list = d->milters;
    if (maps_is_empty(d->milter_maps))
        return true;
    switch (maps_get(d->milter_maps, s->facts.client_address, s->arena, &value, &e)) {
    case TABLE_FOUND:
        if (view_eq_case(value, VIEW("DISABLE"))) {
            *list = NULL;
            return true;
        }
        *list = s->own_milters = milter_list_new(d->conf, value, &e);
        break;
    case TABLE_ERROR:
        *list = NULL;
        break;
    case TABLE_NOT_FOUND:
    default:
        return true;
    }
    if (!*list)
        log_warning("smtpd_milter_maps: %.*s: %s", VIEW_FMT(s->facts.client_address),
                    e.text);
    return *list != NULL;
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

/* Is the message to be thrown away? */
static bool is_discarded(const struct access_effect *effects)
{
    while (effects && effects->kind != ACCESS_DISCARD)
        effects = effects->next;
    return effects != NULL;
}

/* Log what was said; the reply that it makes, empty when the command goes on. */
static struct view judge(struct session *s, struct milter_reply r)
{
    struct view reply = VIEW_NONE;
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
        reply = VIEW("421 4.7.0 Server closing connection");
        break;
    case MILTER_REFUSE:
        reply = r.text;
        break;
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

static int family_of(struct view address)
{
    struct net_address a;
    return net_address_parse(address, 0, &a) ? net_address_family(&a) : AF_UNSPEC;
}

bool milter_connect(struct session *s)
{
    const struct milter_list *list;
    struct view host = conf_view(s->server->conf, P_myhostname);
    milter_disconnect(s);
    if (!s->server->milters)
        return true;
    if (!choose(s, &list)) {
        reply_error_about(s, NOTICE_SOFTWARE, "421 4.3.5 %.*s Server configuration error",
                          VIEW_FMT(host));
        return false;
    }
    if (milter_list_is_empty(list))
        return true;
    s->facts.command = "CONNECT";
    s->milters = milters_new(list, milter_session_macro, s);
    struct view name = s->facts.client_name;
    if (view_eq(name, VIEW("unknown"))) /* as Sendmail names it */
        name = arena_printf(s->arena, "[%.*s]", VIEW_FMT(s->facts.client_address));
    struct view text =
        judge(s, milters_connect(s->milters, name, family_of(s->facts.client_address),
                                 s->facts.client_address, s->facts.client_port));
    if (view_starts(text, VIEW("421")))
        reply(s, "421 %.*s Service unavailable - try again later", VIEW_FMT(host));
    else if (view_starts(text, VIEW("5")))
        reply_error_about(s, NOTICE_POLICY, "554 %.*s ESMTP not accepting connections",
                          VIEW_FMT(host));
    else
        return true;
    return false;
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
    if (!s->milters || is_discarded(s->transaction->effects))
        return true;
    size_t n = collect(words, path, parameters);
    return passes(s, milters_mail(s->milters, words, n));
}

bool milter_rcpt(struct session *s, struct view path, struct view parameters,
                 const struct access_outcome *outcome)
{
    struct view words[WORDS_MAX];
    struct view refusal = outcome->refused ? outcome->reply : VIEW_NONE;
    if (!s->milters || is_discarded(s->transaction->effects) ||
        is_discarded(outcome->effects))
        return true;
    size_t n = collect(words, path, parameters);
    s->milter_refusal = refusal;
    struct milter_reply r = milters_rcpt(s->milters, words, n, !view_is_empty(refusal));
    s->milter_refusal = VIEW_NONE;
    return !view_is_empty(refusal) || passes(s, r);
}

bool milter_data(struct session *s)
{
    if (!s->milters || is_discarded(s->transaction->effects))
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
    struct milter_reply r = milters_other(s->milters);
    struct view text = r.verdict == MILTER_REFUSE ? r.text
                       : r.verdict == MILTER_SHUTDOWN
                           ? VIEW("421 4.7.0 Server closing connection")
                           : VIEW_NONE;
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
