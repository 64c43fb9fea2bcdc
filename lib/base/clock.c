/* clock - the two clocks, in microseconds */
#include "base/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * CLOCK_SECOND + t.tv_nsec / 1000;
}

int64_t clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_mono(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_in(int64_t usec)
{
    int64_t deadline;

    if (usec == CLOCK_NEVER || __builtin_add_overflow(clock_mono(), usec, &deadline))
        return CLOCK_NEVER;
    return deadline;
}
