/* connection - connect, talk in lines
 *
 * Every byte that comes is hostile: replies are bounded in lines, bytes and (with
 * smtp_per_request_deadline) time, and while commands are pipelined a line that
 * is no reply ends the connection, since replies could no longer be told apart.
 */
#include "client.h"

#include "base/log.h"
#include "base/memory.h"
#include "net/dial.h"
#include "run/fiber.h"

#include <errno.h>

/* Longest line looked at, and what is thrown away of longer ones until we give up. */
#define LINE_MAX_BYTES 2048
#define SKIP_MAX_BYTES ((size_t)256 * 1024)

void connection_name(struct connection *k, const struct host *t)
{
    char text[NET_ADDRESS_TEXT];
    if (view_eq(k->name, t->name) && k->relay.n > 0)
        return;
    (void)net_address_text(&t->address, text);
    k->name = arena_dup(k->arena, t->name);
    k->display = arena_printf(k->arena, "%.*s[%s]", VIEW_FMT(t->name), text);
    k->relay = net_address_family(&t->address) == AF_UNIX
                   ? k->display
                   : arena_printf(k->arena, "%.*s[%s]:%u", VIEW_FMT(t->name), text,
                                  (unsigned)net_address_port(&t->address));
}

/* debug_peer_list: names, addresses and networks that are logged in detail. */
static bool is_debugged(const struct client *c, const struct host *t)
{
    char text[NET_ADDRESS_TEXT];
    struct error e = ERROR_INIT;
    return c->debug_peers &&
           match_client(c->debug_peers, t->name,
                        view_of(net_address_text(&t->address, text)), &e) == MATCH_YES;
}

/* "inet:host:port" is known to tables as "host:port". */
static struct view without_family(struct view destination)
{
    return view_starts(destination, VIEW("inet:")) ? view_from(destination, 5)
                                                   : destination;
}

