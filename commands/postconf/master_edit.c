/* master_edit - change master.cf: postconf -M, -F, -P with -e, -# or -X
 *
 * A changed service is written anew in normal form; comments and all others stay as they
 * are.
 */
#include "postconf.h"

#include "base/log.h"
#include "base/memory.h"
#include "conf/lines.h"

enum { FILE_MAX = 4 << 20 };

struct edit {
    struct view service, type, third, value;
    struct master_entry entry; /* -M: what replaces */
    bool found;
};

/* What the argument of this mode and edit must look like, in Postfix's words. */
static const char *wanted_form(int mode)
{
    return mode == 'M'   ? "-Me, -MX or -M# requires service_name/type"
           : mode == 'F' ? "-Fe or -FX requires service_name/type/field_name"
                         : "-Pe or -PX requires service_name/type/parameter";
}

/* -M: the new entry. */
static struct master_entry take_entry(const struct options *o, const char *argument,
                                      struct view text)
{
    struct view rest = text, word;
    int n = 0;

    while (n < N_COLUMNS && view_token(&rest, VIEW(" \t"), &word))
        n++;
    if (n < N_COLUMNS)
        log_fatal("bad field count: \"%s\"", argument);
    return master_entry_parse(o->arena, "command line", 1, text);
}

/* "service/type[/third][=value]" */
static struct edit take_edit(const struct options *o, const char *argument)
{
    struct edit edit = {.found = false};
    struct view key = view_of(argument), rest;

    if (view_has(view_of(argument), '\n'))
        log_fatal("-e, -X, or -# accepts no multi-line input");
    (void)view_cut(key, '=', &key, &edit.value);
    key = view_trim_space(key);
    edit.value = view_trim_space(edit.value);
    if (!view_cut(key, '/', &edit.service, &rest) || edit.service.n == 0 || rest.n == 0)
        log_fatal("%s", wanted_form(o->mode));
    if (view_cut(rest, '/', &edit.type, &edit.third) != (o->mode != 'M'))
        log_fatal("%s", wanted_form(o->mode));
    if (o->mode == 'P' && view_find_any(edit.value, VIEW(" \t")) != VIEW_NPOS)
        log_fatal("-Pe does not accept whitespace in parameter value");
    if (o->mode == 'M' && o->edit == EDIT_SET)
        edit.entry = take_entry(o, argument, edit.value);
    return edit;
}

static bool fits(const struct edit *edit, const struct master_entry *m)
{
    return (view_eq(edit->service, m->column[COLUMN_SERVICE]) ||
            view_eq(edit->service, VIEW("*"))) &&
           (view_eq(edit->type, m->column[COLUMN_TYPE]) ||
            view_eq(edit->type, VIEW("*")));
}

/* -F: another text in one column, or the command with its arguments. */
static void set_field(const struct options *o, struct master_entry *m,
                      const struct edit *edit)
{
    struct view rest = edit->value, token;

    for (int i = 0; i < N_COLUMNS; i++) {
        if (!view_eq(edit->third, view_of(master_column_name((enum master_column)i))))
            continue;
        if (!conf_token(&rest, VIEW(" \t"), &m->column[i]))
            log_fatal("empty field value: %.*s", VIEW_FMT(edit->third));
        if (i != COLUMN_COMMAND && rest.n > 0)
            log_fatal("field value with white space: \"%.*s\"", VIEW_FMT(edit->value));
        if (i == COLUMN_COMMAND) {
            m->args = arena_alloc_array(o->arena, rest.n / 2 + 3, sizeof m->args[0]);
            m->n_args = 0;
            while (conf_token(&rest, VIEW(" \t"), &token))
                m->args[m->n_args++] = token;
        }
        return;
    }
    log_fatal("invalid service attribute name: \"%.*s\"", VIEW_FMT(edit->third));
}

/* "-o name=value" behind the N arguments ARGS. */
static size_t put_override(const struct options *o, const struct edit *edit,
                           struct view *args, size_t n)
{
    args[n++] = VIEW("-o");
    args[n++] =
        arena_printf(o->arena, "%.*s=%.*s", VIEW_FMT(edit->third), VIEW_FMT(edit->value));
    return n;
}

