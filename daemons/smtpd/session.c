/* session - the SMTP dialogue, from the banner to the last reply
 *
 * RFC 5321, RFC 2920 (pipelining), smtpd(8).  Read a line, find the verb, call
 * its function; errors are counted, and a client that makes too many is slowed
 * down and then sent away.
 */
#include "session.h"

#include "access/hosts_access.h"
#include "base/log.h"
#include "format/header.h"
#include "limits.h"
#include "milter.h"
#include "transaction.h"

#include <stdio.h>
#include <unistd.h>

/* A verb may be followed by others in one packet (RFC 2920 3.1), or must be the last. */
#define LAST_IN_GROUP 1
/* Good even where TLS must come first. */
#define BEFORE_TLS 4
/* Refused when a milter refused the whole session. */
#define OBEYS_MILTERS 8
/* Leads nowhere by itself: counted against smtpd_junk_command_limit. */
#define JUNK 2

static const struct verb {
    const char *name;
    bool (*run)(struct session *s, const struct command *c);
    enum verb_count count;
    unsigned flags;
} verbs[] = {
    {"HELO", verb_helo, COUNT_HELO, LAST_IN_GROUP | JUNK | BEFORE_TLS},
    {"EHLO", verb_ehlo, COUNT_EHLO, LAST_IN_GROUP | JUNK | BEFORE_TLS},
    {"LHLO", verb_ehlo, COUNT_EHLO, LAST_IN_GROUP | JUNK | BEFORE_TLS},
    {"STARTTLS", verb_starttls, COUNT_STARTTLS,
     LAST_IN_GROUP | BEFORE_TLS | OBEYS_MILTERS},
    {"AUTH", verb_auth, COUNT_AUTH, LAST_IN_GROUP | OBEYS_MILTERS},
    {"MAIL", verb_mail, COUNT_MAIL, 0},
    {"RCPT", verb_rcpt, COUNT_RCPT, 0},
    {"DATA", verb_data, COUNT_DATA, LAST_IN_GROUP},
    {"BDAT", verb_bdat, COUNT_BDAT, 0},
    {"RSET", verb_rset, COUNT_RSET, JUNK},
    {"NOOP", verb_noop, COUNT_NOOP, LAST_IN_GROUP | JUNK | BEFORE_TLS},
    {"VRFY", verb_vrfy, COUNT_VRFY, LAST_IN_GROUP | JUNK | OBEYS_MILTERS},
    {"EXPN", verb_expn, COUNT_OTHER, LAST_IN_GROUP | JUNK},
    {"ETRN", verb_etrn, COUNT_ETRN, JUNK | OBEYS_MILTERS},
    {"XCLIENT", verb_xclient, COUNT_XCLIENT, 0},
    {"XFORWARD", verb_xforward, COUNT_XFORWARD, 0},
    {"HELP", verb_help, COUNT_HELP, LAST_IN_GROUP | JUNK | BEFORE_TLS},
    {"QUIT", verb_quit, COUNT_QUIT, BEFORE_TLS},
};

static const char *const count_names[COUNTS] = {
    "helo", "ehlo", "starttls", "auth",    "mail",     "rcpt", "data", "bdat",   "rset",
    "noop", "vrfy", "etrn",     "xclient", "xforward", "help", "quit", "unknown"};

/* RFC 2033 4.1: LMTP has LHLO, and neither HELO nor EHLO. */
static bool is_of_protocol(const struct session *s, const struct verb *verb)
{
    bool is_lmtp = strcmp(verb->name, "LHLO") == 0;
    if (s->server->direct)
        return is_lmtp || (verb->run != verb_helo && verb->run != verb_ehlo);
    return !is_lmtp;
}

static const struct verb *verb_find(const struct session *s, struct view name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (view_eq_case(name, view_of(verbs[i].name)) && is_of_protocol(s, &verbs[i]))
            return &verbs[i];
    }
    return NULL;
}

static struct view host(const struct session *s)
{
    return conf_view(s->server->conf, P_myhostname);
}

void connection_failed(struct session *s, enum stream_result result)
{
    if (result == STREAM_TIMEOUT) {
        s->reason = "timeout";
        reply(s, "421 4.4.2 %.*s Error: timeout exceeded", VIEW_FMT(host(s)));
    } else {
        s->reason = "lost connection";
    }
    struct str bytes = STR_INIT(64);
    if (s->transaction && s->transaction->in_content)
        str_addf(&bytes, " (%llu bytes)", (unsigned long long)s->transaction->size);
    log_info("%s after %s%s from %.*s", s->reason, s->facts.where, str_cstr(&bytes),
             VIEW_FMT(s->facts.client_display));
    str_done(&bytes);
    s->lost = true;
}

