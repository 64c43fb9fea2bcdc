/* command - cut SMTP command lines; see command.h */
#include "command.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct view skip_blanks(struct view v)
{
    while (v.n > 0 && is_blank(v.p[0]))
        v = view_from(v, 1);
    return v;
}

bool smtp_command_argument(struct view *rest, struct view *argument)
{
    return view_token(rest, VIEW(" \t"), argument);
}

bool smtp_command_split(struct view line, struct smtp_command *c)
{
    struct view rest = view_trim(line, VIEW(" \t\r\n"));
    if (!smtp_command_argument(&rest, &c->verb))
        return false;
    c->args = skip_blanks(rest);
    return true;
}

/* The offset behind the quoted string or comment that opens at I. */
static size_t skip_closed(struct view v, size_t i)
{
    char close = v.p[i] == '"' ? '"' : ')';
    size_t depth = 1;
    for (i++; i < v.n && depth > 0; i++) {
        if (v.p[i] == '\\')
            i++;
        else if (v.p[i] == close)
            depth--;
        else if (v.p[i] == '(' && close == ')')
            depth++;
    }
    return i < v.n ? i : v.n;
}

/* The length of the path at the front of V: up to a blank outside of brackets,
 * quoted strings and comments, or up to the closing ">".  0 when a "<" stays
 * open. */
static size_t path_length(struct view v, bool *bracketed)
{
    bool open = false;
    size_t i = 0;
    *bracketed = false;
    while (i < v.n) {
        char c = v.p[i];
        if (c == '"' || c == '(') {
            i = skip_closed(v, i);
            continue;
        }
        if (c == '<') {
            open = true;
        } else if (c == '>' && open) {
            *bracketed = true;
            return i + 1;
        } else if (is_blank(c) && !open) {
            return i;
        }
        i += c == '\\' ? 2 : 1;
    }
    return open ? 0 : v.n;
}

/* A display name before "<": `Name <a@b>` is one path, when not strict. */
static size_t named_path_length(struct view v, bool *bracketed)
{
    size_t n = path_length(v, bracketed);
    if (n == 0 || *bracketed)
        return n;
    size_t open = view_find(v, '<');
    if (open == VIEW_NPOS || view_has(view_sub(v, 0, open), '@') ||
        view_has(view_sub(v, 0, open), '='))
        return n;
    size_t more = path_length(view_from(v, open), bracketed);
    return more > 0 ? open + more : n;
}

enum smtp_path_fault smtp_path_split(struct view args, struct view keyword, bool strict,
                                     struct view *path, struct view *parameters)
{
    if (!view_starts_case(args, keyword))
        return SMTP_PATH_NO_KEYWORD;
    struct view rest = view_from(args, keyword.n);
    if (!strict)
        rest = skip_blanks(rest);
    if (rest.n == 0 || rest.p[0] != ':')
        return SMTP_PATH_NO_KEYWORD;
    rest = view_from(rest, 1);
    if (strict && rest.n > 0 && rest.p[0] != '<')
        return SMTP_PATH_SYNTAX;
    rest = skip_blanks(rest);
    if (rest.n == 0)
        return SMTP_PATH_MISSING;
    bool bracketed;
    size_t n =
        strict ? path_length(rest, &bracketed) : named_path_length(rest, &bracketed);
    if (n == 0)
        return SMTP_PATH_SYNTAX;
    *path = view_sub(rest, 0, n);
    rest = view_from(rest, n);
    if (rest.n > 0 && !is_blank(rest.p[0]))
        return SMTP_PATH_SYNTAX;
    *parameters = view_trim(rest, VIEW(" \t"));
    return SMTP_PATH_OK;
}

/* RFC 5321 4.1.2: esmtp-keyword. */
static bool is_keyword(struct view v)
{
    if (v.n == 0 || !ascii_is_alnum((unsigned char)v.p[0]))
        return false;
    for (size_t i = 1; i < v.n; i++)
        if (!ascii_is_alnum((unsigned char)v.p[i]) && v.p[i] != '-')
            return false;
    return true;
}

/* RFC 5321 4.1.2: esmtp-value is printable ASCII; "=" is let through, since AUTH=
 * and ENVID= values of some clients have it. */
static bool is_value(struct view v, bool utf8)
{
    for (size_t i = 0; i < v.n; i++) {
        int c = (unsigned char)v.p[i];
        if (c <= ' ' || c == 0x7f || (c >= 0x80 && !utf8))
            return false;
    }
    return !utf8 || view_is_utf8(v);
}

enum smtp_parameter_state smtp_parameter_next(struct view *rest, bool utf8,
                                              struct smtp_parameter *p)
{
    struct view word;
    if (!smtp_command_argument(rest, &word))
        return SMTP_PARAMETER_END;
    p->has_value = view_cut(word, '=', &p->name, &p->value);
    bool good = is_keyword(p->name) && is_value(p->value, utf8);
    return good ? SMTP_PARAMETER_OK : SMTP_PARAMETER_BAD;
}
