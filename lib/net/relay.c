/* relay - two streams, one fiber; see relay.h
 *
 * The fiber moves what can be moved in either direction and then waits for an event on
 * either descriptor: it goes below the streams' own reading and writing, which wait for
 * one thing at a time.
 */
#include "net/relay.h"

#include "net/stream_private.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

enum {
    PIECE = 16 * 1024, /* a TLS record */
    BURST = 256 * 1024 /* then others run */
};

/* Filled and emptied between two suspensions. */
static char scratch[PIECE];

static ssize_t read_now(struct stream *s, char *p, size_t n)
{
    enum stream_want want;
    ssize_t got;

    do
        got = s->layer ? s->layer->read(s->layer, p, n, &want)
                       : recv(s->fd, p, n, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    return got;
}

static ssize_t write_now(struct stream *s, const char *p, size_t n)
{
    enum stream_want want;
    ssize_t sent;

    do
        sent = s->layer ? s->layer->write(s->layer, p, n, &want)
                        : send(s->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent;
}

/* As much of V as goes; *LEFT is the rest.  False: the other side is gone. */
static bool write_some(struct stream *to, struct view v, struct view *left)
{
    while (v.n > 0) {
        ssize_t sent = write_now(to, v.p, v.n);
        if (sent < 0 && errno == EAGAIN)
            break;
        if (sent < 0)
            return false;
        v = view_from(v, (size_t)sent);
    }
    *left = v;
    return true;
}

/* Write what is held back; false when some of it still is, or the other side is gone. */
static bool write_held(struct relay *r, struct relay_way *w)
{
    struct view left;

    if (w->held.n == 0)
        return true;
    if (!write_some(w->to, str_view(&w->held), &left)) {
        r->has_failed = true;
        return false;
    }
    str_consume(&w->held, w->held.n - left.n);
    if (w->held.n > 0)
        return false;
    str_done(&w->held);
    return true;
}

/* Move one piece; false when nothing moves now. */
static bool move_piece(struct relay *r, struct relay_way *w, size_t *moved)
{
    struct view left;

    if (!write_held(r, w) || w->has_ended)
        return false;
    ssize_t got = read_now(w->from, scratch, sizeof scratch);
    if (got < 0 && errno == EAGAIN)
        return false;
    if (got <= 0) {
        w->has_ended = true;
        return false;
    }
    *moved += (size_t)got;
    if (!write_some(w->to, (struct view){scratch, (size_t)got}, &left)) {
        r->has_failed = true;
        return false;
    }
    str_add(&w->held, left);
    return left.n == 0;
}

static void move(struct relay *r, struct relay_way *w, size_t *moved)
{
    while (!r->has_failed && *moved < BURST && move_piece(r, w, moved))
        ;
    if (w->has_ended && !w->is_closed && w->held.n == 0) {
        w->is_closed = true;
        if (w == &r->forth && !r->is_stopped)
            (void)shutdown(w->to->fd, SHUT_WR);
    }
}

static void wake(struct relay *r)
{
    r->is_woken = true;
    waitq_wake_all(&r->changed);
}

/* Which relay a watch belongs to: streams have no place for it, so the watches are ours
 * while it runs. */
struct relay_watch {
    struct watch watch;
    struct relay *relay;
};

static void on_event(struct watch *w)
{
    wake(CONTAINER_OF(w, struct relay_watch, watch)->relay);
}

static void begin_watch(struct relay_watch *w, struct relay *r, struct stream *s)
{
    if (s->is_watched)
        watch_remove(&s->watch);
    s->is_watched = false;
    w->relay = r;
    watch_add_both(&w->watch, s->fd);
    w->watch.on_event = on_event;
}

void relay_init(struct relay *r, struct stream *client, struct stream *inner)
{
    assert(stream_unsent(client) == 0 && stream_unsent(inner) == 0 &&
           stream_pending(inner) == 0);
    *r = (struct relay){.forth = {.from = client, .to = inner},
                        .back = {.from = inner, .to = client}};
    WAITQ_INIT(&r->changed);
    str_init(&r->forth.held, STREAM_BUFFER + PIECE);
    str_init(&r->back.held, STREAM_BUFFER + PIECE);
    str_add(&r->forth.held, stream_peek(client));
    stream_drop_input(client);
    stream_buffer_give(&client->in);
}

bool relay_run(struct relay *r)
{
    struct relay_watch client, inner;
    bool cancelled = false;

    begin_watch(&client, r, r->forth.from);
    begin_watch(&inner, r, r->back.from);
    for (;;) {
        size_t moved = 0;
        r->is_woken = false;
        if (!r->is_stopped)
            move(r, &r->forth, &moved);
        move(r, &r->back, &moved);
        if (r->has_failed || r->back.is_closed || cancelled)
            break;
        if (moved >= BURST)
            fiber_yield();
        else if (!r->is_woken)
            cancelled = waitq_wait(&r->changed, CLOCK_NEVER) == WAKE_CANCELLED;
    }
    watch_remove(&client.watch);
    watch_remove(&inner.watch);
    return r->back.is_closed && !r->has_failed;
}

struct view relay_stop(struct relay *r)
{
    r->is_stopped = true;
    wake(r);
    return str_view(&r->forth.held);
}

void relay_done(struct relay *r)
{
    str_done(&r->forth.held);
    str_done(&r->back.held);
}
