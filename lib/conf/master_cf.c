/* master_cf - read master.cf
 *
 * A logical line is one service: eight columns, then the program's arguments.  "{" and
 * "}" keep an argument with white space together.  The last line of a name and type
 * counts.
 */
#include "conf/master_cf.h"

#include "base/memory.h"
#include "base/number.h"
#include "conf/conf_read.h"
#include "conf/lines.h"

enum { MASTER_FILE_MAX = 4 << 20, ARGUMENTS_MAX = 4096, DEFAULT_PROCESS_LIMIT = -1 };

struct reader {
    struct arena *arena;
    const char *path;
    struct master_cf *out;
    size_t cap;
    struct master_service *service; /* of the line at hand */
    struct error *e;
};

/* Set R's error for COLUMN, which says TEXT. */
static bool bad_column(struct reader *r, const char *column, struct view text)
{
    error_set(r->e, "4.3.5", "bad %s field: \"%.*s\"", column, VIEW_FMT(text));
    return false;
}

static bool parse_type(struct reader *r, struct view text)
{
    static const struct {
        const char *name;
        enum service_type type;
    } types[] = {
        {"inet", SERVICE_INET},
        {"unix", SERVICE_UNIX},
        {"unix-dgram", SERVICE_UNIX_DGRAM},
        {"fifo", SERVICE_FIFO},
        {"pass", SERVICE_PASS},
    };

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (view_eq(text, view_of(types[i].name))) {
            r->service->type = types[i].type;
            return true;
        }
    return bad_column(r, "transport type", text);
}

static bool parse_flag(struct reader *r, const char *column, struct view text,
                       bool default_value, bool *out)
{
    *out = default_value;
    if (view_eq(text, VIEW("-")))
        return true;
    *out = view_eq(text, VIEW("y"));
    return *out || view_eq(text, VIEW("n")) || bad_column(r, column, text);
}

/* "-", "300" or "1000?" */
static bool parse_wakeup(struct reader *r, struct view text)
{
    struct view number = text;

    if (view_eq(text, VIEW("-")))
        return true;
    if (view_ends(number, VIEW("?"))) {
        r->service->wakeup_only_if_used = true;
        number.n--;
    }
    return number_parse_i64(number, 0, INT32_MAX, &r->service->wakeup) ||
           bad_column(r, "wakeup time", text);
}

static bool parse_maxproc(struct reader *r, struct view text)
{
    r->service->maxproc = DEFAULT_PROCESS_LIMIT;
    return view_eq(text, VIEW("-")) ||
           number_parse_int(text, 0, INT32_MAX, &r->service->maxproc) ||
           bad_column(r, "process limit", text);
}

/* The seven columns in front of the command. */
static bool parse_columns(struct reader *r, struct view *rest)
{
    static const char *const names[] = {"service name", "transport type", "private",
                                        "unprivileged", "chroot",         "wakeup time",
                                        "process limit"};
    struct view column[7];
    struct master_service *s = r->service;

    for (size_t i = 0; i < 7; i++)
        if (!view_token(rest, VIEW(" \t\r\n\f\v"), &column[i])) {
            error_set(r->e, "4.3.5", "missing \"%s\" field", names[i]);
            return false;
        }
    s->name = arena_dup(r->arena, column[0]);
    if (!parse_type(r, column[1]) ||
        !parse_flag(r, "private", column[2], true, &s->is_private) ||
        !parse_flag(r, "unprivileged", column[3], true, &s->unprivileged) ||
        !parse_flag(r, "chroot", column[4], false, &s->chroot) ||
        !parse_wakeup(r, column[5]) || !parse_maxproc(r, column[6]))
        return false;
    if (s->type == SERVICE_INET && s->is_private) {
        if (!view_eq(column[2], VIEW("-"))) {
            error_set(r->e, "4.3.5", "internet service can't be private");
            return false;
        }
        s->is_private = false;
    }
    return true;
}

/* Put "name=value" in normal form behind the overrides. */
static bool add_override(struct reader *r, struct view text)
{
    struct master_service *s = r->service;
    struct view name, value;

    if (!conf_split(text, &name, &value, r->e)) {
        error_prefix(r->e, "-o: ");
        return false;
    }
    s->overrides[s->n_overrides++] =
        arena_printf(r->arena, "%.*s=%.*s", VIEW_FMT(name), VIEW_FMT(value)).p;
    return true;
}

/* "-v", "-vv", "-D" and combinations; false when TEXT is something else. */
static bool take_switches(struct master_service *s, struct view text)
{
    if (text.n < 2 || text.p[0] != '-')
        return false;
    for (size_t i = 1; i < text.n; i++)
        if (text.p[i] != 'v' && text.p[i] != 'D')
            return false;
    for (size_t i = 1; i < text.n; i++) {
        if (text.p[i] == 'v')
            s->verbose++;
        else
            s->debug = true;
    }
    return true;
}

/* The next argument, without its braces. */
static bool take_argument(struct reader *r, struct view *rest, struct view *argument,
                          bool *ok)
{
    struct view token;

    *ok = true;
    if (!conf_token(rest, VIEW(" \t\r\n\f\v"), &token))
        return false;
    if (token.p[0] == '{') {
        if (token.n < 2 || token.p[token.n - 1] != '}') {
            error_set(r->e, "4.3.5", "missing '}' in \"%.*s\"", VIEW_FMT(token));
            *ok = false;
            return false;
        }
        token = view_trim_space(view_sub(token, 1, token.n - 2));
    }
    *argument = arena_dup(r->arena, token);
    return true;
}

