/* auth - log in to servers (RFC 4954): whose password, which mechanism, the dialogue
 *
 * lib/sasl speaks the client's end of the mechanisms; here is the SMTP side.  A login is
 * for those servers (or senders) that smtp_sasl_password_maps names, all others are
 * strangers.  A login that fails costs the session, and mail waits; auth_cache.c keeps it
 * from being tried over and over.  Passwords and what is made of them are never logged.
 * smtp_sasl_*, SASL_README.
 */
#include "auth.h"

#include "base/log.h"
#include "base/memory.h"
#include "format/base64.h"
#include "sasl/sasl.h"
#include "table/match.h"

struct client_auth {
    struct maps *passwords;
    struct match_list *filter; /* smtp_sasl_mechanism_filter */
    struct auth_cache *cache;
    bool by_sender;
    char delimiter;
    unsigned unwanted, unwanted_tls, unwanted_verified; /* SASL_... properties */
};

/* --- set-up --- */

static bool parse_options(const struct client *c, enum parameter p, unsigned *unwanted,
                          struct error *e)
{
    struct view word;
    if (sasl_security_parse(conf_view(c->conf, p), unwanted, &word))
        return true;
    error_set(e, "4.3.5", "unknown SASL security option \"%.*s\"", VIEW_FMT(word));
    return false;
}

static bool check_settings(const struct client *c, struct error *e)
{
    struct view type = conf_view(c->conf, PARAMETER(c, sasl_type));
    const char *side = c->lmtp ? "lmtp" : "smtp";
    if (!view_eq_case(type, VIEW("cyrus")) && !view_eq_case(type, VIEW("builtin"))) {
        error_set(e, "4.3.5",
                  "unsupported SASL client implementation: %.*s; use builtin or cyrus",
                  VIEW_FMT(type));
        return false;
    }
    if (view_is_empty(conf_view(c->conf, PARAMETER(c, sasl_password_maps)))) {
        error_set(e, "4.3.5",
                  "specify a password table via the `%s_sasl_password_maps' "
                  "configuration parameter",
                  side);
        return false;
    }
    if (conf_view(c->conf, PARAMETER(c, sasl_password_result_delimiter)).n == 1)
        return true;
    error_set(e, "4.3.5", "%s_sasl_password_result_delimiter must be one character",
              side);
    return false;
}

bool client_auth_setup(struct client *c, struct error *e)
{
    const struct conf *conf = c->conf;
    if (!conf_bool(conf, PARAMETER(c, sasl_auth_enable)))
        return true;
    struct client_auth *a = c->auth = NEW(struct client_auth);
    if (!check_settings(c, e) ||
        !parse_options(c, PARAMETER(c, sasl_security_options), &a->unwanted, e) ||
        !parse_options(c, PARAMETER(c, sasl_tls_security_options), &a->unwanted_tls, e) ||
        !parse_options(c, PARAMETER(c, sasl_tls_verified_security_options),
                       &a->unwanted_verified, e))
        return false;
    a->passwords =
        maps_open(conf, conf_view(conf, PARAMETER(c, sasl_password_maps)), TABLE_FOLD);
    if (!view_is_empty(conf_view(conf, PARAMETER(c, sasl_mechanism_filter))))
        a->filter = match_open(conf, PARAMETER(c, sasl_mechanism_filter), 0);
    a->by_sender = conf_bool(conf, PARAMETER(c, sender_dependent_authentication));
    a->delimiter = conf_view(conf, PARAMETER(c, sasl_password_result_delimiter)).p[0];
    a->cache = auth_cache_open(c);
    return true;
}

void client_auth_free(struct client *c)
{
    if (!c->auth)
        return;
    if (c->auth->passwords)
        maps_close(c->auth->passwords);
    if (c->auth->filter)
        match_close(c->auth->filter);
    auth_cache_close(c->auth->cache);
    memory_free(c->auth);
}

struct view auth_identity(const struct job *j, struct view destination)
{
    const struct client_auth *a = j->client->auth;
    if (!a)
        return VIEW_NONE;
    return arena_printf(
        j->delivery->arena, "%.*s %.*s", VIEW_FMT(destination),
        VIEW_FMT(a->by_sender ? j->delivery->envelope.sender : VIEW_NONE));
}

