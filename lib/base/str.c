/* str - a byte string that grows up to a hard limit */
#include "base/str.h"

#include "base/memory.h"

#include <stdint.h>

enum { FIRST_ALLOCATION = 64 };

void str_init(struct str *s, size_t limit)
{
    *s = STR_INIT(limit);
}

void str_done(struct str *s)
{
    memory_free(s->p);
    *s = STR_INIT(s->limit);
}

void str_clear(struct str *s)
{
    s->n = 0;
    s->overflow = false;
    if (s->p)
        s->p[0] = '\0';
}

/* Allocate for N bytes (at most the limit) and the NUL behind them. */
static void grow(struct str *s, size_t n)
{
    size_t cap = s->cap ? s->cap : FIRST_ALLOCATION;

    if (s->p != NULL && n < s->cap)
        return;
    while (cap <= n)
        cap = cap > SIZE_MAX / 2 ? n + 1 : cap * 2;
    if (s->limit < SIZE_MAX && cap > s->limit + 1)
        cap = s->limit + 1;
    s->p = memory_resize(s->p, cap);
    s->cap = cap;
}

/* How many of WANTED more bytes the limit allows; marks the overflow. */
static size_t clip(struct str *s, size_t wanted)
{
    size_t left = s->limit > s->n ? s->limit - s->n : 0;

    if (s->overflow)
        return 0;
    if (wanted <= left)
        return wanted;
    s->overflow = true;
    return left;
}

bool str_add(struct str *s, struct view v)
{
    size_t fits = clip(s, v.n);

    if (fits > 0) {
        grow(s, s->n + fits);
        memcpy(s->p + s->n, v.p, fits);
        s->n += fits;
        s->p[s->n] = '\0';
    }
    return fits == v.n;
}

bool str_add_cstr(struct str *s, const char *text)
{
    return str_add(s, view_of(text));
}

bool str_add_char(struct str *s, char c)
{
    if (s->n + 1 >= s->cap || s->n >= s->limit || s->overflow)
        return str_add(s, (struct view){&c, 1});
    s->p[s->n++] = c;
    s->p[s->n] = '\0';
    return true;
}

bool str_addf(struct str *s, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    bool fitted = str_addv(s, format, args);
    va_end(args);
    return fitted;
}

bool str_addv(struct str *s, const char *format, va_list args)
{
    char quick[256];
    va_list again;

    va_copy(again, args);
    int n = vsnprintf(quick, sizeof quick, format, args);
    size_t length = n > 0 ? (size_t)n : 0;
    bool fitted;
    if (length < sizeof quick) {
        fitted = str_add(s, (struct view){quick, length});
    } else {
        char *text = memory_alloc(length + 1);
        vsnprintf(text, length + 1, format, again);
        fitted = str_add(s, (struct view){text, length});
        memory_free(text);
    }
    va_end(again);
    return fitted && n >= 0;
}

bool str_set(struct str *s, struct view v)
{
    str_clear(s);
    return str_add(s, v);
}

bool str_setf(struct str *s, const char *format, ...)
{
    va_list args;

    str_clear(s);
    va_start(args, format);
    bool fitted = str_addv(s, format, args);
    va_end(args);
    return fitted;
}

bool str_insert(struct str *s, size_t at, struct view v)
{
    size_t fits = clip(s, v.n);

    if (at > s->n)
        at = s->n;
    if (fits > 0) {
        grow(s, s->n + fits);
        memmove(s->p + at + fits, s->p + at, s->n - at);
        memcpy(s->p + at, v.p, fits);
        s->n += fits;
        s->p[s->n] = '\0';
    }
    return fits == v.n;
}

void str_truncate(struct str *s, size_t n)
{
    if (n >= s->n)
        return;
    s->n = n;
    s->p[n] = '\0';
}

void str_consume(struct str *s, size_t n)
{
    if (s->n == 0)
        return;
    if (n > s->n)
        n = s->n;
    memmove(s->p, s->p + n, s->n - n);
    str_truncate(s, s->n - n);
}

void str_lower(struct str *s)
{
    for (size_t i = 0; i < s->n; i++)
        s->p[i] = (char)ascii_lower(s->p[i]);
}

char *str_reserve(struct str *s, size_t extra)
{
    if (s->overflow || s->n > s->limit || extra > s->limit - s->n)
        return NULL;
    grow(s, s->n + extra);
    return s->p + s->n;
}

const char *str_cstr(const struct str *s)
{
    return s->p && s->n ? s->p : "";
}
