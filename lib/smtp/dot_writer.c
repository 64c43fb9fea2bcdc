/* dot_writer - content on its way out: CRLF, stuffed dots, bounded lines; see dot.h */
#include "dot.h"

void dot_writer_init(struct dot_writer *w, bool stuff, size_t line_limit)
{
    *w = (struct dot_writer){.stuff = stuff, .line_limit = line_limit};
}

/* TEXT is a run without LF (and without CR when those are replaced). */
static bool put_run(struct dot_writer *w, struct view text, struct str *out)
{
    bool ok = true;
    while (text.n > 0) {
        if (w->line_limit > 0 && w->column >= w->line_limit) {
            ok = str_add_cstr(out, "\r\n ") && ok;
            w->column = 1;
            w->has_folded = true;
        }
        if (w->column == 0 && w->stuff && text.p[0] == '.')
            ok = str_add_char(out, '.') && ok;
        size_t n = text.n;
        if (w->line_limit > 0 && n > w->line_limit - w->column)
            n = w->line_limit - w->column;
        ok = str_add(out, view_sub(text, 0, n)) && ok;
        w->column += n;
        text = view_from(text, n);
    }
    return ok;
}

/* As put_run, with each CR as a space when that is asked for. */
static bool put_text(struct dot_writer *w, struct view text, struct str *out)
{
    bool ok = true;
    size_t cr;
    while (w->replace_cr && (cr = view_find(text, '\r')) != VIEW_NPOS) {
        ok = put_run(w, view_sub(text, 0, cr), out) && ok;
        ok = put_run(w, VIEW(" "), out) && ok;
        text = view_from(text, cr + 1);
    }
    return put_run(w, text, out) && ok;
}

bool dot_writer_feed(struct dot_writer *w, struct view chunk, struct str *out)
{
    bool ok = true;
    while (chunk.n > 0) {
        size_t end = view_find(chunk, '\n');
        ok = put_text(w, view_sub(chunk, 0, end), out) && ok;
        if (end == VIEW_NPOS)
            break;
        ok = str_add_cstr(out, "\r\n") && ok;
        w->column = 0;
        chunk = view_from(chunk, end + 1);
    }
    return ok;
}

bool dot_writer_end(struct dot_writer *w, struct str *out)
{
    bool ok = true;
    if (w->column > 0)
        ok = str_add_cstr(out, "\r\n");
    if (w->stuff)
        ok = str_add_cstr(out, ".\r\n") && ok;
    w->column = 0;
    return ok;
}
