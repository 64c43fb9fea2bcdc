/* give - a session goes to the store, and sometimes comes back
 *
 * One connection of this process to the store's dispatcher carries all sessions, each
 * with a tag.  In clear the client's own descriptor goes, and with SESSION_TAKEN the
 * session is over here.  With TLS one end of a pair goes, and this program carries the
 * bytes until the store closes it.  SESSION_RETURN (RFC 8437) brings either back.
 */
#include "login.h"

#include "base/log.h"
#include "base/memory.h"
#include "ipc/call.h"
#include "ipc/endpoint.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_TIMEOUT (30 * CLOCK_SECOND)
/* Most pipelined bytes that one message carries. */
#define INPUT_MAX ((size_t)32768)

enum gift_state { WAITING, TAKEN, REFUSED, LOST };

/* A session on its way, or carried. */
struct gift {
    uint64_t tag;
    enum gift_state state;
    struct error error;
    struct waitq changed;
    struct relay *relay; /* while it is carried */
    struct str input;    /* of the client, that the store had read and gives back */
    bool has_come_back;
};

struct store_link {
    struct login *login;
    struct ipc *ipc; /* NULL: not connected */
    uint64_t last_tag;
    struct hash *gifts; /* by tag */
};

struct store_link *store_link_new(struct login *l)
{
    struct store_link *k = NEW(struct store_link);
    k->login = l;
    k->gifts = hash_new();
    return k;
}

void store_link_free(struct store_link *k)
{
    hash_free(k->gifts, NULL);
    memory_free(k);
}

static struct view tag_key(const uint64_t *tag)
{
    return (struct view){(const char *)tag, sizeof *tag};
}

/* --- what the store says --- */

static void set_state(struct gift *g, enum gift_state state)
{
    g->state = state;
    waitq_wake_all(&g->changed);
}

/* What the client sent behind UNAUTHENTICATE: what the worker had read, what still lay in
 * the pair, what was held back here. */
static void gather_input(struct gift *g, struct view read_there, int fd)
{
    char piece[1024];
    ssize_t n;
    bool fits = str_add(&g->input, read_there);
    while ((n = recv(fd, piece, sizeof piece, MSG_DONTWAIT)) > 0)
        fits = str_add(&g->input, (struct view){piece, (size_t)n}) && fits;
    fits = str_add(&g->input, relay_stop(g->relay)) && fits;
    if (!fits)
        log_warning("too much input behind UNAUTHENTICATE");
}

static void take_back(struct store_link *k, struct gift *g, struct ipc_message *m)
{
    if (!ipc_get_u64(m, IPC_ATTR_RELAYED, 0)) {
        session_resume(k->login, m);
        return;
    }
    if (!g || !g->relay)
        return;
    int fd = ipc_take_fd(m, 0);
    g->has_come_back = true;
    gather_input(g, ipc_get_view(m, IPC_ATTR_INPUT), fd);
    close(fd); /* the relay sees the end behind the last words */
}

static void take_message(struct store_link *k, struct ipc_message *m)
{
    enum ipc_type type = ipc_message_type(m);
    bool has_tag =
        type == IPC_SESSION_TAKEN || type == IPC_REFUSED || type == IPC_SESSION_RETURN;
    uint64_t tag = has_tag ? ipc_get_u64(m, IPC_ATTR_TAG, 0) : 0;
    struct gift *g = hash_get(k->gifts, tag_key(&tag));
    switch ((int)type) {
    case IPC_SESSION_TAKEN:
        if (g)
            set_state(g, TAKEN);
        break;
    case IPC_REFUSED:
        if (!g)
            break;
        error_set(&g->error, "4.3.0", "%.*s", VIEW_FMT(ipc_get_view(m, IPC_ATTR_TEXT)));
        (void)snprintf(g->error.status, sizeof g->error.status, "%.*s",
                       VIEW_FMT(ipc_get_view(m, IPC_ATTR_STATUS)));
        set_state(g, REFUSED);
        break;
    case IPC_SESSION_RETURN:
        take_back(k, g, m);
        break;
    default:
        log_warning("store sent an unexpected %s", ipc_type_name(ipc_message_type(m)));
    }
}

/* The store is gone: nobody waits for it any longer.  Sessions that are carried end as
 * their pairs do. */
static void lose_all(struct store_link *k)
{
    size_t position = 0;
    struct view key;
    void *value;
    while (hash_next(k->gifts, &position, &key, &value)) {
        struct gift *g = value;
        if (g->state == WAITING)
            set_state(g, LOST);
    }
}

static void link_fiber(void *arg)
{
    struct store_link *k = arg;
    struct ipc *ipc = k->ipc;
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct ipc_message *m;
    while ((m = ipc_receive(ipc, a, CLOCK_NEVER, &e))) {
        take_message(k, m);
        ipc_message_close_fds(m);
        arena_reset(a);
    }
    log_debug("store: %s", error_cstr(&e));
    arena_free(a);
    k->ipc = NULL;
    ipc_close(ipc);
    lose_all(k);
}

