/* quoted_printable - encode and decode; see quoted_printable.h */
#include "quoted_printable.h"
#include "base/number.h"

#define LINE_MAX_COLUMN 75 /* and the "=" of a soft line end */

void qp_encoder_init(struct qp_encoder *e)
{
    *e = (struct qp_encoder){.held = -1};
}

/* Write TEXT (one byte or one escape), after a soft line end when it does not fit. */
static bool put(struct qp_encoder *e, struct view text, struct str *out)
{
    bool ok = true;
    if (e->column + text.n > LINE_MAX_COLUMN) {
        ok = str_add_cstr(out, "=\n");
        e->column = 0;
    }
    e->column += (unsigned)text.n;
    return str_add(out, text) && ok;
}

static bool put_escape(struct qp_encoder *e, int c, struct str *out)
{
    static const char hex[] = "0123456789ABCDEF";
    char text[3] = {'=', hex[c >> 4], hex[c & 15]};
    return put(e, (struct view){text, 3}, out);
}

/* Write the blank that was held, escaped when it ends its line. */
static bool put_held(struct qp_encoder *e, bool escape, struct str *out)
{
    if (e->held < 0)
        return true;
    char c = (char)e->held;
    e->held = -1;
    return escape ? put_escape(e, c, out) : put(e, (struct view){&c, 1}, out);
}

bool qp_encoder_line(struct qp_encoder *e, struct view piece, bool last, struct str *out)
{
    bool ok = true;
    for (size_t i = 0; i < piece.n; i++) {
        int c = (unsigned char)piece.p[i];
        ok = put_held(e, false, out) && ok;
        if (c == ' ' || c == '\t')
            e->held = c;
        else if (!ascii_is_print(c) || c == '=')
            ok = put_escape(e, c, out) && ok;
        else
            ok = put(e, view_sub(piece, i, 1), out) && ok;
    }
    if (!last)
        return ok;
    ok = put_held(e, true, out) && ok;
    e->column = 0;
    return str_add_char(out, '\n') && ok;
}

void qp_decoder_init(struct qp_decoder *d)
{
    *d = (struct qp_decoder){.held_n = 0};
}

/* Write what is held as it is. */
static bool flush(struct qp_decoder *d, struct str *out)
{
    bool ok = str_add(out, (struct view){d->held, d->held_n});
    d->held_n = 0;
    return ok;
}

/* One byte while an escape is open; false when it closed or broke it and C is
 * still to be looked at. */
static bool continue_escape(struct qp_decoder *d, char c, struct str *out, bool *ok)
{
    if (c == '\n') {
        /* "=", blanks, line end: a soft line end. */
        for (unsigned i = 1; i < d->held_n; i++)
            if (!ascii_is_space((unsigned char)d->held[i]))
                return false;
        d->held_n = 0;
        return true;
    }
    bool room = d->held_n < sizeof d->held;
    bool blanks = d->held_n == 1 || ascii_is_space((unsigned char)d->held[1]);
    if (room && blanks && (c == ' ' || c == '\t' || c == '\r')) {
        d->held[d->held_n++] = c;
        return true;
    }
    uint64_t value;
    if (d->held_n == 1 && number_parse_base((struct view){&c, 1}, 16, 15, &value)) {
        d->held[d->held_n++] = c;
        return true;
    }
    char pair[2] = {d->held_n == 2 ? d->held[1] : 'x', c};
    if (number_parse_base((struct view){pair, 2}, 16, 255, &value)) {
        d->held_n = 0;
        *ok = str_add_char(out, (char)value) && *ok;
        return true;
    }
    return false;
}

bool qp_decoder_feed(struct qp_decoder *d, struct view chunk, struct str *out)
{
    bool ok = true;
    for (size_t i = 0; i < chunk.n; i++) {
        char c = chunk.p[i];
        if (d->held_n > 0 && d->held[0] == '=') {
            if (continue_escape(d, c, out, &ok))
                continue;
            ok = flush(d, out) && ok;
        }
        bool blank = c == ' ' || c == '\t' || c == '\r';
        if (c == '\n' && !d->blanks_lost)
            d->held_n = 0; /* blanks at the end of a line were added on the way */
        if (!blank || d->held_n == sizeof d->held) {
            d->blanks_lost = blank;
            ok = flush(d, out) && ok;
        }
        if (blank || c == '=')
            d->held[d->held_n++] = c;
        else
            ok = str_add_char(out, c) && ok;
    }
    return ok;
}

bool qp_decoder_end(struct qp_decoder *d, struct str *out)
{
    return flush(d, out);
}

/* Decode LINE, which has no line end.  *SOFT: it ends with a "=" of its own. */
static bool decode_line(struct view line, bool *soft, struct str *out)
{
    bool ok = true;
    *soft = false;
    while (ok && line.n > 0) {
        size_t n = view_find(line, '=');
        struct view run = view_sub(line, 0, n);
        struct view hex = view_sub(line, run.n + 1, 2);
        uint64_t value;
        ok = str_add(out, run);
        line = view_from(line, run.n);
        if (line.n == 0)
            break;
        if (hex.n == 2 && number_parse_base(hex, 16, 255, &value)) {
            ok = str_add_char(out, (char)value) && ok;
            line = view_from(line, 3);
            continue;
        }
        *soft = line.n == 1;
        ok = (*soft || str_add_char(out, '=')) && ok;
        line = view_from(line, 1);
    }
    return ok;
}

bool qp_decode(struct view v, bool crlf, struct str *out)
{
    bool ok = true;
    while (ok && v.n > 0) {
        struct view line;
        bool soft;
        if (!view_cut(v, '\n', &line, &v)) { /* blanks at the very end stay */
            bool equals = view_ends(line, VIEW("="));
            return decode_line(line, &soft, out) && (!equals || str_add_char(out, '='));
        }
        while (line.n > 0 && strchr(" \t\r", line.p[line.n - 1]) && line.p[line.n - 1])
            line.n--;
        ok = decode_line(line, &soft, out) &&
             (soft || str_add(out, crlf ? VIEW("\r\n") : VIEW("\n")));
    }
    return ok;
}
