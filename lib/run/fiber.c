/* fiber - starting, sleeping, waking
 *
 * Fibers run one after the other out of the ready list; between them control is
 * in the loop (loop.c).  A sleeping fiber is in at most one list: the waitq it
 * waits in.
 */
#include "run/fiber_internal.h"

#include "base/log.h"

#include <assert.h>

enum { LONGEST_SLICE = 50 * 1000, TRIM_AFTER = 2 * 1000 * 1000 };

/* Not static, and with this name, for tools/gdb/fibers.py. */
struct fibers {
    struct list all, ready, deep;
    struct fiber *running;
    size_t count;
    struct fiber_context loop; /* of whoever called loop_run() */
    struct fiber_hooks loop_hooks;
    struct timer trimmer;
    int64_t watchdog_spoke_at;
};
extern struct fibers fibers;
struct fibers fibers;

void fibers_init(void)
{
    fibers = (struct fibers){.watchdog_spoke_at = INT64_MIN / 2};
    list_init(&fibers.all);
    list_init(&fibers.ready);
    list_init(&fibers.deep);
}

void fibers_done(void)
{
    /* After fork(2) in a fiber we are on its stack; the child does not live long, and
     * unmapping thousands of stacks would be its longest work. */
    if (fibers.running == NULL) {
        for (struct list_link *k; (k = list_pop(&fibers.all)) != NULL;)
            stack_give(CONTAINER_OF(k, struct fiber, all)->stack);
        stack_drop_free();
    }
    fibers_init();
}

/* From the loop to F, and back when F sleeps or ends. */
static void enter(struct fiber *f)
{
    fibers.running = f;
    hooks_before_switch(&fibers.loop_hooks, &f->stack->hooks, false);
    fiber_context_switch(&fibers.loop, &f->context);
    hooks_after_switch(&fibers.loop_hooks, NULL);
    fibers.running = NULL;
}

/* From the running fiber to the loop. */
static void leave(struct fiber *f)
{
    hooks_before_switch(&f->stack->hooks, &fibers.loop_hooks, f->ended);
    fiber_context_switch(&f->context, &fibers.loop);
    hooks_after_switch(&f->stack->hooks, &fibers.loop_hooks);
}

/* Where each stack starts. */
static void fiber_main(void)
{
    struct fiber *f = fibers.running;

    hooks_after_switch(&f->stack->hooks, &fibers.loop_hooks);
    f->fn(f->arg);
    f->ended = true;
    leave(f);
    log_panic("fiber %s went on after its end", f->name);
}

/* The timer rang: the deadline came, or it has moved on since. */
static void ring(struct timer *t)
{
    struct fiber *f = CONTAINER_OF(t, struct fiber, timer);

    if (!f->parked || f->deadline == CLOCK_NEVER)
        return;
    if (f->deadline > loop_now())
        timer_set(&f->timer, f->deadline, ring);
    else
        fiber_wake(f, WAKE_TIMEOUT);
}

struct fiber *fiber_spawn(const char *name, fiber_fn *fn, void *arg)
{
    assert(fibers.ready.head.next != NULL && "loop_init() comes first");
    struct stack *s = stack_take(sizeof(struct fiber));
    struct fiber *f = (struct fiber *)(void *)(s + 1);

    *f = (struct fiber){.name = name, .fn = fn, .arg = arg, .stack = s};
    fiber_context_make(&f->context, s->low, s->size, fiber_main);
    list_append(&fibers.all, &f->all);
    list_append(&fibers.ready, &f->queued);
    fibers.count++;
    return f;
}

/* F returned from its function. */
static void bury(struct fiber *f)
{
    timer_cancel(&f->timer);
    list_remove(&f->all);
    fibers.count--;
    stack_give(f->stack);
}

/* Say which fiber kept all others waiting; once a second at most. */
static void watch_slice(const char *name, int64_t from, int64_t to)
{
    if (to - from <= LONGEST_SLICE || hooks_tool_is_watching() ||
        to - fibers.watchdog_spoke_at < CLOCK_SECOND)
        return;
    fibers.watchdog_spoke_at = to;
    log_info("watchdog: fiber=%s ran %lld ms without a pause", name,
             (long long)((to - from) / 1000));
}

