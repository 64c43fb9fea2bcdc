/* dovecot - Dovecot's auth server, by its client protocol 1.1
 *
 * Lines of fields apart by tabs.  The server greets with its mechanisms; then AUTH, CONT
 * and OK or FAIL.  Tabs and line ends in fields are escaped as ^A t, ^A n and ^A r.
 */
#include "auth/auth_private.h"

#include "base/number.h"
#include "format/base64.h"
#include "net/dial.h"
#include "net/stream.h"

#include <unistd.h>

enum { GREETING_LINES_MAX = 100, LINE_MAX_BYTES = 32768 };

static bool next_field(struct view *rest, struct view *field)
{
    if (rest->p == NULL)
        return false;
    if (!view_cut(*rest, '\t', field, rest))
        *rest = VIEW_NONE;
    return true;
}

static bool read_line(struct stream *s, struct view *line, struct error *e)
{
    int ending;
    enum stream_result r = stream_read_line(s, LINE_MAX_BYTES, line, &ending);
    if (r == STREAM_OK && ending != 0)
        return true;
    error_set(e, "4.3.0", "%s", r == STREAM_OK ? "broken line" : stream_strerror(s, r));
    return false;
}

bool dovecot_greet(struct stream *s, struct str *names, struct error *e)
{
    struct view line, word, number;
    stream_printf(s, "VERSION\t1\t1\nCPID\t%d\n", (int)getpid());
    for (int i = 0; i < GREETING_LINES_MAX; i++) {
        if (!read_line(s, &line, e))
            return false;
        (void)next_field(&line, &word);
        if (view_eq(word, VIEW("DONE")))
            return true;
        if (view_eq(word, VIEW("VERSION")) && next_field(&line, &number) &&
            !view_eq(number, VIEW("1"))) {
            error_set(e, "4.3.0", "protocol version %.*s is not known", VIEW_FMT(number));
            return false;
        }
        if (view_eq(word, VIEW("MECH")) && next_field(&line, &word))
            str_addf(names, "%.*s ", VIEW_FMT(word));
    }
    error_set(e, "4.3.0", "endless greeting");
    return false;
}

/* A stream past its greeting; NULL with *E. */
static struct stream *open_stream(const struct auth_login *l, struct str *names,
                                  struct error *e)
{
    struct view queue = conf_view(l->server->conf, P_queue_directory);
    struct str target = STR_INIT(4096);
    bool is_inet = view_starts(l->server->path, VIEW("inet:"));
    str_addf(&target, "%s%.*s", is_inet ? "" : "unix:", VIEW_FMT(l->server->path));
    int fd = dial_endpoint(str_view(&target), queue, l->server->timeout, e);
    str_done(&target);
    if (fd < 0)
        return NULL;
    struct stream *s = stream_open_fd(fd);
    stream_set_timeout(s, l->server->timeout);
    if (dovecot_greet(s, names, e))
        return s;
    stream_close(s);
    return NULL;
}

static void tell_failure(const struct auth_login *l, struct error *e)
{
    error_prefix(e, "Dovecot auth server %.*s: ", VIEW_FMT(l->server->path));
}

static bool names(const struct auth_login *l, struct arena *a, struct view *out,
                  struct error *e)
{
    struct str found = STR_INIT(AUTH_NAMES_MAX);
    struct stream *s = open_stream(l, &found, e);
    if (s != NULL)
        stream_close(s);
    else
        tell_failure(l, e);
    *out = arena_dup(a, str_view(&found));
    str_done(&found);
    return s != NULL;
}

static struct view encode(struct arena *a, struct view v)
{
    struct str out = STR_INIT(2 * SASL_MESSAGE_MAX);
    base64_encode(v, &out);
    struct view kept = arena_dup(a, str_view(&out));
    str_done(&out);
    return kept;
}

