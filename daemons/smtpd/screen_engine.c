/* screen_engine - the dialogue with clients that get no server
 *
 * It takes no mail: RCPT is refused, and logged with what the client wanted.  Meanwhile
 * it looks for clients that do not listen (pipelining), speak another protocol, or end
 * their lines badly.  postscreen(8), "tests after the 220 greeting".
 */
#include "screen_private.h"

#include "base/log.h"
#include "format/header.h"
#include "smtp/command.h"

struct talk {
    struct screening *k;
    struct session *s;
    struct arena *arena; /* of the command */
    struct view sender;
    bool has_sender, greeted;
    uint64_t commands;
};

static const struct conf *settings(const struct talk *t)
{
    return t->s->server->conf;
}

static void end(struct talk *t, struct view last)
{
    t->k->last = last;
    t->s->closing = true;
}

static void say_host(struct talk *t)
{
    end(t, arena_printf(t->s->arena, "421 %s Service unavailable - try again later",
                        conf_cstr(settings(t), P_myhostname)));
}

/* --- tests --- */

static int64_t ttl(const struct talk *t, enum screen_test test)
{
    static const enum parameter names[SCREEN_TESTS] = {
        [SCREEN_PIPELINING] = P_postscreen_pipelining_ttl,
        [SCREEN_COMMAND] = P_postscreen_non_smtp_command_ttl,
        [SCREEN_NEWLINE] = P_postscreen_bare_newline_ttl};
    return conf_time(settings(t), names[test]) / CLOCK_SECOND;
}

static bool is_tested(const struct talk *t, enum screen_test test)
{
    return t->k->todo & ~t->k->skipped & SCREEN_BIT(test);
}

/* Once is enough.  An ignored failure counts for a short while as passed. */
static void fail(struct talk *t, enum screen_test test, const char *text)
{
    enum screen_action action = t->k->screen->actions[test];
    const struct conf *c = settings(t);
    t->k->skipped |= SCREEN_BIT(test);
    if (!screen_fail(t->k, test, action, text))
        t->s->closing = true;
    else if (action == SCREEN_IGNORE)
        screen_pass(t->k, test, conf_time(c, P_postscreen_dnsbl_min_ttl) / CLOCK_SECOND);
}

static void test_newline(struct talk *t, int ending, struct view line)
{
    if (ending != 1 || !is_tested(t, SCREEN_NEWLINE))
        return;
    screen_log(t->k->screen, "BARE NEWLINE from %s after %.*s", t->k->who,
               VIEW_FMT(view_sub(line, 0, 100)));
    fail(t, SCREEN_NEWLINE, "5.5.1 Protocol error");
}

static void test_command(struct talk *t, bool is_known, const struct smtp_command *c)
{
    struct error e = ERROR_INIT;
    if (is_known || !is_tested(t, SCREEN_COMMAND) ||
        (header_name_length(c->verb) == 0 &&
         match_string(t->s->server->forbidden_commands, c->verb, &e) != MATCH_YES))
        return;
    screen_log(t->k->screen, "NON-SMTP COMMAND from %s after %s: %.*s %.*s", t->k->who,
               t->s->facts.where, VIEW_FMT(view_sub(c->verb, 0, 100)),
               VIEW_FMT(view_sub(c->args, 0, 100)));
    fail(t, SCREEN_COMMAND,
         t->k->screen->actions[SCREEN_COMMAND] == SCREEN_DROP
             ? "5.7.0 Error: I can break rules, too. Goodbye."
             : "5.5.1 Protocol error");
}

static void test_pipelining(struct talk *t, struct view verb)
{
    struct str text = STR_INIT(1024);
    if (!is_tested(t, SCREEN_PIPELINING) || !stream_has_input(t->s->stream))
        return;
    screen_add_escaped(&text, stream_peek(t->s->stream));
    screen_log(t->k->screen, "COMMAND PIPELINING from %s after %.*s: %s", t->k->who,
               VIEW_FMT(view_sub(verb, 0, 100)), str_cstr(&text));
    str_done(&text);
    fail(t, SCREEN_PIPELINING, "5.5.1 Protocol error");
}

/* Who comes as far as RCPT has passed. */
static void pass_deep(struct talk *t)
{
    for (enum screen_test test = SCREEN_PIPELINING; test < SCREEN_TESTS; test++)
        if (is_tested(t, test) && !(t->k->failed & SCREEN_BIT(test)))
            screen_pass(t->k, test, ttl(t, test));
}

/* --- verbs --- */

/* As postscreen reads a path: no more than a name for the log.  "<a b>" up to the
 * bracket, else one word; quotes and backslashes go.  False without a colon. */