void fibers_run_ready(void)
{
    struct list turn;

    if (list_is_empty(&fibers.ready))
        return;
    /* Those that become ready meanwhile run in the next round. */
    turn.head = fibers.ready.head;
    turn.head.next->prev = turn.head.prev->next = &turn.head;
    list_init(&fibers.ready);
    for (struct list_link *k; (k = list_pop(&turn)) != NULL;) {
        struct fiber *f = CONTAINER_OF(k, struct fiber, queued);
        const char *name = f->name;
        int64_t from = loop_now();
        enter(f);
        if (f->ended)
            bury(f);
        loop_set_now(clock_mono());
        watch_slice(name, from, loop_now());
    }
}

bool fibers_are_ready(void)
{
    return !list_is_empty(&fibers.ready);
}

/* Give back what long sleepers left on their stacks further down (a TLS handshake
 * goes deep); the longest sleepers are first in the list. */
static void trim_sleepers(struct timer *t)
{
    for (struct list_link *k; (k = list_first(&fibers.deep)) != NULL;) {
        struct fiber *f = CONTAINER_OF(k, struct fiber, deep);
        if (f->parked_at > loop_now() - TRIM_AFTER) {
            timer_set(t, f->parked_at + TRIM_AFTER, trim_sleepers);
            return;
        }
        stack_trim(f->stack, fiber_context_floor(&f->context));
        list_remove(k);
    }
}

/* Have the stack of F trimmed, should it sleep for long. */
static void plan_trim(struct fiber *f)
{
    if (hooks_tool_is_watching())
        return;
    f->parked_at = loop_now();
    list_append(&fibers.deep, &f->deep);
    if (!heap_is_linked(&fibers.trimmer.link))
        timer_set(&fibers.trimmer, loop_now() + TRIM_AFTER, trim_sleepers);
}

enum wake fiber_park(struct list *queue, int64_t deadline)
{
    struct fiber *f = fibers.running;

    assert(f != NULL && "only fibers may suspend");
    if (f->cancelled && f->shields == 0)
        return WAKE_CANCELLED;
    if (queue)
        list_append(queue, &f->queued);
    f->deadline = deadline;
    /* A timer that rings too early is cheaper than moving it at each wait. */
    if (deadline != CLOCK_NEVER &&
        (!heap_is_linked(&f->timer.link) || f->timer.link.key > deadline))
        timer_set(&f->timer, deadline, ring);
    f->parked = true;
    plan_trim(f);
    leave(f);
    return f->wake;
}

void fiber_wake(struct fiber *f, enum wake why)
{
    if (!f->parked)
        return;
    f->parked = false;
    f->wake = why;
    list_remove(&f->deep);
    list_remove(&f->queued);
    list_append(&fibers.ready, &f->queued);
}

void fiber_yield(void)
{
    struct fiber *f = fibers.running;

    assert(f != NULL && "only fibers may suspend");
    list_append(&fibers.ready, &f->queued);
    leave(f);
}

enum wake fiber_sleep(int64_t usec)
{
    int64_t deadline;

    if (__builtin_add_overflow(loop_now(), usec, &deadline))
        deadline = CLOCK_NEVER;
    return fiber_park(NULL, deadline);
}

void fiber_cancel(struct fiber *f)
{
    f->cancelled = true;
    if (f->shields == 0)
        fiber_wake(f, WAKE_CANCELLED);
}

void fiber_shield(void)
{
    fibers.running->shields++;
}

void fiber_unshield(void)
{
    fibers.running->shields--;
}

bool fiber_is_cancelled(void)
{
    return fibers.running != NULL && fibers.running->cancelled;
}

struct fiber *fiber_self(void)
{
    return fibers.running;
}

const char *fiber_name(const struct fiber *f)
{
    return f->name;
}

size_t fiber_count(void)
{
    return fibers.count;
}
