/* session - the TRANSACTION and UPDATE states of RFC 1939
 *
 * STAT LIST UIDL RETR TOP DELE NOOP RSET CAPA QUIT, pipelined (RFC 2449 6.6).  Message
 * numbers and sizes stay as they were at the login, whatever IMAP sessions and
 * deliveries do meanwhile; messages go at QUIT, and only then.
 */
#include "pop3.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"

#include <stdio.h>

/* Longest command; RFC 2449 4 has 255. */
#define LINE_MAX_BYTES ((size_t)1024)
/* A piece of a message; three times its bytes may come out. */
#define PIECE ((size_t)48 * 1024)
/* Wrong commands one after the other before the client is sent away. */
#define BAD_COMMANDS 20

struct pop3 {
    struct store_session *session;
    struct stream *stream;
    struct maildrop drop;
    struct str piece;
    unsigned retrieved, tops, bad;
    uint64_t bytes;
    bool is_closing, is_updating;
};

static void reply(struct pop3 *s, const char *text)
{
    stream_printf(s->stream, "%s\r\n", text);
}

static void fail(struct pop3 *s, const char *text)
{
    reply(s, text);
    if (++s->bad < BAD_COMMANDS)
        return;
    reply(s, "-ERR Too many errors.");
    s->is_closing = true;
}

/* --- arguments --- */

/* A message that is there, by its number; NULL: said. */
static struct maildrop_message *find_message(struct pop3 *s, struct view word)
{
    uint64_t n;

    if (!number_parse_u64(word, 1, UINT32_MAX, &n) || n > s->drop.n) {
        fail(s, "-ERR There is no message with that number.");
        return NULL;
    }
    if (s->drop.messages[n - 1].is_deleted) {
        fail(s, "-ERR The message is deleted.");
        return NULL;
    }
    return &s->drop.messages[n - 1];
}

static size_t number_of(const struct pop3 *s, const struct maildrop_message *m)
{
    return (size_t)(m - s->drop.messages) + 1;
}

static bool has_sizes(struct pop3 *s)
{
    struct error e = ERROR_INIT;

    if (maildrop_find_sizes(&s->drop, &e))
        return true;
    stream_printf(s->stream, "-ERR [SYS/TEMP] %s\r\n", "The mailbox cannot be read.");
    return false;
}

/* --- commands --- */

static void command_stat(struct pop3 *s, struct view args)
{
    size_t n = 0;
    uint64_t size = 0;
    (void)args;

    if (!has_sizes(s))
        return;
    for (size_t i = 0; i < s->drop.n; i++) {
        if (s->drop.messages[i].is_deleted)
            continue;
        n++;
        size += s->drop.messages[i].size;
    }
    stream_printf(s->stream, "+OK %zu %llu\r\n", n, (unsigned long long)size);
}

static void add_size(struct pop3 *s, const struct maildrop_message *m, struct str *out)
{
    str_addf(out, "%zu %llu\r\n", number_of(s, m), (unsigned long long)m->size);
}

static void add_uidl(struct pop3 *s, const struct maildrop_message *m, struct str *out)
{
    str_addf(out, "%zu ", number_of(s, m));
    uidl_format(conf_view(s->session->conf, P_pop3_uidl_format), m->uid,
                s->drop.uidvalidity, out);
    str_add_cstr(out, "\r\n");
}

/* A line for the message that ARGS names, or one for each. */
static void list(struct pop3 *s, struct view args,
                 void (*add)(struct pop3 *s, const struct maildrop_message *m,
                             struct str *out))
{
    str_clear(&s->piece);
    if (args.n > 0) {
        const struct maildrop_message *m = find_message(s, args);
        if (!m)
            return;
        str_add_cstr(&s->piece, "+OK ");
        add(s, m, &s->piece);
        stream_write(s->stream, str_view(&s->piece));
        return;
    }
    reply(s, "+OK");
    for (size_t i = 0; i < s->drop.n; i++) {
        if (!s->drop.messages[i].is_deleted)
            add(s, &s->drop.messages[i], &s->piece);
        if (s->piece.n > PIECE / 2) {
            stream_write(s->stream, str_view(&s->piece));
            str_clear(&s->piece);
        }
    }
    str_add_cstr(&s->piece, ".\r\n");
    stream_write(s->stream, str_view(&s->piece));
}

static void command_list(struct pop3 *s, struct view args)
{
    if (has_sizes(s))
        list(s, args, add_size);
}

static void command_uidl(struct pop3 *s, struct view args)
{
    list(s, args, add_uidl);
}

/* The message, or its header and LINES lines.  False: it is gone, and that was said. */
static bool send_message(struct pop3 *s, const struct maildrop_message *m,
                         const uint64_t *lines)
{
    struct mailbox_bytes bytes;
    struct error e = ERROR_INIT;
    struct render r;
    enum store_result result = mailbox_bytes(s->drop.box, m->uid, &bytes, &e);

    if (result != STORE_OK) {
        reply(s, result == STORE_EXPUNGED || result == STORE_NONEXISTENT
                     ? "-ERR The message is gone."
                     : "-ERR [SYS/TEMP] The message cannot be read.");
        return false;
    }
    if (m->size == MAILBOX_SIZE_UNKNOWN || lines)
        reply(s, "+OK");
    else
        stream_printf(s->stream, "+OK %llu octets\r\n", (unsigned long long)m->size);
    render_init(&r, bytes.v, lines);
    for (;;) {
        str_clear(&s->piece);
        if (!render_next(&r, &s->piece))
            break;
        s->bytes += s->piece.n;
        stream_write(s->stream, str_view(&s->piece));
    }
    mailbox_bytes_release(&bytes);
    reply(s, ".");
    return true;
}