/* --- whose password --- */

/* A login under way. */
struct attempt {
    struct job *job;
    struct connection *connection;
    struct arena *arena;
    struct sasl_client sasl;
    struct error aside; /* what does not decide */
};

/* By sender where that is wanted, then by the host, then by the next hop. */
static enum table_result find_entry(struct attempt *t, struct view *entry,
                                    struct error *e)
{
    const struct client_auth *a = t->job->client->auth;
    struct view sender = t->job->delivery->envelope.sender;
    enum table_result found = TABLE_NOT_FOUND;
    if (a->by_sender && sender.n > 0)
        found = rewrite_find_address(t->job->client->rewrite, a->passwords, sender,
                                     t->arena, entry, NULL, e);
    if (found == TABLE_NOT_FOUND)
        found = maps_get(a->passwords, t->connection->name, t->arena, entry, e);
    if (found == TABLE_NOT_FOUND)
        found = maps_get(a->passwords, t->connection->next_hop, t->arena, entry, e);
    return found;
}

/* OK with an empty user: we are strangers to this server. */
static enum result find_password(struct attempt *t, struct error *e)
{
    const struct client *c = t->job->client;
    struct view entry;
    switch (find_entry(t, &entry, e)) {
    case TABLE_FOUND: {
        const char delimiter[] = {c->auth->delimiter, '\0'};
        size_t end = view_find_any(entry, view_of(delimiter));
        t->sasl.user = view_sub(entry, 0, end == VIEW_NPOS ? entry.n : end);
        t->sasl.password = end == VIEW_NPOS ? VIEW_NONE : view_from(entry, end + 1);
        return OK;
    }
    case TABLE_ERROR:
        log_warning("%s: %s_sasl_password_maps lookup error", t->connection->queue_id,
                    c->lmtp ? "lmtp" : "smtp");
        error_set(e, "4.3.0", "local data error while talking to %.*s",
                  VIEW_FMT(t->connection->display));
        return TEMPFAIL;
    case TABLE_NOT_FOUND:
    default:
        return OK;
    }
}

/* --- which mechanism --- */

/* Does the administrator's list name NAME itself?  A password that is a bearer token is
 * told by that. */
static bool is_named(const struct client *c, struct view name)
{
    struct view word, list = conf_view(c->conf, PARAMETER(c, sasl_mechanism_filter));
    while (conf_list_next(&list, &word))
        if (view_eq_case(word, name))
            return true;
    return false;
}

/* May mechanism NAME be used, as far as the filter goes? */
static bool passes(const struct client *c, struct view name, struct error *e)
{
    bool is_token =
        view_eq_case(name, VIEW("XOAUTH2")) || view_eq_case(name, VIEW("OAUTHBEARER"));
    if (is_token && !is_named(c, name))
        return false;
    if (!c->auth->filter)
        return true;
    enum match_result found = match_string(c->auth->filter, name, e);
    if (found == MATCH_ERROR)
        log_warning("%s_sasl_mechanism_filter: %s", c->lmtp ? "lmtp" : "smtp", e->text);
    return found == MATCH_YES;
}

/* What of the server's offer passes the filter. */
static struct view filtered(struct attempt *t)
{
    const struct connection *k = t->connection;
    struct view word, rest = k->features.auth;
    struct str out = STR_INIT(SMTP_REPLY_TEXT_MAX);
    while (view_token(&rest, VIEW(" \t"), &word))
        if (passes(k->client, word, &t->aside))
            str_addf(&out, "%s%.*s", out.n ? " " : "", VIEW_FMT(word));
    struct view names = arena_dup(t->arena, str_view(&out));
    str_done(&out);
    if (names.n == 0 && view_trim_space(k->features.auth).n == 0)
        log_warning("%.*s offered null AUTH mechanism list", VIEW_FMT(k->relay));
    else if (names.n == 0)
        log_warning("%.*s offered no supported AUTH mechanisms: '%.*s'",
                    VIEW_FMT(k->relay), VIEW_FMT(k->features.auth));
    return names;
}

