/* clock - the two clocks, in microseconds
 *
 * Deadlines use the monotonic clock; only what people or files see uses the
 * wall clock.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_SECOND INT64_C(1000000)
/* A deadline that never comes; for accept loops and the like only. */
#define CLOCK_NEVER INT64_MAX

/* Microseconds since 1970. */
int64_t clock_wall(void);
/* Microseconds since some fixed point; never goes back. */
int64_t clock_mono(void);
/* The monotonic time USEC from now, without overflow. */
int64_t clock_in(int64_t usec);

#endif
