/* expand_condition - comparisons inside ${...}
 *
 * Both sides are expanded first.  Numbers are compared as numbers, everything else
 * byte by byte; "level" behind the operator compares releases ("3.10" is later than
 * "3.9").
 */
#include "base/number.h"
#include "conf/expand_private.h"

enum { LEVEL_PARTS = 3 };

static bool parse_level(struct view text, uint64_t parts[LEVEL_PARTS], struct error *e)
{
    struct view rest = view_trim_space(text);

    for (int i = 0; i < LEVEL_PARTS; i++)
        parts[i] = 0;
    for (int i = 0; i < LEVEL_PARTS; i++) {
        if (!number_take_u64(&rest, 1000000, &parts[i]))
            break;
        if (rest.n == 0)
            return true;
        if (rest.p[0] != '.')
            break;
        rest = view_from(rest, 1);
    }
    error_set(e, "4.3.5", "malformed compatibility level syntax: \"%.*s\"",
              VIEW_FMT(text));
    return false;
}

bool expand_compare_levels(struct view a, struct view b, int *order, struct error *e)
{
    uint64_t left[LEVEL_PARTS], right[LEVEL_PARTS];

    if (!parse_level(a, left, e) || !parse_level(b, right, e))
        return false;
    *order = 0;
    for (int i = 0; i < LEVEL_PARTS && *order == 0; i++)
        *order = (left[i] > right[i]) - (left[i] < right[i]);
    return true;
}

struct operator
{
    struct view sign;
    bool if_less, if_equal, if_greater;
};
/* Longer signs first. */
static const struct operator operators[] = {
    {{"==", 2}, false, true, false}, {{"!=", 2}, true, false, true},
    {{"<=", 2}, true, true, false},  {{">=", 2}, false, true, true},
    {{"<", 1}, true, false, false},  {{">", 1}, false, false, true},
};

static const struct operator* take_operator(struct view *rest)
{
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
        if (view_starts(*rest, operators[i].sign)) {
            *rest = view_from(*rest, operators[i].sign.n);
            return &operators[i];
        }
    return NULL;
}

/* Expand one side into OUT. */
static bool expand_side(struct expander *x, struct view text, struct str *out)
{
    struct str *kept = x->out;
    bool ok;

    x->out = out;
    ok = expand_run(x, text);
    x->out = kept;
    return ok;
}

static bool compare(struct expander *x, struct view a, struct view b, bool as_level,
                    int *order)
{
    int64_t left, right;

    if (as_level)
        return expand_compare_levels(a, b, order, x->e);
    if (number_parse_i64(a, INT64_MIN, INT64_MAX, &left) &&
        number_parse_i64(b, INT64_MIN, INT64_MAX, &right))
        *order = (left > right) - (left < right);
    else
        *order = view_cmp(a, b);
    return true;
}

bool expand_condition(struct expander *x, struct view *rest, bool *holds)
{
    struct view left, right;
    const struct operator* op = NULL;
    bool as_level, ok;
    int order = 0;

    if (expand_take_braced(rest, &left)) {
        expand_skip_space(rest);
        op = take_operator(rest);
    }
    if (op == NULL) {
        error_set(
            x->e, "4.3.5",
            "\"==\", \"!=\", \"<\", \"<=\", \">=\" or \">\" expected at: \">>>%.*s\"",
            VIEW_FMT(*rest));
        return false;
    }
    as_level = view_starts(*rest, VIEW("level"));
    if (as_level)
        *rest = view_from(*rest, 5);
    expand_skip_space(rest);
    if (!expand_take_braced(rest, &right)) {
        error_set(x->e, "4.3.5", "\"{expression}\" expected at: \">>>%.*s\"",
                  VIEW_FMT(*rest));
        return false;
    }
    struct str a = STR_INIT(x->out->limit), b = STR_INIT(x->out->limit);
    ok = expand_side(x, left, &a) && expand_side(x, right, &b) &&
         compare(x, str_view(&a), str_view(&b), as_level, &order);
    *holds = order < 0 ? op->if_less : order == 0 ? op->if_equal : op->if_greater;
    str_done(&a);
    str_done(&b);
    return ok;
}
