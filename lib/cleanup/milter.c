/* milter - milters look at a message: those of the SMTP session, or non_smtpd_milters
 *
 * Mail that came without SMTP is shown as a session that could have brought it: CONNECT,
 * EHLO, MAIL, RCPT, DATA.  Source: MILTER_README, cleanup(8).
 */
#include "cleanup/cleanup_private.h"

#include "base/log.h"
#include "cleanup/milter_macros.h"
#include "format/address.h"
#include "format/dsn_code.h"

#define AT_THE_END "END-OF-MESSAGE"

struct view milter_client_name(const struct cleanup *c)
{
    return view_is_empty(c->envelope.client_name) ? VIEW("localhost")
                                                  : c->envelope.client_name;
}

struct view milter_client_address(const struct cleanup *c)
{
    return view_is_empty(c->envelope.client_address) ? VIEW("127.0.0.1")
                                                     : c->envelope.client_address;
}

static void add_address(const struct cleanup *c, struct view address, struct str *out)
{
    if (c->setup->external_log)
        address_quote_822(address, out);
    else
        str_add(out, address);
}

void milter_log(const struct cleanup *c, const char *action, const char *event,
                struct view text)
{
    const struct envelope *env = &c->envelope;
    struct str line = STR_INIT(4096);
    str_addf(&line, "%s: %s: %s from %.*s[%.*s]: %.*s; from=<", cleanup_id(c), action,
             event, VIEW_FMT(milter_client_name(c)), VIEW_FMT(milter_client_address(c)),
             VIEW_FMT(text));
    add_address(c, env->sender, &line);
    str_add_cstr(&line, ">");
    if (!view_is_empty(c->last_recipient)) {
        str_add_cstr(&line, " to=<");
        add_address(c, c->last_recipient, &line);
        str_add_cstr(&line, ">");
    }
    if (!view_is_empty(env->protocol_name))
        str_addf(&line, " proto=%.*s", VIEW_FMT(env->protocol_name));
    if (!view_is_empty(env->helo_name))
        str_addf(&line, " helo=<%.*s>", VIEW_FMT(env->helo_name));
    log_info_as(c->setup->tag, "%s", str_cstr(&line));
    str_done(&line);
}

/* "550 5.7.1 text": the message is refused with that. */
static void refuse(struct cleanup *c, const char *event, struct view reply)
{
    char status[DSN_CODE_MAX];
    struct view text = dsn_code_split(view_from(reply, 4), "5.7.1", status);
    if (reply.p[0] == '4' && status[0] == '5')
        dsn_code_set_class(status, '4');
    cleanup_fail(c, reply.p[0] == '4' ? FAULT_DEFER : FAULT_CONTENT, status, text);
    if (c->milter_reply)
        str_set(c->milter_reply, reply);
    milter_log(c, "milter-reject", event, view_from(reply, 4));
}

/* What the milters said at EVENT. */
static void apply(struct cleanup *c, const char *event, struct milter_reply reply)
{
    switch (reply.verdict) {
    case MILTER_HOLD:
        if (!(c->envelope.flags & MESSAGE_HOLD))
            milter_log(c, "milter-hold", event, VIEW("milter triggers HOLD action"));
        c->envelope.flags |= MESSAGE_HOLD;
        break;
    case MILTER_DISCARD:
        c->is_discarded = true;
        milter_log(c, "milter-discard", event, VIEW("milter triggers DISCARD action"));
        break;
    case MILTER_SHUTDOWN:
        refuse(c, event, VIEW("421 4.7.0 Server closing connection"));
        break;
    case MILTER_REFUSE:
        refuse(c, event, reply.text);
        break;
    case MILTER_CONTINUE:
    default:
        break;
    }
}

/* As Postfix tells it: without the angle brackets of SMTP. */
static struct view external(struct cleanup *c, struct view address)
{
    struct str quoted = STR_INIT(ADDRESS_QUOTED_MAX);
    address_quote_821(address, &quoted);
    struct view v = arena_dup(c->arena, str_view(&quoted));
    str_done(&quoted);
    return v;
}

/* A recipient cannot be refused when nobody listens. */
static void tell_recipient(struct cleanup *c, struct milters *m, struct view address)
{
    struct view word = external(c, address);
    c->last_recipient = address;
    struct milter_reply reply = milters_rcpt(m, &word, 1, false);
    apply(c, "RCPT", reply);
    if (reply.verdict != MILTER_REFUSE)
        return;
    log_warning_as(c->setup->tag,
                   "%s: milter configuration error: can't reject recipient in "
                   "non-smtpd(8) submission",
                   cleanup_id(c));
    log_warning_as(c->setup->tag, "%s: message not accepted, try again later",
                   cleanup_id(c));
    cleanup_fail(c, FAULT_DEFER, "4.3.5", VIEW("Server configuration error"));
}

static int family_of(struct view address)
{
    struct net_address a;
    return net_address_parse(address, 0, &a) ? net_address_family(&a) : AF_INET;
}

/* The session that did not take place. */
static void tell_session(struct cleanup *c, struct milters *m)
{
    const struct envelope *env = &c->envelope;
    struct view address = milter_client_address(c), sender = external(c, env->sender);
    c->last_recipient = VIEW_NONE; /* none was told yet */
    apply(c, "CONNECT",
          milters_connect(m, milter_client_name(c), family_of(address), address,
                          env->client_port));
    if (!cleanup_is_doomed(c))
        apply(c, "EHLO",
              milters_helo(m, view_is_empty(env->helo_name) ? milter_client_name(c)
                                                            : env->helo_name));
    if (!cleanup_is_doomed(c))
        apply(c, "MAIL", milters_mail(m, &sender, 1));
    for (size_t i = 0; i < c->for_milters.n && !cleanup_is_doomed(c); i++)
        tell_recipient(c, m, c->for_milters.items[i]);
    if (!cleanup_is_doomed(c))
        apply(c, "DATA", milters_data(m));
}

static void show(struct cleanup *c, struct milters *m)
{
    struct milter_reply reply = milters_edit(c, m);
    apply(c, AT_THE_END, reply);
    if (c->recipients.n == 0 && !cleanup_is_doomed(c))
        c->is_discarded = true; /* milters took all recipients away */
}

void milters_inspect(struct cleanup *c)
{
    if (cleanup_is_doomed(c))
        return;
    if (c->milters) {
        show(c, c->milters);
        return;
    }
    if (!(c->flags & CLEANUP_MILTERS))
        return;
    if (c->setup->milters_are_bad) {
        cleanup_fail(c, FAULT_DEFER, "4.3.5", VIEW("Server configuration error"));
        return;
    }
    if (milter_list_is_empty(c->setup->milters))
        return;
    struct milters *m = milters_new(c->setup->milters, milter_macro_value, c);
    tell_session(c, m);
    if (!cleanup_is_doomed(c))
        show(c, m);
    milters_free(m);
}
