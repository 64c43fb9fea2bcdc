/* token - cut RFC 5322 address syntax into tokens; see token.h */
#include "token.h"

static bool is_special(int c)
{
    return c != 0 && strchr("()<>@,;:\\\".[]", c) != NULL;
}

/* Copy V without backslashes (when UNESCAPE) and without line ends. */
static struct view clean(struct arena *arena, struct view v, bool unescape)
{
    char *out = arena_alloc(arena, v.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        if (c == '\r' || (c == '\\' && i + 1 == v.n && !unescape))
            continue; /* a last backslash would escape what closes the comment */
        if (c == '\\' && i + 1 < v.n) {
            c = v.p[++i];
            if (!unescape)
                out[n++] = '\\';
        }
        out[n++] = c == '\n' || c == '\r' ? ' ' : c;
    }
    return (struct view){out, n};
}

/* The text of a token from the front of *REST up to offset END, which has
 * ESCAPED bytes in it; SKIP bytes after it go as well. */
static struct view take(struct view *rest, size_t end, size_t skip, bool dirty,
                        bool unescape, struct arena *arena)
{
    struct view text = view_sub(*rest, 0, end);
    *rest = view_from(*rest, end + skip);
    return dirty ? clean(arena, text, unescape) : text;
}

/* Up to CLOSE, which is taken; a missing CLOSE takes the rest. */
static struct view take_closed(struct view *rest, char close, struct arena *arena)
{
    bool dirty = false;
    size_t i = 0;
    while (i < rest->n && rest->p[i] != close) {
        if (rest->p[i] == '\\' && i + 1 < rest->n)
            i++;
        else if (rest->p[i] != '\n' && rest->p[i] != '\r') {
            i++;
            continue;
        }
        dirty = true;
        i++;
    }
    return take(rest, i, 1, dirty, true, arena);
}

/* A comment behind its "("; inner ones are counted, escapes stay as written. */
static struct view take_comment(struct view *rest, struct arena *arena)
{
    bool dirty = false;
    size_t depth = 1;
    size_t i = 0;
    for (; i < rest->n; i++) {
        char c = rest->p[i];
        if (c == '\\') {
            i++;
            dirty = true;
        } else if (c == '\n' || c == '\r')
            dirty = true;
        else if (c == '(')
            depth++;
        else if (c == ')' && --depth == 0)
            break;
    }
    struct view text = take(rest, i < rest->n ? i : rest->n, 1, dirty, false, arena);
    if (depth < 2)
        return text;
    /* Unterminated: close what is open, or the header would swallow more. */
    char *closed = arena_alloc(arena, text.n + depth);
    if (text.n > 0)
        memcpy(closed, text.p, text.n);
    memset(closed + text.n, ')', depth - 1);
    return (struct view){closed, text.n + depth - 1};
}

static struct view take_atom(struct view *rest, struct arena *arena)
{
    bool dirty = false;
    size_t i = 0;
    while (i < rest->n) {
        int c = (unsigned char)rest->p[i];
        if (c == '\\') {
            dirty = true;
            i += i + 1 < rest->n ? 2 : 1;
            continue;
        }
        if (ascii_is_space(c) || is_special(c))
            break;
        i++;
    }
    return take(rest, i, 0, dirty, true, arena);
}

struct token token_next(struct view *rest, struct arena *arena)
{
    while (rest->n > 0 && (ascii_is_space((unsigned char)rest->p[0]) || rest->p[0] == 0))
        *rest = view_from(*rest, 1);
    if (rest->n == 0)
        return (struct token){TOKEN_END, VIEW_NONE};
    struct view first = view_sub(*rest, 0, 1);
    char c = first.p[0];
    if (c == '\\' || !is_special((unsigned char)c))
        return (struct token){TOKEN_ATOM, take_atom(rest, arena)};
    *rest = view_from(*rest, 1);
    if (c == '"')
        return (struct token){TOKEN_QUOTED, take_closed(rest, '"', arena)};
    if (c == '[')
        return (struct token){TOKEN_LITERAL, take_closed(rest, ']', arena)};
    if (c == '(')
        return (struct token){TOKEN_COMMENT, take_comment(rest, arena)};
    return (struct token){(unsigned char)c, first};
}