/* Append V with control bytes as \r, \n and octal numbers. */
static void add_escaped(struct str *out, struct view v)
{
    for (size_t i = 0; i < v.n; i++) {
        int c = (unsigned char)v.p[i];
        if (c == '\r')
            str_add_cstr(out, "\\r");
        else if (c == '\n')
            str_add_cstr(out, "\\n");
        else if (ascii_is_print(c) && c != '\\')
            str_add_char(out, (char)c);
        else
            str_addf(out, "\\%03o", (unsigned)c);
    }
}

static void log_improper_pipelining(struct session *s)
{
    struct str behind = STR_INIT(512);
    add_escaped(&behind, view_sub(stream_peek(s->stream), 0, 100));
    log_info("improper command pipelining after %s from %.*s: %s", s->facts.where,
             VIEW_FMT(s->facts.client_display), str_cstr(&behind));
    str_done(&behind);
}

/* A command that must be the last of its group has others behind it (RFC 2920 3.1), or
 * the client never said EHLO: it talks without listening. */
static bool is_out_of_sync(struct session *s, const struct verb *verb)
{
    bool must_wait = !s->esmtp || (s->ehlo_hidden & EHLO_PIPELINING) != 0 ||
                     (verb && verb->flags & LAST_IN_GROUP);
    /* Programs write a whole dialogue to `sendmail -bs` at once. */
    if (s->server->standalone || !must_wait || !stream_has_input(s->stream))
        return false;
    if (!s->facts.pipelined)
        log_improper_pipelining(s);
    s->facts.pipelined = true;
    if (!conf_bool(s->server->conf, P_smtpd_forbid_unauth_pipelining))
        return false;
    reply_error(s, "554 5.5.0 Error: SMTP protocol synchronization");
    s->closing = true;
    return true;
}

/* Web browsers and the like: a header line, or a command of smtpd_forbidden_commands. */
static bool is_foreign(struct session *s, struct view line, struct view verb)
{
    struct error e = ERROR_INIT;
    if (header_name_length(verb) == 0 &&
        match_string(s->server->forbidden_commands, verb, &e) != MATCH_YES)
        return false;
    log_warning("non-SMTP command from %.*s: %.*s", VIEW_FMT(s->facts.client_display),
                VIEW_FMT(view_sub(line, 0, 100)));
    reply(s, "221 2.7.0 Error: I can break rules, too. Goodbye.");
    s->closing = true;
    return true;
}

static void unknown_verb(struct session *s, struct view line, struct view verb)
{
    struct error e = ERROR_INIT;
    s->facts.where = "UNKNOWN";
    s->counts[COUNT_OTHER].all++;
    if (is_foreign(s, line, verb))
        return;
    if (match_string(s->server->noop_commands, verb, &e) == MATCH_YES) {
        reply(s, "250 2.0.0 Ok");
        s->counts[COUNT_OTHER].good++;
        s->junk++;
        return;
    }
    if (milter_unknown(s, line))
        reply_error(s, "500 5.5.2 Error: command not recognized");
}

/* smtpd_command_filter: the administrator may replace a command. */
static struct view filter_command(struct session *s, struct view line,
                                  struct arena *arena)
{
    struct view fixed;
    struct error e = ERROR_INIT;
    if (maps_is_empty(s->server->command_filter))
        return line;
    switch (maps_get(s->server->command_filter, line, arena, &fixed, &e)) {
    case TABLE_FOUND:
        log_info("%.*s: replacing command \"%.*s\" with \"%.*s\"",
                 VIEW_FMT(s->facts.client_display), VIEW_FMT(view_sub(line, 0, 100)),
                 VIEW_FMT(view_sub(fixed, 0, 100)));
        return fixed;
    case TABLE_ERROR:
        log_warning("%.*s: smtpd_command_filter lookup error for \"%.*s\"",
                    VIEW_FMT(s->facts.client_display), VIEW_FMT(view_sub(line, 0, 100)));
        return line;
    case TABLE_NOT_FOUND:
    default:
        return line;
    }
}

static void run_verb(struct session *s, const struct verb *verb,
                     const struct smtp_command *parsed)
{
    const struct command command = {.verb = parsed->verb, .args = parsed->args};
    int64_t junk_limit = conf_int(s->server->conf, P_smtpd_junk_command_limit);
    s->counts[verb->count].all++;
    if (verb->flags & OBEYS_MILTERS && !milter_other(s))
        return;
    if (verb->run(s, &command))
        s->counts[verb->count].good++;
    if (verb->flags & JUNK && s->junk++ > (uint64_t)junk_limit)
        s->errors++;
}

