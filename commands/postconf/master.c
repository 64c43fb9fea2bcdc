/* master - services of master.cf: postconf -M, -F, -P */
#include "postconf.h"

#include "base/log.h"
#include "base/memory.h"
#include "conf/conf_read.h"
#include "conf/lines.h"

#include <assert.h>

enum { FILE_MAX = 4 << 20, LINE_LIMIT = 79 };

static const char *const column_names[N_COLUMNS] = {
    "service", "type",   "private",       "unprivileged",
    "chroot",  "wakeup", "process_limit", "command",
};
/* Where columns begin when nothing before is too wide. */
static const size_t column_goals[N_COLUMNS] = {0, 11, 17, 25, 33, 41, 49, 57};

const char *master_column_name(enum master_column column)
{
    return column_names[column];
}

struct master_entry master_entry_parse(struct arena *a, const char *path, unsigned line,
                                       struct view text)
{
    struct master_entry m = {.n_args = 0};
    struct view rest = arena_dup(a, text), token;

    for (int i = 0; i < N_COLUMNS; i++)
        if (!view_token(&rest, VIEW(" \t\r\n\f\v"), &m.column[i]))
            log_fatal("%s:%u: missing \"%s\" field", path, line, column_names[i]);
    m.args = arena_alloc_array(a, rest.n / 2 + 3, sizeof m.args[0]);
    while (conf_token(&rest, VIEW(" \t\r\n\f\v"), &token))
        m.args[m.n_args++] = token;
    return m;
}

struct master_entry *master_entries(const struct options *o, size_t *n)
{
    const char *path = arena_printf(o->arena, "%s/master.cf", o->directory).p;
    struct str text = STR_INIT(FILE_MAX);
    struct error e = ERROR_INIT;
    struct master_entry *items;
    struct lines lines;
    struct line line;
    size_t most = 1;

    if (!lines_read_file(path, &text, &e))
        log_fatal("%s", error_cstr(&e));
    for (size_t i = 0; i < text.n; i++)
        most += text.p[i] == '\n';
    items = arena_alloc_array(o->arena, most + 1, sizeof *items);
    *n = 0;
    lines_init(&lines, str_view(&text));
    while (lines_next(&lines, &line))
        items[(*n)++] = master_entry_parse(o->arena, path, line.first, line.text);
    lines_done(&lines);
    str_done(&text);
    return items;
}

/* The text inside of "{ name = value }". */
static struct view without_braces(struct view v)
{
    if (v.n >= 2 && v.p[0] == '{' && v.p[v.n - 1] == '}')
        return view_trim_space(view_sub(v, 1, v.n - 2));
    return v;
}

bool master_override_at(const struct master_entry *m, size_t i, struct view *name,
                        struct view *value, size_t *used)
{
    struct view text;

    /* Options end with the first argument that is none. */
    for (size_t k = 0; k < i; k++)
        if (m->args[k].p[0] != '-' && (k == 0 || !view_eq(m->args[k - 1], VIEW("-o"))))
            return false;
    if (view_eq(m->args[i], VIEW("-o"))) {
        if (i + 1 >= m->n_args)
            return false;
        text = m->args[i + 1];
        *used = 2;
    } else if (view_starts(m->args[i], VIEW("-o"))) {
        text = view_from(m->args[i], 2);
        *used = 1;
    } else {
        return false;
    }
    return conf_split(without_braces(text), name, value, NULL);
}

struct conf *master_entry_conf(const struct options *o, const struct master_entry *m)
{
    const char **overrides =
        arena_alloc_array(o->arena, o->n_overrides + m->n_args + 2, sizeof(char *));
    struct error e = ERROR_INIT;
    struct view name, value;
    size_t n = 0, used;
    struct conf *c;

    overrides[n++] =
        arena_printf(o->arena, "service_name=%.*s", VIEW_FMT(m->column[COLUMN_SERVICE]))
            .p;
    overrides[n++] =
        arena_printf(o->arena, "process_name=%.*s", VIEW_FMT(m->column[COLUMN_COMMAND]))
            .p;
    for (size_t i = 0; i < o->n_overrides; i++)
        overrides[n++] = o->overrides[i];
    for (size_t i = 0; i < m->n_args; i += used) {
        used = 1;
        if (master_override_at(m, i, &name, &value, &used))
            overrides[n++] =
                arena_printf(o->arena, "%.*s=%.*s", VIEW_FMT(name), VIEW_FMT(value)).p;
    }
    if (!conf_load_lenient(o->directory, overrides, n, &c, &e))
        log_fatal("%s", error_cstr(&e));
    return c;
}