static void command_retr(struct pop3 *s, struct view args)
{
    struct maildrop_message *m = find_message(s, args);

    if (!m || !send_message(s, m, NULL))
        return;
    m->is_read = true;
    s->retrieved++;
}

static void command_top(struct pop3 *s, struct view args)
{
    struct view number, lines;
    uint64_t n;

    if (!view_cut(args, ' ', &number, &lines) ||
        !number_parse_u64(lines, 0, UINT32_MAX, &n)) {
        fail(s, "-ERR Syntax: TOP message lines");
        return;
    }
    const struct maildrop_message *m = find_message(s, number);
    if (m && send_message(s, m, &n))
        s->tops++;
}

static void command_dele(struct pop3 *s, struct view args)
{
    struct maildrop_message *m = find_message(s, args);

    if (!m)
        return;
    m->is_deleted = true;
    reply(s, "+OK Marked to be deleted.");
}

static void command_rset(struct pop3 *s, struct view args)
{
    (void)args;
    for (size_t i = 0; i < s->drop.n; i++)
        s->drop.messages[i].is_deleted = false;
    reply(s, "+OK");
}

static void command_noop(struct pop3 *s, struct view args)
{
    (void)args;
    reply(s, "+OK");
}

static void command_capa(struct pop3 *s, struct view args)
{
    const struct conf *c = s->session->conf;
    int64_t delay = conf_time(c, P_pop3_login_delay) / CLOCK_SECOND;
    (void)args;

    reply(s, "+OK Capability list follows\r\nTOP\r\nUIDL\r\nRESP-CODES\r\n"
             "AUTH-RESP-CODE\r\nPIPELINING\r\nUTF8\r\nEXPIRE NEVER");
    if (delay > 0)
        stream_printf(s->stream, "LOGIN-DELAY %lld USER\r\n", (long long)delay);
    stream_printf(s->stream, "IMPLEMENTATION %.*s\r\n.\r\n",
                  VIEW_FMT(conf_view(c, P_mail_name)));
}

static void command_quit(struct pop3 *s, struct view args)
{
    struct error e = ERROR_INIT;
    (void)args;

    s->is_closing = s->is_updating = true;
    maildrop_mark_read(&s->drop);
    reply(s, maildrop_update(&s->drop, &e)
                 ? "+OK Logging out."
                 : "-ERR [SYS/TEMP] Some deleted messages were not removed.");
}

static const struct {
    const char *name;
    void (*run)(struct pop3 *s, struct view args);
} commands[] = {{"RETR", command_retr}, {"TOP", command_top},   {"DELE", command_dele},
                {"STAT", command_stat}, {"LIST", command_list}, {"UIDL", command_uidl},
                {"RSET", command_rset}, {"NOOP", command_noop}, {"CAPA", command_capa},
                {"QUIT", command_quit}};

static void run_line(struct pop3 *s, struct view line)
{
    struct view verb, args;

    (void)view_cut(line, ' ', &verb, &args);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (!view_eq_case(verb, view_of(commands[i].name)))
            continue;
        unsigned bad = s->bad;
        commands[i].run(s, view_trim_space(args));
        if (s->bad == bad)
            s->bad = 0;
        return;
    }
    fail(s, "-ERR Unknown command.");
}

static void read_commands(struct pop3 *s)
{
    char copy[LINE_MAX_BYTES];
    struct view line;
    int ending;

    while (!s->is_closing && !s->session->ending) {
        enum stream_result r = stream_read_line(s->stream, sizeof copy, &line, &ending);
        if (r == STREAM_TOO_LONG)
            reply(s, "-ERR Line too long.");
        else if (r == STREAM_TIMEOUT)
            reply(s, "-ERR Disconnected for inactivity.");
        if (r != STREAM_OK)
            return;
        /* Writing may wait, and then the line is no longer there. */
        if (line.n > 0)
            memcpy(copy, line.p, line.n);
        run_line(s, (struct view){copy, line.n});
    }
}

static bool begin(struct pop3 *s)
{
    struct error e = ERROR_INIT;

    if (!uidl_check(conf_view(s->session->conf, P_pop3_uidl_format), &e) ||
        !maildrop_open(&s->drop, s->session->account, &e)) {
        log_warning("pop3: %.*s: %s", VIEW_FMT(s->session->user), error_cstr(&e));
        reply(s, "-ERR [SYS/TEMP] The mailbox cannot be opened.");
        return false;
    }
    stream_printf(s->stream, "+OK Logged in, %zu messages.\r\n", s->drop.n);
    return true;
}

enum session_end pop3_session(struct store_session *session)
{
    struct pop3 s = {.session = session, .stream = session->stream};
    size_t deleted = 0;

    str_init(&s.piece, PIECE);
    stream_set_timeout(s.stream, conf_time(session->conf, P_pop3_timeout));
    if (begin(&s)) {
        read_commands(&s);
        if (session->ending)
            stream_printf(s.stream, "-ERR [SYS/TEMP] %s\r\n", session->ending);
        if (!s.is_updating)
            maildrop_mark_read(&s.drop);
        for (size_t i = 0; s.is_updating && i < s.drop.n; i++)
            deleted += s.drop.messages[i].is_deleted;
        str_addf(&session->summary, "top=%u, retr=%u, del=%zu/%zu, bytes=%llu", s.tops,
                 s.retrieved, deleted, s.drop.n, (unsigned long long)s.bytes);
    }
    maildrop_close(&s.drop);
    str_done(&s.piece);
    return SESSION_ENDED;
}