static unsigned unwanted(const struct connection *k)
{
    const struct client_auth *a = k->client->auth;
    if (!tls_is_on(&k->tls))
        return a->unwanted;
    return k->tls.peer == TLS_PEER_VERIFIED ? a->unwanted_verified : a->unwanted_tls;
}

static void prepare(struct attempt *t)
{
    const struct connection *k = t->connection;
    struct sasl_client *s = &t->sasl;
    s->arena = t->arena;
    s->host = k->name;
    s->port = arena_printf(t->arena, "%u", (unsigned)net_address_port(&k->address));
    if (conf_bool(k->client->conf, P_send_cyrus_sasl_authzid))
        s->authorize = s->user;
    if (k->tls.exporter.n > 0)
        s->bindings[s->n_bindings++] =
            (struct sasl_binding){VIEW("tls-exporter"), k->tls.exporter};
    if (k->tls.end_point.n > 0)
        s->bindings[s->n_bindings++] =
            (struct sasl_binding){VIEW("tls-server-end-point"), k->tls.end_point};
    s->server_offers_plus = view_find_view(k->features.auth, VIEW("-PLUS")) != VIEW_NPOS;
}

/* --- the dialogue --- */

static enum hello cannot(const struct attempt *t, struct error *e)
{
    error_prefix(e, "SASL authentication failed; cannot authenticate to server %.*s: ",
                 VIEW_FMT(t->connection->display));
    (void)snprintf(e->status, sizeof e->status, "4.7.0");
    return HELLO_REFUSED;
}

/* Send WORDS (which may be empty) and RAW in base64; the log sees WORDS alone. */
static void send_secret(struct connection *k, struct view words, struct view raw)
{
    struct str line = STR_INIT(2 * SASL_MESSAGE_MAX);
    str_add(&line, words);
    base64_encode(raw, &line);
    connection_send_secret(k, str_view(&line), words);
    if (line.n > 0)
        explicit_bzero(line.p, line.n);
    str_done(&line);
}

static bool read_reply(struct attempt *t, struct error *e)
{
    const struct client *c = t->job->client;
    int64_t limit =
        conf_time(c->conf, c->lmtp ? P_lmtp_lhlo_timeout : P_smtp_helo_timeout);
    return connection_read(
        t->connection, limit,
        c->lmtp ? "performing the LHLO handshake" : "performing the EHLO handshake", e);
}

static bool send_first(struct attempt *t, const struct sasl_mechanism *m, struct error *e)
{
    bool has;
    struct view initial;
    if (!sasl_client_start(&t->sasl, m, &has, &initial, e))
        return false;
    struct view words =
        arena_printf(t->arena, "AUTH %.*s%s", VIEW_FMT(m->name), has ? " " : "");
    if (has && initial.n == 0) /* RFC 4954 4: said, and empty */
        connection_send(t->connection, "%.*s=", VIEW_FMT(words));
    else
        send_secret(t->connection, words, has ? initial : VIEW_NONE);
    return true;
}

/* Answer the challenge in the reply; false with *E: give up. */
static bool send_answer(struct attempt *t, struct error *e)
{
    struct view answer;
    struct view text =
        view_trim_space(view_from(str_view(&t->connection->reply.text), 3));
    struct str challenge = STR_INIT(SASL_MESSAGE_MAX);
    bool good = base64_decode(view_trim(text, VIEW("-")), &challenge);
    if (!good)
        error_set(e, "4.7.0", "malformed challenge");
    good = good && sasl_client_answer(&t->sasl, arena_dup(t->arena, str_view(&challenge)),
                                      &answer, e);
    str_done(&challenge);
    if (good)
        send_secret(t->connection, VIEW_NONE, answer);
    return good;
}

/* We give up in the middle of an exchange: the server is to know (RFC 4954 4). */
static enum hello cancel(struct attempt *t, struct error *e)
{
    connection_send(t->connection, "*");
    if (!read_reply(t, &t->aside))
        log_debug("%s", t->aside.text);
    smtp_reply_clear(&t->connection->reply); /* what went wrong is our own finding */
    return cannot(t, e);
}

