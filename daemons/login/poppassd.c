/* poppassd - a new password for who knows the old one, as mail programs of old ask for it
 *
 * Port 106: USER, PASS, NEWPASS, QUIT; 200 is yes, 500 no.  The change is made by the
 * auth service, where the password lies in a table of ours.  STLS as in POP3, since no
 * password is taken in clear otherwise.
 */
#include "login.h"

#include "base/log.h"

struct command {
    struct arena *arena;
    struct view args;
    struct str *user, *password;
};

static void reply(struct session *s, const char *text)
{
    stream_printf(s->stream, "%s\r\n", text);
}

static void greet(struct session *s)
{
    stream_printf(s->stream, "200 %.*s\r\n",
                  VIEW_FMT(conf_view(s->login->conf, P_login_banner)));
}

static void say_bye(struct session *s, const char *code, const char *text)
{
    (void)code;
    stream_printf(s->stream, "500 %s\r\n", text);
}

/* Nothing is given to the store here. */
static void refuse(struct session *s, const struct error *e)
{
    stream_printf(s->stream, "500 %s\r\n", e->text);
}

static void fail(struct session *s, const char *text)
{
    reply(s, text);
    (void)session_error(s);
}

static bool check_safe(struct session *s)
{
    if (session_is_safe(s))
        return true;
    fail(s, "500 Passwords are taken only over TLS: use STLS.");
    return false;
}

static void command_user(struct session *s, struct command *c)
{
    if (!check_safe(s))
        return;
    if (c->args.n == 0 || c->args.n > SASL_NAME_MAX) {
        fail(s, "500 Syntax: USER name");
        return;
    }
    str_set(c->user, c->args);
    str_clear(c->password);
    reply(s, "200 Your password please.");
}

/* Told apart from a wrong one only with the new one: one try, one delay. */
static void command_pass(struct session *s, struct command *c)
{
    if (!check_safe(s))
        return;
    if (c->user->n == 0 || c->args.n == 0) {
        fail(s, "500 Say USER first, then PASS password.");
        return;
    }
    str_set(c->password, c->args);
    reply(s, "200 Your new password please.");
}

static void conclude(struct session *s, struct auth_login *l, enum sasl_outcome o,
                     struct view user)
{
    s->last_user = arena_dup(s->arena, user);
    s->last_method = VIEW("PLAIN");
    switch ((int)o) {
    case SASL_PROVED:
        log_info("%.*s: password of %.*s changed", VIEW_FMT(s->client_display),
                 VIEW_FMT(user));
        reply(s, "200 Password changed, thank you.");
        return;
    case SASL_UNAVAILABLE:
        stream_printf(s->stream, "500 %s\r\n",
                      l->sasl.error.text[0] ? l->sasl.error.text : "Try again later.");
        break;
    default:
        s->attempts++;
        log_warning("%.*s: SASL PLAIN authentication failed: authentication failure, "
                    "sasl_username=%.*s",
                    VIEW_FMT(s->client_display), VIEW_FMT(user));
        reply(s, "500 Wrong name or password.");
    }
    (void)session_error(s);
}

static void command_newpass(struct session *s, struct command *c)
{
    if (!check_safe(s))
        return;
    if (c->password->n == 0 || c->args.n == 0 || view_has(c->args, '\0')) {
        fail(s, "500 Say USER and PASS first, then NEWPASS password.");
        return;
    }
    if (!client_may_try(s)) {
        fail(s, "500 Too many attempts.");
        return;
    }
    struct auth_login l = {.server = &s->login->auth,
                           .client_address = s->client_address,
                           .server_address = s->server_address,
                           .is_secured = tls_is_on(&s->tls)};
    l.sasl.arena = c->arena;
    struct view user = arena_dup(c->arena, str_view(c->user));
    enum sasl_outcome o = auth_change(&l, user, str_view(c->password), c->args);
    explicit_bzero(c->password->p, c->password->n);
    str_clear(c->password);
    str_clear(c->user);
    conclude(s, &l, o, user);
}

static void command_stls(struct session *s, struct command *c)
{
    if (!session_offers_tls(s)) {
        fail(s, "500 TLS is not available.");
        return;
    }
    str_clear(c->user);
    str_clear(c->password);
    reply(s, "200 Begin TLS negotiation now.");
    if (stream_flush(s->stream) != STREAM_OK)
        s->lost = true;
    else
        (void)session_start_tls(s);
}

static void command_quit(struct session *s, struct command *c)
{
    (void)c;
    reply(s, "200 Bye.");
    s->closing = true;
}

static const struct {
    const char *name;
    void (*run)(struct session *s, struct command *c);
} commands[] = {{"USER", command_user},
                {"PASS", command_pass},
                {"NEWPASS", command_newpass},
                {"STLS", command_stls},
                {"QUIT", command_quit}};

static void run_line(struct session *s, struct command *c, struct view line)
{
    struct view verb;
    (void)view_cut(line, ' ', &verb, &c->args);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (view_eq_case(verb, view_of(commands[i].name))) {
            commands[i].run(s, c);
            return;
        }
    }
    fail(s, "500 Unknown command.");
}

static void run(struct session *s)
{
    struct str user = STR_INIT(SASL_NAME_MAX), password = STR_INIT(1024);
    struct command c = {.arena = arena_new(), .user = &user, .password = &password};
    struct view line;
    while (!s->closing && !s->lost && session_read_line(s, c.arena, &line)) {
        run_line(s, &c, line);
        arena_reset(c.arena);
    }
    arena_free(c.arena);
    str_done(&user);
    str_done(&password);
}

const struct login_protocol login_poppassd = {
    .name = "poppassd", .greet = greet, .run = run, .say_bye = say_bye, .refuse = refuse};
