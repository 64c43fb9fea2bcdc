/* xforward - XFORWARD: a filter passes on who brought a message (XFORWARD_README)
 *
 * For hosts of smtpd_authorized_xforward_hosts.  What is told is logged and kept with the
 * next messages; it decides nothing.
 */
#include "base/log.h"
#include "format/address.h"
#include "peer_text.h"
#include "session.h"
#include "transaction.h"

static bool is_valid(const struct peer_attribute *x, struct view *value)
{
    struct view name = x->name;
    *value = x->value;
    if (view_eq_case(name, VIEW("NAME")))
        return hostname_is_valid_utf8(x->value);
    if (view_eq_case(name, VIEW("ADDR")))
        return peer_address_is_valid(x->value, value);
    if (view_eq_case(name, VIEW("PORT")))
        return peer_port_is_valid(x->value);
    if (view_eq_case(name, VIEW("HELO")))
        return true;
    if (view_eq_case(name, VIEW("PROTO")))
        return x->value.n <= 64;
    if (view_eq_case(name, VIEW("IDENT")))
        return !view_has(x->value, ' ');
    return view_eq_case(x->value, VIEW("LOCAL")) ||
           view_eq_case(x->value, VIEW("REMOTE"));
}

static bool take_attribute(struct session *s, const struct peer_attribute *x)
{
    struct forwarded *f = &s->forwarded;
    const struct {
        const char *name;
        struct view *to;
    } places[] = {{"NAME", &f->name},      {"ADDR", &f->address}, {"PORT", &f->port},
                  {"PROTO", &f->protocol}, {"HELO", &f->helo},    {"IDENT", &f->ident},
                  {"SOURCE", &f->source}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct view value;
        if (!view_eq_case(x->name, view_of(places[i].name)))
            continue;
        if (x->unavailable) {
            *places[i].to = VIEW_NONE;
            return true;
        }
        if (!is_valid(x, &value)) {
            reply_error(s, "501 5.5.4 Bad %s syntax: %.*s", places[i].name,
                        VIEW_FMT(x->value));
            return false;
        }
        *places[i].to = arena_dup(s->arena, value);
        return true;
    }
    reply_error(s, "501 5.5.4 Bad XFORWARD attribute name: %.*s", VIEW_FMT(x->name));
    return false;
}

bool verb_xforward(struct session *s, const struct command *c)
{
    struct view rest = c->args;
    struct peer_attribute x;
    bool good;
    s->facts.command = "XFORWARD";
    if (!peer_command_may_run(s, c, "XFORWARD", s->may_xforward))
        return false;
    struct arena *a = arena_new();
    if (!s->forwarded.is_set)
        s->forwarded = (struct forwarded){.is_set = true};
    while (peer_attribute_next(s, &rest, a, &x, &good))
        if (!(good = take_attribute(s, &x)))
            break;
    arena_free(a);
    if (good)
        reply(s, "250 2.0.0 Ok");
    return good;
}
