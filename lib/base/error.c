/* error - what went wrong, in words and as a delivery status */
#include "base/error.h"

#include <errno.h>

bool error_is_set(const struct error *e)
{
    return e->text[0] != '\0';
}

void error_clear(struct error *e)
{
    *e = ERROR_INIT;
}

/* One line: control bytes become '?'. */
static void clean(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

/* Status and text, for both forms of error_set. */
__attribute__((format(printf, 3, 0))) static void set(struct error *e, const char *status,
                                                      const char *format, va_list args)
{
    error_clear(e);
    snprintf(e->status, sizeof e->status, "%s", status ? status : "");
    vsnprintf(e->text, sizeof e->text, format, args);
    clean(e->text);
}

void error_set(struct error *e, const char *status, const char *format, ...)
{
    va_list args;

    if (e == NULL)
        return;
    va_start(args, format);
    set(e, status, format, args);
    va_end(args);
}

void error_set_errno(struct error *e, const char *status, const char *format, ...)
{
    int saved = errno;
    va_list args;

    if (e == NULL)
        return;
    va_start(args, format);
    set(e, status, format, args);
    va_end(args);
    size_t n = strlen(e->text);
    snprintf(e->text + n, sizeof e->text - n, ": %s", strerror(saved));
    e->saved_errno = saved;
    errno = saved;
}

void error_at(struct error *e, const char *path, unsigned line)
{
    if (e == NULL)
        return;
    if (line > 0)
        snprintf(e->place, sizeof e->place, "%s:%u", path, line);
    else
        snprintf(e->place, sizeof e->place, "%s", path);
}

void error_prefix(struct error *e, const char *format, ...)
{
    char prefix[sizeof e->text];
    va_list args;

    if (e == NULL)
        return;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    clean(prefix);
    size_t shift = strlen(prefix), kept = strlen(e->text);
    if (kept > sizeof e->text - 1 - shift)
        kept = sizeof e->text - 1 - shift;
    memmove(e->text + shift, e->text, kept);
    memcpy(e->text, prefix, shift);
    e->text[shift + kept] = '\0';
}

enum result error_result(const struct error *e)
{
    return e->status[0] == '5' ? PERMFAIL : TEMPFAIL;
}

const char *error_cstr(const struct error *e)
{
    static _Thread_local char line[sizeof e->text + sizeof e->place + 2];

    if (e->place[0] == '\0')
        return e->text;
    snprintf(line, sizeof line, "%s: %s", e->place, e->text);
    return line;
}
