/* retry - when a deferred message is tried again, and when it is given up */
#include "retry.h"

int64_t retry_next(const struct retry_settings *s, int64_t now, int64_t arrival)
{
    int64_t pause = now - arrival;
    if (pause > s->maximal)
        pause = s->maximal;
    if (pause < s->minimal)
        pause = s->minimal;
    return now + pause;
}

bool retry_is_expired(const struct retry_settings *s, int64_t now, int64_t arrival,
                      bool is_bounce)
{
    return now - arrival >= (is_bounce ? s->bounce_lifetime : s->lifetime);
}

bool retry_wants_warning(const struct retry_settings *s, int64_t now, int64_t arrival)
{
    return s->delay_warning > 0 && now - arrival >= s->delay_warning;
}
