/* input_value - the lexer: numbers, sets, flags, dates and lists; see input.h */
#include "base/number.h"
#include "imap_private.h"

#include <time.h>

void *imap_array_grow(struct arena *arena, void *array, size_t count, size_t size)
{
    /* It is full when COUNT is a power of two, from 4 on. */
    if (count > 0 && (count < 4 || (count & (count - 1)) != 0))
        return array;
    void *more = arena_alloc_array(arena, count ? count * 2 : 4, size);
    if (count > 0)
        memcpy(more, array, count * size);
    return more;
}

bool imap_add_view(struct imap_input *in, struct view **views, size_t *count, size_t max,
                   struct view v)
{
    if (*count >= max)
        return imap_fail(in, "too many arguments in a list");
    *views = imap_array_grow(in->arena, *views, *count, sizeof **views);
    (*views)[(*count)++] = v;
    return true;
}

bool imap_take_list_of(struct imap_input *in, bool may_be_empty,
                       bool (*take)(struct imap_input *in, void *context), void *context)
{
    if (!imap_take_char(in, '('))
        return false;
    if (may_be_empty && imap_accept(in, ')'))
        return true;
    do {
        if (!take(in, context))
            return false;
    } while (imap_accept(in, ' '));
    return imap_take_char(in, ')');
}

static bool take_digits(struct imap_input *in, uint64_t min, uint64_t max,
                        uint64_t *number)
{
    struct view rest = view_from(in->line, in->at);
    size_t before = rest.n;
    if (!number_take_u64(&rest, max, number) || *number < min)
        return imap_fail(in, "a number is missing or out of range");
    in->at += before - rest.n;
    return true;
}

bool imap_take_number64(struct imap_input *in, uint64_t *number)
{
    return take_digits(in, 0, INT64_MAX, number);
}

bool imap_take_nz_number64(struct imap_input *in, uint64_t *number)
{
    return take_digits(in, 1, INT64_MAX, number);
}

bool imap_take_number(struct imap_input *in, uint32_t *number)
{
    uint64_t value;
    bool ok = take_digits(in, 0, UINT32_MAX, &value);
    *number = ok ? (uint32_t)value : 0;
    return ok;
}

bool imap_take_nz_number(struct imap_input *in, uint32_t *number)
{
    return imap_take_number(in, number) &&
           (*number > 0 || imap_fail(in, "a number must not be 0"));
}

bool imap_take_set(struct imap_input *in, bool with_star, struct imap_set *set)
{
    imap_set_init(set, in->arena);
    size_t start = in->at;
    while (ascii_is_digit(imap_peek(in)) || imap_peek(in) == ':' ||
           imap_peek(in) == ',' || imap_peek(in) == '*' || imap_peek(in) == '$')
        in->at++;
    struct view text = view_sub(in->line, start, in->at - start);
    return imap_set_parse(text, with_star, set) ||
           imap_fail(in, "the set of message numbers is malformed");
}

static bool has_keyword(const struct imap_flags *flags, struct view name)
{
    for (size_t i = 0; i < flags->count; i++)
        if (view_eq_case(flags->keywords[i], name))
            return true;
    return false;
}

/* Take "\Seen" or a keyword. */
static bool take_flag(struct imap_input *in, void *context)
{
    struct imap_flags *flags = context;
    size_t start = in->at;
    bool system = imap_accept(in, '\\');
    struct view name;
    if (!imap_take_atom(in, &name))
        return false;
    if (system) {
        unsigned bit = imap_flag_bit(view_sub(in->line, start, in->at - start));
        flags->bits |= bit;
        return (bit & IMAP_FLAGS_SETTABLE) != 0 ||
               imap_fail(in, "no such system flag that can be set");
    }
    if (name.n > IMAP_KEYWORD_LENGTH_MAX)
        return imap_fail(in, "the keyword is too long");
    return has_keyword(flags, name) ||
           imap_add_view(in, &flags->keywords, &flags->count, IMAP_KEYWORDS_MAX, name);
}

bool imap_take_flag_list(struct imap_input *in, struct imap_flags *flags)
{
    *flags = (struct imap_flags){0};
    return imap_take_list_of(in, true, take_flag, flags);
}

