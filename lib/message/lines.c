/* lines - sizes and conversion with CR LF; see lines.h */
#include "lines.h"

struct message_size message_size_of(struct view v)
{
    struct message_size size = {v.n, 0};
    const char *p = v.p;
    const char *end = v.n > 0 ? v.p + v.n : v.p;
    while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
        size.bytes += p == v.p || p[-1] != '\r';
        size.lines++;
        p++;
    }
    return size;
}

/* Offset of the first LF without CR in front, from FROM on, or VIEW_NPOS. */
static size_t find_bare_lf(struct view v, size_t from)
{
    while (from < v.n) {
        const char *lf = memchr(v.p + from, '\n', v.n - from);
        if (lf == NULL)
            return VIEW_NPOS;
        if (lf == v.p || lf[-1] != '\r')
            return (size_t)(lf - v.p);
        from = (size_t)(lf - v.p) + 1;
    }
    return VIEW_NPOS;
}

bool message_add_crlf(struct view v, struct str *out)
{
    size_t at = 0;
    bool ok = true;
    size_t lf;
    while (ok && (lf = find_bare_lf(v, at)) != VIEW_NPOS) {
        char *to = str_reserve(out, lf - at + 2);
        if (to == NULL)
            return str_add(out, view_sub(v, at, lf - at)) && str_add(out, VIEW("\r\n"));
        memcpy(to, v.p + at, lf - at);
        memcpy(to + (lf - at), "\r\n", 3); /* str keeps a NUL at its end */
        out->n += lf - at + 2;
        at = lf + 1;
    }
    return str_add(out, view_from(v, at)) && ok;
}

/* Append bytes of PIECE, which stands at *AT of the whole, that lie within
 * FROM..TO-1; *AT moves behind it. */
static bool add_window(struct view piece, uint64_t from, uint64_t to, uint64_t *at,
                       struct str *out)
{
    uint64_t start = *at;
    *at += piece.n;
    if (*at <= from || start >= to)
        return true;
    size_t skip = from > start ? (size_t)(from - start) : 0;
    size_t stop = to < *at ? (size_t)(to - start) : piece.n;
    return str_add(out, view_sub(piece, skip, stop - skip));
}

bool message_add_crlf_slice(struct view v, uint64_t offset, uint64_t count,
                            struct str *out)
{
    uint64_t to = count > UINT64_MAX - offset ? UINT64_MAX : offset + count;
    uint64_t at = 0;
    size_t from = 0;
    bool ok = true;
    while (ok && at < to && from < v.n) {
        size_t lf = find_bare_lf(v, from);
        size_t stop = lf == VIEW_NPOS ? v.n : lf;
        ok = add_window(view_sub(v, from, stop - from), offset, to, &at, out) &&
             (lf == VIEW_NPOS || add_window(VIEW("\r\n"), offset, to, &at, out));
        from = stop + 1;
    }
    return ok;
}