static void send_auth(const struct auth_login *l, struct stream *s, struct view mechanism)
{
    stream_printf(s, "AUTH\t1\t%.*s\tservice=%.*s\tnologin\tlip=%.*s\trip=%.*s",
                  VIEW_FMT(mechanism), VIEW_FMT(l->server->service),
                  VIEW_FMT(l->server_address), VIEW_FMT(l->client_address));
    if (l->is_secured)
        stream_write(s, VIEW("\tsecured"));
    if (l->sasl.certified.n > 0)
        stream_printf(s, "\tcert_username=%.*s\tvalid-client-cert",
                      VIEW_FMT(l->sasl.certified));
    if (l->sasl.has_initial) { /* must be the last field */
        stream_write(s, VIEW("\tresp="));
        stream_write(s, encode(l->sasl.arena, l->sasl.initial));
    }
    stream_write(s, VIEW("\n"));
}

static char unescaped(char code)
{
    switch (code) {
    case '0':
        return '\0';
    case '1':
        return '\001';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'n':
        return '\n';
    default:
        return code;
    }
}

static struct view unescape(struct arena *a, struct view v)
{
    struct str out = STR_INIT(LINE_MAX_BYTES);
    for (size_t i = 0; i < v.n; i++) {
        bool is_escape = v.p[i] == '\001' && i + 1 < v.n;
        str_add_char(&out, is_escape ? unescaped(v.p[++i]) : v.p[i]);
    }
    struct view kept = arena_dup(a, str_view(&out));
    str_done(&out);
    return kept;
}

/* The fields of OK and FAIL. */
static void take_fields(struct auth_login *l, struct view rest, bool *is_temporary)
{
    struct view field, name, value;
    while (next_field(&rest, &field)) {
        (void)view_cut(field, '=', &name, &value);
        if (view_eq(name, VIEW("user")))
            l->sasl.user = unescape(l->sasl.arena, value);
        else if (view_eq(name, VIEW("temp")))
            *is_temporary = true;
        else if (view_eq(name, VIEW("reason")))
            error_set(&l->sasl.error, "4.7.0", "%.*s", VIEW_FMT(value));
    }
}

static bool carry(struct auth_login *l, struct stream *s, struct view encoded)
{
    struct str raw = STR_INIT(SASL_MESSAGE_MAX);
    struct view answer;
    bool good = base64_decode(encoded, &raw);
    struct view challenge = arena_dup(l->sasl.arena, str_view(&raw));
    str_done(&raw);
    if (!good || !l->sasl.ask(l->sasl.arg, challenge, &answer))
        return false;
    stream_write(s, VIEW("CONT\t1\t"));
    stream_write(s, encode(l->sasl.arena, answer));
    stream_write(s, VIEW("\n"));
    return true;
}

enum sasl_outcome dovecot_converse(struct auth_login *l, struct stream *s)
{
    struct view line, word, id;
    bool is_temporary = false;
    while (read_line(s, &line, &l->sasl.error)) {
        if (!next_field(&line, &word) || !next_field(&line, &id) ||
            !view_eq(id, VIEW("1")))
            continue; /* SPID, COOKIE and their kin */
        if (view_eq(word, VIEW("CONT"))) {
            if (!carry(l, s, line))
                return SASL_CANCELLED;
        } else if (view_eq(word, VIEW("OK"))) {
            take_fields(l, line, &is_temporary);
            return SASL_PROVED;
        } else if (view_eq(word, VIEW("FAIL"))) {
            take_fields(l, line, &is_temporary);
            if (!l->sasl.error.text[0])
                error_set(&l->sasl.error, "4.7.0", "(reason unavailable)");
            return is_temporary ? SASL_UNAVAILABLE : SASL_REFUSED;
        }
    }
    tell_failure(l, &l->sasl.error);
    return SASL_UNAVAILABLE;
}

static enum sasl_outcome login(struct auth_login *l, struct view mechanism)
{
    struct str found = STR_INIT(AUTH_NAMES_MAX);
    struct stream *s = open_stream(l, &found, &l->sasl.error);
    str_done(&found);
    if (s == NULL) {
        tell_failure(l, &l->sasl.error);
        return SASL_UNAVAILABLE;
    }
    send_auth(l, s, mechanism);
    enum sasl_outcome o = dovecot_converse(l, s);
    stream_close(s);
    return o;
}

const struct auth_type auth_dovecot = {VIEW("dovecot"), names, login, NULL};
