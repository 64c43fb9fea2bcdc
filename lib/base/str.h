/* str - a byte string that grows up to a hard limit
 *
 * Writing beyond the limit keeps what fits, sets `overflow` and goes on
 * refusing, so that a long run of additions needs one check at its end.
 * There is always a NUL behind the last byte once anything was added.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "view.h"

#include <stdarg.h>

struct str {
    char *p;    /* owned; may be NULL while empty: read it through str_view or str_cstr */
    size_t n;   /* bytes used */
    size_t cap; /* bytes allocated */
    size_t limit;  /* most bytes that n may reach */
    bool overflow; /* something did not fit */
};

/* An empty string that holds at most LIMIT bytes; allocates nothing yet. */
void str_init(struct str *s, size_t limit);
#define STR_INIT(max) ((struct str){.limit = (max)})
/* Free the bytes; the string is empty and usable again. */
void str_done(struct str *s);
/* Forget the content and the overflow mark, keep the allocation. */
void str_clear(struct str *s);
/* Each returns false when not all of it fitted (what fits is kept). */
bool str_add(struct str *s, struct view v);
bool str_add_cstr(struct str *s, const char *text);
bool str_add_char(struct str *s, char c);
bool str_addf(struct str *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool str_addv(struct str *s, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Replace the content. */
bool str_set(struct str *s, struct view v);
bool str_setf(struct str *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Put V in front of offset AT. */
bool str_insert(struct str *s, size_t at, struct view v);
/* Cut to N bytes; does nothing when shorter. */
void str_truncate(struct str *s, size_t n);
/* Take the first N bytes away. */
void str_consume(struct str *s, size_t n);
/* ASCII letters to lower case, in place. */
void str_lower(struct str *s);
/* Room for EXTRA more bytes; NULL when that would pass the limit.  The caller
 * writes there and then adds to n itself. */
char *str_reserve(struct str *s, size_t extra);
static inline struct view str_view(const struct str *s)
{
    return (struct view){s->p, s->n};
}
/* The content as a C string, "" when empty. */
const char *str_cstr(const struct str *s);

#endif