static bool read_path(struct talk *t, struct view args, struct view *address)
{
    struct view before, rest;
    struct str out = STR_INIT(1024);
    bool is_quoted = false;
    if (!view_cut(args, ':', &before, &rest))
        return false;
    rest = view_trim_space(rest);
    char stop = view_starts(rest, VIEW("<")) ? '>' : ' ';
    size_t begin = stop == '>';
    if (view_starts(view_from(rest, begin), VIEW("@")) && view_has(rest, ':'))
        begin = view_find(rest, ':') + 1; /* a route */
    for (size_t i = begin; i < rest.n && (is_quoted || rest.p[i] != stop); i++) {
        if (rest.p[i] == '"')
            is_quoted = !is_quoted;
        else if (rest.p[i] != '\\' || ++i < rest.n)
            str_add_char(&out, rest.p[i]);
    }
    *address = arena_dup(t->s->arena, str_view(&out));
    str_done(&out);
    return true;
}

static void forget_sender(struct talk *t)
{
    t->has_sender = false;
}

static void do_helo(struct talk *t, struct view args)
{
    if (args.n == 0) {
        reply(t->s, "501 Syntax: HELO hostname");
        return;
    }
    forget_sender(t);
    str_clear(&t->s->helo);
    session_clean_name(args, &t->s->helo);
    t->s->facts.helo_name = str_view(&t->s->helo);
    t->s->facts.protocol = VIEW("SMTP");
    t->greeted = true;
    reply(t->s, "250 %s", conf_cstr(settings(t), P_myhostname));
}

static void do_ehlo(struct talk *t, struct view args)
{
    if (args.n == 0) {
        reply(t->s, "501 Syntax: EHLO hostname");
        return;
    }
    forget_sender(t);
    (void)verb_ehlo(t->s, &(struct command){.args = args});
    t->greeted = true;
}

static void do_starttls(struct talk *t, struct view args)
{
    forget_sender(t);
    if (verb_starttls(t->s, &(struct command){.args = args}))
        t->greeted = false;
    if (t->s->certificate_refusal)
        t->s->closing = true; /* postscreen_tls_req_ccert: told in the log */
    else if (t->s->lost)
        screen_hangup(t->k, "after");
}

static void do_mail(struct talk *t, struct view args)
{
    if (conf_bool(settings(t), P_smtpd_helo_required) && !t->greeted)
        reply(t->s, "503 5.5.1 Error: send HELO/EHLO first");
    else if (t->has_sender)
        reply(t->s, "503 5.5.1 Error: nested MAIL command");
    else if (!read_path(t, args, &t->sender))
        reply(t->s, "501 5.5.4 Syntax: MAIL FROM:<address>");
    else {
        t->has_sender = true;
        reply(t->s, "250 2.1.0 Ok");
    }
}

static void do_rcpt(struct talk *t, struct view args)
{
    struct view to;
    pass_deep(t);
    if (!t->has_sender)
        reply(t->s, "503 5.5.1 Error: need MAIL command");
    else if (!read_path(t, args, &to))
        reply(t->s, "501 5.5.4 Syntax: RCPT TO:<address>");
    else {
        screen_log(t->k->screen,
                   "NOQUEUE: reject: RCPT from %s: %.*s; from=<%.*s>, to=<%.*s>, "
                   "proto=%.*s, helo=<%.*s>",
                   t->k->who, VIEW_FMT(t->k->refusal), VIEW_FMT(t->sender), VIEW_FMT(to),
                   VIEW_FMT(t->s->facts.protocol), VIEW_FMT(t->s->facts.helo_name));
        reply(t->s, "%.*s", VIEW_FMT(t->k->refusal));
    }
}

/* Who goes on without a recipient wants to send all the same: that is the end. */
static void do_data(struct talk *t, struct view args)
{
    screen_log(t->k->screen, "DATA without valid RCPT from %s", t->k->who);
    end(t, args.n > 0      ? VIEW("501 5.5.4 Syntax: DATA")
           : t->has_sender ? VIEW("554 5.5.1 Error: no valid recipients")
                           : VIEW("503 5.5.1 Error: need RCPT command"));
}

static void do_bdat(struct talk *t, struct view args)
{
    (void)args;
    screen_log(t->k->screen, "BDAT without valid RCPT from %s", t->k->who);
    end(t, t->has_sender ? VIEW("554 5.5.1 Error: no valid recipients")
                         : VIEW("554 5.5.1 Error: need MAIL command"));
}

static void do_rset(struct talk *t, struct view args)
{
    (void)args;
    forget_sender(t);
    reply(t->s, "250 2.0.0 Ok");
}

static void do_noop(struct talk *t, struct view args)
{
    (void)args;
    reply(t->s, "250 2.0.0 Ok");
}

static void do_vrfy(struct talk *t, struct view args)
{
    if (conf_bool(settings(t), P_disable_vrfy_command))
        reply(t->s, "502 5.5.1 VRFY command is disabled");
    else if (args.n == 0)
        reply(t->s, "501 5.5.4 Syntax: VRFY address");
    else
        reply(t->s, "%.*s", VIEW_FMT(t->k->refusal));
}

static void do_etrn(struct talk *t, struct view args)
{
    reply(t->s, args.n == 0 ? "500 Syntax: ETRN domain" : "458 Unable to queue messages");
}

