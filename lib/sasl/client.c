/* client - choose a mechanism and speak the client's end of it */
#include "sasl/private.h"

/* Has C what M needs? */
static bool is_usable(const struct sasl_client *c, const struct sasl_mechanism *m)
{
    if (m->properties & SASL_NEEDS_BINDING)
        return c->n_bindings > 0 && c->password.n > 0;
    if (m->properties & SASL_NEEDS_CERTIFICATE)
        return c->password.n == 0;
    return c->user.n > 0 && c->password.n > 0;
}

static bool is_named(struct view list, struct view name)
{
    struct view word;
    while (view_token(&list, VIEW(" ,\t\r\n"), &word))
        if (view_eq_case(word, name))
            return true;
    return false;
}

const struct sasl_mechanism *sasl_client_choose(const struct sasl_client *c,
                                                struct view offered, unsigned unwanted,
                                                struct view allowed)
{
    size_t n;
    const struct sasl_mechanism *m = sasl_mechanisms(&n);
    for (size_t i = 0; i < n; i++) {
        bool is_token = view_eq(m[i].name, VIEW("XOAUTH2")) ||
                        view_eq(m[i].name, VIEW("OAUTHBEARER"));
        /* A token is no password: only where the list of mechanisms says so. */
        bool is_allowed = allowed.n > 0 ? is_named(allowed, m[i].name) : !is_token;
        if (is_allowed && !(m[i].properties & unwanted) && is_named(offered, m[i].name) &&
            is_usable(c, &m[i]))
            return &m[i];
    }
    return NULL;
}

static struct view plain(const struct sasl_client *c)
{
    struct str out = STR_INIT(SASL_MESSAGE_MAX);
    str_add(&out, c->authorize);
    str_add_char(&out, '\0');
    str_add(&out, c->user);
    str_add_char(&out, '\0');
    str_add(&out, c->password);
    struct view kept = arena_dup(c->arena, str_view(&out));
    str_done(&out);
    return kept;
}

static struct view xoauth2(const struct sasl_client *c)
{
    return arena_printf(c->arena, "user=%.*s\1auth=Bearer %.*s\1\1", VIEW_FMT(c->user),
                        VIEW_FMT(c->password));
}

static struct view oauthbearer(const struct sasl_client *c)
{
    struct view name = scram_escape(c->arena, c->user);
    return arena_printf(c->arena, "n,a=%.*s,\1host=%.*s\1port=%.*s\1auth=Bearer %.*s\1\1",
                        VIEW_FMT(name), VIEW_FMT(c->host), VIEW_FMT(c->port),
                        VIEW_FMT(c->password));
}

bool sasl_client_start(struct sasl_client *c, const struct sasl_mechanism *m, bool *has,
                       struct view *initial, struct error *e)
{
    c->mechanism = m;
    c->step = 0;
    c->is_proved = false;
    *has = true;
    if (c->user.n > SASL_NAME_MAX || c->password.n > SASL_MESSAGE_MAX / 3) {
        error_set(e, "4.7.0", "login name or password is too long");
        return false;
    }
    if (view_starts(m->name, VIEW("SCRAM-")))
        return scram_client_first(c, initial);
    if (view_eq(m->name, VIEW("PLAIN")))
        *initial = plain(c);
    else if (view_eq(m->name, VIEW("XOAUTH2")))
        *initial = xoauth2(c);
    else if (view_eq(m->name, VIEW("OAUTHBEARER")))
        *initial = oauthbearer(c);
    else if (view_eq(m->name, VIEW("EXTERNAL")))
        *initial = c->authorize;
    else
        *has = false; /* LOGIN, CRAM-MD5 */
    return true;
}

static bool answer_cram_md5(struct sasl_client *c, struct view challenge,
                            struct view *answer)
{
    char digest[33];
    if (!sasl_cram_md5(c->password, challenge, digest))
        return false;
    *answer = arena_printf(c->arena, "%.*s %s", VIEW_FMT(c->user), digest);
    return true;
}

bool sasl_client_answer(struct sasl_client *c, struct view challenge, struct view *answer,
                        struct error *e)
{
    struct view name = c->mechanism->name;
    unsigned step = c->step++;
    *answer = VIEW_NONE;
    error_clear(e);
    if (view_starts(name, VIEW("SCRAM-")) && step == 0)
        return scram_client_final(c, challenge, answer, e);
    if (view_starts(name, VIEW("SCRAM-")) && step == 1)
        return scram_client_verify(c, challenge, e);
    if (view_eq(name, VIEW("LOGIN")) && step < 2) {
        *answer = step == 0 ? c->user : c->password;
        return true;
    }
    if (view_eq(name, VIEW("CRAM-MD5")) && step == 0 &&
        answer_cram_md5(c, challenge, answer))
        return true;
    if (view_eq(name, VIEW("OAUTHBEARER")) && step == 0) { /* RFC 7628 3.2.3 */
        *answer = VIEW("\1");
        return true;
    }
    if (view_eq(name, VIEW("XOAUTH2")) && step == 0)
        return true; /* an empty answer fetches the refusal */
    error_set(e, "4.7.0", "unexpected challenge in %.*s", VIEW_FMT(name));
    return false;
}

bool sasl_client_is_done(const struct sasl_client *c)
{
    return !view_starts(c->mechanism->name, VIEW("SCRAM-")) || c->is_proved;
}
