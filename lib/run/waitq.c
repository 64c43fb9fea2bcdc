/* waitq - waiting for one another: queues and counted slots */
#include "run/fiber_internal.h"

enum wake waitq_wait(struct waitq *q, int64_t deadline)
{
    return fiber_park(&q->waiting, deadline);
}

void waitq_wake_one(struct waitq *q)
{
    struct list_link *k = list_first(&q->waiting);

    if (k)
        fiber_wake(CONTAINER_OF(k, struct fiber, queued), WAKE_OK);
}

void waitq_wake_all(struct waitq *q)
{
    while (!list_is_empty(&q->waiting))
        waitq_wake_one(q);
}

void slots_init(struct slots *s, unsigned count)
{
    s->free = count;
    WAITQ_INIT(&s->queue);
}

enum wake slots_take(struct slots *s, int64_t deadline)
{
    if (s->free == 0)
        return waitq_wait(&s->queue, deadline); /* slots_give() hands its slot over */
    s->free--;
    return WAKE_OK;
}

void slots_give(struct slots *s)
{
    if (list_is_empty(&s->queue.waiting))
        s->free++;
    else
        waitq_wake_one(&s->queue);
}
