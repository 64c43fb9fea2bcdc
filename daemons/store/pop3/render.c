/* render - LF to CR LF, dots doubled, in pieces; see pop3.h */
#include "pop3.h"

/* A line grows by a dot and a CR. */
#define GROWTH 3

void render_init(struct render *r, struct view bytes, const uint64_t *lines)
{
    *r = (struct render){.rest = bytes, .body_lines = lines ? *lines : UINT64_MAX};
}

/* The next line with its LF, or as much of it as ROOM bytes take. */
static struct view cut_line(struct view rest, size_t room, bool *is_whole)
{
    size_t span = rest.n < room ? rest.n : room;
    const char *lf = memchr(rest.p, '\n', span);

    *is_whole = lf != NULL;
    return view_sub(rest, 0, lf ? (size_t)(lf - rest.p) + 1 : span);
}

/* Count LINE against what TOP wants; false: it is no longer wanted. */
static bool is_wanted(struct render *r, struct view line)
{
    if (r->is_line_open || r->body_lines == UINT64_MAX)
        return true;
    if (!r->in_body) {
        r->in_body = line.p[0] == '\n' || (line.p[0] == '\r' && line.n == 2);
        return true;
    }
    if (r->body_lines == 0)
        return false;
    r->body_lines--;
    return true;
}

static char *copy(char *to, struct view v)
{
    memcpy(to, v.p, v.n);
    return to + v.n;
}

bool render_next(struct render *r, struct str *out)
{
    size_t room = (out->limit - out->n) / GROWTH - 1;
    size_t most = r->rest.n < room ? r->rest.n : room;
    char *start = str_reserve(out, GROWTH * most + GROWTH), *to = start;
    bool is_whole;

    if (!start || r->rest.n == 0)
        return false;
    while (most > 0) {
        struct view line = cut_line(r->rest, most, &is_whole);
        if (!is_whole && line.n < r->rest.n && line.p[line.n - 1] == '\r')
            line.n--; /* its LF may come next */
        if (line.n == 0)
            break;
        if (!is_wanted(r, line)) {
            r->rest = VIEW_NONE;
            break;
        }
        if (!r->is_line_open && line.p[0] == '.')
            *to++ = '.';
        r->rest = view_from(r->rest, line.n);
        most -= line.n;
        if (!is_whole) {
            to = copy(to, line);
            r->is_line_open = true;
            break;
        }
        bool has_cr = line.n > 1 && line.p[line.n - 2] == '\r';
        to = copy(to, view_sub(line, 0, line.n - (has_cr ? 2 : 1)));
        *to++ = '\r';
        *to++ = '\n';
        r->is_line_open = false;
    }
    if (r->rest.n == 0 && r->is_line_open) { /* the last line lacks its end */
        *to++ = '\r';
        *to++ = '\n';
        r->is_line_open = false;
    }
    out->n += (size_t)(to - start);
    return true;
}
