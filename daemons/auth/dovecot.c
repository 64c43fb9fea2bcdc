/* dovecot - our passwords for other programs, by Dovecot's auth client protocol 1.1
 *
 * Exim, a second Postfix, an XMPP server ...: all that know Dovecot's socket.  A
 * connection holds many logins, told apart by numbers; each is a fiber.
 * lib/auth/dovecot.c is the other end.
 */
#include "auth.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/str.h"
#include "format/base64.h"
#include "net/stream.h"
#include "run/fiber.h"
#include "sasl/password.h"

#include <inttypes.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 32768, LOGINS_MAX = 100, MISTAKES_MAX = 10 };
#define CLIENT_TIMEOUT (3600 * CLOCK_SECOND)
#define ANSWER_TIMEOUT (300 * CLOCK_SECOND)

struct connection {
    struct auth *auth;
    struct stream *stream;
    struct list logins;
    unsigned users, n_logins; /* fibers that hold this */
    bool is_closed;
};

struct login {
    struct list_link link;
    struct connection *connection;
    struct arena *arena;
    uint64_t id;
    struct view mechanism, service, client_address, certified, initial;
    bool has_initial;
    struct waitq waits;
    struct view answer;
    bool is_answered, is_cancelled;
};

static void release(struct connection *c)
{
    if (--c->users > 0)
        return;
    stream_close(c->stream);
    memory_free(c);
}

static void send_line(struct connection *c, struct view line)
{
    if (c->is_closed)
        return;
    stream_write(c->stream, line);
    if (stream_flush(c->stream) != STREAM_OK)
        c->is_closed = true;
}

/* Tabs and line ends would be read as the end of a field. */
static struct view escape(struct arena *a, struct view v)
{
    struct str out = STR_INIT(4 * SASL_NAME_MAX);
    for (size_t i = 0; i < v.n; i++) {
        static const char special[] = "\001\t\r\n", code[] = "1trn";
        const char *at = v.p[i] ? strchr(special, v.p[i]) : NULL;
        if (v.p[i] == '\0')
            str_add(&out, VIEW("\0010"));
        else if (at)
            str_addf(&out, "\001%c", code[at - special]);
        else
            str_add_char(&out, v.p[i]);
    }
    struct view kept = arena_dup(a, str_view(&out));
    str_done(&out);
    return kept;
}

static bool ask(void *arg, struct view challenge, struct view *answer)
{
    struct login *l = arg;
    struct str line = STR_INIT(2 * SASL_MESSAGE_MAX);
    str_addf(&line, "CONT\t%" PRIu64 "\t", l->id);
    base64_encode(challenge, &line);
    str_add_char(&line, '\n');
    l->is_answered = false;
    send_line(l->connection, str_view(&line));
    str_done(&line);
    int64_t deadline = clock_in(ANSWER_TIMEOUT);
    while (!l->is_answered && !l->is_cancelled && !l->connection->is_closed)
        if (waitq_wait(&l->waits, deadline) != WAKE_OK)
            return false;
    *answer = l->answer;
    return l->is_answered;
}

static void send_verdict(struct login *l, const struct exchange *x, enum sasl_outcome o)
{
    struct view user = escape(l->arena, view_sub(x->sasl.user, 0, SASL_NAME_MAX));
    struct view line;
    if (o == SASL_PROVED)
        line =
            arena_printf(l->arena, "OK\t%" PRIu64 "\tuser=%.*s\n", l->id, VIEW_FMT(user));
    else
        line = arena_printf(l->arena, "FAIL\t%" PRIu64 "%s%.*s%s\n", l->id,
                            user.n ? "\tuser=" : "", VIEW_FMT(user),
                            o == SASL_UNAVAILABLE ? "\ttemp" : "");
    send_line(l->connection, line);
}

static void login_fiber(void *arg)
{
    struct login *l = arg;
    struct connection *c = l->connection;
    struct exchange x = {.auth = c->auth,
                         .ask = ask,
                         .ask_arg = l,
                         .service = l->service,
                         .client_address = l->client_address};
    x.sasl.arena = l->arena;
    x.sasl.host = conf_view(c->auth->conf, P_myhostname);
    x.sasl.has_initial = l->has_initial;
    x.sasl.initial = l->initial;
    x.sasl.certified = l->certified;
    enum sasl_outcome o = exchange_run(&x, l->mechanism);
    if (o != SASL_CANCELLED)
        send_verdict(l, &x, o);
    list_remove(&l->link);
    c->n_logins--;
    arena_free(l->arena);
    memory_free(l);
    release(c);
}

/* --- lines of the client --- */

static bool next_field(struct view *rest, struct view *field)
{
    if (rest->p == NULL)
        return false;
    if (!view_cut(*rest, '\t', field, rest))
        *rest = VIEW_NONE;
    return true;
}

static bool take_id(struct view *rest, uint64_t *id)
{
    struct view field;
    return next_field(rest, &field) && number_parse_u64(field, 1, UINT32_MAX, id);
}

static struct login *find_login(struct connection *c, uint64_t id)
{
    LIST_FOR_EACH (struct login, l, &c->logins, link)
        if (l->id == id)
            return l;
    return NULL;
}

