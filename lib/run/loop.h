/* loop - epoll, timers, signals: what fibers wait for
 *
 * loop_init() once per process, then spawn fibers, then loop_run().  A watchdog
 * logs any slice of a fiber that ran over 50 ms.
 */
#ifndef RUN_LOOP_H
#define RUN_LOOP_H

#include "base/heap.h"
#include "run/fiber.h"

#include <sys/types.h>

/* Set up epoll, signal and timer handling.  Ends the process on failure. */
void loop_init(void);
/* Run until loop_stop() or until no fiber is left. */
void loop_run(void);
void loop_stop(void);
/* Tear down for tests and for children after fork (closes epoll; fibers are dropped). */
void loop_done(void);

/* One descriptor that fibers wait on.  Edge triggered and registered once. One
 * fiber at a time may wait for reading, one for writing. */
struct watch {
    int fd;
    bool readable, writable; /* may be tried without waiting */
    bool hangup;
    struct fiber *reader, *writer;
    /* When not NULL: called in the loop at each event, instead of all the above; must
     * read until EAGAIN and must not suspend.  Set it after watch_add(). */
    void (*on_event)(struct watch *w);
    /* Of loop.c: an event came that no wait has taken; EPOLLOUT is asked for; the
     * descriptor is of a kind that epoll does not take. */
    bool read_event, write_event, wants_write, always_ready;
};
/* FD must be non-blocking.  Starts as readable and writable. */
void watch_add(struct watch *w, int fd);
/* The same, and events tell of room for writing, too: for on_event. */
void watch_add_both(struct watch *w, int fd);
/* For a listening socket that several processes share: reading only, and an event wakes
 * one of the processes that wait (EPOLLEXCLUSIVE). */
void watch_add_exclusive(struct watch *w, int fd);
/* Before close(fd). */
void watch_remove(struct watch *w);
/* Wait until an event came; to be called after EAGAIN.  The mark is cleared; an
 * event since the last wait ends this one at once, so one EAGAIN more may follow.
 * May suspend. */
enum wake watch_wait_read(struct watch *w, int64_t deadline);
enum wake watch_wait_write(struct watch *w, int64_t deadline);

/* A timer without a fiber.  FN runs in the loop and must not suspend. */
struct timer {
    struct heap_link link;
    void (*fn)(struct timer *t);
};
void timer_set(struct timer *t, int64_t deadline, void (*fn)(struct timer *t));
void timer_cancel(struct timer *t);

/* FN(signo, arg) is called in the loop, not in signal context; must not suspend
 * (spawn a fiber for more). Replaces an earlier one; FN NULL restores default. */
void loop_on_signal(int signo, void (*fn)(int signo, void *arg), void *arg);

/* Monotonic time at the start of this turn of the loop (cheap). */
int64_t loop_now(void);

#endif
