/* timer - what is to happen later */
#include "run/fiber_internal.h"

#include <limits.h>

static struct heap timers;

void timers_init(void)
{
    heap_init(&timers);
}

void timers_done(void)
{
    heap_done(&timers);
}

void timer_set(struct timer *t, int64_t deadline, void (*fn)(struct timer *t))
{
    heap_remove(&timers, &t->link);
    t->fn = fn;
    if (deadline != CLOCK_NEVER)
        heap_add(&timers, &t->link, deadline);
}

void timer_cancel(struct timer *t)
{
    heap_remove(&timers, &t->link);
}

void timers_run(int64_t now)
{
    struct heap_link *k;

    /* One that sets itself again for the past gets its next turn, not this one. */
    for (size_t n = timers.n; n > 0 && (k = heap_first(&timers)) != NULL && k->key <= now;
         n--) {
        struct timer *t = CONTAINER_OF(k, struct timer, link);
        heap_remove(&timers, k);
        t->fn(t);
    }
}

int timers_timeout(int64_t now)
{
    const struct heap_link *k = heap_first(&timers);

    if (k == NULL)
        return -1;
    if (k->key <= now)
        return 0;
    /* Rounded up: waking too early would only mean to sleep again. */
    int64_t ms = (k->key - now - 1) / 1000 + 1;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}