struct connection *connection_new(struct client *c, const struct host *t,
                                  struct view destination, struct stream *stream)
{
    struct connection *k = NEW(struct connection);
    k->client = c;
    k->stream = stream;
    k->arena = arena_new();
    k->address = t->address;
    k->is_best = t->is_best;
    k->debug = is_debugged(c, t);
    k->queue_id = "NOQUEUE";
    connection_name(k, t);
    k->opened = clock_mono();
    smtp_reply_init(&k->reply);
    str_init(&k->destination, 2048);
    str_add(&k->destination, destination);
    k->next_hop = arena_dup(k->arena, without_family(destination));
    if (c->notify) {
        k->transcript = NEW(struct transcript);
        transcript_init(k->transcript);
    }
    return k;
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

/* Dial, from our bind address where that can be had; -1 with *E. */
static int dial_host(struct client *c, const struct host *t, struct error *e)
{
    int64_t limit = conf_time(c->conf, PARAMETER(c, connect_timeout));
    const struct net_address *from = bind_address(c, t);
    int64_t end = clock_in(limit > 0 ? limit : 3600 * CLOCK_SECOND);
    int fd = dial(&t->address, from, end, e);
    if (fd >= 0 || !from || !view_starts(view_of(e->text), VIEW("bind ")))
        return fd;
    log_warning("%s", e->text);
    if (!conf_bool(c->conf, PARAMETER(c, bind_address_enforce)))
        return dial(&t->address, NULL, end, e);
    error_set(e, "4.4.0", "server configuration error");
    return -1;
}

struct connection *connection_open(struct client *c, const struct host *t,
                                   struct view destination, struct error *e)
{
    struct error cause = ERROR_INIT;
    char text[NET_ADDRESS_TEXT];
    int fd = dial_host(c, t, &cause);
    if (fd >= 0)
        return connection_new(c, t, destination, stream_open_fd(fd));
    (void)net_address_text(&t->address, text);
    const char *reason = cause.saved_errno ? strerror(cause.saved_errno) : cause.text;
    if (strcmp(cause.status, "4.4.0") == 0)
        *e = cause;
    else if (net_address_family(&t->address) == AF_UNIX)
        error_set(e, "4.4.1", "connect to %.*s[%s]: %s", VIEW_FMT(t->name), text, reason);
    else
        error_set(e, "4.4.1", "connect to %.*s[%s]:%u: %s", VIEW_FMT(t->name), text,
                  (unsigned)net_address_port(&t->address), reason);
    return NULL;
}

/* Postmaster gets the transcript of a session in which something odd happened
 * (notify_classes).  May suspend. */
static void post_notice(struct connection *k)
{
    struct client *c = k->client;
    struct error e = ERROR_INIT;
    const struct notice n = {.classes = k->seen & c->notify,
                             .role = c->lmtp ? "LMTP client" : "SMTP client",
                             .peer = k->relay,
                             .transcript = k->transcript};
    if (n.classes && !notice_post(c->conf, c->cleanup, c->queue, &n, &e))
        log_warning("postmaster notify: %s", e.text);
}

/* May suspend. */
static void connection_free(struct connection *k)
{
    tls_bye(k->stream);
    stream_close(k->stream);
    if (k->transcript) {
        post_notice(k);
        transcript_done(k->transcript);
        memory_free(k->transcript);
    }
    smtp_reply_done(&k->reply);
    str_done(&k->destination);
    arena_free(k->arena);
    memory_free(k);
}

/* Say QUIT when the peer still listens, and let K go. */
static void quit_fiber(void *arg)
{
    struct connection *k = arg;
    const struct client *c = k->client;
    int64_t limit = conf_time(c->conf, PARAMETER(c, quit_timeout));
    struct error e = ERROR_INIT;
    if (!k->broken) {
        stream_set_deadline(k->stream, CLOCK_NEVER);
        stream_set_timeout(k->stream, limit);
        connection_send(k, "QUIT");
        if (conf_bool(c->conf, PARAMETER(c, skip_quit_response)))
            (void)(stream_flush(k->stream) == STREAM_OK);
        else if (!connection_read(k, limit, "sending QUIT", &e))
            log_debug("%s", e.text);
    }
    connection_free(k);
}

void connection_quit(struct connection *k)
{
    list_remove(&k->link);
    k->queue_id = "NOQUEUE"; /* the delivery may end before */
    (void)fiber_spawn("quit", quit_fiber, k);
}

void connection_debug(const struct connection *k, const char *arrow, struct view text)
{
    if (k->debug)
        log_info("%s %.*s: %.*s", arrow, VIEW_FMT(k->relay), VIEW_FMT(text));
    else
        log_debug("%s %.*s: %.*s", arrow, VIEW_FMT(k->relay), VIEW_FMT(text));
}

static void note_sent(struct connection *k, struct view line)
{
    connection_debug(k, ">", line);
    if (k->transcript)
        transcript_add(k->transcript, "Out: ", line);
}

void connection_send(struct connection *k, const char *format, ...)
{
    va_list args;
    struct str line = STR_INIT(16384);
    va_start(args, format);
    str_addv(&line, format, args);
    va_end(args);
    if (line.overflow)
        log_panic("connection_send: a command of more than %zu bytes", line.limit);
    note_sent(k, str_view(&line));
    stream_write(k->stream, str_view(&line));
    stream_write(k->stream, VIEW("\r\n"));
    str_done(&line);
}

void connection_send_secret(struct connection *k, struct view line, struct view shown)
{
    struct str text = STR_INIT(1024);
    str_add(&text, shown);
    if (line.n > shown.n)
        str_add(&text, VIEW("..."));
    note_sent(k, str_view(&text));
    str_done(&text);
    stream_write(k->stream, line);
    stream_write(k->stream, VIEW("\r\n"));
}

void connection_lost(struct connection *k, enum stream_result result, const char *doing,
                     struct error *e)
{
    k->broken = true;
    k->timed_out = result == STREAM_TIMEOUT;
    if (k->timed_out)
        error_set(e, "4.4.2", "conversation with %.*s timed out while %s",
                  VIEW_FMT(k->display), doing);
    else
        error_set(e, "4.4.2", "lost connection with %.*s while %s", VIEW_FMT(k->display),
                  doing);
}

/* Read a line; what is too long is cut, and its rest thrown away.  The line lives in the
 * stream's buffer, or in *HEAD when it was cut. */
static enum stream_result read_line(struct connection *k, struct view *line,
                                    struct str *head)
{
    int ending;
    size_t skipped = 0;
    struct view rest;
    enum stream_result result =
        stream_read_line(k->stream, LINE_MAX_BYTES, line, &ending);
    if (result != STREAM_TOO_LONG)
        return result;
    str_set(head, *line);
    log_warning("%s: response longer than %d: %.*s...", k->queue_id, LINE_MAX_BYTES,
                VIEW_FMT(view_sub(*line, 0, 30)));
    while (result == STREAM_TOO_LONG && skipped < SKIP_MAX_BYTES) {
        result = stream_read_line(k->stream, LINE_MAX_BYTES, &rest, &ending);
        skipped += rest.n;
    }
    *line = str_view(head);
    return result;
}

/* smtp_reply_filter: the administrator may replace a line.  May suspend. */
static struct view filter_line(struct connection *k, struct view line)
{
    struct maps *filter = k->client->reply_filter;
    struct view fixed;
    struct error e = ERROR_INIT;
    if (maps_is_empty(filter))
        return line;
    struct view copy = arena_dup(k->arena, line);
    enum table_result found = maps_get(filter, copy, k->arena, &fixed, &e);
    if (found == TABLE_FOUND) {
        log_info("%s: replacing server reply \"%.*s\" with \"%.*s\"", k->queue_id,
                 VIEW_FMT(copy), VIEW_FMT(fixed));
        return fixed;
    }
    if (found == TABLE_ERROR)
        log_warning("%s: reply filter lookup error for %.*s", k->queue_id,
                    VIEW_FMT(copy));
    return copy;
}

/* A line that is no reply was put into the reply.  While commands are pipelined we would
 * take the reply to one command for that to another: mail could get lost. */
static bool tolerates_garbage(struct connection *k, struct view line)
{
    const struct client *c = k->client;
    char text[NET_ADDRESS_TEXT];
    k->seen |= NOTICE_PROTOCOL;
    log_warning("%s: non-%s response from %.*s: %.*s", k->queue_id,
                c->lmtp ? "LMTP" : "ESMTP", VIEW_FMT(k->relay),
                VIEW_FMT(view_sub(line, 0, 100)));
    if (!(k->features.keywords & EHLO_PIPELINING))
        return true;
    log_warning("to prevent loss of mail, turn off command pipelining for %s with the %s "
                "parameter",
                net_address_text(&k->address, text),
                c->lmtp ? "lmtp_discard_lhlo_keyword_address_maps"
                        : "smtp_discard_ehlo_keyword_address_maps");
    return false;
}

/* Codes that say that we made a mistake, not that the mail is unwanted. */
static void note_reply(struct connection *k)
{
    int code = k->reply.code;
    k->replies++;
    if (code == 421)
        k->broken = true;
    if (code == 500 || code == 501 || code == 503 || code == 555)
        k->seen |= NOTICE_PROTOCOL;
}

/* Take LINE; true when the reply is complete.  *FAILED: give up on the peer. */
static bool take_line(struct connection *k, struct view line, const char *doing,
                      bool *failed, struct error *e)
{
    connection_debug(k, "<", view_sub(line, 0, 100));
    if (k->transcript)
        transcript_add(k->transcript, "In:  ", line);
    bool had_garbage = k->reply.garbage;
    enum smtp_reply_state state = smtp_reply_line(&k->reply, filter_line(k, line));
    if (k->reply.garbage && !had_garbage && !tolerates_garbage(k, line)) {
        error_set(e, "4.5.0", "protocol error with %.*s while %s", VIEW_FMT(k->display),
                  doing);
        *failed = true;
    } else if (state == SMTP_REPLY_TOO_LONG) {
        error_set(e, "4.5.0", "host %.*s sent an endless reply while %s",
                  VIEW_FMT(k->display), doing);
        *failed = true;
    }
    return state == SMTP_REPLY_DONE;
}

bool connection_read(struct connection *k, int64_t timeout, const char *doing,
                     struct error *e)
{
    struct view line;
    struct str head = STR_INIT(LINE_MAX_BYTES);
    bool complete = false, failed = false;
    stream_set_timeout(k->stream, timeout);
    if (conf_bool(k->client->conf, PARAMETER(k->client, per_request_deadline)))
        stream_set_deadline(k->stream, clock_in(timeout));
    smtp_reply_clear(&k->reply);
    while (!complete && !failed) {
        enum stream_result result = read_line(k, &line, &head);
        if (result == STREAM_OK) {
            complete = take_line(k, line, doing, &failed, e);
        } else {
            connection_lost(k, result, doing, e);
            failed = true;
        }
    }
    str_done(&head);
    if (failed)
        k->broken = true;
    else
        note_reply(k);
    return !failed;
}
