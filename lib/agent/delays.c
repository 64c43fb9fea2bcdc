/* delays - times in delivery log lines */
#include "agent/delays.h"

#include "base/clock.h"

#include <inttypes.h>

/* Digits behind the point that make two significant ones. */
static int useful_digits(int64_t usec)
{
    int digits = 1;

    if (usec >= 10 * CLOCK_SECOND)
        return 0;
    for (int64_t limit = CLOCK_SECOND; usec < limit && digits < 6; limit /= 10)
        digits++;
    return digits;
}

bool delays_add(struct str *out, int64_t usec, int max_digits)
{
    static const int64_t units[] = {1000000, 100000, 10000, 1000, 100, 10, 1};

    if (usec < 0)
        usec = 0;
    int digits = useful_digits(usec);
    if (digits > max_digits)
        digits = max_digits;
    usec += units[digits] / 2;
    int64_t fraction = usec % CLOCK_SECOND / units[digits];
    if (!str_addf(out, "%" PRId64, usec / CLOCK_SECOND) || fraction == 0)
        return !out->overflow;
    while (fraction % 10 == 0) {
        fraction /= 10;
        digits--;
    }
    return str_addf(out, ".%0*" PRId64, digits, fraction);
}

bool delays_add_all(struct str *out, const struct delays *t, int max_digits)
{
    int64_t transfer_start = t->connection_done ? t->connection_done : t->agent_start;
    const int64_t parts[] = {t->active - t->arrival, t->agent_start - t->active,
                             transfer_start - t->agent_start, t->now - transfer_start};

    str_add(out, VIEW("delay="));
    delays_add(out, t->now - t->arrival, max_digits);
    for (int i = 0; i < 4; i++) {
        str_add(out, i == 0 ? VIEW(", delays=") : VIEW("/"));
        delays_add(out, parts[i], max_digits);
    }
    return !out->overflow;
}
