/* check_syntax - lines of main.cf that cannot be read, and the likely reason
 *
 * The usual one: a value was meant to go on, and the next line lacks the white space in
 * front of it.
 */
#include "check/check_private.h"
#include "conf/conf_check.h"
#include "conf/parameter.h"

/* The setting in front of the line at hand. */
struct previous {
    struct view name;
    unsigned last; /* its last line */
    bool is_empty; /* it has no value */
};

/* Is TEXT "name = value"?  The parts. */
static bool split(struct view text, struct view *name, struct view *value)
{
    if (!view_cut(text, '=', name, value))
        return false;
    *name = view_trim_space(*name);
    *value = view_trim_space(*value);
    return name->n > 0 && view_find_any(*name, VIEW(" \t")) == VIEW_NPOS;
}

static void tell(struct check *k, const struct line *line, const struct previous *before,
                 const char *what)
{
    struct view text = view_trim_space(line->text);

    if (before->name.n > 0 && before->last + 1 == line->first)
        check_found(k, CHECK_ERROR, k->main_path, line->first,
                    "%s: \"%.*s\"; if it goes on with the value of `%.*s', put white "
                    "space in front of it",
                    what, VIEW_FMT(view_sub(text, 0, 60)), VIEW_FMT(before->name));
    else
        check_found(
            k, CHECK_ERROR, k->main_path, line->first,
            "%s: \"%.*s\"; write \"name = value\", or \"#\" in front of a comment", what,
            VIEW_FMT(view_sub(text, 0, 60)));
}

/* A setting that nobody knows, nor one like it, right below an empty one. */
static void tell_unknown(struct check *k, const struct line *line, struct view name,
                         const struct previous *before)
{
    enum parameter p;

    if (!before->is_empty || before->last + 1 != line->first ||
        parameter_find(name, &p) || conf_nearest(name) != P_COUNT)
        return;
    check_found(k, CHECK_WARNING, k->main_path, line->first,
                "`%.*s' is read as a parameter of its own and `%.*s' stays empty; if it "
                "goes on with that value, put white space in front of it",
                VIEW_FMT(name), VIEW_FMT(before->name));
}

static void look_at(struct check *k, const struct line *line, struct previous *before)
{
    struct view name, value;

    if (line->starts_with_space)
        return; /* the reader notes it */
    if (line->too_long || view_has(line->text, '\0')) {
        tell(k, line, before, "not a text line");
        return;
    }
    if (!split(line->text, &name, &value)) {
        tell(k, line, before, "missing '=' after attribute name");
        return;
    }
    tell_unknown(k, line, name, before);
    /* Once a value is broken off, all lines behind it belong to it. */
    enum parameter p;
    bool goes_on =
        before->is_empty && before->last + 1 == line->first && !parameter_find(name, &p);
    if (!goes_on)
        *before = (struct previous){arena_dup(k->arena, name), line->last, value.n == 0};
    else
        before->last = line->last;
}

void check_syntax(struct check *k)
{
    struct str text = STR_INIT(LINES_FILE_MAX);
    struct error e = ERROR_INIT;
    struct previous before = {.last = 0};
    struct lines lines;
    struct line line;

    if (lines_read_file(k->main_path, &text, &e)) {
        lines_init(&lines, str_view(&text));
        while (lines_next(&lines, &line))
            look_at(k, &line, &before);
        lines_done(&lines);
    } else {
        check_found(k, CHECK_ERROR, k->main_path, 0, "%s; main.cf must be readable",
                    e.text);
    }
    str_done(&text);
}
