/* conf_read - main.cf and -o into entries
 *
 * Syntax only; expansion and types come after all entries are known.
 */
#include "conf/conf_read.h"

#include "conf/lines.h"

#include <stdarg.h>

void conf_note(struct conf *c, unsigned line, const char *format, ...)
{
    va_list args;

    if (c->notes.n == c->cap_notes) {
        struct error *more =
            arena_alloc_array(c->arena, c->cap_notes * 2 + 4, sizeof *more);
        if (c->notes.n > 0)
            memcpy(more, c->notes.items, c->notes.n * sizeof *more);
        c->notes.items = more;
        c->cap_notes = c->cap_notes * 2 + 4;
    }
    struct error *note = &c->notes.items[c->notes.n++];
    va_start(args, format);
    struct view text = arena_vprintf(c->arena, format, args);
    va_end(args);
    error_set(note, "", "%.*s", VIEW_FMT(text));
    error_at(note, c->path, line);
}

/* The value that NAME has or gets. */
static struct conf_value *value_for(struct conf *c, struct view name)
{
    enum parameter p;
    struct view transport;
    struct conf_value *v;

    if (parameter_find(name, &p))
        return &c->values[p];
    v = hash_get(c->named, name);
    if (v == NULL) {
        v = ARENA_NEW(c->arena, struct conf_value);
        v->name = arena_dup(c->arena, name);
        if (parameter_find_template(name, &p, &transport))
            v->info = &parameter_table[p];
        hash_put(c->named, name, v);
    }
    return v;
}

/* The place of V among the entries, a new one the first time. */
static struct conf_entry *entry_for(struct conf *c, struct conf_value *v)
{
    if (v->entry > 0)
        return &c->entries[v->entry - 1];
    if (c->n_entries == c->cap_entries) {
        size_t cap = c->cap_entries * 2 + 64;
        struct conf_entry *more = arena_alloc_array(c->arena, cap, sizeof *more);
        if (c->n_entries > 0)
            memcpy(more, c->entries, c->n_entries * sizeof *more);
        c->entries = more;
        c->cap_entries = cap;
    }
    v->entry = ++c->n_entries;
    return &c->entries[v->entry - 1];
}

void conf_put(struct conf *c, struct view name, struct view raw, unsigned line)
{
    struct conf_value *v = value_for(c, name);
    enum parameter p = P_COUNT;

    if (v->is_set && line > 0 && !view_eq(v->raw, raw))
        conf_note(c, line, "overriding earlier entry: %.*s=%.*s", VIEW_FMT(name),
                  VIEW_FMT(v->raw));
    v->raw = arena_dup(c->arena, raw);
    v->line = line;
    v->is_set = true;
    if (!parameter_find(name, &p))
        p = P_COUNT;
    *entry_for(c, v) = (struct conf_entry){v->name, v->raw, p, line};
}

bool conf_split(struct view text, struct view *name, struct view *value, struct error *e)
{
    struct view rest = view_trim_space(text);
    size_t n = 0;

    while (n < rest.n && rest.p[n] != '=' && !ascii_is_space((unsigned char)rest.p[n]))
        n++;
    *name = view_sub(rest, 0, n);
    rest = view_trim_space(view_from(rest, n));
    if (name->n == 0) {
        error_set(e, "4.3.5", "missing attribute name: \"%.*s\"", VIEW_FMT(text));
        return false;
    }
    if (rest.n == 0 || rest.p[0] != '=') {
        error_set(e, "4.3.5", "missing '=' after attribute name: \"%.*s\"",
                  VIEW_FMT(text));
        return false;
    }
    *value = view_trim_space(view_from(rest, 1));
    return true;
}

/* One logical line. */
static bool read_line(struct conf *c, const struct line *line, struct error *e)
{
    struct view name, value;
    bool ok = false;

    if (line->starts_with_space) {
        conf_note(c, line->first,
                  "logical line must not start with whitespace: \"%.30s...\"",
                  arena_cstr(c->arena, line->text));
        return true;
    }
    if (line->too_long)
        error_set(e, "4.3.5", "line longer than %zu bytes", LINES_MAX);
    else if (view_has(line->text, '\0'))
        error_set(e, "4.3.5", "NUL byte in line");
    else
        ok = conf_split(line->text, &name, &value, e);
    if (ok)
        conf_put(c, name, value, line->first);
    else
        error_at(e, c->path, line->first);
    return ok;
}

bool conf_read_text(struct conf *c, struct view text, struct error *e)
{
    struct lines lines;
    struct line line;
    bool ok = true;

    lines_init(&lines, text);
    while (ok && lines_next(&lines, &line))
        ok = read_line(c, &line, e);
    lines_done(&lines);
    return ok;
}

bool conf_read_override(struct conf *c, const char *override, struct error *e)
{
    struct view name, value;

    if (!conf_split(view_of(override), &name, &value, e)) {
        error_prefix(e, "-o: ");
        return false;
    }
    conf_put(c, name, value, 0);
    return true;
}
