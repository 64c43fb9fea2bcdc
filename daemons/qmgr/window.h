/* window - how many deliveries at a time one destination gets
 *
 * The concurrency feedback of SCHEDULER_README: success widens the window at the end of a
 * series of 1/feedback deliveries, failure narrows it at the beginning of one, and after
 * more than failed_cohort_limit windows' worth of failures in a row the destination is
 * dead.  Pure.
 */
#ifndef QMGR_WINDOW_H
#define QMGR_WINDOW_H

#include "base/view.h"

/* Feedback of one delivery at concurrency N: value, value/N or value/sqrt(N). */
struct feedback {
    enum { FEEDBACK_FIXED, FEEDBACK_PER_CONCURRENCY, FEEDBACK_PER_SQRT } kind;
    double value; /* 0 to 1 */
};
/* "1", "0.5", "1/concurrency", "0.3 / sqrt_concurrency"; false when it is neither. */
bool feedback_parse(struct view text, struct feedback *out);

struct window_limits {
    unsigned initial, limit; /* limit 0: none */
    unsigned cohort_limit;   /* 0: never dead */
    struct feedback positive, negative;
};
struct window {
    unsigned concurrency; /* 0: dead */
    double success, failure, fail_cohorts;
};

void window_init(struct window *w, const struct window_limits *l);
/* A delivery ended without connection or handshake failure while BUSY others ran. */
void window_success(struct window *w, const struct window_limits *l, unsigned busy);
/* One ended with such a failure.  False when the destination is dead now. */
bool window_failure(struct window *w, const struct window_limits *l);

#endif
