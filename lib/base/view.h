/* view - a read-only run of bytes with its length
 *
 * A view owns nothing: it points into a string, an arena or a buffer and is
 * valid for as long as that is.  The bytes may hold NUL.  Nothing here
 * allocates or suspends.
 */
#ifndef BASE_VIEW_H
#define BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct view {
    const char *p; /* never NULL when n > 0 */
    size_t n;
};

/* A view of a string literal. */
#define VIEW(literal) ((struct view){"" literal, sizeof(literal) - 1})
/* The two arguments that printf's "%.*s" wants; for log and error texts. */
#define VIEW_FMT(v) (int)((v).n > 4096 ? 4096 : (v).n), ((v).p ? (v).p : "")
#define VIEW_NONE   ((struct view){NULL, 0})

/* A view of a C string; NULL gives the empty view. */
static inline struct view view_of(const char *text)
{
    return (struct view){text, text ? strlen(text) : 0};
}
static inline bool view_is_empty(struct view v)
{
    return v.n == 0;
}
/* Equal bytes. */
bool view_eq(struct view a, struct view b);
/* Equal but for the case of ASCII letters. */
bool view_eq_case(struct view a, struct view b);
/* Order by bytes, a prefix first: <0, 0, >0. */
int view_cmp(struct view a, struct view b);
int view_cmp_case(struct view a, struct view b);
bool view_starts(struct view v, struct view prefix);
bool view_starts_case(struct view v, struct view prefix);
bool view_ends(struct view v, struct view suffix);
bool view_ends_case(struct view v, struct view suffix);

#define VIEW_NPOS ((size_t)-1)
/* Offset of the first / last C, or VIEW_NPOS. */
size_t view_find(struct view v, char c);
size_t view_rfind(struct view v, char c);
/* Offset of the first byte that is in SET, or VIEW_NPOS. */
size_t view_find_any(struct view v, struct view set);
/* Offset of the first occurrence of NEEDLE, or VIEW_NPOS. */
size_t view_find_view(struct view v, struct view needle);
bool view_has(struct view v, char c);

/* At most N bytes from offset FROM; clipped, never out of bounds. */
struct view view_sub(struct view v, size_t from, size_t n);
/* All from offset FROM. */
struct view view_from(struct view v, size_t from);
/* Without leading and trailing bytes of SET (default use: VIEW(" \t\r\n")). */
struct view view_trim(struct view v, struct view set);
struct view view_trim_space(struct view v);
/* Cut at the first C: *HEAD before it, *TAIL after it.  False, with *HEAD = V
 * and *TAIL empty, when C is not there. */
bool view_cut(struct view v, char c, struct view *head, struct view *tail);
/* As view_cut, at the last C. */
bool view_rcut(struct view v, char c, struct view *head, struct view *tail);
/* Take the next token of *REST: skips bytes of SEPARATORS, gives the run up to
 * the next one.  False at the end. */
bool view_token(struct view *rest, struct view separators, struct view *token);
/* As view_token, but separators between { and the matching } belong to the token
 * (Postfix's mystrtokq); a missing '}' takes the rest. */
bool view_token_braced(struct view *rest, struct view separators, struct view *token);

/* ASCII classes, independent of the locale. */
static inline bool ascii_is_digit(int c)
{
    return c >= '0' && c <= '9';
}
static inline bool ascii_is_upper(int c)
{
    return c >= 'A' && c <= 'Z';
}
static inline bool ascii_is_lower(int c)
{
    return c >= 'a' && c <= 'z';
}
static inline bool ascii_is_alpha(int c)
{
    return ascii_is_upper(c) || ascii_is_lower(c);
}
static inline bool ascii_is_alnum(int c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c);
}
static inline bool ascii_is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}
static inline bool ascii_is_print(int c)
{
    return c >= 0x20 && c < 0x7f;
}
static inline int ascii_lower(int c)
{
    return ascii_is_upper(c) ? c + 32 : c;
}
static inline int ascii_upper(int c)
{
    return ascii_is_lower(c) ? c - 32 : c;
}
/* All bytes below 0x80. */
bool view_is_ascii(struct view v);
/* Well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates). */
bool view_is_utf8(struct view v);
/* Length of the well-formed UTF-8 sequence that V starts with; 0 when it starts
 * with none. */
size_t view_utf8_length(struct view v);
/* All bytes digits, and at least one. */
bool view_is_number(struct view v);

#endif