/* VALUE with $name replaced as service M would. */
static struct view expanded(const struct options *o, const struct master_entry *m,
                            struct view value)
{
    struct str out = STR_INIT(1 << 20);
    struct error e = ERROR_INIT;
    struct conf *c;

    if (!o->expand || !view_has(value, '$'))
        return value;
    c = master_entry_conf(o, m);
    if (!conf_expand(c, value, NULL, NULL, &out, &e))
        log_fatal("%s", error_cstr(&e));
    value = arena_dup(o->arena, str_view(&out));
    conf_free(c);
    str_done(&out);
    return value;
}

/* Add WORD behind a space, or on a new line when it would be too long or MUST_BREAK. */
static void add_word(const struct options *o, struct str *out, size_t *line_start,
                     struct view word, bool must_break)
{
    size_t column = out->n - *line_start;

    if (o->fold && (must_break || column + 1 + word.n > LINE_LIMIT)) {
        str_add_char(out, '\n');
        *line_start = out->n;
        str_add_cstr(out, "    ");
    } else {
        str_add_char(out, ' ');
    }
    str_add(out, word);
}

/* "-o" with its setting in normal form. */
static struct view override_text(const struct options *o, struct view name,
                                 struct view value)
{
    bool braces = view_find_any(value, VIEW(" \t\r\n")) != VIEW_NPOS;

    return arena_printf(o->arena, braces ? "-o {%.*s=%.*s}" : "-o %.*s=%.*s",
                        VIEW_FMT(name), VIEW_FMT(value));
}

/* The arguments behind what is in OUT; *LINE_START is where its last line begins. */
static void add_arguments(const struct options *o, const struct master_entry *m,
                          struct str *out, size_t *line_start)
{
    bool was_override = false;

    for (size_t i = 0; i < m->n_args;) {
        struct view name, value;
        size_t used = 1;
        bool is_override = master_override_at(m, i, &name, &value, &used);
        add_word(o, out, line_start,
                 is_override ? override_text(o, name, expanded(o, m, value)) : m->args[i],
                 is_override || was_override);
        was_override = is_override;
        i += is_override ? used : 1;
    }
}

void master_entry_print(const struct options *o, const struct master_entry *m,
                        struct str *out)
{
    size_t start = out->n, line_start = start;

    for (int i = 0; i < N_COLUMNS; i++) {
        if (i > 0)
            str_add_char(out, ' ');
        while (out->n - start < column_goals[i])
            str_add_char(out, ' ');
        str_add(out, m->column[i]);
    }
    add_arguments(o, m, out, &line_start);
}

/* Is PART empty, "*" or TEXT? */
static bool part_fits(struct view part, struct view text)
{
    return part.n == 0 || view_eq(part, VIEW("*")) || view_eq(part, text);
}

bool master_pattern_fits(struct view pattern, const struct master_entry *m,
                         struct view third)
{
    struct view service, rest, type, more;

    /* Service names of type inet may hold a "/" in no case; unix paths are rare and
     * whole. */
    view_cut(pattern, '/', &service, &rest);
    view_cut(rest, '/', &type, &more);
    return part_fits(service, m->column[COLUMN_SERVICE]) &&
           part_fits(type, m->column[COLUMN_TYPE]) && part_fits(more, third);
}

static void warn_unused_everywhere(const struct options *o)
{
    struct error e = ERROR_INIT;
    struct conf *c;

    if (!conf_load_lenient(o->directory, o->overrides, o->n_overrides, &c, &e))
        log_fatal("%s", error_cstr(&e));
    warn_unused(o, c);
    conf_free(c);
}

typedef void show_fn(const struct options *o, const struct master_entry *m,
                     struct view pattern, bool *fitted);

/* Call FN for every entry and every argument; without arguments for all. */
static int show_each(const struct options *o, show_fn *fn)
{
    size_t n;
    struct master_entry *items = master_entries(o, &n);

    for (size_t k = 0; k < (o->n_names ? o->n_names : 1); k++) {
        struct view pattern = o->n_names ? view_of(o->names[k]) : VIEW("*");
        bool fitted = false;
        for (size_t i = 0; i < n; i++)
            fn(o, &items[i], pattern, &fitted);
        if (!fitted && o->n_names > 0)
            log_warning("unmatched request: \"%s\"", o->names[k]);
    }
    fflush(stdout);
    warn_unused_everywhere(o);
    return 0;
}