/* smtpd_tls_req_ccert was not met. */
static void refuse_certificate(struct session *s)
{
    reply_error_about(s, NOTICE_POLICY, "421 4.7.1 %.*s Error: %s", VIEW_FMT(host(s)),
                      s->certificate_refusal);
    s->closing = true;
}

static bool must_start_tls(const struct session *s, const struct verb *verb)
{
    return s->server->tls_level == SMTPD_TLS_ENCRYPT && !tls_is_on(&s->tls) &&
           !(verb->flags & BEFORE_TLS);
}

static void run_command(struct session *s, struct view line)
{
    struct smtp_command parsed;
    if (!view_is_ascii(line) &&
        (!view_is_utf8(line) || !conf_bool(s->server->conf, P_smtputf8_enable))) {
        reply_error(s, "500 5.5.2 Error: bad UTF-8 syntax");
        return;
    }
    if (view_has(line, '\0') || !smtp_command_split(line, &parsed)) {
        reply_error(s, "500 5.5.2 Error: bad syntax");
        return;
    }
    const struct verb *verb = verb_find(s, parsed.verb);
    if (verb)
        s->facts.where = verb->name;
    if (is_out_of_sync(s, verb))
        return;
    if (s->denied && (!verb || verb->run != verb_quit))
        reply_error_about(s, NOTICE_POLICY, "503 5.7.0 Error: access denied for %.*s",
                          VIEW_FMT(s->facts.client_display)); /* RFC 5321 3.1 */
    else if (s->certificate_refusal)
        refuse_certificate(s);
    else if (verb && must_start_tls(s, verb))
        reply_error_about(s, NOTICE_POLICY,
                          "530 5.7.0 Must issue a STARTTLS command first");
    else if (verb)
        run_verb(s, verb, &parsed);
    else
        unknown_verb(s, line, parsed.verb);
}

/* Bytes of one line that are thrown away before we give up on the client. */
#define SKIP_MAX ((size_t)1024 * 1024)

/* The rest of a line that is too long. */
static enum stream_result skip_line(struct session *s, size_t limit)
{
    enum stream_result result = STREAM_TOO_LONG;
    struct view rest;
    int ending;
    for (size_t n = 0; result == STREAM_TOO_LONG && n < SKIP_MAX; n += rest.n)
        result = stream_read_line(s->stream, limit, &rest, &ending);
    if (result != STREAM_OK && result != STREAM_TOO_LONG)
        return result;
    s->facts.where = "UNKNOWN";
    reply_error(s, "500 5.5.2 Error: line too long");
    s->closing = s->closing || result == STREAM_TOO_LONG;
    return STREAM_OK;
}

/* Read one command into ARENA; NULL and empty when there was none.  False when the
 * session is over. */
static bool read_command(struct session *s, struct arena *arena, struct view *line)
{
    int ending;
    size_t limit = (size_t)conf_int(s->server->conf, P_line_length_limit);
    request_begin(s);
    enum stream_result result = stream_read_line(s->stream, limit, line, &ending);
    if (result == STREAM_TOO_LONG) {
        *line = VIEW_NONE;
        result = skip_line(s, limit);
        if (result == STREAM_OK)
            return true;
    }
    if (result != STREAM_OK) {
        connection_failed(s, result);
        return false;
    }
    *line = filter_command(s, arena_dup(arena, *line), arena);
    session_debug(s, "<", *line);
    transcript_said(s, "In:  ", *line);
    return true;
}

/* True when the client made its last error. */
static bool has_worn_out_patience(struct session *s)
{
    if (s->errors < (unsigned)conf_int(s->server->conf, P_smtpd_hard_error_limit))
        return false;
    s->reason = "too many errors";
    s->seen |= NOTICE_PROTOCOL;
    reply(s, "421 4.7.0 %.*s Error: too many errors", VIEW_FMT(host(s)));
    log_info("too many errors after %s from %.*s", s->facts.where,
             VIEW_FMT(s->facts.client_display));
    return true;
}

static void command_loop(struct session *s)
{
    struct arena *arena = arena_new();
    struct view line;
    while (!s->closing && !s->lost && !has_worn_out_patience(s)) {
        if (!read_command(s, arena, &line))
            break;
        if (!view_is_empty(line))
            run_command(s, line);
        else if (line.p != NULL)
            reply_error(s, "500 5.5.2 Error: bad syntax");
        arena_reset(arena);
    }
    arena_free(arena);
}

