/* connection - connect, talk in lines, keep for reuse
 *
 * An idle connection stays open for smtp_connection_cache_time_limit, so that
 * the next message to the same host needs no handshake (S086).
 */
#include "client.h"
#include "run/fiber.h"

#include "base/log.h"
#include "base/memory.h"
#include "net/dial.h"

#include <errno.h>

static void fill_names(struct client *c, struct connection *k, const struct host *t)
{
    char text[NET_ADDRESS_TEXT];
    (void)net_address_text(&t->address, text);
    k->name = arena_dup(k->arena, t->name);
    k->display = arena_printf(k->arena, "%.*s[%s]", VIEW_FMT(t->name), text);
    k->relay = net_address_family(&t->address) == AF_UNIX
                   ? k->display
                   : arena_printf(k->arena, "%.*s[%s]:%u", VIEW_FMT(t->name), text,
                                  (unsigned)net_address_port(&t->address));
    (void)c;
}

/* The address to come from (smtp_bind_address, smtp_bind_address6). */
static const struct net_address *bind_address(const struct client *c,
                                              const struct host *t)
{
    int family = net_address_family(&t->address);
    if (family == AF_INET && c->has_bind4)
        return &c->bind4;
    if (family == AF_INET6 && c->has_bind6)
        return &c->bind6;
    return NULL;
}

struct connection *connection_open(struct client *c, const struct host *t,
                                   struct view destination, struct error *e)
{
    struct connection *k = NEW(struct connection);
    k->arena = arena_new();
    k->address = t->address;
    k->is_best = t->is_best;
    fill_names(c, k, t);
    int64_t limit = conf_time(c->conf, PARAMETER(c, connect_timeout));
    struct error cause = ERROR_INIT;
    int fd = dial(&t->address, bind_address(c, t),
                  limit > 0 ? clock_in(limit) : clock_in(3600 * CLOCK_SECOND), &cause);
    if (fd < 0) {
        error_set(e, "4.4.1", "connect to %.*s: %s", VIEW_FMT(k->relay),
                  cause.saved_errno ? strerror(cause.saved_errno) : cause.text);
        arena_free(k->arena);
        memory_free(k);
        return NULL;
    }
    k->stream = stream_open_fd(fd);
    k->opened = clock_mono();
    smtp_reply_init(&k->reply);
    str_init(&k->destination, 2048);
    str_add(&k->destination, destination);
    return k;
}

void connection_drop(struct connection *k)
{
    list_remove(&k->link);
    stream_close(k->stream);
    smtp_reply_done(&k->reply);
    str_done(&k->destination);
    arena_free(k->arena);
    memory_free(k);
}

void connection_send(struct connection *k, const char *format, ...)
{
    va_list args;
    struct str line = STR_INIT(4096);
    va_start(args, format);
    str_addv(&line, format, args);
    va_end(args);
    log_debug("> %.*s: %s", VIEW_FMT(k->display), str_cstr(&line));
    str_add(&line, VIEW("\r\n"));
    stream_write(k->stream, str_view(&line));
    str_done(&line);
}

/* Words for a connection that failed under us. */
static bool connection_lost(struct connection *k, enum stream_result result,
                            const char *doing, struct error *e)
{
    k->broken = true;
    if (result == STREAM_TIMEOUT)
        error_set(e, "4.4.2", "conversation with %.*s timed out while %s",
                  VIEW_FMT(k->display), doing);
    else
        error_set(e, "4.4.2", "lost connection with %.*s while %s", VIEW_FMT(k->display),
                  doing);
    return false;
}

