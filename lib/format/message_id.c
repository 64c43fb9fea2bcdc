/* message_id - make and find Message-IDs; see message_id.h */
#include "message_id.h"

bool message_id_make(const struct tm *utc, struct view queue_id, struct view host,
                     struct str *out)
{
    return str_addf(out, "<%04d%02d%02d%02d%02d%02d.%.*s@%.*s>", utc->tm_year + 1900,
                    utc->tm_mon + 1, utc->tm_mday, utc->tm_hour, utc->tm_min, utc->tm_sec,
                    VIEW_FMT(queue_id), VIEW_FMT(host));
}

bool message_id_next(struct view *rest, struct view *id)
{
    for (;;) {
        size_t start = view_find(*rest, '<');
        if (start == VIEW_NPOS)
            break;
        *rest = view_from(*rest, start);
        size_t end = view_find_any(view_from(*rest, 1), VIEW("<> \t\r\n"));
        if (end == VIEW_NPOS)
            break;
        *id = view_sub(*rest, 0, end + 2);
        bool closed = id->p[id->n - 1] == '>';
        *rest = view_from(*rest, closed ? end + 2 : end + 1);
        if (closed && end > 0)
            return true;
    }
    *rest = VIEW_NONE;
    return false;
}

bool message_id_is_valid(struct view id)
{
    if (id.n < 5 || id.p[0] != '<' || id.p[id.n - 1] != '>')
        return false;
    struct view inner = view_sub(id, 1, id.n - 2);
    struct view left, right;
    if (!view_rcut(inner, '@', &left, &right) || left.n == 0 || right.n == 0)
        return false;
    for (size_t i = 0; i < inner.n; i++) {
        int c = (unsigned char)inner.p[i];
        if (c <= ' ' || c == 0x7f || c == '<' || c == '>')
            return false;
    }
    return true;
}
