/* reply - build and gather SMTP replies; see reply.h */
#include "reply.h"
#include "base/number.h"

#define LINE_MAX_BYTES 510 /* without CRLF, RFC 5321 4.5.3.1.5 */

/* Append V with controls as "?". */
static bool add_clean(struct view v, struct str *out)
{
    bool ok = true;
    for (size_t i = 0; i < v.n; i++) {
        int c = (unsigned char)v.p[i];
        ok = str_add_char(out, c < ' ' || c == 0x7f ? '?' : (char)c) && ok;
    }
    return ok;
}

/* At most N bytes of V, not cutting a UTF-8 character in two. */
static struct view clip(struct view v, size_t n)
{
    if (v.n <= n)
        return v;
    while (n > 0 && ((unsigned char)v.p[n] & 0xc0) == 0x80)
        n--;
    return view_sub(v, 0, n);
}

bool smtp_reply_write(struct str *out, int code, const char *status, struct view text)
{
    bool ok = true;
    bool more = true;
    while (more) {
        struct view line;
        more = view_cut(text, '\n', &line, &text);
        if (more && text.n == 0)
            more = false; /* a line end at the end adds no line */
        size_t start = out->n;
        ok = str_addf(out, "%03d%c", code, more ? '-' : ' ') && ok;
        if (status && status[0])
            ok = str_addf(out, "%s ", status) && ok;
        size_t used = out->n - start;
        ok = add_clean(clip(line, LINE_MAX_BYTES - used), out) && ok;
        ok = str_add_cstr(out, "\r\n") && ok;
    }
    return ok;
}

/* The front of an enhanced status code in TEXT: digits and two dots. */
static size_t status_length(struct view text)
{
    size_t dots = 0;
    size_t n = 0;
    for (; n < text.n && n < 9; n++) {
        if (text.p[n] == '.' && n > 0 && text.p[n - 1] != '.')
            dots++;
        else if (!ascii_is_digit((unsigned char)text.p[n]))
            break;
    }
    bool ends = n == text.n || text.p[n] == ' ';
    bool class = text.n > 1 && strchr("245", text.p[0]) && text.p[1] == '.';
    return dots == 2 && ends && class && text.p[n - 1] != '.' ? n : 0;
}

bool smtp_reply_write_full(struct str *out, struct view reply)
{
    int code;
    if (!number_parse_int(view_sub(reply, 0, 3), 200, 599, &code))
        return smtp_reply_write(out, 451, "4.3.0",
                                VIEW("Error: internal reply without code"));
    struct view text = view_trim(view_from(reply, 4), VIEW(" "));
    char status[12] = "";
    size_t n = status_length(text);
    if (n > 0 && text.p[0] == reply.p[0]) {
        memcpy(status, text.p, n);
        text = view_trim(view_from(text, n), VIEW(" "));
    }
    return smtp_reply_write(out, code, status, text);
}

void smtp_reply_init(struct smtp_reply *r)
{
    *r = (struct smtp_reply){.text = STR_INIT(SMTP_REPLY_TEXT_MAX)};
}

void smtp_reply_clear(struct smtp_reply *r)
{
    struct str text = r->text;
    str_clear(&text);
    *r = (struct smtp_reply){.text = text};
}

void smtp_reply_done(struct smtp_reply *r)
{
    str_done(&r->text);
}

enum smtp_reply_state smtp_reply_line(struct smtp_reply *r, struct view line)
{
    if (r->lines >= SMTP_REPLY_LINES_MAX) {
        r->truncated = true;
        return SMTP_REPLY_TOO_LONG;
    }
    if (r->lines++ > 0)
        str_add_char(&r->text, '\n');
    while (line.n > 0 && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == '\n'))
        line.n--;
    r->truncated = !str_add(&r->text, line) || r->truncated;

    int code;
    bool good = line.n >= 3 && number_parse_int(view_sub(line, 0, 3), 100, 599, &code) &&
                (line.n == 3 || line.p[3] == ' ' || line.p[3] == '-');
    if (!good || code < 200) {
        r->garbage = true;
        return SMTP_REPLY_MORE;
    }
    if (line.n > 3 && line.p[3] == '-')
        return SMTP_REPLY_MORE;
    r->code = code;
    struct view text = view_trim(view_from(line, 4), VIEW(" "));
    size_t n = status_length(text);
    if (n > 0 && text.p[0] == line.p[0])
        memcpy(r->status, text.p, n);
    return SMTP_REPLY_DONE;
}

bool smtp_reply_join(struct view text, struct str *out)
{
    bool ok = true;
    bool more = true;
    bool first = true;
    while (more) {
        struct view line;
        more = view_cut(text, '\n', &line, &text);
        if (!first)
            ok = str_add_char(out, ' ') && ok;
        first = false;
        ok = add_clean(line, out) && ok;
    }
    return ok;
}

bool smtp_reply_said(const struct smtp_reply *r, struct view host, struct view command,
                     struct str *out)
{
    bool ok = str_addf(out, "host %.*s said: ", VIEW_FMT(host));
    ok = smtp_reply_join(str_view(&r->text), out) && ok;
    return str_addf(out, " (in reply to %.*s command)", VIEW_FMT(command)) && ok;
}