static void show_service(const struct options *o, const struct master_entry *m,
                         struct view pattern, bool *fitted)
{
    struct str out = STR_INIT(1 << 20);

    if (!master_pattern_fits(pattern, m, VIEW_NONE))
        return;
    *fitted = true;
    master_entry_print(o, m, &out);
    if (o->json)
        print_json(arena_printf(o->arena, "%.*s/%.*s",
                                VIEW_FMT(m->column[COLUMN_SERVICE]),
                                VIEW_FMT(m->column[COLUMN_TYPE])),
                   str_view(&out));
    else
        puts(str_cstr(&out));
    str_done(&out);
}

int show_services(const struct options *o)
{
    return show_each(o, show_service);
}

static struct view label(const struct options *o, const struct master_entry *m,
                         struct view third)
{
    return arena_printf(o->arena, "%.*s/%.*s/%.*s", VIEW_FMT(m->column[COLUMN_SERVICE]),
                        VIEW_FMT(m->column[COLUMN_TYPE]), VIEW_FMT(third));
}

/* "service/type/command = smtpd", with the arguments on lines of their own as -f says. */
static void print_command(const struct options *o, const struct master_entry *m)
{
    struct str out = STR_INIT(1 << 20);
    struct view name = label(o, m, VIEW("command"));
    size_t start = 0;

    if (!o->json && (!o->no_names || o->no_values))
        str_add(&out, name);
    if (!o->json && !o->no_names && !o->no_values)
        str_add_cstr(&out, " = ");
    if (!o->no_values) {
        str_add(&out, m->column[COLUMN_COMMAND]);
        add_arguments(o, m, &out, &start);
    }
    if (o->json)
        print_json(name, str_view(&out));
    else
        puts(str_cstr(&out));
    str_done(&out);
}

static void show_entry_fields(const struct options *o, const struct master_entry *m,
                              struct view pattern, bool *fitted)
{
    for (int i = 0; i < N_COLUMNS; i++) {
        struct view name = view_of(column_names[i]);
        if (!master_pattern_fits(pattern, m, name))
            continue;
        *fitted = true;
        if (i == COLUMN_COMMAND)
            print_command(o, m);
        else
            print_setting(o, label(o, m, name), m->column[i]);
    }
}

/* Each third part of an argument must name a field. */
static void check_field_names(const struct options *o)
{
    for (size_t i = 0; i < o->n_names; i++) {
        struct view part, rest = view_of(o->names[i]);
        bool known = false;
        if (!view_cut(rest, '/', &part, &rest) || !view_cut(rest, '/', &part, &rest))
            continue;
        for (int k = 0; k < N_COLUMNS; k++)
            known = known || part_fits(rest, view_of(column_names[k]));
        if (!known)
            log_fatal("invalid service attribute name: \"%.*s\"", VIEW_FMT(rest));
    }
}

int show_fields(const struct options *o)
{
    check_field_names(o);
    return show_each(o, show_entry_fields);
}

struct pair {
    struct view name, value;
};

static int by_name(const void *a, const void *b)
{
    return view_cmp(((const struct pair *)a)->name, ((const struct pair *)b)->name);
}

static void show_entry_parameters(const struct options *o, const struct master_entry *m,
                                  struct view pattern, bool *fitted)
{
    struct pair *pairs = arena_alloc_array(o->arena, m->n_args + 1, sizeof *pairs);
    size_t n = 0, used;

    for (size_t i = 0; i < m->n_args; i += used) {
        used = 1;
        if (master_override_at(m, i, &pairs[n].name, &pairs[n].value, &used) &&
            master_pattern_fits(pattern, m, pairs[n].name))
            n++;
    }
    qsort(pairs, n, sizeof *pairs, by_name);
    for (size_t i = 0; i < n; i++)
        print_setting(o, label(o, m, pairs[i].name), expanded(o, m, pairs[i].value));
    *fitted = *fitted || n > 0;
}

int show_parameters(const struct options *o)
{
    return show_each(o, show_entry_parameters);
}