/* -P: take the setting out; with -e put the new one in its place, else behind the
 * options. */
static void set_parameter(const struct options *o, struct master_entry *m,
                          const struct edit *edit)
{
    struct view *args = arena_alloc_array(o->arena, m->n_args + 2, sizeof *args);
    struct view name, value;
    size_t n = 0, used;
    bool wanted = o->edit == EDIT_SET;

    for (size_t i = 0; i < m->n_args; i += used) {
        bool is_option = m->args[i].p[0] == '-';
        used = 1;
        bool is_it =
            master_override_at(m, i, &name, &value, &used) && view_eq(name, edit->third);
        if (wanted && (is_it || !is_option)) {
            n = put_override(o, edit, args, n);
            wanted = false;
        }
        for (size_t k = 0; !is_it && k < used; k++)
            args[n++] = m->args[i + k];
    }
    if (wanted)
        n = put_override(o, edit, args, n);
    m->args = args;
    m->n_args = n;
}

/* The physical lines FROM to TO of TEXT, each with PREFIX in front. */
static void copy_lines(struct view text, unsigned from, unsigned to, const char *prefix,
                       struct str *out)
{
    struct view line;

    for (unsigned i = 1; text.n > 0 && i <= to; i++) {
        view_cut(text, '\n', &line, &text);
        if (i < from)
            continue;
        struct view bare = view_trim_space(line);
        if (bare.n > 0 && bare.p[0] != '#')
            str_add_cstr(out, prefix);
        str_add(out, line);
        str_add_char(out, '\n');
    }
}

/* Do what EDIT wants to the entry of LINE; the lines behind it go on where they were. */
static void change_entry(const struct options *o, struct edit *edit, struct view text,
                         const struct line *line, struct str *out)
{
    struct master_entry m =
        master_entry_parse(o->arena, "master.cf", line->first, line->text);
    struct options folded = *o;
    int mode = o->mode;

    folded.fold = true;
    if (mode == 'M' && o->edit == EDIT_REMOVE)
        return;
    if (mode == 'M' && o->edit == EDIT_COMMENT_OUT) {
        copy_lines(text, line->first, line->last, "#", out);
        return;
    }
    if (mode == 'M')
        m = edit->entry;
    else if (mode == 'F')
        set_field(o, &m, edit);
    else
        set_parameter(o, &m, edit);
    master_entry_print(&folded, &m, out);
    str_add_char(out, '\n');
}

static void change(const struct options *o, struct edit *edit, struct view text,
                   struct str *out)
{
    struct lines lines;
    struct line line;
    unsigned done = 0;

    lines_init(&lines, text);
    while (lines_next(&lines, &line)) {
        struct master_entry m =
            master_entry_parse(o->arena, "master.cf", line.first, line.text);
        if (!fits(edit, &m))
            continue;
        copy_lines(text, done + 1, line.first - 1, "", out);
        if (!edit->found || o->mode != 'M' || o->edit != EDIT_SET)
            change_entry(o, edit, text, &line, out);
        edit->found = true;
        done = line.last;
    }
    lines_done(&lines);
    copy_lines(text, done + 1, UINT32_MAX, "", out);
    if (!edit->found && o->mode == 'M' && o->edit == EDIT_SET) {
        struct options folded = *o;
        folded.fold = true;
        master_entry_print(&folded, &edit->entry, out);
        str_add_char(out, '\n');
    }
}

int edit_master(const struct options *o)
{
    const char *path = arena_printf(o->arena, "%s/master.cf", o->directory).p;
    struct str text = STR_INIT(FILE_MAX);
    struct error e = ERROR_INIT;
    struct view now;

    if (!lines_read_file(path, &text, &e))
        log_fatal("%s", error_cstr(&e));
    now = str_view(&text);
    for (size_t i = 0; i < o->n_names; i++) {
        struct edit edit = take_edit(o, o->names[i]);
        struct str out = STR_INIT(2 * FILE_MAX);
        change(o, &edit, now, &out);
        if (!edit.found && o->mode != 'M')
            log_warning("unmatched service_name/type: \"%s\"", o->names[i]);
        now = arena_dup(o->arena, str_view(&out));
        str_done(&out);
    }
    replace_file(path, now);
    str_done(&text);
    return 0;
}
