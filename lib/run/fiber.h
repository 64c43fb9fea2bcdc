/* fiber - sessions that read from top to bottom
 *
 * A fiber is a function with its own small stack; it runs until it waits, and
 * waiting lets others run.  All fibers of a process share one thread, so
 * between two waits nothing else changes shared state.  Every function that
 * may wait says "May suspend." in its header; no pointer into shared state is
 * to be held across such a call.
 *
 * A stack has 64 KiB (256 KiB under AddressSanitizer) with a guard page below.
 * Two switch back-ends: fiber_switch_ucontext.c and fiber_switch_asm.S
 * (x86-64, aarch64); meson option fiber_switch.
 */
#ifndef RUN_FIBER_H
#define RUN_FIBER_H

#include "base/clock.h"
#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

struct fiber;
typedef void fiber_fn(void *arg);

/* Why a wait ended. */
enum wake {
    WAKE_OK,       /* what was waited for is there */
    WAKE_TIMEOUT,  /* the deadline passed */
    WAKE_CANCELLED /* somebody called fiber_cancel() on this fiber */
};

/* Start FN(ARG) as a fiber; it first runs when the caller waits.  NAME is kept
 * as a pointer (a literal); it shows in gdb and in the watchdog's lines.  The
 * fiber ends when FN returns. */
struct fiber *fiber_spawn(const char *name, fiber_fn *fn, void *arg);
/* The running fiber; NULL in the loop itself. */
struct fiber *fiber_self(void);
const char *fiber_name(const struct fiber *f);
/* Let others run once. May suspend. */
void fiber_yield(void);
/* May suspend. WAKE_TIMEOUT is the normal end. */
enum wake fiber_sleep(int64_t usec);
/* Let every present and later wait of F end with WAKE_CANCELLED. */
void fiber_cancel(struct fiber *f);
bool fiber_is_cancelled(void);
/* Number of live fibers. */
size_t fiber_count(void);

/* A place to wait for an event that another fiber announces. */
struct waitq {
    struct list waiting;
};
#define WAITQ_INIT(q) list_init(&(q)->waiting)
/* May suspend. Deadline on the monotonic clock. */
enum wake waitq_wait(struct waitq *q, int64_t deadline);
/* Wake the first / all; those woken run later, not inside this call. */
void waitq_wake_one(struct waitq *q);
void waitq_wake_all(struct waitq *q);

/* Counted slots: a semaphore with a deadline. */
struct slots {
    unsigned free;
    struct waitq queue;
};
void slots_init(struct slots *s, unsigned count);
/* May suspend. */
enum wake slots_take(struct slots *s, int64_t deadline);
void slots_give(struct slots *s);

#endif