static bool decode(struct arena *a, struct view text, struct view *raw)
{
    struct str out = STR_INIT(SASL_MESSAGE_MAX);
    bool good = base64_decode(text, &out);
    *raw = arena_dup(a, str_view(&out));
    str_done(&out);
    return good;
}

static bool take_parameters(struct login *l, struct view rest)
{
    struct view field, name, value;
    while (next_field(&rest, &field)) {
        (void)view_cut(field, '=', &name, &value);
        if (view_eq(name, VIEW("service")))
            l->service = arena_dup(l->arena, value);
        else if (view_eq(name, VIEW("rip")))
            l->client_address = arena_dup(l->arena, value);
        else if (view_eq(name, VIEW("cert_username")))
            l->certified = arena_dup(l->arena, value);
        else if (view_eq(name, VIEW("resp"))) {
            l->has_initial = true;
            return decode(l->arena, value, &l->initial);
        }
    }
    return true;
}

/* "AUTH id mechanism service=... resp=..." */
static bool take_auth(struct connection *c, struct view rest)
{
    struct view mechanism;
    uint64_t id;
    if (!take_id(&rest, &id) || !next_field(&rest, &mechanism) || find_login(c, id) ||
        c->n_logins >= LOGINS_MAX)
        return false;
    struct login *l = NEW(struct login);
    l->arena = arena_new();
    l->connection = c;
    l->id = id;
    l->mechanism = arena_dup(l->arena, mechanism);
    WAITQ_INIT(&l->waits);
    if (!take_parameters(l, rest)) {
        arena_free(l->arena);
        memory_free(l);
        return false;
    }
    list_append(&c->logins, &l->link);
    c->n_logins++;
    c->users++;
    fiber_spawn("login", login_fiber, l);
    return true;
}

static bool take_cont(struct connection *c, struct view rest)
{
    uint64_t id;
    if (!take_id(&rest, &id))
        return false;
    struct login *l = find_login(c, id);
    if (l == NULL || l->is_answered)
        return l == NULL; /* too late is no mistake */
    l->is_answered = decode(l->arena, rest, &l->answer);
    l->is_cancelled = !l->is_answered;
    waitq_wake_all(&l->waits);
    return l->is_answered;
}

static bool take_cancel(struct connection *c, struct view rest)
{
    uint64_t id;
    if (!take_id(&rest, &id))
        return false;
    struct login *l = find_login(c, id);
    if (l != NULL) {
        l->is_cancelled = true;
        waitq_wake_all(&l->waits);
    }
    return true;
}

static bool take_line(struct connection *c, struct view line)
{
    struct view word, rest = line;
    (void)next_field(&rest, &word);
    if (view_eq(word, VIEW("VERSION")))
        return view_starts(rest, VIEW("1\t")) || view_eq(rest, VIEW("1"));
    if (view_eq(word, VIEW("CPID")))
        return true;
    if (view_eq(word, VIEW("AUTH")))
        return take_auth(c, rest);
    if (view_eq(word, VIEW("CONT")))
        return take_cont(c, rest);
    if (view_eq(word, VIEW("CANCEL")))
        return take_cancel(c, rest);
    return false;
}

/* Our version, our mechanisms, DONE. */
static void greet(struct connection *c)
{
    struct view word, list = conf_view(c->auth->conf, P_auth_mechanisms);
    uint64_t cookie[2];
    password_random(cookie, sizeof cookie);
    stream_write(c->stream, VIEW("VERSION\t1\t1\n"));
    while (conf_list_next(&list, &word)) {
        const struct sasl_mechanism *m = sasl_mechanism(word);
        if (m == NULL || m->properties & SASL_NEEDS_BINDING)
            continue; /* the protocol does not carry the channel's data */
        stream_printf(c->stream, "MECH\t%.*s%s%s%s\n", VIEW_FMT(m->name),
                      m->properties & SASL_PLAINTEXT ? "\tplaintext" : "",
                      m->properties & SASL_DICTIONARY ? "\tdictionary" : "",
                      m->properties & SASL_ACTIVE ? "\tactive" : "");
    }
    stream_printf(c->stream, "SPID\t%d\nCUID\t1\nCOOKIE\t%016" PRIx64 "%016" PRIx64 "\n",
                  (int)getpid(), cookie[0], cookie[1]);
    send_line(c, VIEW("DONE\n"));
}

void dovecot_session(struct auth *a, int fd)
{
    dovecot_serve(a, stream_open_fd(fd));
}

void dovecot_serve(struct auth *a, struct stream *stream)
{
    struct connection *c = NEW(struct connection);
    struct view line;
    int ending;
    unsigned mistakes = 0;
    c->auth = a;
    c->stream = stream;
    c->users = 1;
    list_init(&c->logins);
    stream_set_timeout(c->stream, CLIENT_TIMEOUT);
    greet(c);
    while (!c->is_closed && mistakes < MISTAKES_MAX &&
           stream_read_line(c->stream, LINE_MAX_BYTES, &line, &ending) == STREAM_OK)
        if (!take_line(c, line)) {
            mistakes++;
            log_warning("auth client: unusable line");
        }
    c->is_closed = true;
    LIST_FOR_EACH (struct login, l, &c->logins, link)
        waitq_wake_all(&l->waits);
    release(c);
}