static bool connect_store(struct store_link *k, struct error *e)
{
    const struct conf *c = k->login->conf;
    if (k->ipc)
        return true;
    struct ipc *ipc = ipc_dial(conf_view(c, P_queue_directory), ENDPOINT_PRIVATE,
                               conf_view(c, P_store_service_name), "login",
                               clock_in(ANSWER_TIMEOUT), e);
    if (!ipc)
        return false;
    if (k->ipc) { /* another session was faster */
        ipc_close(ipc);
        return true;
    }
    k->ipc = ipc;
    fiber_spawn("store", link_fiber, k);
    return true;
}

/* --- giving --- */

static struct ipc_message *message_of(const struct session *s, const struct gift *g,
                                      bool is_relayed, int fd, struct arena *a)
{
    struct ipc_message *m = ipc_message_new(a, IPC_SESSION_GIVE);
    ipc_put_u64(m, IPC_ATTR_TAG, g->tag);
    ipc_put_cstr(m, IPC_ATTR_SERVICE, s->login->protocol->name);
    ipc_put_view(m, IPC_ATTR_USER, s->user);
    ipc_put_view(m, IPC_ATTR_MECHANISM, s->method);
    ipc_put_view(m, IPC_ATTR_CLIENT_NAME, s->client_name);
    ipc_put_view(m, IPC_ATTR_CLIENT_ADDRESS, s->client_address);
    ipc_put_view(m, IPC_ATTR_CLIENT_PORT, s->client_port);
    ipc_put_view(m, IPC_ATTR_SERVER_ADDRESS, s->server_address);
    ipc_put_view(m, IPC_ATTR_SERVER_PORT, s->server_port);
    ipc_put_view(m, IPC_ATTR_SESSION, s->id);
    ipc_put_u64(m, IPC_ATTR_SECURED, tls_is_on(&s->tls));
    ipc_put_u64(m, IPC_ATTR_RELAYED, is_relayed);
    if (s->tag.n > 0) {
        ipc_put_view(m, IPC_ATTR_COMMAND, s->command);
        ipc_put_view(m, IPC_ATTR_COMMAND_TAG, s->tag);
    }
    if (!is_relayed && stream_pending(s->stream) > 0)
        ipc_put_view(m, IPC_ATTR_INPUT, stream_peek(s->stream));
    ipc_put_fd(m, fd);
    return m;
}

/* Send it and wait for what the store says. */
static bool offer(struct session *s, struct gift *g, bool is_relayed, int fd,
                  struct error *e)
{
    struct store_link *k = s->login->store;
    struct arena *a = arena_new();
    bool is_sent =
        connect_store(k, e) && ipc_send(k->ipc, message_of(s, g, is_relayed, fd, a),
                                        clock_in(ANSWER_TIMEOUT), e);
    arena_free(a);
    if (!is_sent) {
        log_warning("store: %s", error_cstr(e));
        error_set(e, "4.3.0", "Mailboxes are not available at this time");
        return false;
    }
    int64_t end = clock_in(ANSWER_TIMEOUT);
    while (g->state == WAITING && waitq_wait(&g->changed, end) == WAKE_OK)
        ;
    if (g->state == REFUSED)
        *e = g->error;
    else if (g->state != TAKEN)
        error_set(e, "4.3.0", "Mailboxes are not available at this time");
    return g->state == TAKEN;
}

/* Carry the bytes until the store is done with the client. */
static enum give_result carry(struct session *s, struct gift *g, int fd)
{
    struct stream *inner = stream_open_fd(fd);
    struct relay relay;
    relay_init(&relay, s->stream, inner);
    g->relay = &relay;
    bool is_usable = relay_run(&relay);
    g->relay = NULL;
    relay_done(&relay);
    stream_close(inner);
    if (!is_usable || !g->has_come_back || g->input.overflow)
        return GIVE_TAKEN;
    stream_give_input(s->stream, str_view(&g->input));
    return GIVE_RETURNED;
}

static enum give_result give_relayed(struct session *s, struct gift *g, struct error *e)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        error_set_errno(e, "4.3.0", "socketpair");
        return GIVE_REFUSED;
    }
    bool is_taken = offer(s, g, true, pair[1], e);
    close(pair[1]);
    if (is_taken)
        return carry(s, g, pair[0]);
    close(pair[0]);
    return GIVE_REFUSED;
}

static enum give_result give_whole(struct session *s, struct gift *g, struct error *e)
{
    if (!offer(s, g, false, stream_fd(s->stream), e))
        return GIVE_REFUSED;
    stream_close(s->stream);
    s->stream = NULL;
    return GIVE_TAKEN;
}

enum give_result store_give(struct session *s, struct error *e)
{
    struct store_link *k = s->login->store;
    struct gift g = {.tag = ++k->last_tag, .error = ERROR_INIT};
    bool is_whole = !tls_is_on(&s->tls) && !s->login->is_standalone &&
                    stream_pending(s->stream) <= INPUT_MAX;
    if (stream_flush(s->stream) != STREAM_OK) {
        s->lost = true;
        return GIVE_TAKEN;
    }
    WAITQ_INIT(&g.changed);
    str_init(&g.input, STREAM_INPUT_MAX);
    (void)hash_put(k->gifts, tag_key(&g.tag), &g);
    enum give_result result = is_whole ? give_whole(s, &g, e) : give_relayed(s, &g, e);
    (void)hash_remove(k->gifts, tag_key(&g.tag));
    str_done(&g.input);
    return result;
}
