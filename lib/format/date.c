/* date - write the dates of mail; see date.h */
#include "date.h"

static const char *const days[7] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const months[12] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static const char *day_name(const struct tm *t)
{
    return t->tm_wday >= 0 && t->tm_wday < 7 ? days[t->tm_wday] : days[0];
}

static const char *month_name(const struct tm *t)
{
    return t->tm_mon >= 0 && t->tm_mon < 12 ? months[t->tm_mon] : months[0];
}

/* A zone name goes into a comment: it must not close it. */
static bool is_zone_name(const char *zone)
{
    size_t n = zone ? strlen(zone) : 0;
    if (n == 0 || n > 10)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!ascii_is_alnum((unsigned char)zone[i]) && zone[i] != '+' && zone[i] != '-')
            return false;
    return true;
}

const char *date_format(char out[DATE_MAX], const struct tm *local)
{
    long minutes = local->tm_gmtoff / 60;
    char sign = minutes < 0 ? '-' : '+';
    if (minutes < 0)
        minutes = -minutes;
    int n = snprintf(out, DATE_MAX, "%s, %d %s %04d %02d:%02d:%02d %c%02ld%02ld",
                     day_name(local), local->tm_mday, month_name(local),
                     local->tm_year + 1900, local->tm_hour, local->tm_min, local->tm_sec,
                     sign, minutes / 60 % 100, minutes % 60);
    if (n > 0 && n < DATE_MAX && is_zone_name(local->tm_zone))
        snprintf(out + n, DATE_MAX - (size_t)n, " (%s)", local->tm_zone);
    return out;
}

const char *date_format_mbox(char out[DATE_MAX], const struct tm *local)
{
    snprintf(out, DATE_MAX, "%s %s %2d %02d:%02d:%02d %04d", day_name(local),
             month_name(local), local->tm_mday, local->tm_hour, local->tm_min,
             local->tm_sec, local->tm_year + 1900);
    return out;
}
