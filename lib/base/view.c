/* view - comparing, searching and cutting runs of bytes */
#include "base/view.h"

#include <stdint.h>

bool view_eq(struct view a, struct view b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool view_eq_case(struct view a, struct view b)
{
    return a.n == b.n && view_cmp_case(a, b) == 0;
}

/* The order of two lengths, for views that agree so far. */
static int cmp_lengths(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

int view_cmp(struct view a, struct view b)
{
    size_t common = a.n < b.n ? a.n : b.n;
    int order = common ? memcmp(a.p, b.p, common) : 0;

    return order ? order : cmp_lengths(a.n, b.n);
}

int view_cmp_case(struct view a, struct view b)
{
    size_t common = a.n < b.n ? a.n : b.n;

    for (size_t i = 0; i < common; i++) {
        int x = ascii_lower((unsigned char)a.p[i]),
            y = ascii_lower((unsigned char)b.p[i]);
        if (x != y)
            return x - y;
    }
    return cmp_lengths(a.n, b.n);
}

bool view_starts(struct view v, struct view prefix)
{
    return v.n >= prefix.n && view_eq((struct view){v.p, prefix.n}, prefix);
}

bool view_starts_case(struct view v, struct view prefix)
{
    return v.n >= prefix.n && view_eq_case((struct view){v.p, prefix.n}, prefix);
}

bool view_ends(struct view v, struct view suffix)
{
    return v.n >= suffix.n && view_eq(view_from(v, v.n - suffix.n), suffix);
}

bool view_ends_case(struct view v, struct view suffix)
{
    return v.n >= suffix.n && view_eq_case(view_from(v, v.n - suffix.n), suffix);
}

size_t view_find(struct view v, char c)
{
    const char *hit = v.n ? memchr(v.p, c, v.n) : NULL;

    return hit ? (size_t)(hit - v.p) : VIEW_NPOS;
}

size_t view_rfind(struct view v, char c)
{
    const char *hit = v.n ? memrchr(v.p, c, v.n) : NULL;

    return hit ? (size_t)(hit - v.p) : VIEW_NPOS;
}

/* One bit for each byte value. */
struct byte_set {
    uint64_t bits[4];
};

static struct byte_set byte_set_of(struct view bytes)
{
    struct byte_set s = {{0}};
    for (size_t i = 0; i < bytes.n; i++) {
        unsigned char c = (unsigned char)bytes.p[i];
        s.bits[c / 64] |= UINT64_C(1) << c % 64;
    }
    return s;
}

static bool byte_set_has(const struct byte_set *s, char byte)
{
    unsigned char c = (unsigned char)byte;
    return s->bits[c / 64] >> c % 64 & 1;
}

size_t view_find_any(struct view v, struct view set)
{
    struct byte_set wanted = byte_set_of(set);
    for (size_t i = 0; i < v.n; i++)
        if (byte_set_has(&wanted, v.p[i]))
            return i;
    return VIEW_NPOS;
}

size_t view_find_view(struct view v, struct view needle)
{
    if (needle.n == 0)
        return 0;
    if (v.n < needle.n)
        return VIEW_NPOS;
    const char *hit = memmem(v.p, v.n, needle.p, needle.n);
    return hit ? (size_t)(hit - v.p) : VIEW_NPOS;
}

bool view_has(struct view v, char c)
{
    return view_find(v, c) != VIEW_NPOS;
}

struct view view_sub(struct view v, size_t from, size_t n)
{
    struct view rest = view_from(v, from);

    return (struct view){rest.p, n < rest.n ? n : rest.n};
}

struct view view_from(struct view v, size_t from)
{
    if (v.p == NULL)
        return VIEW_NONE;
    if (from > v.n)
        from = v.n;
    return (struct view){v.p + from, v.n - from};
}

struct view view_trim(struct view v, struct view set)
{
    struct byte_set unwanted = byte_set_of(set);
    while (v.n > 0 && byte_set_has(&unwanted, v.p[v.n - 1]))
        v.n--;
    while (v.n > 0 && byte_set_has(&unwanted, v.p[0])) {
        v.p++;
        v.n--;
    }
    return v;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct view view_trim_space(struct view v)
{
    while (v.n > 0 && is_blank(v.p[v.n - 1]))
        v.n--;
    while (v.n > 0 && is_blank(v.p[0])) {
        v.p++;
        v.n--;
    }
    return v;
}

/* Cut V at offset AT, which may be VIEW_NPOS. */
static bool cut_at(struct view v, size_t at, struct view *head, struct view *tail)
{
    if (at == VIEW_NPOS) {
        *head = v;
        *tail = view_from(v, v.n);
        return false;
    }
    *head = view_sub(v, 0, at);
    *tail = view_from(v, at + 1);
    return true;
}

bool view_cut(struct view v, char c, struct view *head, struct view *tail)
{
    return cut_at(v, view_find(v, c), head, tail);
}

bool view_rcut(struct view v, char c, struct view *head, struct view *tail)
{
    return cut_at(v, view_rfind(v, c), head, tail);
}

/* Take SEPARATORS from the front of *REST; false when nothing is left. */
static bool skip_separators(struct view *rest, struct view separators)
{
    while (rest->n > 0 && view_has(separators, rest->p[0]))
        *rest = view_from(*rest, 1);
    return rest->n > 0;
}

/* Split *REST at offset N, or at its end when it is shorter. */
static void take(struct view *rest, size_t n, struct view *token)
{
    *token = view_sub(*rest, 0, n);
    *rest = view_from(*rest, token->n);
}

bool view_token(struct view *rest, struct view separators, struct view *token)
{
    if (!skip_separators(rest, separators))
        return false;
    take(rest, view_find_any(*rest, separators), token);
    return true;
}

bool view_token_braced(struct view *rest, struct view separators, struct view *token)
{
    size_t depth = 0, n = 0;

    if (!skip_separators(rest, separators))
        return false;
    for (; n < rest->n && (depth > 0 || !view_has(separators, rest->p[n])); n++) {
        if (rest->p[n] == '{')
            depth++;
        else if (rest->p[n] == '}' && depth > 0)
            depth--;
    }
    take(rest, n, token);
    return true;
}

bool view_is_ascii(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if ((unsigned char)v.p[i] >= 0x80)
            return false;
    return true;
}

/* The table of RFC 3629 section 4. */
size_t view_utf8_length(struct view v)
{
    unsigned char lowest = 0x80, highest = 0xbf;
    const unsigned char *p = (const unsigned char *)v.p;
    size_t length;

    if (v.n == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        length = 2;
    else if ((p[0] & 0xf0) == 0xe0)
        length = 3;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        length = 4;
    else
        return 0;
    if (p[0] == 0xe0)
        lowest = 0xa0;
    else if (p[0] == 0xed)
        highest = 0x9f;
    else if (p[0] == 0xf0)
        lowest = 0x90;
    else if (p[0] == 0xf4)
        highest = 0x8f;
    if (v.n < length || p[1] < lowest || p[1] > highest)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

bool view_is_utf8(struct view v)
{
    for (size_t at = 0, length; at < v.n; at += length) {
        length = view_utf8_length(view_from(v, at));
        if (length == 0)
            return false;
    }
    return true;
}

bool view_is_number(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if (!ascii_is_digit(v.p[i]))
            return false;
    return v.n > 0;
}
