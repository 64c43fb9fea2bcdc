/* dot - read DATA and BDAT content up to its end; see dot.h
 *
 * The reader looks for one LF at a time, so its cost is that of memchr().  What
 * a line's end looked like is known only when its LF is there: a CR in front
 * of it is held back when input or piece end between the two.
 */
#include "dot.h"

bool dot_mode_parse(struct view text, enum dot_mode *mode)
{
    static const struct {
        const char *name;
        enum dot_mode mode;
    } names[] = {{"no", DOT_NO},
                 {"yes", DOT_NORMALIZE},
                 {"normalize", DOT_NORMALIZE},
                 {"note", DOT_NOTE},
                 {"reject", DOT_REJECT}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (view_eq_case(text, view_of(names[i].name))) {
            *mode = names[i].mode;
            return true;
        }
    }
    return false;
}

void dot_reader_init(struct dot_reader *r, enum dot_mode mode, size_t line_limit)
{
    if (line_limit < 64)
        line_limit = 64;
    *r = (struct dot_reader){
        .mode = mode,
        .line_limit = line_limit,
        .held = STR_INIT(line_limit + 2),
        .after_crlf = true, /* the CRLF of the DATA command */
    };
}

void dot_reader_init_bdat(struct dot_reader *r, enum dot_mode mode, size_t line_limit)
{
    dot_reader_init(r, mode, line_limit);
    r->bdat = true;
}

void dot_reader_done(struct dot_reader *r)
{
    str_done(&r->held);
}

bool dot_reader_must_reject(const struct dot_reader *r)
{
    return r->mode == DOT_REJECT && r->seen_bare_lf;
}

/* Is the dot line, whose line end is CRLF or not, the end of the message? */
static bool is_end(struct dot_reader *r, bool crlf)
{
    if (r->mode == DOT_NO || (crlf && r->after_crlf))
        return true;
    r->seen_false_end = true;
    return false;
}

static void note_bare_cr(struct dot_reader *r, struct view line)
{
    if (!r->seen_bare_cr && view_has(line, '\r'))
        r->seen_bare_cr = true;
}

/* LINE came without its LF: take the CR off, and the stuffed dot. */
static enum dot_status finish_line(struct dot_reader *r, struct view line,
                                   struct view *text)
{
    bool crlf = line.n > 0 && line.p[line.n - 1] == '\r';
    if (crlf)
        line.n--;
    else
        r->seen_bare_lf = true;
    note_bare_cr(r, line);
    bool first = !r->line_open;
    bool dotted = first && !r->bdat && line.n > 0 && line.p[0] == '.';
    if (dotted && line.n == 1 && is_end(r, crlf)) {
        r->ended = true;
        *text = VIEW_NONE;
        return DOT_END;
    }
    r->line_open = false;
    r->after_crlf = crlf;
    *text = dotted ? view_from(line, 1) : line;
    return DOT_LINE;
}

/* LINE holds the limit and one byte more, and no LF: give a piece of it.  A CR at
 * the cut stays behind, since it may belong to the line end. */
static enum dot_status give_part(struct dot_reader *r, struct view line,
                                 struct view *text)
{
    size_t n = line.n - 1;
    n -= line.p[n - 1] == '\r';
    struct view piece = view_sub(line, 0, n);
    bool dotted = !r->line_open && !r->bdat && piece.p[0] == '.';
    note_bare_cr(r, piece);
    r->line_open = true;
    r->given = n;
    *text = dotted ? view_from(piece, 1) : piece;
    return DOT_PART;
}

/* Take from INPUT behind what is held until the line or the limit ends. */
static enum dot_status extend_held(struct dot_reader *r, struct view *input,
                                   struct view *text)
{
    struct view window = view_sub(*input, 0, r->line_limit + 1 - r->held.n);
    size_t end = view_find(window, '\n');
    str_add(&r->held, view_sub(window, 0, end));
    if (end != VIEW_NPOS) {
        *input = view_from(*input, end + 1);
        r->given = r->held.n;
        return finish_line(r, str_view(&r->held), text);
    }
    *input = view_from(*input, window.n);
    if (r->held.n <= r->line_limit)
        return DOT_NEED;
    return give_part(r, str_view(&r->held), text);
}

enum dot_status dot_reader_next(struct dot_reader *r, struct view *input,
                                struct view *text)
{
    str_consume(&r->held, r->given);
    r->given = 0;
    *text = VIEW_NONE;
    if (r->ended)
        return DOT_END;
    if (input->n == 0)
        return DOT_NEED;
    if (r->held.n > 0)
        return extend_held(r, input, text);
    struct view window = view_sub(*input, 0, r->line_limit + 1);
    size_t end = view_find(window, '\n');
    if (end != VIEW_NPOS) {
        *input = view_from(*input, end + 1);
        return finish_line(r, view_sub(window, 0, end), text);
    }
    if (window.n <= r->line_limit)
        return extend_held(r, input, text);
    enum dot_status status = give_part(r, window, text);
    *input = view_from(*input, r->given);
    r->given = 0;
    return status;
}

enum dot_status dot_reader_finish(struct dot_reader *r, struct view *text)
{
    str_consume(&r->held, r->given);
    r->given = r->held.n;
    *text = str_view(&r->held);
    bool open = r->line_open || r->held.n > 0;
    note_bare_cr(r, *text);
    r->line_open = false;
    r->ended = true;
    return open ? DOT_LINE : DOT_NEED;
}