/* Options end with the first argument that is none: what follows is the program's own. */
static bool parse_arguments(struct reader *r, struct view rest)
{
    struct master_service *s = r->service;
    size_t most = rest.n / 2 + 1;
    struct view argument;
    bool ok, options = true;

    if (most > ARGUMENTS_MAX)
        most = ARGUMENTS_MAX;
    s->args = arena_alloc_array(r->arena, most, sizeof s->args[0]);
    s->overrides = arena_alloc_array(r->arena, most, sizeof s->overrides[0]);
    while (take_argument(r, &rest, &argument, &ok)) {
        if (s->n_args + s->n_overrides >= most) {
            error_set(r->e, "4.3.5", "more than %zu arguments", most);
            return false;
        }
        if (options && view_eq(argument, VIEW("-o"))) {
            if (!take_argument(r, &rest, &argument, &ok)) {
                if (ok)
                    error_set(r->e, "4.3.5", "-o without name=value");
                return false;
            }
            if (!add_override(r, argument))
                return false;
        } else if (options && view_starts(argument, VIEW("-o"))) {
            if (!add_override(r, view_from(argument, 2)))
                return false;
        } else if (!options || !take_switches(s, argument)) {
            s->args[s->n_args++] = argument;
            options = options && view_starts(argument, VIEW("-"));
        }
    }
    return ok;
}

/* Where the service at hand goes: over an earlier line of its name and type, or behind.
 */
static struct master_service *slot_for(struct reader *r, const struct master_service *s)
{
    struct master_cf *out = r->out;

    for (size_t i = 0; i < out->n; i++)
        if (out->items[i].type == s->type && view_eq(out->items[i].name, s->name))
            return &out->items[i];
    if (out->n == r->cap) {
        size_t cap = r->cap * 2 + 32;
        struct master_service *more = arena_alloc_array(r->arena, cap, sizeof *more);
        if (out->n > 0)
            memcpy(more, out->items, out->n * sizeof *more);
        out->items = more;
        r->cap = cap;
    }
    return &out->items[out->n++];
}

static bool read_line(struct reader *r, const struct line *line)
{
    struct master_service s = {.line = line->first};
    struct view rest = line->text, command;

    r->service = &s;
    if (line->starts_with_space) {
        error_set(r->e, "4.3.5", "line starts with white space but continues nothing");
        return false;
    }
    if (line->too_long || view_has(line->text, '\0')) {
        error_set(r->e, "4.3.5", "line too long or with a NUL byte");
        return false;
    }
    if (!parse_columns(r, &rest))
        return false;
    if (!view_token(&rest, VIEW(" \t\r\n\f\v"), &command)) {
        error_set(r->e, "4.3.5", "missing \"command\" field");
        return false;
    }
    s.command = arena_dup(r->arena, command);
    if (!parse_arguments(r, rest))
        return false;
    struct master_service *slot = slot_for(r, &s);
    s.replaces = slot->line;
    *slot = s;
    return true;
}

bool master_cf_parse(const char *path, struct view text, struct arena *a,
                     struct master_cf *out, struct error *e)
{
    struct reader r = {.arena = a, .path = path, .out = out, .e = e};
    struct lines lines;
    struct line line;
    bool ok = true;

    *out = (struct master_cf){.n = 0};
    lines_init(&lines, text);
    while (ok && lines_next(&lines, &line)) {
        ok = read_line(&r, &line);
        if (!ok)
            error_at(e, path, line.first);
    }
    lines_done(&lines);
    return ok;
}

bool master_cf_load(const char *directory, struct arena *a, struct master_cf *out,
                    struct error *e)
{
    struct str text = STR_INIT(MASTER_FILE_MAX);
    const char *path = arena_printf(a, "%s/master.cf", directory).p;
    bool ok = lines_read_file(path, &text, e) &&
              master_cf_parse(path, str_view(&text), a, out, e);

    str_done(&text);
    return ok;
}

const char *master_service_type_name(enum service_type type)
{
    static const char *const names[] = {
        [SERVICE_INET] = "inet",
        [SERVICE_UNIX] = "unix",
        [SERVICE_UNIX_DGRAM] = "unix-dgram",
        [SERVICE_FIFO] = "fifo",
        [SERVICE_PASS] = "pass",
    };

    return names[type];
}

bool master_service_is_disabled(const struct master_service *s, struct view list)
{
    struct view type = view_of(master_service_type_name(s->type)), word, name, kind;

    while (view_token(&list, VIEW(", \t\r\n"), &word)) {
        bool is_off = word.p[0] != '!';
        if (!is_off)
            word = view_from(word, 1);
        bool is_one = view_rcut(word, '/', &name, &kind) ||
                      (view_rcut(word, '.', &name, &kind) && view_eq(kind, type));
        if (is_one ? view_eq(name, s->name) && view_eq(kind, type) : view_eq(word, type))
            return is_off;
    }
    return false;
}

const struct master_service *master_cf_find(const struct master_cf *m, struct view name)
{
    struct view service, type;
    bool typed = view_rcut(name, '/', &service, &type);

    for (size_t i = 0; i < m->n; i++)
        if (view_eq(m->items[i].name, name) ||
            (typed && view_eq(m->items[i].name, service) &&
             view_eq(view_of(master_service_type_name(m->items[i].type)), type)))
            return &m->items[i];
    return NULL;
}
