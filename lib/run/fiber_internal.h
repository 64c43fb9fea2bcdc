/* fiber_internal - what the other files of this room know about fibers */
#ifndef RUN_FIBER_INTERNAL_H
#define RUN_FIBER_INTERNAL_H

#include "run/fiber.h"
#include "run/fiber_switch.h"
#include "run/loop.h"
#include "run/stack.h"

struct trail;

struct fiber {
    struct fiber_context context;
    const char *name;
    fiber_fn *fn;
    void *arg;
    struct stack *stack;
    struct list_link all;    /* of every live fiber; tools/gdb/fibers.py walks it */
    struct list_link queued; /* ready to run, or in the waitq it sleeps in */
    struct list_link deep;   /* sleeping, and its stack was not yet trimmed */
    struct timer timer;      /* may ring before `deadline`: it is moved lazily */
    int64_t deadline;
    int64_t parked_at;
    enum wake wake;
    const struct trail *trail; /* of who listens to what it consults; NULL */
    unsigned shields; /* more than 0: cancellation does not end waits */
    bool parked, cancelled, ended;
};

void fibers_init(void);
/* Drop all fibers as they are. */
void fibers_done(void);
/* Sleep until fiber_wake() or DEADLINE.  QUEUE, when not NULL, is joined at its
 * end; waking leaves it.  May suspend. */
enum wake fiber_park(struct list *queue, int64_t deadline);
/* End the sleep of F; nothing when it does not sleep. */
void fiber_wake(struct fiber *f, enum wake why);
/* Between these two, waits of the running fiber do not end by cancellation. */
void fiber_shield(void);
void fiber_unshield(void);
bool fibers_are_ready(void);
/* Run each fiber that is ready now, once. */
void fibers_run_ready(void);

/* timer.c */
void timers_init(void);
void timers_done(void);
/* Call what is due. */
void timers_run(int64_t now);
/* Milliseconds until the next is due, for epoll_wait(2): -1 when none. */
int timers_timeout(int64_t now);

/* signal.c */
void signals_init(void);
void signals_done(void);

/* thread.c: after fork(2) the workers are not there. */
void threads_forget(void);
void threads_done(void);

/* loop.c */
/* After fork(2), in the child: the parent's epoll set is shared, so what the child takes
 * out of it would be gone for the parent too.  Take another one. */
void loop_detach(void);
void loop_set_now(int64_t now);

#endif
