/* expand - $name, ${name?a:b} and comparisons
 *
 * Descends from text to reference to the branch that is chosen; a limit on
 * nesting bounds the stack, the limit of the output bounds the work.
 */
#include "conf/expand_private.h"

static bool is_name_byte(char c)
{
    return ascii_is_alnum((unsigned char)c) || c == '_';
}

/* The name at the front of V, perhaps empty. */
static struct view name_at(struct view v)
{
    size_t n = 0;

    while (n < v.n && is_name_byte(v.p[n]))
        n++;
    return view_sub(v, 0, n);
}

void expand_skip_space(struct view *rest)
{
    while (rest->n > 0 && ascii_is_space((unsigned char)rest->p[0]))
        *rest = view_from(*rest, 1);
}

/* The length of the bracketed text at the front of V, brackets included; 0 when its end
 * is missing. */
static size_t bracketed_length(struct view v)
{
    char open = v.p[0], close = open == '{' ? '}' : ')';
    size_t level = 0;

    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == open)
            level++;
        else if (v.p[i] == close && --level == 0)
            return i + 1;
    }
    return 0;
}

bool expand_take_braced(struct view *rest, struct view *content)
{
    size_t n;

    if (rest->n == 0 || rest->p[0] != '{' || (n = bracketed_length(*rest)) == 0)
        return false;
    *content = view_sub(*rest, 1, n - 2);
    *rest = view_from(*rest, n);
    return true;
}

/* What follows '?' or ':': "{text}" or plain text.  *REST is what is left behind it. */
static bool take_branch(struct expander *x, struct view *rest, struct view *text)
{
    struct view at = *rest;

    expand_skip_space(&at);
    if (at.n > 0 && at.p[0] == '{') {
        if (!expand_take_braced(&at, text)) {
            error_set(x->e, "4.3.5", "truncated macro reference: \"%.*s\"", VIEW_FMT(at));
            return false;
        }
        expand_skip_space(&at);
        *rest = at;
    } else {
        *text = *rest;
        *rest = VIEW_NONE;
    }
    return true;
}

/* "?text", "?{text}:{text}" or ":text" behind a name or a comparison that is HOLDS. */
static bool run_branches(struct expander *x, struct view rest, bool holds)
{
    struct view text, other = VIEW_NONE;
    bool wanted = rest.p[0] == '?';

    rest = view_from(rest, 1);
    if (!take_branch(x, &rest, &text))
        return false;
    if (rest.n > 0 && wanted) {
        if (rest.p[0] != ':') {
            error_set(x->e, "4.3.5", "\":\" expected at: \">>>%.*s\"", VIEW_FMT(rest));
            return false;
        }
        rest = view_from(rest, 1);
        if (!take_branch(x, &rest, &other))
            return false;
    }
    if (rest.n > 0) {
        error_set(x->e, "4.3.5", "unexpected input at: \">>>%.*s\"", VIEW_FMT(rest));
        return false;
    }
    return expand_run(x, holds == wanted ? text : other);
}

/* Is the value of NAME not empty? */
static bool test_name(struct expander *x, struct view name, bool *holds)
{
    struct str value = STR_INIT(x->out->limit);
    bool ok = x->fn(name, &value, x->e, x->arg);

    *holds = value.n > 0;
    str_done(&value);
    return ok;
}

/* The text between ${ and }. */
static bool run_reference(struct expander *x, struct view body)
{
    struct view rest = body, name = VIEW_NONE;
    bool holds = false;

    expand_skip_space(&rest);
    if (rest.n > 0 && rest.p[0] == '{') {
        if (!expand_condition(x, &rest, &holds))
            return false;
    } else {
        name = name_at(rest);
        if (name.n == 0) {
            error_set(x->e, "4.3.5", "empty macro name: \"${%.*s}\"", VIEW_FMT(body));
            return false;
        }
        rest = view_from(rest, name.n);
    }
    expand_skip_space(&rest);
    if (rest.n == 0 && name.n > 0)
        return x->fn(name, x->out, x->e, x->arg);
    if (rest.n == 0) {
        if (holds)
            str_add_cstr(x->out, "true");
        return true;
    }
    if (rest.p[0] != '?' && rest.p[0] != ':') {
        error_set(x->e, "4.3.5", "attribute name syntax error at: \"...%.*s>>>%.*s\"",
                  VIEW_FMT(name), VIEW_FMT(rest));
        return false;
    }
    if (name.n > 0 && !test_name(x, name, &holds))
        return false;
    return run_branches(x, rest, holds);
}

/* What starts with the '$' at the front of *REST. */
static bool run_dollar(struct expander *x, struct view *rest)
{
    struct view at = view_from(*rest, 1), name = name_at(at);

    if (name.n > 0) {
        *rest = view_from(at, name.n);
        return x->fn(name, x->out, x->e, x->arg);
    }
    if (at.n > 0 && at.p[0] == '$') {
        *rest = view_from(at, 1);
        str_add_char(x->out, '$');
        return true;
    }
    if (at.n > 0 && (at.p[0] == '{' || at.p[0] == '(')) {
        size_t n = bracketed_length(at);
        if (n == 0) {
            error_set(x->e, "4.3.5", "truncated macro reference: \"%.*s\"",
                      VIEW_FMT(*rest));
            return false;
        }
        *rest = view_from(at, n);
        return run_reference(x, view_sub(at, 1, n - 2));
    }
    error_set(x->e, "4.3.5", "empty macro name: \"%.*s\"", VIEW_FMT(*rest));
    return false;
}

bool expand_run(struct expander *x, struct view text)
{
    bool ok = true;

    if (++x->nesting > EXPAND_NESTING_MAX) {
        error_set(x->e, "4.3.5", "unreasonable macro call nesting");
        return false;
    }
    while (ok && text.n > 0) {
        size_t plain = view_find(text, '$');
        str_add(x->out, view_sub(text, 0, plain));
        text = view_from(text, plain == VIEW_NPOS ? text.n : plain);
        if (text.n > 0)
            ok = run_dollar(x, &text);
        if (ok && x->out->overflow) {
            error_set(x->e, "4.3.5", "longer than %zu bytes", x->out->limit);
            ok = false;
        }
    }
    x->nesting--;
    return ok;
}

bool expand_text(struct view text, expand_name_fn *fn, void *arg, struct str *out,
                 struct error *e)
{
    struct expander x = {.fn = fn, .arg = arg, .out = out, .e = e};

    return expand_run(&x, text);
}

void expand_names(struct view text, void (*fn)(struct view name, void *arg), void *arg)
{
    while (text.n > 0) {
        size_t at = view_find(text, '$');
        if (at == VIEW_NPOS)
            return;
        text = view_from(text, at + 1);
        if (text.n > 0 && text.p[0] == '$') {
            text = view_from(text, 1);
            continue;
        }
        if (text.n > 0 && (text.p[0] == '{' || text.p[0] == '(')) {
            text = view_from(text, 1);
            expand_skip_space(&text);
        }
        struct view name = name_at(text);
        if (name.n > 0)
            fn(name, arg);
        text = view_from(text, name.n);
    }
}