bool connection_read(struct connection *k, int64_t timeout, const char *doing,
                     struct error *e)
{
    struct view line;
    int ending;
    stream_set_timeout(k->stream, timeout);
    smtp_reply_clear(&k->reply);
    for (;;) {
        enum stream_result result = stream_read_line(k->stream, 2048, &line, &ending);
        if (result == STREAM_TOO_LONG) {
            enum stream_result skip = result;
            struct view rest;
            struct view head = arena_dup(k->arena, line);
            while (skip == STREAM_TOO_LONG)
                skip = stream_read_line(k->stream, 2048, &rest, &ending);
            result = skip;
            line = head;
        }
        if (result != STREAM_OK)
            return connection_lost(k, result, doing, e);
        log_debug("< %.*s: %.*s", VIEW_FMT(k->display), VIEW_FMT(line));
        switch (smtp_reply_line(&k->reply, line)) {
        case SMTP_REPLY_MORE:
            break;
        case SMTP_REPLY_DONE:
            k->replies++;
            if (k->reply.code == 421)
                k->broken = true;
            return true;
        case SMTP_REPLY_TOO_LONG:
        default:
            k->broken = true;
            error_set(e, "4.5.0", "host %.*s sent an endless reply while %s",
                      VIEW_FMT(k->display), doing);
            return false;
        }
    }
}

/* May this connection serve another delivery? */
static bool is_reusable(struct client *c, const struct connection *k)
{
    int64_t limit = conf_int(c->conf, PARAMETER(c, connection_reuse_count_limit));
    int64_t age = conf_time(c->conf, PARAMETER(c, connection_reuse_time_limit));
    if (k->broken || conf_time(c->conf, PARAMETER(c, connection_cache_time_limit)) <= 0)
        return false;
    if (limit > 0 && k->uses >= (uint64_t)limit)
        return false;
    if (age > 0 && clock_mono() - k->opened > age)
        return false;
    if (conf_bool(c->conf, PARAMETER(c, connection_cache_on_demand)))
        return true;
    struct view rest = conf_view(c->conf, PARAMETER(c, connection_cache_destinations)),
                word;
    while (view_token(&rest, VIEW(", \t\r\n"), &word)) {
        if (view_eq_case(word, str_view(&k->destination)))
            return true;
    }
    return false;
}

static void say_quit(struct client *c, struct connection *k)
{
    struct error e = ERROR_INIT;
    if (!k->broken) {
        connection_send(k, "QUIT");
        if (conf_bool(c->conf, PARAMETER(c, skip_quit_response)))
            (void)(stream_flush(k->stream) == STREAM_OK);
        else if (!connection_read(k, conf_time(c->conf, PARAMETER(c, quit_timeout)),
                                  "sending QUIT", &e))
            log_debug("%s", e.text);
    }
    connection_drop(k);
}

/* One fiber closes what has been idle for too long. */
static void idle_fiber(void *arg)
{
    struct client *c = arg;
    while (!list_is_empty(&c->cached)) {
        struct connection *k = LIST_FIRST(struct connection, &c->cached, link);
        int64_t left = k->expires - clock_mono();
        if (left > 0) {
            if (fiber_sleep(left) == WAKE_CANCELLED)
                return;
            continue;
        }
        list_remove(&k->link);
        say_quit(c, k);
    }
    c->idle_fiber_runs = false;
}

void connection_release(struct client *c, struct connection *k)
{
    k->uses++;
    if (!is_reusable(c, k)) {
        say_quit(c, k);
        return;
    }
    k->expires = clock_in(conf_time(c->conf, PARAMETER(c, connection_cache_time_limit)));
    list_append(&c->cached, &k->link);
    if (!c->idle_fiber_runs) {
        c->idle_fiber_runs = true;
        (void)fiber_spawn("idle connections", idle_fiber, c);
    }
}

struct connection *connection_take(struct client *c, struct view destination,
                                   const struct net_address *address)
{
    LIST_FOR_EACH_SAFE (struct connection, k, &c->cached, link) {
        bool same = address
                        ? net_address_eq(&k->address, address) &&
                              net_address_port(&k->address) == net_address_port(address)
                        : view_eq_case(str_view(&k->destination), destination);
        if (!same)
            continue;
        list_remove(&k->link);
        if (stream_has_input(k->stream)) { /* a farewell, or the end */
            connection_drop(k);
            continue;
        }
        k->reused = true;
        k->replies = 0;
        return k;
    }
    return NULL;
}
