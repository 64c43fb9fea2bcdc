/* number - the one checked parser of numbers */
#include "base/number.h"

#include "base/clock.h"

#include <limits.h>

/* The value of a hexadecimal digit, or 255. */
static unsigned digit_value(char c)
{
    if (ascii_is_digit(c))
        return (unsigned)(c - '0');
    int lower = ascii_lower(c);
    return lower >= 'a' && lower <= 'f' ? (unsigned)(lower - 'a') + 10 : 255;
}

/* Take digits of BASE from the front of *V; false without digits or above MAX. */
static bool take_digits(struct view *v, unsigned base, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    size_t i = 0;

    for (; i < v->n; i++) {
        unsigned digit = digit_value(v->p[i]);
        if (digit >= base)
            break;
        if (!number_mul(value, base, &value) || !number_add(value, digit, &value) ||
            value > max)
            return false;
    }
    if (i == 0)
        return false;
    *v = view_from(*v, i);
    *out = value;
    return true;
}

bool number_parse_base(struct view v, unsigned base, uint64_t max, uint64_t *out)
{
    uint64_t value;

    if (!take_digits(&v, base, max, &value) || v.n > 0)
        return false;
    *out = value;
    return true;
}

bool number_parse_u64(struct view v, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t value;

    if (!number_parse_base(v, 10, max, &value) || value < min)
        return false;
    *out = value;
    return true;
}

bool number_parse_i64(struct view v, int64_t min, int64_t max, int64_t *out)
{
    bool negative = v.n > 0 && v.p[0] == '-';
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX, digits;

    if (!number_parse_u64(negative ? view_from(v, 1) : v, 0, limit, &digits))
        return false;
    int64_t value = (int64_t)(negative ? 0 - digits : digits);
    if (value < min || value > max)
        return false;
    *out = value;
    return true;
}

bool number_parse_int(struct view v, int min, int max, int *out)
{
    int64_t value;

    if (!number_parse_i64(v, min, max, &value))
        return false;
    *out = (int)value;
    return true;
}

bool number_take_u64(struct view *v, uint64_t max, uint64_t *out)
{
    return take_digits(v, 10, max, out);
}

/* Seconds in a time unit of postconf(5); 0 when there is no such unit. */
static int64_t unit_seconds(char unit)
{
    switch (ascii_lower(unit)) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 60 * 60;
    case 'd':
        return 24 * 60 * 60;
    case 'w':
        return 7 * 24 * 60 * 60;
    default:
        return 0;
    }
}

bool number_parse_time(struct view v, char default_unit, int64_t *usec)
{
    uint64_t digits;
    int64_t value;

    if (!number_take_u64(&v, INT64_MAX, &digits) || v.n > 1)
        return false;
    int64_t seconds = unit_seconds(v.n ? v.p[0] : default_unit);
    if (seconds == 0 || !number_mul((int64_t)digits, seconds * CLOCK_SECOND, &value))
        return false;
    *usec = value;
    return true;
}