/* The server's last word is no yes. */
static enum hello refused(struct attempt *t, struct error *e)
{
    const struct connection *k = t->connection;
    const struct smtp_reply *r = &k->reply;
    struct str said = STR_INIT(SMTP_REPLY_TEXT_MAX);
    char status[12];
    int class = smtp_reply_class(r);
    bool is_soft = class == 5 && conf_bool(k->client->conf,
                                           PARAMETER(k->client, sasl_auth_soft_bounce));
    (void)snprintf(status, sizeof status, "%d%s", class == 5 && !is_soft ? 5 : 4,
                   r->status[0] ? r->status + 1 : ".0.0");
    (void)smtp_reply_join(str_view(&r->text), &said);
    if (r->code == 535)
        auth_cache_put(k->client->auth->cache, k->name, t->sasl.user, t->sasl.password,
                       r->status[0] ? r->status : "5.0.0", str_view(&said));
    error_set(e, status, "SASL authentication failed; server %.*s said: %s",
              VIEW_FMT(k->display), str_cstr(&said));
    str_done(&said);
    return HELLO_REFUSED;
}

static enum hello converse(struct attempt *t, const struct sasl_mechanism *m,
                           struct error *e)
{
    const struct smtp_reply *r = &t->connection->reply;
    if (!send_first(t, m, e))
        return cannot(t, e);
    if (!read_reply(t, e))
        return HELLO_LOST;
    while (smtp_reply_class(r) == 3) {
        if (!send_answer(t, e))
            return cancel(t, e);
        if (!read_reply(t, e))
            return HELLO_LOST;
    }
    if (smtp_reply_class(r) != 2)
        return refused(t, e);
    if (sasl_client_is_done(&t->sasl))
        return HELLO_OK;
    error_set(e, "4.7.0", "the server did not prove that it knows the password");
    return cannot(t, e);
}

/* The same login failed not long ago. */
static enum hello refused_before(struct attempt *t, const struct auth_failure *f,
                                 struct error *e)
{
    const struct connection *k = t->connection;
    char status[12];
    bool is_soft =
        conf_bool(k->client->conf, PARAMETER(k->client, sasl_auth_soft_bounce));
    (void)snprintf(status, sizeof status, "%.*s", VIEW_FMT(f->status));
    if (is_soft && status[0] == '5')
        status[0] = '4';
    error_set(e, status, "SASL [CACHED] authentication failed; server %.*s said: %.*s",
              VIEW_FMT(k->name), VIEW_FMT(f->text));
    return HELLO_REFUSED;
}

static enum hello log_in(struct attempt *t, struct view names, struct error *e)
{
    const struct connection *k = t->connection;
    struct auth_failure failure;
    if (names.n == 0) {
        error_set(e, "4.7.0",
                  "SASL authentication failed: server %.*s offered no compatible "
                  "authentication mechanisms for this type of connection security",
                  VIEW_FMT(k->display));
        return HELLO_REFUSED;
    }
    if (auth_cache_get(k->client->auth->cache, k->name, t->sasl.user, t->sasl.password,
                       t->arena, &failure))
        return refused_before(t, &failure, e);
    prepare(t);
    const struct sasl_mechanism *m =
        sasl_client_choose(&t->sasl, names, unwanted(k), names);
    if (m)
        return converse(t, m, e);
    log_warning("SASL authentication failure: No worthy mechs found");
    error_set(e, "4.7.0", "no mechanism available");
    return cannot(t, e);
}

enum hello auth_run(struct job *j, struct connection *k, struct error *e)
{
    if (!j->client->auth || !(k->features.keywords & EHLO_AUTH))
        return HELLO_OK;
    struct arena *a = arena_new();
    struct attempt *t = ARENA_NEW(a, struct attempt);
    t->job = j;
    t->connection = k;
    t->arena = a;
    struct view names = filtered(t);
    enum hello said = HELLO_OK;
    if (find_password(t, e) != OK)
        said = HELLO_REFUSED;
    else if (t->sasl.user.n == 0)
        k->features.keywords &= ~(unsigned)EHLO_AUTH; /* strangers */
    else
        said = log_in(t, names, e);
    arena_free(a);
    return said;
}
