/* imap - the not authenticated state of RFC 9051 3.1
 *
 * CAPABILITY, NOOP, LOGOUT, ID (RFC 2971), STARTTLS, LOGIN, AUTHENTICATE with SASL-IR
 * (RFC 4959), literals with and without waiting (RFC 7888).  The answer to the command
 * that logs in is the store's: its tag goes there.
 */
#include "login.h"

#include "imap/command.h"

/* One command while it is read. */
struct command {
    struct session *s;
    struct imap_input in;
    struct view tag;
};

static void add_capabilities(struct session *s, struct arena *a, struct str *out)
{
    struct view names = session_mechanisms(s, a), word;
    str_add_cstr(out, "IMAP4rev2 IMAP4rev1 SASL-IR LITERAL+ ID");
    if (session_offers_tls(s))
        str_add_cstr(out, " STARTTLS");
    if (!session_is_safe(s))
        str_add_cstr(out, " LOGINDISABLED");
    while (view_token(&names, VIEW(" "), &word))
        str_addf(out, " AUTH=%.*s", VIEW_FMT(word));
}

static void greet(struct session *s)
{
    struct str capabilities = STR_INIT(2048);
    struct arena *a = arena_new();
    add_capabilities(s, a, &capabilities);
    stream_printf(s->stream, "* OK [CAPABILITY %s] %.*s\r\n", str_cstr(&capabilities),
                  VIEW_FMT(conf_view(s->login->conf, P_login_banner)));
    str_done(&capabilities);
    arena_free(a);
}

static void say_bye(struct session *s, const char *code, const char *text)
{
    bool is_limit = code[0] != '\0';
    stream_printf(s->stream, "* BYE %s%s\r\n", is_limit ? "[UNAVAILABLE] " : "", text);
}

static void answer(struct command *c, const char *text)
{
    stream_printf(c->s->stream, "%.*s %s\r\n", VIEW_FMT(c->tag), text);
}

static void refuse(struct session *s, const struct error *e)
{
    const char *code = e->status[0] == '5' ? "NO [CANNOT]" : "NO [UNAVAILABLE]";
    stream_printf(s->stream, "%.*s %s %s\r\n", VIEW_FMT(s->tag), code, e->text);
}

/* --- input --- */

static bool read_literal(void *context, const struct imap_literal *literal,
                         struct view *bytes, struct view *next_line)
{
    struct command *c = context;
    struct session *s = c->s;
    struct str content = STR_INIT((size_t)literal->size + 1);
    if (literal->is_sync)
        stream_printf(s->stream, "+ OK\r\n");
    enum stream_result r =
        literal->size ? stream_read_exact(s->stream, (size_t)literal->size, &content)
                      : STREAM_OK;
    *bytes = arena_dup(c->in.arena, str_view(&content));
    str_done(&content);
    if (r == STREAM_OK)
        return session_read_line(s, c->in.arena, next_line);
    s->lost = true;
    return false;
}

/* What cannot be read as the command wants it. */
static void bad(struct command *c)
{
    const char *text = c->in.error ? c->in.error : "Syntax error";
    if (c->in.has_failed)
        return;
    stream_printf(c->s->stream, "%.*s BAD %s\r\n", VIEW_FMT(c->tag), text);
    if (imap_input_skip(&c->in)) {
        (void)session_error(c->s);
        return;
    }
    if (!c->s->lost && !c->s->closing)
        say_bye(c->s, "", "Literal too long.");
    c->s->closing = true;
}

/* --- commands --- */

static void command_capability(struct command *c)
{
    struct str capabilities = STR_INIT(2048);
    add_capabilities(c->s, c->in.arena, &capabilities);
    stream_printf(c->s->stream, "* CAPABILITY %s\r\n", str_cstr(&capabilities));
    str_done(&capabilities);
    answer(c, "OK Capability completed.");
}

static void command_noop(struct command *c)
{
    answer(c, "OK NOOP completed.");
}

static void command_logout(struct command *c)
{
    stream_printf(c->s->stream, "* BYE Logging out\r\n");
    answer(c, "OK Logout completed.");
    c->s->closing = true;
}

static void command_id(struct command *c)
{
    struct imap_pairs pairs;
    if (!imap_take_space(&c->in) || !imap_take_id(&c->in, &pairs)) {
        bad(c);
        return;
    }
    stream_printf(c->s->stream, "* ID (\"name\" \"Diligence\")\r\n");
    answer(c, "OK ID completed.");
}

