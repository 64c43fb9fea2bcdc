/* oauth - bearer tokens: OAUTHBEARER (RFC 7628) and its forerunner XOAUTH2, the server's
 * end */
#include "sasl/private.h"

static const struct view refusal = VIEW("{\"status\":\"invalid_token\"}");

/* The value of KEY in "k=v^Ak=v^A^A". */
static bool find_field(struct view fields, struct view key, struct view *value)
{
    struct view field, name;
    while (view_cut(fields, '\1', &field, &fields) || field.n > 0) {
        if (view_cut(field, '=', &name, value) && view_eq_case(name, key))
            return true;
        if (fields.n == 0)
            return false;
    }
    return false;
}

/* "Bearer TOKEN" */
static bool bearer(struct view value, struct view *token)
{
    struct view kind, rest = value;
    if (!view_token(&rest, VIEW(" "), &kind) || !view_eq_case(kind, VIEW("Bearer")))
        return false;
    *token = view_trim(rest, VIEW(" "));
    return token->n > 0;
}

static enum sasl_outcome check_token(struct sasl_server *s, struct view token)
{
    struct view owner = s->user, ignored;
    enum result r = s->check_token(s->arg, s->user, token, &owner, &s->error);
    if (r == OK) {
        s->user = owner;
        return sasl_is_name(owner) ? SASL_PROVED : SASL_REFUSED;
    }
    if (r == TEMPFAIL)
        return SASL_UNAVAILABLE;
    /* RFC 7628 3.2.3: the client answers with one ^A, then hears that it failed. */
    return s->ask(s->arg, refusal, &ignored) ? SASL_REFUSED : SASL_CANCELLED;
}

/* "user=NAME^Aauth=Bearer TOKEN^A^A" */
enum sasl_outcome sasl_serve_xoauth2(struct sasl_server *s)
{
    struct view message, value, token;
    if (!sasl_first(s, &message))
        return SASL_CANCELLED;
    if (!find_field(message, VIEW("user"), &s->user) || !sasl_is_name(s->user) ||
        !find_field(message, VIEW("auth"), &value) || !bearer(value, &token))
        return SASL_MALFORMED;
    return check_token(s, token);
}

/* RFC 7628 3.1: "n,a=NAME,^Ahost=..^Aport=..^Aauth=Bearer TOKEN^A^A" */
enum sasl_outcome sasl_serve_oauthbearer(struct sasl_server *s)
{
    struct view message, header, fields, flag, identity, value, token;
    if (!sasl_first(s, &message))
        return SASL_CANCELLED;
    if (!view_cut(message, '\1', &header, &fields) ||
        !view_cut(header, ',', &flag, &identity) ||
        (!view_eq(flag, VIEW("n")) && !view_eq(flag, VIEW("y"))))
        return SASL_MALFORMED;
    s->user = VIEW_NONE;
    if (scram_attribute(&identity, 'a', &value) &&
        (!scram_unescape(s->arena, value, &s->user) || !sasl_is_name(s->user)))
        return SASL_MALFORMED;
    if (!find_field(fields, VIEW("auth"), &value) || !bearer(value, &token))
        return SASL_MALFORMED;
    return check_token(s, token);
}
