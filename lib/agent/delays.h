/* delays - times in delivery log lines
 *
 * Private to lib/agent.
 */
#ifndef AGENT_DELAYS_H
#define AGENT_DELAYS_H

#include "base/str.h"

#include <stdint.h>

/* Append USEC as seconds: at most two significant digits below 100 s, at most MAX_DIGITS
 * behind the point (0..6), no trailing zeros.  Negative is 0. postconf(5),
 * delay_logging_resolution_limit. */
bool delays_add(struct str *out, int64_t usec, int max_digits);

struct delays {
    int64_t arrival, active, agent_start, connection_done,
        now; /* connection_done may be 0 */
};
/* Append "delay=A, delays=B/C/D/E". */
bool delays_add_all(struct str *out, const struct delays *t, int max_digits);

#endif
