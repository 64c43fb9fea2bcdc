/* queue_id - names of messages, in Postfix's short and long forms */
#include "queue/queue_id.h"
#include "base/clock.h"

#include <stdio.h>

/* Without vowels, so that no words come out; base 51 leaves 'z' to the separator. */
static const char digits[] = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";

#define LONG_SECONDS_DIGITS      6
#define LONG_MICROSECONDS_DIGITS 4
#define SHORT_MIN                6

/* VALUE in BASE with at least WIDTH digits at P; the end. */
static char *put_number(char *p, uint64_t value, unsigned base, unsigned width)
{
    char reversed[64];
    unsigned n = 0;
    do {
        reversed[n++] = digits[value % base];
        value /= base;
    } while (value > 0 || n < width);
    while (n > 0)
        *p++ = reversed[--n];
    return p;
}

void queue_id_make(struct queue_id *id, bool long_form, int64_t wall_usec,
                   uint64_t serial)
{
    uint64_t seconds = (uint64_t)(wall_usec / CLOCK_SECOND);
    uint64_t micros = (uint64_t)(wall_usec % CLOCK_SECOND);
    if (!long_form) {
        snprintf(id->text, sizeof id->text, "%05X%llX", (unsigned)micros,
                 (unsigned long long)serial);
        return;
    }
    char *p = put_number(id->text, seconds, 52, LONG_SECONDS_DIGITS);
    p = put_number(p, micros, 52, LONG_MICROSECONDS_DIGITS);
    *p++ = 'z';
    p = put_number(p, serial, 51, 1);
    *p = '\0';
}

static bool is_short_form(struct view text)
{
    if (text.n < SHORT_MIN)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (!ascii_is_digit(text.p[i]) && (text.p[i] < 'A' || text.p[i] > 'F'))
            return false;
    return true;
}

static bool is_long_form(struct view text)
{
    size_t fixed = LONG_SECONDS_DIGITS + LONG_MICROSECONDS_DIGITS;
    if (text.n < fixed + 2)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (memchr(digits, text.p[i], sizeof digits - 1) == NULL)
            return false;
    return view_rfind(text, 'z') >= fixed && view_rfind(text, 'z') + 1 < text.n &&
           view_has(text, 'z');
}

bool queue_id_parse(struct view text, struct queue_id *id)
{
    if (text.n >= sizeof id->text || (!is_short_form(text) && !is_long_form(text)))
        return false;
    memcpy(id->text, text.p, text.n);
    id->text[text.n] = '\0';
    return true;
}

unsigned queue_id_microseconds(struct view id)
{
    unsigned value = 0;
    if (is_short_form(id)) {
        for (size_t i = 0; i < 5; i++)
            value = value * 16 + (unsigned)(ascii_is_digit(id.p[i]) ? id.p[i] - '0'
                                                                    : id.p[i] - 'A' + 10);
        return value;
    }
    for (size_t i = LONG_SECONDS_DIGITS;
         i < id.n && i < LONG_SECONDS_DIGITS + LONG_MICROSECONDS_DIGITS; i++) {
        const char *at = memchr(digits, id.p[i], sizeof digits - 1);
        value = value * 52 + (unsigned)(at ? at - digits : 0);
    }
    return value;
}
