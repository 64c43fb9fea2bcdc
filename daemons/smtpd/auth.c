/* auth - AUTH (RFC 4954): who the client says it is, proved
 *
 * lib/auth knows who to ask; here is the SMTP side: when AUTH is offered, base64, and the
 * replies.  smtpd_sasl_*, SASL_README.
 */
#include "auth/auth.h"

#include "access/anvil.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "format/base64.h"
#include "limits.h"
#include "session.h"
#include "setup.h"
#include "transaction.h"

#define SERVER_TIMEOUT (100 * CLOCK_SECOND)

/* --- set-up --- */

bool smtpd_auth_setup(struct smtpd *d, struct error *e)
{
    const struct conf *c = d->conf;
    if (d->standalone || !conf_bool(c, P_smtpd_sasl_auth_enable))
        return true;
    d->auth = NEW(struct auth_server);
    *d->auth = (struct auth_server){
        .conf = c,
        .type = conf_view(c, P_smtpd_sasl_type),
        .path = conf_view(c, P_smtpd_sasl_path),
        .service = conf_view(c, P_smtpd_sasl_service),
        .unwanted_clear = conf_view(c, P_smtpd_sasl_security_options),
        .unwanted_tls = conf_view(c, P_smtpd_sasl_tls_security_options),
        .filter = conf_view(c, P_smtpd_sasl_mechanism_filter),
        .timeout = SERVER_TIMEOUT};
    d->auth_exceptions = match_open(c, P_smtpd_sasl_exceptions_networks, 0);
    return auth_server_check(d->auth, e);
}

void smtpd_auth_free(struct smtpd *d)
{
    if (d->auth_exceptions)
        match_close(d->auth_exceptions);
    memory_free(d->auth);
}

/* --- the offer --- */

static bool ask(void *arg, struct view challenge, struct view *answer);

static struct auth_login login_of(struct session *s, struct arena *a)
{
    struct auth_login l = {.server = s->server->auth,
                           .client_address = s->facts.client_address,
                           .server_address = s->facts.server_address,
                           .is_secured = tls_is_on(&s->tls)};
    l.sasl = (struct sasl_server){.arena = a,
                                  .host = conf_view(s->server->conf, P_myhostname),
                                  .certified = s->facts.ccert_subject,
                                  .ask = ask};
    if (s->tls.exporter.n > 0)
        l.sasl.bindings[l.sasl.n_bindings++] =
            (struct sasl_binding){VIEW("tls-exporter"), s->tls.exporter};
    if (s->tls.end_point.n > 0)
        l.sasl.bindings[l.sasl.n_bindings++] =
            (struct sasl_binding){VIEW("tls-server-end-point"), s->tls.end_point};
    return l;
}

/* Is there AUTH on this session at all? */
static bool is_active(const struct session *s)
{
    struct error e = ERROR_INIT;
    return s->server->auth && !(s->ehlo_hidden & EHLO_AUTH) &&
           match_client(s->server->auth_exceptions, s->facts.client_name,
                        s->facts.client_address, &e) != MATCH_YES;
}

static bool needs_tls(const struct session *s)
{
    return !tls_is_on(&s->tls) && conf_bool(s->server->conf, P_smtpd_tls_auth_only);
}

bool session_offers_auth(struct session *s, struct arena *a, struct view *names)
{
    struct error e = ERROR_INIT;
    *names = VIEW_NONE;
    if (!is_active(s) || needs_tls(s))
        return false;
    struct auth_login l = login_of(s, a);
    if (!auth_offer(&l, a, names, &e))
        log_warning("SASL: %s", error_cstr(&e));
    return names->n > 0;
}

/* --- the dialogue --- */

struct dialogue {
    struct session *s;
    struct arena *arena;
    const char *refusal; /* what the client's line deserves; NULL */
};

/* One line of the client, decoded. */
static bool take_answer(struct dialogue *d, struct view line, struct view *answer)
{
    struct str raw = STR_INIT(SASL_MESSAGE_MAX);
    bool good = base64_decode(line, &raw);
    *answer = arena_dup(d->arena, str_view(&raw));
    str_done(&raw);
    if (!good)
        d->refusal = "501 5.5.2 Error: malformed base64 in AUTH exchange";
    return good;
}

static bool ask(void *arg, struct view challenge, struct view *answer)
{
    struct dialogue *d = arg;
    struct session *s = d->s;
    struct view line;
    int ending;
    size_t limit = (size_t)conf_int(s->server->conf, P_smtpd_sasl_response_limit);
    struct str encoded = STR_INIT(2 * SASL_MESSAGE_MAX);
    base64_encode(challenge, &encoded);
    reply(s, "334 %s", str_cstr(&encoded));
    str_done(&encoded);
    request_begin(s);
    enum stream_result r = stream_read_line(s->stream, limit, &line, &ending);
    if (r == STREAM_TOO_LONG) {
        d->refusal = "500 5.5.6 Authentication Exchange line is too long";
        s->closing = true; /* the rest of the line would be read as commands */
        return false;
    }
    if (r != STREAM_OK) {
        connection_failed(s, r);
        return false;
    }
    if (view_eq(line, VIEW("*"))) {
        d->refusal = "501 5.7.0 Authentication aborted";
        return false;
    }
    return take_answer(d, line, answer);
}

