/* relay - carry bytes between two streams until one of them ends
 *
 * For a program that stays between a client and another program because it does the TLS
 * (login).  Nothing is held while nothing moves.  Suspends: relay_run().
 */
#ifndef NET_RELAY_H
#define NET_RELAY_H

#include "net/stream.h"
#include "run/fiber.h"

/* One direction; private. */
struct relay_way {
    struct stream *from, *to;
    struct str held; /* read, and not yet written */
    bool has_ended;  /* nothing more is read */
    bool is_closed;  /* the end was passed on */
};

struct relay {
    struct relay_way forth, back; /* client to inner, inner to client */
    struct waitq changed;         /* something may move */
    bool is_woken, is_stopped, has_failed;
};

/* Both streams (sockets) stay the caller's; nothing may wait unsent in them, nor unread
 * in INNER.  What is unread in CLIENT goes first. */
void relay_init(struct relay *r, struct stream *client, struct stream *inner);
/* Until INNER ended and its last bytes are with the client, or CLIENT is gone.  True:
 * INNER ended, CLIENT can be used on.  May suspend. */
bool relay_run(struct relay *r) MUST_CHECK;
/* From another fiber, or the loop: take no more from CLIENT.  The bytes that came from it
 * and have not gone to INNER, as a view until the relay goes on. */
struct view relay_stop(struct relay *r);
void relay_done(struct relay *r);

#endif
