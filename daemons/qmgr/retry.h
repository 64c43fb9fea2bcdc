/* retry - when a deferred message is tried again, and when it is given up
 *
 * Pure functions of times (wall clock, microseconds).  Source: qmgr(8), "exponential
 * backoff": the pause is as long as the message has been waiting, so it doubles, between
 * minimal_backoff_time and maximal_backoff_time.
 */
#ifndef QMGR_RETRY_H
#define QMGR_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct retry_settings {
    int64_t minimal, maximal;          /* minimal_backoff_time, maximal_backoff_time */
    int64_t lifetime, bounce_lifetime; /* maximal_queue_lifetime, bounce_queue_lifetime */
    int64_t delay_warning;             /* delay_warning_time; 0 none */
};

/* The earliest time for the next attempt of a message that arrived at ARRIVAL. */
int64_t retry_next(const struct retry_settings *s, int64_t now, int64_t arrival);
/* Has it been in the queue too long? */
bool retry_is_expired(const struct retry_settings *s, int64_t now, int64_t arrival,
                      bool is_bounce);
/* Is it time to tell the sender about the delay? */
bool retry_wants_warning(const struct retry_settings *s, int64_t now, int64_t arrival);

#endif