static void do_quit(struct talk *t, struct view args)
{
    (void)args;
    end(t, VIEW("221 2.0.0 Bye"));
}

static const struct engine_verb {
    const char *name;
    void (*run)(struct talk *t, struct view args);
    bool before_tls;
} verbs[] = {
    {"HELO", do_helo, true},  {"EHLO", do_ehlo, true},  {"STARTTLS", do_starttls, true},
    {"MAIL", do_mail, false}, {"RCPT", do_rcpt, false}, {"DATA", do_data, false},
    {"BDAT", do_bdat, false}, {"RSET", do_rset, false}, {"NOOP", do_noop, true},
    {"VRFY", do_vrfy, false}, {"ETRN", do_etrn, false}, {"QUIT", do_quit, true}};

/* --- the dialogue --- */

static struct view filtered(struct talk *t, struct view line)
{
    struct view fixed;
    struct error e = ERROR_INIT;
    if (maps_is_empty(t->s->server->command_filter) ||
        maps_get(t->s->server->command_filter, line, t->arena, &fixed, &e) != TABLE_FOUND)
        return line;
    screen_log(t->k->screen, "%s: replacing command \"%.*s\" with \"%.*s\"", t->k->who,
               VIEW_FMT(view_sub(line, 0, 100)), VIEW_FMT(view_sub(fixed, 0, 100)));
    return fixed;
}

static void obey(struct talk *t, struct view line)
{
    struct smtp_command c = {.verb = VIEW_NONE};
    const struct engine_verb *verb = NULL;
    (void)smtp_command_split(line, &c);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (view_eq_case(c.verb, view_of(verbs[i].name)))
            verb = &verbs[i];
    test_command(t, verb != NULL, &c);
    if (!t->s->closing)
        test_pipelining(t, c.verb);
    if (t->s->closing)
        return;
    uint64_t most = (uint64_t)conf_int(settings(t), P_postscreen_command_count_limit);
    if (++t->commands > most && (!verb || verb->run != do_quit)) {
        screen_log(t->k->screen, "COMMAND COUNT LIMIT from %s after %s", t->k->who,
                   t->s->facts.where);
        say_host(t);
        return;
    }
    t->s->facts.where = verb ? verb->name : "UNIMPL";
    bool must_encrypt =
        t->s->server->tls_level == SMTPD_TLS_ENCRYPT && !tls_is_on(&t->s->tls);
    if (!verb)
        reply(t->s, "502 5.5.2 Error: command not recognized");
    else if (must_encrypt && !verb->before_tls)
        reply(t->s, "530 5.7.0 Must issue a STARTTLS command first");
    else
        verb->run(t, c.args);
}

static int64_t patience(const struct talk *t)
{
    const struct conf *c = settings(t);
    if (t->k->screen->is_stressed && !conf_is_set(c, P_postscreen_command_time_limit))
        return 10 * CLOCK_SECOND;
    return conf_time(c, P_postscreen_command_time_limit);
}

/* The next line; false: the dialogue is over. */
static bool read_line(struct talk *t, struct view *line)
{
    int ending;
    size_t most = (size_t)conf_int(settings(t), P_line_length_limit);
    stream_set_deadline(t->s->stream, clock_in(patience(t)));
    enum stream_result got = stream_read_line(t->s->stream, most, line, &ending);
    stream_set_deadline(t->s->stream, CLOCK_NEVER);
    if (got == STREAM_OK) {
        *line = filtered(t, arena_dup(t->arena, *line));
        test_newline(t, ending, *line);
        return !t->s->closing;
    }
    if (got == STREAM_TIMEOUT) {
        screen_log(t->k->screen, "COMMAND TIME LIMIT from %s after %s", t->k->who,
                   t->s->facts.where);
        end(t, arena_printf(t->s->arena, "421 4.4.2 %s Error: timeout exceeded",
                            conf_cstr(settings(t), P_myhostname)));
    } else if (got == STREAM_TOO_LONG) {
        screen_log(t->k->screen, "COMMAND LENGTH LIMIT from %s after %s", t->k->who,
                   t->s->facts.where);
        say_host(t);
    } else {
        screen_hangup(t->k, "after");
    }
    return false;
}

void screen_talk(struct screening *k)
{
    struct talk t = {.k = k, .s = k->session, .arena = arena_new()};
    struct view line;
    /* Whoever is here anyway shows how it speaks. */
    k->todo |= SCREEN_BIT(SCREEN_PIPELINING) | SCREEN_BIT(SCREEN_COMMAND);
    k->began = clock_mono();
    str_init(&t.s->helo, 1024);
    t.s->facts.protocol = VIEW("SMTP");
    if (!(k->failed & SCREEN_BIT(SCREEN_GREET))) /* who spoke first has asked already */
        reply(t.s, "220 %s", conf_cstr(settings(&t), P_smtpd_banner));
    while (!t.s->closing && !k->hung_up && read_line(&t, &line)) {
        obey(&t, line);
        arena_reset(t.arena);
    }
    arena_free(t.arena);
}
