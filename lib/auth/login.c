/* login - which server, which of its mechanisms, and one login */
#include "auth/auth_private.h"

#include "base/log.h"

static const struct auth_type *const types[] = {&auth_builtin, &auth_dovecot,
                                                &auth_saslauthd, &auth_cyrus};

static const struct auth_type *find_type(const struct auth_server *s)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (view_eq(types[i]->name, s->type))
            return types[i];
    return NULL;
}

static bool check_options(struct view options, struct error *e)
{
    unsigned unwanted;
    struct view word;
    if (sasl_security_parse(options, &unwanted, &word))
        return true;
    error_set(e, "4.3.5", "unknown SASL security option \"%.*s\"", VIEW_FMT(word));
    return false;
}

bool auth_server_check(const struct auth_server *s, struct error *e)
{
    if (find_type(s) == NULL) {
        error_set(e, "4.3.5",
                  "unknown SASL type \"%.*s\"; use builtin, dovecot, saslauthd or cyrus",
                  VIEW_FMT(s->type));
        return false;
    }
    return check_options(s->unwanted_clear, e) && check_options(s->unwanted_tls, e);
}

/* smtpd_sasl_mechanism_filter: the first element that fits decides; none: not offered. */
static bool passes_filter(struct view filter, struct view name)
{
    struct view element;
    while (conf_list_next(&filter, &element)) {
        bool is_negated = element.p[0] == '!';
        struct view word = is_negated ? view_from(element, 1) : element;
        if (view_eq_case(word, name) || view_eq(word, VIEW("static:rest")) ||
            view_eq(word, VIEW("static:all")))
            return !is_negated;
    }
    return false;
}

/* Can this session use M at all, and do the options want it? */
static bool is_wanted(const struct auth_login *l, const struct sasl_mechanism *m)
{
    unsigned unwanted;
    struct view word;
    struct view options =
        l->is_secured ? l->server->unwanted_tls : l->server->unwanted_clear;
    if (!sasl_security_parse(options, &unwanted, &word) || (m->properties & unwanted))
        return false;
    if (m->properties & SASL_NEEDS_BINDING)
        return l->sasl.n_bindings > 0;
    return !(m->properties & SASL_NEEDS_CERTIFICATE) || l->sasl.certified.n > 0;
}

bool auth_offer(const struct auth_login *l, struct arena *a, struct view *names,
                struct error *e)
{
    struct view all, word;
    const struct auth_type *type = find_type(l->server);
    struct str out = STR_INIT(AUTH_NAMES_MAX);
    *names = VIEW_NONE;
    if (!auth_server_check(l->server, e) || !type->names(l, a, &all, e))
        return false;
    while (view_token(&all, VIEW(" ,\t"), &word)) {
        const struct sasl_mechanism *m = sasl_mechanism(word);
        if (m != NULL && is_wanted(l, m) && passes_filter(l->server->filter, m->name))
            str_addf(&out, "%s%.*s", out.n ? " " : "", VIEW_FMT(m->name));
    }
    *names = arena_dup(a, str_view(&out));
    str_done(&out);
    return true;
}

enum sasl_outcome auth_login(struct auth_login *l, struct view mechanism)
{
    const struct auth_type *type = find_type(l->server);
    if (auth_server_check(l->server, &l->sasl.error))
        return type->login(l, mechanism);
    return SASL_UNAVAILABLE;
}

enum sasl_outcome auth_change(struct auth_login *l, struct view user, struct view old,
                              struct view fresh)
{
    const struct auth_type *type = find_type(l->server);
    if (!auth_server_check(l->server, &l->sasl.error))
        return SASL_UNAVAILABLE;
    if (type->change != NULL)
        return type->change(l, user, old, fresh);
    error_set(&l->sasl.error, "5.7.0", "Passwords cannot be changed here");
    return SASL_UNAVAILABLE;
}
