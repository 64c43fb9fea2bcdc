/* explain_milter - what the milters of the client say to each step
 *
 * They are asked as the server asks them.  Without a message they hear ABORT and QUIT
 * behind RCPT, as when a client goes away.
 */
#include "explain.h"

#include "format/address.h"

/* A milter_macro_fn; CONTEXT is an explanation. */
static bool macro(void *context, struct view name, struct str *value)
{
    const struct explanation *x = context;
    const struct access_milter_facts facts = {.subject = &x->subject,
                                              .rewrite = x->rewrite,
                                              .recipient = x->subject.recipient,
                                              .refusal = x->milter_refusal};
    return access_milter_macro(&facts, name, value);
}

bool note_milter(struct explanation *x)
{
    const struct told *found = NULL;
    for (const struct told *t = x->first; t; t = t->next) {
        if (t->kind == TRAIL_MILTER && !t->is_log)
            found = t;
    }
    if (!found)
        return false;
    x->decided_kind = TRAIL_MILTER;
    x->decided_by = found->where;
    x->decided_list = x->own_milters ? VIEW("smtpd_milter_maps") : VIEW("smtpd_milters");
    return true;
}

/* REPLY refuses what is asked, with what was consulted for it. */
static bool refuse(struct explanation *x, struct view reply, struct access_outcome *out)
{
    (void)note_milter(x);
    out->refused = true;
    out->code = reply.p[0] == '4' ? 451 : 550;
    out->reply = arena_dup(x->arena, reply);
    show_fact(x, "milters refuse", out->reply);
    return true;
}

/* Take what the milters say to a command. */
static bool judge(struct explanation *x, struct milter_reply r,
                  struct access_outcome *out)
{
    struct view text = access_milter_text(r);
    if (text.n > 0)
        return refuse(x, text, out);
    if (r.verdict == MILTER_HOLD || r.verdict == MILTER_DISCARD) {
        struct access_effect *effect = ARENA_NEW(x->arena, struct access_effect);
        effect->kind = r.verdict == MILTER_HOLD ? ACCESS_HOLD : ACCESS_DISCARD;
        add_effects(x, effect);
    }
    show_fact(x, "milters",
              r.verdict == MILTER_HOLD      ? VIEW("hold")
              : r.verdict == MILTER_DISCARD ? VIEW("discard")
                                            : VIEW("pass"));
    return false;
}

/* What the milters said of the session, when its commands hear of it only later. */
static bool put_off(struct explanation *x, struct view text)
{
    show_fact(x, "milters", text.n > 0 ? VIEW("refuse, from MAIL on") : VIEW("pass"));
    return false;
}

bool ask_milters_connect(struct explanation *x, struct access_outcome *out)
{
    const struct milter_list *list;
    struct view host = conf_view(x->conf, P_myhostname);
    if (!access_milters_choose(x->all_milters, &x->subject, x->arena, &list,
                               &x->own_milters))
        return refuse(x,
                      arena_printf(x->arena, "421 4.3.5 %.*s Server configuration error",
                                   VIEW_FMT(host)),
                      out);
    if (milter_list_is_empty(list))
        return false;
    x->milters = milters_new(list, macro, x);
    struct view text =
        access_milter_text(access_milters_connect(x->milters, &x->subject, x->arena));
    struct view greeting = access_milter_greeting(text, host, x->arena);
    return greeting.n > 0 ? refuse(x, greeting, out) : put_off(x, text);
}

bool ask_milters_helo(struct explanation *x, struct access_outcome *out)
{
    if (!x->milters)
        return false;
    struct view text = access_milter_text(milters_helo(x->milters, x->subject.helo_name));
    return view_starts(text, VIEW("421")) ? refuse(x, text, out) : put_off(x, text);
}

/* "<address>", as clients write it. */
static struct view path(struct explanation *x, struct view address)
{
    struct str quoted = STR_INIT(ADDRESS_QUOTED_MAX);
    address_quote_821(address, &quoted);
    struct view v = arena_printf(x->arena, "<%.*s>", VIEW_FMT(str_view(&quoted)));
    str_done(&quoted);
    return v;
}

bool ask_milters_mail(struct explanation *x, struct access_outcome *out)
{
    if (!x->milters || access_is_discarded(x->effects))
        return false;
    struct view word = path(x, x->subject.sender);
    return judge(x, milters_mail(x->milters, &word, 1), out);
}

bool ask_milters_rcpt(struct explanation *x, struct access_outcome *out)
{
    if (!x->milters || access_is_discarded(x->effects))
        return false;
    struct view word = path(x, x->subject.recipient);
    x->milter_refusal = out->refused ? out->reply : VIEW_NONE;
    struct milter_reply r = milters_rcpt(x->milters, &word, 1, out->refused);
    x->milter_refusal = VIEW_NONE;
    return !out->refused && judge(x, r, out);
}

bool ask_milters_data(struct explanation *x, struct access_outcome *out)
{
    if (!x->milters || !x->message || access_is_discarded(x->effects))
        return false;
    return judge(x, milters_data(x->milters), out);
}

void leave_milters(struct explanation *x)
{
    if (x->milters)
        milters_abort(x->milters);
    milters_free(x->milters);
    milter_list_free(x->own_milters);
    access_milters_free(x->all_milters);
}