static void log_failure(struct session *s, struct view mechanism, const char *reason,
                        struct view user)
{
    log_warning("%.*s: SASL %.*s authentication failed: %s, sasl_username=%.*s",
                VIEW_FMT(s->facts.client_display), VIEW_FMT(mechanism), reason,
                VIEW_FMT(user.n > 0 ? user : VIEW("(unavailable)")));
}

static const char *or_else(const struct error *e, const char *text)
{
    return error_is_set(e) && e->text[0] ? e->text : text;
}

/* smtpd_sasl_local_domain is the realm of names that have none. */
static struct view full_name(struct session *s, struct view user)
{
    struct view realm = conf_view(s->server->conf, P_smtpd_sasl_local_domain);
    if (realm.n == 0 || view_has(user, '@') ||
        view_eq(s->server->auth->type, VIEW("dovecot")))
        return arena_dup(s->arena, user);
    return arena_printf(s->arena, "%.*s@%.*s", VIEW_FMT(user), VIEW_FMT(realm));
}

static bool conclude(struct dialogue *d, struct auth_login *l, enum sasl_outcome o,
                     struct view mechanism)
{
    struct session *s = d->s;
    const struct error *e = &l->sasl.error;
    const char *reason;
    if (s->lost)
        return false;
    switch (o) {
    case SASL_PROVED:
        s->facts.sasl_method = arena_dup(s->arena, mechanism);
        s->facts.sasl_username = full_name(s, l->sasl.user);
        reply(s, "235 2.7.0 Authentication successful");
        return true;
    case SASL_UNAVAILABLE:
        reason = "Temporary authentication failure";
        log_failure(s, mechanism, or_else(e, reason), l->sasl.user);
        reply_error_about(s, NOTICE_RESOURCE, "454 4.7.0 %s", reason);
        return false;
    case SASL_CANCELLED:
    case SASL_MALFORMED:
        reason = d->refusal ? d->refusal : "501 5.5.2 Error: malformed AUTH exchange";
        reply_error(s, "%s", reason);
        return false;
    case SASL_REFUSED:
    default:
        reason = or_else(e, "authentication failure");
        log_failure(s, mechanism, reason, l->sasl.user);
        reply_error_about(s, NOTICE_POLICY, "535 5.7.8 Error: authentication failed: %s",
                          reason);
        return false;
    }
}

static bool is_in(struct view list, struct view name)
{
    struct view word;
    while (view_token(&list, VIEW(" "), &word))
        if (view_eq_case(word, name))
            return true;
    return false;
}

/* AUTH mechanism [initial response] in A. */
static bool authenticate(struct session *s, struct view mechanism, struct view initial,
                         struct arena *a)
{
    struct view names;
    struct dialogue d = {.s = s, .arena = a};
    (void)session_offers_auth(s, a, &names);
    struct auth_login l = login_of(s, a);
    l.sasl.arg = &d;
    l.sasl.offers_plus = view_find_view(names, VIEW("-PLUS")) != VIEW_NPOS;
    const struct sasl_mechanism *known = sasl_mechanism(mechanism);
    mechanism = known ? known->name : mechanism;
    if (!is_in(names, mechanism)) {
        const char *reason = "Invalid authentication mechanism";
        log_failure(s, mechanism, reason, VIEW_NONE);
        reply_error(s, "535 5.7.8 Error: authentication failed: %s", reason);
        return false;
    }
    l.sasl.has_initial = initial.n > 0;
    if (view_eq(initial, VIEW("="))) /* RFC 4954 4: an empty one */
        l.sasl.initial = VIEW_NONE;
    else if (initial.n > 0 && !take_answer(&d, initial, &l.sasl.initial))
        return conclude(&d, &l, SASL_MALFORMED, mechanism);
    return conclude(&d, &l, auth_login(&l, mechanism), mechanism);
}

/* False: AUTH makes no sense now, and the reply says why. */
static bool may_begin(struct session *s)
{
    if (view_is_empty(s->facts.helo_name)) {
        reply_error(s, "503 5.5.1 Error: send HELO/EHLO first");
        return false;
    }
    if (!is_active(s)) {
        reply_error(s, "503 5.5.1 Error: authentication not enabled");
        return false;
    }
    if (s->transaction) {
        reply_error(s, "503 5.5.1 Error: MAIL transaction in progress");
        return false;
    }
    if (needs_tls(s)) {
        reply_error_about(s, NOTICE_POLICY,
                          "538 5.7.11 Encryption required for requested "
                          "authentication mechanism");
        return false;
    }
    if (s->facts.sasl_username.n > 0) {
        reply_error(s, "503 5.5.1 Error: already authenticated");
        return false;
    }
    return true;
}

bool verb_auth(struct session *s, const struct command *c)
{
    struct view rest = c->args, mechanism, initial = VIEW_NONE, more;
    if (!may_begin(s))
        return false;
    if (!smtp_command_argument(&rest, &mechanism) ||
        (smtp_command_argument(&rest, &initial) && smtp_command_argument(&rest, &more))) {
        reply_error(s, "501 5.5.4 Syntax: AUTH mechanism");
        return false;
    }
    if (!limits_allow(s, ANVIL_AUTH))
        return false;
    struct arena *a = arena_new();
    bool good = authenticate(s, mechanism, initial, a);
    arena_free(a);
    return good;
}

void session_forget_login(struct session *s)
{
    s->facts.sasl_method = s->facts.sasl_username = s->facts.sasl_sender = VIEW_NONE;
}