/* hosts.allow and hosts.deny, and smtpd_client_restrictions when nothing is delayed. */
static bool is_refused_at_once(struct session *s, struct access_outcome *out)
{
    const struct smtpd *d = s->server;
    const struct view names[] = {VIEW("smtpd"),
                                 view_of(d->service_name ? d->service_name : "smtpd")};
    s->facts.command = "CONNECT";
    if (hosts_access_refuses(d->hosts, &s->facts, names, 2, s->arena, out))
        return true;
    if (!conf_bool(d->conf, P_smtpd_delay_reject))
        access_evaluate(d->access, ACCESS_CLIENT, &s->facts, NULL, s->arena, out);
    return out->refused;
}

/* Greet, or refuse the client. */
static bool greet(struct session *s)
{
    const struct conf *c = s->server->conf;
    struct access_outcome outcome;
    if (!s->server->standalone && is_refused_at_once(s, &outcome)) {
        reply_refusal(s, &outcome);
        s->denied = true;
        return !s->closing;
    }
    if (milter_connect(s))
        reply(s, "220 %.*s", VIEW_FMT(conf_view(c, P_smtpd_banner)));
    return !s->closing;
}

void session_restart(struct session *s)
{
    transcript_flush(
        s, (unsigned)conf_int(s->server->conf, P_smtpd_history_flush_threshold), NULL);
    s->facts.where = "CONNECT";
    if (!greet(s))
        s->closing = true;
}

void session_new_instance(struct session *s)
{
    static unsigned number;
    int64_t now = clock_wall();
    (void)snprintf(s->instance, sizeof s->instance, "%x.%llx.%llx.%x", (unsigned)getpid(),
                   (unsigned long long)(now / CLOCK_SECOND),
                   (unsigned long long)(now % CLOCK_SECOND), number++);
    s->facts.instance = view_of(s->instance);
}

/* "disconnect from name[addr] ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4". */
static void log_disconnect(const struct session *s)
{
    struct str line = STR_INIT(1024);
    unsigned good = 0, all = 0;
    for (int i = 0; i < COUNTS; i++) {
        if (s->counts[i].all == 0)
            continue;
        good += s->counts[i].good;
        all += s->counts[i].all;
        if (s->counts[i].good == s->counts[i].all)
            str_addf(&line, " %s=%u", count_names[i], s->counts[i].all);
        else
            str_addf(&line, " %s=%u/%u", count_names[i], s->counts[i].good,
                     s->counts[i].all);
    }
    if (good == all && all > 0)
        str_addf(&line, " commands=%u", all);
    else
        str_addf(&line, " commands=%u/%u", good, all);
    log_info("disconnect from %.*s%s", VIEW_FMT(s->facts.client_display),
             str_cstr(&line));
    str_done(&line);
}

/* smtpd_tls_wrappermode: the handshake comes before the greeting. */
static bool wrap(struct session *s)
{
    if (!s->server->tls) {
        log_warning("Wrapper-mode request dropped from %.*s for service %s. TLS context "
                    "initialization failed. For details see earlier warnings in your "
                    "logs.",
                    VIEW_FMT(s->facts.client_display), "smtpd");
        s->lost = true;
    } else if (!session_start_tls(s)) {
        connection_failed(s, STREAM_EOF);
    }
    return !s->lost && !s->closing;
}

void session_run(struct session *s)
{
    s->facts.where = "CONNECT";
    s->facts.protocol = VIEW("SMTP");
    str_init(&s->helo, 1024);
    transcript_open(s);
    log_info("connect from %.*s", VIEW_FMT(s->facts.client_display));
    stream_set_timeout(s->stream, conf_time(s->server->conf, P_smtpd_timeout));
    stream_renew_timeout(s->stream,
                         !conf_bool(s->server->conf, P_smtpd_per_request_deadline));
    limits_register(s);
    if ((!s->server->tls_wrapper || wrap(s)) && limits_begin(s) && greet(s))
        command_loop(s);
    limits_end(s);
    transaction_end(s);
    milter_disconnect(s);
    transcript_flush(s, 0, s->reason);
    transcript_close(s);
    if (!s->lost || stream_unsent(s->stream) > 0)
        (void)(stream_flush(s->stream) == STREAM_OK);
    tls_bye(s->stream);
    log_disconnect(s);
    s->facts.helo_name = VIEW_NONE;
    str_done(&s->helo);
}
