/* date_parse - read the dates of mail tolerantly; see date.h
 *
 * Words and numbers are told apart by their looks rather than their order, so
 * that "Sun, 11 May 2003 16:06:57 +0200 (CEST)", "Sun May 11 16:06:57 2003"
 * and "11 May 03 16:06 EDT" all read.  RFC 5322 3.3 and 4.3.
 */
#include "base/number.h"
#include "date.h"

struct parts {
    int day, month, year; /* month 1..12; 0 when not met, year -1 */
    int hour, minute, second;
    int offset; /* minutes */
    bool has_time, has_zone;
};

/* Take the next run without blanks and commas; comments are skipped. */
static bool take_word(struct view *rest, struct view *word)
{
    size_t depth = 0;
    while (rest->n > 0) {
        char c = rest->p[0];
        if (c == '(')
            depth++;
        else if (c == ')')
            depth -= depth > 0;
        else if (depth == 0 && !ascii_is_space((unsigned char)c) && c != ',')
            break;
        *rest = view_from(*rest, 1);
    }
    size_t n = view_find_any(*rest, VIEW(" \t\r\n,()"));
    *word = view_sub(*rest, 0, n);
    *rest = view_from(*rest, word->n);
    return word->n > 0;
}

static int month_number(struct view word)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    if (word.n < 3)
        return 0;
    for (int m = 0; m < 12; m++)
        if (view_eq_case(view_sub(word, 0, 3), (struct view){names + 3 * m, 3}))
            return m + 1;
    return 0;
}

/* "16:06" or "16:06:57". */
static bool read_time(struct view word, struct parts *p)
{
    struct view hour, minute, second;
    if (!view_cut(word, ':', &hour, &second))
        return false;
    bool has_second = view_cut(second, ':', &minute, &second);
    return number_parse_int(hour, 0, 23, &p->hour) &&
           number_parse_int(minute, 0, 59, &p->minute) &&
           (!has_second || number_parse_int(second, 0, 60, &p->second));
}

/* "+0200", or a name of RFC 5322 4.3; unknown names mean -0000. */
static bool read_zone(struct view word, struct parts *p)
{
    static const struct {
        char name[4];
        int hours;
    } zones[] = {{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5}, {"MST", -7},
                 {"MDT", -6}, {"PST", -8}, {"PDT", -7}, {"CET", 1}};
    if (word.p[0] == '+' || word.p[0] == '-') {
        int value;
        if (word.n != 5 || !number_parse_int(view_from(word, 1), 0, 9959, &value))
            return false;
        int minutes = value / 100 * 60 + value % 100;
        p->offset = word.p[0] == '-' ? -minutes : minutes;
        return true;
    }
    if (!ascii_is_alpha((unsigned char)word.p[0]))
        return false;
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++)
        if (view_eq_case(word, view_of(zones[i].name)))
            p->offset = zones[i].hours * 60;
    if (view_eq_case(word, VIEW("CEST")))
        p->offset = 120;
    return true;
}

/* A number on its own is the day when there is none yet, else the year. */
static bool read_number(struct view word, struct parts *p)
{
    int value;
    if (!number_parse_int(word, 0, 9999, &value))
        return false;
    if (p->day == 0 && word.n <= 2) {
        p->day = value;
        return value >= 1 && value <= 31;
    }
    if (p->year >= 0)
        return false;
    /* RFC 5322 4.3: two digits below 50 are 20xx, three digits count from 1900. */
    p->year = word.n >= 4                 ? value
              : word.n == 2 && value < 50 ? value + 2000
                                          : value + 1900;
    return true;
}

static bool read_word(struct view word, struct parts *p)
{
    int month = month_number(word);
    if (view_has(word, ':') && !p->has_time) {
        p->has_time = true;
        return read_time(word, p);
    }
    if (month > 0 && p->month == 0) {
        p->month = month;
        return true;
    }
    if (view_is_number(word))
        return read_number(word, p);
    bool week_day = ascii_is_alpha((unsigned char)word.p[0]) && !p->has_time;
    if (week_day || p->has_zone)
        return true;
    p->has_zone = true;
    return read_zone(word, p);
}

/* Days from 1970-01-01 to the given day of the Gregorian calendar. */
static int64_t days_from_epoch(int64_t year, int month, int day)
{
    year -= month <= 2; /* years begin in March, so the leap day is last */
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return 365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719468;
}

static int days_in_month(int year, int month)
{
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month == 2)
        return leap ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

bool date_parse(struct view text, int64_t *seconds, int *offset)
{
    struct parts p = {.year = -1};
    struct view word;
    while (take_word(&text, &word))
        if (!read_word(word, &p))
            return false;
    if (p.day == 0 || p.month == 0 || p.year < 1 ||
        p.day > days_in_month(p.year, p.month))
        return false;
    int64_t minutes = (int64_t)p.hour * 60 + p.minute - p.offset;
    *seconds = days_from_epoch(p.year, p.month, p.day) * 86400 + minutes * 60 + p.second;
    if (offset)
        *offset = p.offset;
    return true;
}
