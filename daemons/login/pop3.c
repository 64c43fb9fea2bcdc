/* pop3 - the AUTHORIZATION state of RFC 1939
 *
 * USER, PASS, AUTH (RFC 5034), CAPA (RFC 2449), STLS (RFC 2595), UTF8 (RFC 6856), NOOP,
 * QUIT.  Response codes [AUTH], [SYS/TEMP] and [SYS/PERM]: RFC 3206.
 */
#include "login.h"

#define USER_MAX SASL_NAME_MAX

/* One command. */
struct command {
    struct arena *arena;
    struct view args;
    struct str *user; /* of USER, until PASS */
};

static void reply(struct session *s, const char *text)
{
    stream_printf(s->stream, "%s\r\n", text);
}

static void greet(struct session *s)
{
    stream_printf(s->stream, "+OK %.*s\r\n",
                  VIEW_FMT(conf_view(s->login->conf, P_login_banner)));
}

static void say_bye(struct session *s, const char *code, const char *text)
{
    bool is_limit = code[0] != '\0';
    stream_printf(s->stream, "-ERR %s%s\r\n", is_limit ? "[SYS/TEMP] " : "", text);
}

/* The codes with which the store refuses, RFC 2449 8.1.1. */
static void refuse(struct session *s, const struct error *e)
{
    struct view status = view_of(e->status);
    const char *code = view_eq(status, VIEW("4.7.28"))  ? "LOGIN-DELAY"
                       : view_eq(status, VIEW("4.2.1")) ? "IN-USE"
                       : e->status[0] == '5'            ? "SYS/PERM"
                                                        : "SYS/TEMP";
    stream_printf(s->stream, "-ERR [%s] %s\r\n", code, e->text);
}

/* What came of a password, told to the client. */
static void conclude(struct session *s, enum login_outcome o)
{
    switch (o) {
    case LOGIN_PROVED:
        s->has_logged_in = true; /* the store says +OK */
        return;
    case LOGIN_REFUSED:
        reply(s, "-ERR [AUTH] Authentication failed.");
        break;
    case LOGIN_LATER:
        reply(s, "-ERR [SYS/TEMP] Temporary authentication failure.");
        break;
    case LOGIN_CANCELLED:
        reply(s, "-ERR Authentication aborted.");
        break;
    case LOGIN_UNKNOWN:
        reply(s, "-ERR Unsupported authentication mechanism.");
        break;
    case LOGIN_MALFORMED:
        reply(s, "-ERR Malformed authentication exchange.");
        break;
    case LOGIN_GONE:
        return;
    }
    (void)session_error(s);
}

/* Only over TLS; true when a password may be said. */
static bool check_safe(struct session *s)
{
    if (session_is_safe(s))
        return true;
    reply(s, "-ERR [SYS/PERM] Passwords are taken only over TLS: use STLS.");
    (void)session_error(s);
    return false;
}

static void command_user(struct session *s, struct command *c)
{
    if (!check_safe(s))
        return;
    if (c->args.n == 0 || c->args.n > USER_MAX) {
        reply(s, "-ERR Syntax: USER name");
        (void)session_error(s);
        return;
    }
    str_set(c->user, c->args);
    reply(s, "+OK");
}

static void command_pass(struct session *s, struct command *c)
{
    if (!check_safe(s))
        return;
    if (c->user->n == 0) {
        reply(s, "-ERR No user name given.");
        (void)session_error(s);
        return;
    }
    struct view user = arena_dup(c->arena, str_view(c->user));
    str_clear(c->user);
    conclude(s, session_check_password(s, c->arena, user, c->args));
}

/* AUTH alone lists mechanisms, as older clients want it. */
static void list_mechanisms(struct session *s, struct command *c)
{
    struct view names = session_mechanisms(s, c->arena), word;
    reply(s, "+OK");
    while (view_token(&names, VIEW(" "), &word))
        stream_printf(s->stream, "%.*s\r\n", VIEW_FMT(word));
    reply(s, ".");
}

static void command_auth(struct session *s, struct command *c)
{
    struct view rest = c->args, mechanism, initial = VIEW_NONE;
    if (!check_safe(s))
        return;
    if (!view_token(&rest, VIEW(" "), &mechanism)) {
        list_mechanisms(s, c);
        return;
    }
    bool has_initial = view_token(&rest, VIEW(" "), &initial);
    conclude(s, session_authenticate(s, c->arena, mechanism, has_initial, initial));
}

static void command_capa(struct session *s, struct command *c)
{
    int64_t delay = conf_time(s->login->conf, P_pop3_login_delay) / CLOCK_SECOND;
    struct view names = session_mechanisms(s, c->arena);
    reply(s, "+OK Capability list follows");
    reply(s, "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nUTF8\r\n"
             "EXPIRE NEVER");
    if (delay > 0)
        stream_printf(s->stream, "LOGIN-DELAY %lld\r\n", (long long)delay);
    if (session_offers_tls(s))
        reply(s, "STLS");
    if (session_is_safe(s))
        reply(s, "USER");
    if (names.n > 0)
        stream_printf(s->stream, "SASL %.*s\r\n", VIEW_FMT(names));
    stream_printf(s->stream, "IMPLEMENTATION %.*s\r\n.\r\n",
                  VIEW_FMT(conf_view(s->login->conf, P_mail_name)));
}

static void command_stls(struct session *s, struct command *c)
{
    if (!session_offers_tls(s)) {
        reply(s, tls_is_on(&s->tls) ? "-ERR TLS is active already."
                                    : "-ERR TLS is not available.");
        (void)session_error(s);
        return;
    }
    str_clear(c->user);
    reply(s, "+OK Begin TLS negotiation now.");
    if (stream_flush(s->stream) != STREAM_OK)
        s->lost = true;
    else
        (void)session_start_tls(s);
}

/* RFC 6856 2.1: the login's name and password may be UTF-8; headers are never changed. */
static void command_utf8(struct session *s, struct command *c)
{
    (void)c;
    reply(s, "+OK UTF8 enabled");
}

static void command_noop(struct session *s, struct command *c)
{
    (void)c;
    reply(s, "+OK");
}

static void command_quit(struct session *s, struct command *c)
{
    (void)c;
    reply(s, "+OK Logging out");
    s->closing = true;
}

static const struct {
    const char *name;
    void (*run)(struct session *s, struct command *c);
} commands[] = {{"USER", command_user}, {"PASS", command_pass}, {"AUTH", command_auth},
                {"CAPA", command_capa}, {"STLS", command_stls}, {"UTF8", command_utf8},
                {"NOOP", command_noop}, {"QUIT", command_quit}};

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
    reply(s, "-ERR Unknown command.");
    (void)session_error(s);
}

static void run(struct session *s)
{
    struct str user = STR_INIT(USER_MAX);
    struct command c = {.arena = arena_new(), .user = &user};
    struct view line;
    while (!s->closing && !s->lost && !s->has_logged_in &&
           session_read_line(s, c.arena, &line)) {
        run_line(s, &c, line);
        arena_reset(c.arena);
    }
    arena_free(c.arena);
    str_done(&user);
}

const struct login_protocol login_pop3 = {.name = "pop3",
                                          .is_mail = true,
                                          .greet = greet,
                                          .run = run,
                                          .say_bye = say_bye,
                                          .refuse = refuse};
