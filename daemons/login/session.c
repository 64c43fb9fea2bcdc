/* session - the life of a connection: who is it, its dialogue, and on to the store
 *
 * A session that the store gives back (UNAUTHENTICATE, RFC 8437) goes round again.
 */
#include "login.h"

#include "base/log.h"
#include "base/memory.h"

#include <stdio.h>
#include <unistd.h>

/* Short, and no two alike in a log. */
static struct view new_id(struct arena *a)
{
    static unsigned number;
    return arena_printf(a, "%llx%05x%04x",
                        (unsigned long long)(clock_wall() / CLOCK_SECOND),
                        (unsigned)getpid() & 0xfffff, number++ & 0xffff);
}

static struct session *session_new(struct login *l, struct stream *stream)
{
    struct session *s = NEW(struct session);
    s->login = l;
    s->stream = stream;
    s->arena = arena_new();
    s->begun = clock_mono();
    return s;
}

static void session_free(struct session *s)
{
    client_limits_end(s);
    if (s->stream)
        stream_close(s->stream);
    arena_free(s->arena);
    memory_free(s);
}

void session_log(const struct session *s, const char *action)
{
    struct view user = s->has_logged_in ? s->user : s->last_user;
    struct view method = s->has_logged_in ? s->method : s->last_method;
    struct str who = STR_INIT(600);
    if (user.n > 0)
        str_addf(&who, " user=<%.*s>,", VIEW_FMT(user));
    if (method.n > 0)
        str_addf(&who, " method=%.*s,", VIEW_FMT(method));
    log_info("%s:%s rip=%.*s, lip=%.*s,%s session=<%.*s>", action, str_cstr(&who),
             VIEW_FMT(s->client_address), VIEW_FMT(s->server_address),
             tls_is_on(&s->tls) ? " TLS," : "", VIEW_FMT(s->id));
    str_done(&who);
}

/* --- reading --- */

static void connection_failed(struct session *s, enum stream_result r)
{
    s->lost = true;
    if (r != STREAM_TIMEOUT)
        return;
    stream_set_deadline(s->stream, CLOCK_NEVER);
    stream_set_timeout(s->stream, CLOCK_SECOND);
    s->login->protocol->say_bye(s, "", "Disconnected for inactivity.");
    (void)(stream_flush(s->stream) == STREAM_OK);
}

bool session_read_line(struct session *s, struct arena *a, struct view *line)
{
    int ending;
    size_t limit = (size_t)conf_int(s->login->conf, P_login_line_length_limit);
    struct view v;
    enum stream_result r = stream_read_line(s->stream, limit, &v, &ending);
    if (r == STREAM_TOO_LONG) {
        s->login->protocol->say_bye(s, "", "Line too long.");
        s->closing = true;
        return false;
    }
    if (r != STREAM_OK) {
        connection_failed(s, r);
        return false;
    }
    *line = arena_dup(a, v);
    return true;
}

bool session_error(struct session *s)
{
    if (++s->errors < (unsigned)conf_int(s->login->conf, P_login_error_limit))
        return true;
    s->login->protocol->say_bye(s, "", "Too many errors.");
    s->closing = true;
    return false;
}

/* --- the end --- */

/* Why it ended before a login, in the words of Dovecot's log. */
static void log_end(struct session *s)
{
    char text[100];
    long long seconds = (clock_mono() - s->begun) / CLOCK_SECOND;
    if (s->attempts > 0)
        (void)snprintf(text, sizeof text,
                       "Disconnected (auth failed, %u attempts in %lld secs)",
                       s->attempts, seconds);
    else
        (void)snprintf(text, sizeof text, "Disconnected (no auth attempts in %lld secs)",
                       seconds);
    session_log(s, text);
}

/* What the store says of a session that it will not have; it stays before its login. */
static bool give(struct session *s)
{
    struct error e = ERROR_INIT;
    session_log(s, "Login");
    client_limits_end(s);
    enum give_result result = store_give(s, &e);
    if (result == GIVE_TAKEN)
        return false;
    if (result == GIVE_REFUSED) {
        log_warning("%.*s: login of %.*s: %s", VIEW_FMT(s->client_display),
                    VIEW_FMT(s->user), error_cstr(&e));
        s->login->protocol->refuse(s, &e);
        (void)session_error(s);
    }
    s->has_logged_in = false;
    s->attempts = 0;
    s->user = s->method = s->tag = s->command = s->last_user = s->last_method = VIEW_NONE;
    return !s->lost;
}

static void talk(struct session *s, bool is_new)
{
    const struct login *l = s->login;
    do {
        stream_set_timeout(s->stream, conf_time(l->conf, P_login_timeout));
        if (!is_new) /* its time to log in begins anew */
            s->begun = clock_mono();
        stream_set_deadline(s->stream, clock_in(conf_time(l->conf, P_login_timeout)));
        if (!s->closing && client_limits_begin(s))
            l->protocol->run(s);
        if (!s->has_logged_in) {
            log_end(s);
            break;
        }
        is_new = false;
        stream_set_deadline(s->stream, CLOCK_NEVER);
    } while (l->protocol->is_mail && give(s));
    if (!s->stream)
        return;
    if (!s->lost)
        (void)(stream_flush(s->stream) == STREAM_OK);
    tls_bye(s->stream);
}

void session_serve(struct login *l, struct stream *stream, const struct net_address *peer)
{
    struct session *s = session_new(l, stream);
    stream_set_timeout(stream, conf_time(l->conf, P_login_timeout));
    stream_set_deadline(stream, clock_in(conf_time(l->conf, P_login_timeout)));
    s->id = new_id(s->arena);
    if (client_identify(s, peer)) {
        log_debug("connect from %.*s", VIEW_FMT(s->client_display));
        if (!l->tls_wrapper || session_start_tls(s)) {
            l->protocol->greet(s);
            talk(s, true);
        } else {
            log_end(s);
        }
    }
    session_free(s);
}

/* --- back from the store --- */

static struct view keep(struct session *s, const struct ipc_message *m,
                        enum ipc_attr attr)
{
    return arena_dup(s->arena, ipc_get_view(m, attr));
}

static void resumed_fiber(void *arg)
{
    struct session *s = arg;
    talk(s, false);
    session_free(s);
}

void session_resume(struct login *l, struct ipc_message *m)
{
    struct session *s = session_new(l, stream_open_fd(ipc_take_fd(m, 0)));
    s->client_name = keep(s, m, IPC_ATTR_CLIENT_NAME);
    s->client_address = keep(s, m, IPC_ATTR_CLIENT_ADDRESS);
    s->client_port = keep(s, m, IPC_ATTR_CLIENT_PORT);
    s->server_address = keep(s, m, IPC_ATTR_SERVER_ADDRESS);
    s->server_port = keep(s, m, IPC_ATTR_SERVER_PORT);
    s->id = keep(s, m, IPC_ATTR_SESSION);
    s->client_display = arena_printf(s->arena, "%.*s[%.*s]", VIEW_FMT(s->client_name),
                                     VIEW_FMT(s->client_address));
    stream_give_input(s->stream, ipc_get_view(m, IPC_ATTR_INPUT));
    fiber_spawn("returned", resumed_fiber, s);
}