bool imap_take_flags(struct imap_input *in, struct imap_flags *flags)
{
    if (imap_peek(in) == '(')
        return imap_take_flag_list(in, flags);
    *flags = (struct imap_flags){0};
    do {
        if (!take_flag(in, flags))
            return false;
    } while (imap_accept(in, ' '));
    return true;
}

/* Take LOW to HIGH decimal digits. */
static bool take_int(struct imap_input *in, size_t low, size_t high, int *value)
{
    size_t n = 0;
    *value = 0;
    for (; n < high && ascii_is_digit(imap_peek(in)); n++)
        *value = *value * 10 + (in->line.p[in->at++] - '0');
    return n >= low;
}

static bool take_month(struct imap_input *in, int *month)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct view name = view_sub(in->line, in->at, 3);
    for (int i = 0; i < 12; i++)
        if (view_eq_case(name, (struct view){names + 3 * i, 3})) {
            *month = i;
            in->at += 3;
            return true;
        }
    return false;
}

/* "1-Feb-1994", a day that there was. */
static bool take_day(struct imap_input *in, struct tm *tm)
{
    *tm = (struct tm){0};
    if (!take_int(in, 1, 2, &tm->tm_mday) || !imap_accept(in, '-') ||
        !take_month(in, &tm->tm_mon) || !imap_accept(in, '-') ||
        !take_int(in, 4, 4, &tm->tm_year))
        return false;
    tm->tm_year -= 1900;
    struct tm check = *tm;
    timegm(&check);
    return check.tm_mday == tm->tm_mday && check.tm_mon == tm->tm_mon;
}

bool imap_take_date(struct imap_input *in, int32_t *day)
{
    struct tm tm;
    bool quoted = imap_accept(in, '"');
    if (!take_day(in, &tm) || (quoted && !imap_accept(in, '"')))
        return imap_fail(in, "the date is malformed");
    *day = (int32_t)(timegm(&tm) / 86400);
    return true;
}

/* "21:52:25 -0800" */
static bool take_time(struct imap_input *in, struct tm *tm, int *offset)
{
    int hours, minutes;
    if (!take_int(in, 2, 2, &tm->tm_hour) || !imap_accept(in, ':') ||
        !take_int(in, 2, 2, &tm->tm_min) || !imap_accept(in, ':') ||
        !take_int(in, 2, 2, &tm->tm_sec) || !imap_accept(in, ' '))
        return false;
    bool west = imap_accept(in, '-');
    if ((!west && !imap_accept(in, '+')) || !take_int(in, 2, 2, &hours) ||
        !take_int(in, 2, 2, &minutes))
        return false;
    *offset = (west ? -1 : 1) * (hours * 60 + minutes);
    return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec <= 60 && hours < 24 &&
           minutes < 60;
}

bool imap_take_date_time(struct imap_input *in, int64_t *seconds, int *offset)
{
    struct tm tm;
    bool ok = imap_accept(in, '"');
    (void)imap_accept(in, ' '); /* date-day-fixed */
    ok = ok && take_day(in, &tm) && imap_accept(in, ' ') && take_time(in, &tm, offset) &&
         imap_accept(in, '"');
    if (!ok)
        return imap_fail(in, "the date and time are malformed");
    *seconds = timegm(&tm) - (int64_t)*offset * 60;
    return true;
}

bool imap_take_partial(struct imap_input *in, struct imap_partial *partial)
{
    partial->from_end = imap_accept(in, '-');
    if (!imap_take_nz_number(in, &partial->low) || !imap_take_char(in, ':') ||
        (partial->from_end && !imap_take_char(in, '-')) ||
        !imap_take_nz_number(in, &partial->high))
        return false;
    if (partial->low > partial->high) {
        uint32_t low = partial->high;
        partial->high = partial->low;
        partial->low = low;
    }
    return true;
}

bool imap_write_partial(const struct imap_partial *partial, struct str *out)
{
    const char *sign = partial->from_end ? "-" : "";
    return str_addf(out, "%s%u:%s%u", sign, partial->low, sign, partial->high);
}