static void command_starttls(struct command *c)
{
    struct session *s = c->s;
    if (!session_offers_tls(s)) {
        answer(c, tls_is_on(&s->tls) ? "BAD TLS is active already."
                                     : "BAD TLS is not available.");
        (void)session_error(s);
        return;
    }
    answer(c, "OK Begin TLS negotiation now.");
    if (stream_flush(s->stream) != STREAM_OK)
        s->lost = true;
    else
        (void)session_start_tls(s);
}

/* What came of a password, told to the client. */
static void conclude(struct command *c, enum login_outcome o, const char *name)
{
    struct session *s = c->s;
    switch (o) {
    case LOGIN_PROVED:
        s->tag = arena_dup(s->arena, c->tag);
        s->command = view_of(name);
        s->has_logged_in = true; /* the store says OK */
        return;
    case LOGIN_REFUSED:
        answer(c, "NO [AUTHENTICATIONFAILED] Authentication failed.");
        break;
    case LOGIN_LATER:
        answer(c, "NO [UNAVAILABLE] Temporary authentication failure.");
        break;
    case LOGIN_CANCELLED:
        answer(c, "BAD Authentication aborted.");
        break;
    case LOGIN_UNKNOWN:
        answer(c, "NO [CANNOT] Unsupported authentication mechanism.");
        break;
    case LOGIN_MALFORMED:
        answer(c, "BAD Malformed authentication exchange.");
        break;
    case LOGIN_GONE:
        return;
    }
    (void)session_error(s);
}

/* RFC 9051 7.1 PRIVACYREQUIRED; false: said. */
static bool check_safe(struct command *c)
{
    if (session_is_safe(c->s))
        return true;
    answer(c, "NO [PRIVACYREQUIRED] Passwords are taken only over TLS: use STARTTLS.");
    (void)session_error(c->s);
    return false;
}

static void command_login(struct command *c)
{
    struct view user, password;
    if (!imap_take_space(&c->in) || !imap_take_astring(&c->in, &user) ||
        !imap_take_space(&c->in) || !imap_take_astring(&c->in, &password) ||
        !imap_take_end(&c->in)) {
        bad(c);
        return;
    }
    if (check_safe(c))
        conclude(c, session_check_password(c->s, c->in.arena, user, password), "LOGIN");
}

static void command_authenticate(struct command *c)
{
    struct view mechanism, initial = VIEW_NONE;
    if (!imap_take_space(&c->in) || !imap_take_atom(&c->in, &mechanism)) {
        bad(c);
        return;
    }
    bool has_initial = imap_accept(&c->in, ' ');
    if (has_initial)
        initial = view_from(c->in.line, c->in.at);
    else if (!imap_take_end(&c->in)) {
        bad(c);
        return;
    }
    if (check_safe(c))
        conclude(c,
                 session_authenticate(c->s, c->in.arena, mechanism, has_initial, initial),
                 "AUTHENTICATE");
}

static const struct {
    const char *name;
    void (*run)(struct command *c);
    bool has_arguments;
} commands[] = {
    {"CAPABILITY", command_capability, false},   {"NOOP", command_noop, false},
    {"LOGOUT", command_logout, false},           {"ID", command_id, true},
    {"STARTTLS", command_starttls, false},       {"LOGIN", command_login, true},
    {"AUTHENTICATE", command_authenticate, true}};

static void run_command(struct command *c)
{
    struct view name;
    if (!imap_take_tag(&c->in, &c->tag) || c->tag.n > LOGIN_TAG_MAX) {
        c->tag = VIEW("*");
        c->in.error = "Bad tag";
        bad(c);
        return;
    }
    if (!imap_take_space(&c->in) || !imap_take_word(&c->in, &name)) {
        bad(c);
        return;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (!view_eq_case(name, view_of(commands[i].name)))
            continue;
        if (commands[i].has_arguments || imap_take_end(&c->in))
            commands[i].run(c);
        else
            bad(c);
        return;
    }
    c->in.error = "Unknown command, or one for which you must log in first";
    bad(c);
}

static void run(struct session *s)
{
    struct command c = {.s = s};
    struct arena *a = arena_new();
    struct view line;
    while (!s->closing && !s->lost && !s->has_logged_in &&
           session_read_line(s, a, &line)) {
        imap_input_init(&c.in, a, line);
        c.in.literal = read_literal;
        c.in.context = &c;
        c.in.literal_max = (size_t)conf_int(s->login->conf, P_login_line_length_limit);
        run_command(&c);
        arena_reset(a);
    }
    arena_free(a);
}

const struct login_protocol login_imap = {.name = "imap",
                                          .is_mail = true,
                                          .greet = greet,
                                          .run = run,
                                          .say_bye = say_bye,
                                          .refuse = refuse};
