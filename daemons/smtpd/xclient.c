/* xclient - XCLIENT: a front end says who its client is (XCLIENT_README)
 *
 * For hosts of smtpd_authorized_xclient_hosts.  The session begins anew with the client
 * that was named: greeting, restrictions, HELO.
 */
#include "base/log.h"
#include "format/address.h"
#include "peer_text.h"
#include "session.h"
#include "setup.h"
#include "transaction.h"

static bool bad_value(struct session *s, const struct peer_attribute *x)
{
    reply_error(s, "501 5.5.4 Bad %.*s syntax: %.*s", VIEW_FMT(x->name),
                VIEW_FMT(x->value));
    return false;
}

/* An attribute of the client's own: UNAVAILABLE, or a value that IS_VALID. */
static bool take_name(struct session *s, const struct peer_attribute *x,
                      struct view *name, enum access_name_status *status)
{
    if (x->unavailable || x->tempunavail) {
        *name = VIEW("unknown");
        *status = x->tempunavail ? ACCESS_NAME_TEMPFAIL : ACCESS_NAME_PERMFAIL;
        return true;
    }
    if (!hostname_is_valid_utf8(x->value) || ipv4_is_valid(x->value))
        return bad_value(s, x);
    *name = arena_dup(s->arena, x->value);
    *status = ACCESS_NAME_OK;
    return true;
}

/* Is the address of a protocol that we use at all (inet_protocols)? */
static bool is_spoken(const struct session *s, struct view address)
{
    struct view rest = conf_view(s->server->conf, P_inet_protocols), word;
    struct view family = view_has(address, ':') ? VIEW("ipv6") : VIEW("ipv4");
    while (conf_list_next(&rest, &word)) {
        if (view_eq_case(word, VIEW("all")) || view_eq_case(word, family))
            return true;
    }
    return false;
}

static bool take_address(struct session *s, const struct peer_attribute *x,
                         struct view *out)
{
    struct view address = VIEW("unknown");
    if (!x->unavailable &&
        !(peer_address_is_valid(x->value, &address) && is_spoken(s, address)))
        return bad_value(s, x);
    *out = arena_dup(s->arena, address);
    return true;
}

static bool take_port(struct session *s, const struct peer_attribute *x, struct view *out)
{
    if (!x->unavailable && !peer_port_is_valid(x->value))
        return bad_value(s, x);
    *out = x->unavailable ? VIEW("unknown") : arena_dup(s->arena, x->value);
    return true;
}

static bool take_protocol(struct session *s, const struct peer_attribute *x)
{
    bool esmtp = view_eq_case(x->value, VIEW("ESMTP"));
    if (!esmtp && !view_eq_case(x->value, VIEW("SMTP")))
        return bad_value(s, x);
    s->facts.protocol = esmtp ? VIEW("ESMTP") : VIEW("SMTP");
    return true;
}

static bool take_helo(struct session *s, const struct peer_attribute *x)
{
    str_clear(&s->helo);
    if (!x->unavailable)
        session_clean_name(x->value, &s->helo);
    s->facts.helo_name = str_view(&s->helo);
    return true;
}

static bool take_login(struct session *s, const struct peer_attribute *x)
{
    bool none = x->unavailable;
    s->facts.sasl_username = none ? VIEW_NONE : arena_dup(s->arena, x->value);
    s->facts.sasl_method = none ? VIEW_NONE : VIEW("XCLIENT");
    s->facts.sasl_sender = VIEW_NONE;
    return true;
}

static bool take_attribute(struct session *s, const struct peer_attribute *x)
{
    struct access_subject *f = &s->facts;
    if (view_eq_case(x->name, VIEW("NAME")))
        return take_name(s, x, &f->client_name, &f->name_status);
    if (view_eq_case(x->name, VIEW("REVERSE_NAME")))
        return take_name(s, x, &f->reverse_name, &f->reverse_name_status);
    if (view_eq_case(x->name, VIEW("ADDR")))
        return take_address(s, x, &f->client_address);
    if (view_eq_case(x->name, VIEW("PORT")))
        return take_port(s, x, &f->client_port);
    if (view_eq_case(x->name, VIEW("DESTADDR")))
        return take_address(s, x, &f->server_address);
    if (view_eq_case(x->name, VIEW("DESTPORT")))
        return take_port(s, x, &f->server_port);
    if (view_eq_case(x->name, VIEW("PROTO")))
        return take_protocol(s, x);
    if (view_eq_case(x->name, VIEW("HELO")))
        return take_helo(s, x);
    if (view_eq_case(x->name, VIEW("LOGIN")))
        return take_login(s, x);
    reply_error(s, "501 5.5.4 Bad XCLIENT attribute name: %.*s", VIEW_FMT(x->name));
    return false;
}

bool peer_attribute_next(struct session *s, struct view *rest, struct arena *a,
                         struct peer_attribute *x, bool *good)
{
    struct view word;
    *good = true;
    if (!smtp_command_argument(rest, &word))
        return false;
    switch (peer_attribute_parse(a, word, x)) {
    case PEER_OK:
        return true;
    case PEER_NO_VALUE:
        reply_error(s, "501 5.5.4 Error: attribute=value expected");
        break;
    case PEER_TOO_LONG:
        reply_error(s, "501 5.5.4 Error: attribute value too long");
        break;
    case PEER_BAD_VALUE:
    default:
        reply_error(s, "501 5.5.4 Bad attribute value syntax: %.*s", VIEW_FMT(word));
        break;
    }
    *good = false;
    return false;
}

bool peer_command_may_run(struct session *s, const struct command *c, const char *verb,
                          bool is_allowed)
{
    if (s->transaction) {
        reply_error(s, "503 5.5.1 Error: MAIL transaction in progress");
        return false;
    }
    if (view_is_empty(c->args)) {
        reply_error(s, "501 5.5.4 Syntax: %s attribute=value...", verb);
        return false;
    }
    if (!is_allowed)
        reply_error_about(s, NOTICE_POLICY,
                          "550 5.7.0 Error: insufficient authorization");
    return is_allowed;
}

bool verb_xclient(struct session *s, const struct command *c)
{
    struct view rest = c->args;
    struct peer_attribute x;
    bool good;
    s->facts.command = "XCLIENT";
    if (!peer_command_may_run(s, c, "XCLIENT", s->may_xclient))
        return false;
    struct arena *a = arena_new();
    s->facts.helo_name = VIEW_NONE;
    s->facts.protocol = VIEW("SMTP");
    s->esmtp = false;
    const struct access_subject before = s->facts;
    session_forget_login(s); /* a client without LOGIN is nobody */
    while (peer_attribute_next(s, &rest, a, &x, &good))
        if (!(good = take_attribute(s, &x)))
            break;
    arena_free(a);
    if (!good) {
        s->facts.sasl_username = before.sasl_username;
        s->facts.sasl_method = before.sasl_method;
        s->facts.sasl_sender = before.sasl_sender;
        return false;
    }
    client_show(s);
    bool may_xforward = s->may_xforward;
    smtpd_judge_client(s); /* the named client's rights, also to more XCLIENT */
    s->may_xforward = may_xforward;
    session_restart(s);
    return true;
}
