/* authenticate - who the client says it is, proved
 *
 * lib/auth knows whom to ask.  The auth service makes failures slow, for the client's
 * network (auth_failure_delay); here each one is a line in the log, in the form that
 * smtpd has for it, so that rules made for Postfix find it.
 */
#include "login.h"

#include "base/log.h"
#include "format/base64.h"

struct dialogue {
    struct session *s;
    struct arena *arena;
    bool is_malformed;
};

static struct auth_login login_of(struct session *s, struct arena *a)
{
    struct auth_login l = {.server = &s->login->auth,
                           .client_address = s->client_address,
                           .server_address = s->server_address,
                           .is_secured = tls_is_on(&s->tls)};
    l.sasl =
        (struct sasl_server){.arena = a, .host = conf_view(s->login->conf, P_myhostname)};
    if (s->tls.exporter.n > 0)
        l.sasl.bindings[l.sasl.n_bindings++] =
            (struct sasl_binding){VIEW("tls-exporter"), s->tls.exporter};
    if (s->tls.end_point.n > 0)
        l.sasl.bindings[l.sasl.n_bindings++] =
            (struct sasl_binding){VIEW("tls-server-end-point"), s->tls.end_point};
    return l;
}

struct view session_mechanisms(struct session *s, struct arena *a)
{
    struct error e = ERROR_INIT;
    struct view names = VIEW_NONE;
    struct auth_login l = login_of(s, a);
    if (session_is_safe(s) && !auth_offer(&l, a, &names, &e))
        log_warning("SASL: %s", error_cstr(&e));
    return names;
}

/* --- the outcome --- */

static void log_failure(struct session *s, struct view mechanism, const char *reason,
                        struct view user)
{
    log_warning("%.*s: SASL %.*s authentication failed: %s%s%.*s",
                VIEW_FMT(s->client_display), VIEW_FMT(mechanism), reason,
                user.n > 0 ? ", sasl_username=" : "", VIEW_FMT(user));
}

/* Nobody logs in as somebody else. */
static bool is_own(const struct auth_login *l)
{
    return l->sasl.authorize.n == 0 || view_eq(l->sasl.authorize, l->sasl.user);
}

static enum login_outcome conclude(struct session *s, struct auth_login *l,
                                   enum sasl_outcome o, struct view mechanism,
                                   bool is_malformed)
{
    const struct error *e = &l->sasl.error;
    if (s->lost)
        return LOGIN_GONE;
    s->last_method = arena_dup(s->arena, mechanism);
    s->last_user = arena_dup(s->arena, view_sub(l->sasl.user, 0, SASL_NAME_MAX));
    switch (o) {
    case SASL_PROVED:
        if (!is_own(l))
            break;
        s->user = s->last_user;
        s->method = s->last_method;
        return LOGIN_PROVED;
    case SASL_UNAVAILABLE:
        log_failure(s, mechanism,
                    error_is_set(e) && e->text[0] ? e->text
                                                  : "Temporary authentication failure",
                    l->sasl.user);
        return LOGIN_LATER;
    case SASL_CANCELLED:
        return is_malformed ? LOGIN_MALFORMED : LOGIN_CANCELLED;
    case SASL_MALFORMED:
        return LOGIN_MALFORMED;
    case SASL_REFUSED:
        break;
    }
    s->attempts++;
    log_failure(s, mechanism, is_own(l) ? "authentication failure" : "not authorized",
                l->sasl.user);
    return LOGIN_REFUSED;
}

/* --- AUTH --- */

static bool decode(struct dialogue *d, struct view line, struct view *answer)
{
    struct str raw = STR_INIT(SASL_MESSAGE_MAX);
    d->is_malformed = !base64_decode(line, &raw);
    *answer = arena_dup(d->arena, str_view(&raw));
    str_done(&raw);
    return !d->is_malformed;
}

static bool ask(void *arg, struct view challenge, struct view *answer)
{
    struct dialogue *d = arg;
    struct session *s = d->s;
    struct view line;
    struct str encoded = STR_INIT(2 * SASL_MESSAGE_MAX);
    base64_encode(challenge, &encoded);
    stream_printf(s->stream, "+ %s\r\n", str_cstr(&encoded));
    str_done(&encoded);
    if (!session_read_line(s, d->arena, &line) || view_eq(line, VIEW("*")))
        return false;
    return decode(d, line, answer);
}

static bool is_in(struct view list, struct view name)
{
    struct view word;
    while (view_token(&list, VIEW(" "), &word))
        if (view_eq_case(word, name))
            return true;
    return false;
}

enum login_outcome session_authenticate(struct session *s, struct arena *a,
                                        struct view mechanism, bool has_initial,
                                        struct view initial)
{
    struct dialogue d = {.s = s, .arena = a};
    struct view names = session_mechanisms(s, a);
    const struct sasl_mechanism *known = sasl_mechanism(mechanism);
    struct auth_login l = login_of(s, a);
    l.sasl.ask = ask;
    l.sasl.arg = &d;
    l.sasl.offers_plus = view_find_view(names, VIEW("-PLUS")) != VIEW_NPOS;
    l.sasl.has_initial = has_initial;
    if (!known || !is_in(names, known->name)) {
        log_failure(s, view_sub(mechanism, 0, 64), "Invalid authentication mechanism",
                    VIEW_NONE);
        return LOGIN_UNKNOWN;
    }
    if (!client_may_try(s))
        return LOGIN_LATER;
    if (has_initial && !view_eq(initial, VIEW("=")) &&
        !decode(&d, initial, &l.sasl.initial))
        return LOGIN_MALFORMED;
    enum sasl_outcome o = auth_login(&l, known->name);
    return conclude(s, &l, o, known->name, d.is_malformed);
}

/* --- name and password --- */

static bool ask_nothing(void *arg, struct view challenge, struct view *answer)
{
    (void)arg;
    (void)challenge;
    (void)answer;
    return false;
}

enum login_outcome session_check_password(struct session *s, struct arena *a,
                                          struct view user, struct view password)
{
    struct auth_login l = login_of(s, a);
    struct str message = STR_INIT(SASL_MESSAGE_MAX);
    if (!client_may_try(s))
        return LOGIN_LATER;
    if (user.n == 0 || user.n > SASL_NAME_MAX || view_has(user, '\0') ||
        view_has(password, '\0'))
        return LOGIN_MALFORMED;
    str_add_char(&message, '\0');
    str_add(&message, user);
    str_add_char(&message, '\0');
    str_add(&message, password);
    if (message.overflow) {
        str_done(&message);
        return LOGIN_MALFORMED;
    }
    l.sasl.ask = ask_nothing;
    l.sasl.has_initial = true;
    l.sasl.initial = str_view(&message);
    enum sasl_outcome o = auth_login(&l, VIEW("PLAIN"));
    /* These may lie in the message. */
    l.sasl.user = arena_dup(a, l.sasl.user.n > 0 ? l.sasl.user : user);
    l.sasl.authorize = arena_dup(a, l.sasl.authorize);
    explicit_bzero(message.p, message.n);
    str_done(&message);
    return conclude(s, &l, o, VIEW("PLAIN"), false);
}
