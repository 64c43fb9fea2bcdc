/* conf_file - small files in the syntax of main.cf: "name = value" lines */
#include "conf/conf_file.h"

#include "base/hash.h"
#include "base/memory.h"
#include "conf/conf_read.h"
#include "conf/lines.h"

enum { SETTINGS_MAX = 1 << 20 };

struct conf_file {
    struct arena *arena;
    struct hash *values;     /* to struct view; NULL: settings of main.cf */
    const struct conf *conf; /* with PREFIX */
    struct view prefix;
};

static struct conf_file *conf_file_new(void)
{
    struct conf_file *f = NEW(struct conf_file);

    f->arena = arena_new();
    f->values = hash_new();
    return f;
}

void conf_file_free(struct conf_file *f)
{
    if (f == NULL)
        return;
    hash_free(f->values, NULL);
    arena_free(f->arena);
    memory_free(f);
}

/* One logical line. */
static bool take_line(struct conf_file *f, const struct line *line, struct error *e)
{
    struct view name, value, *kept;

    if (line->starts_with_space || line->too_long) {
        error_set(e, "4.3.5", "line starts with white space or is too long");
        return false;
    }
    if (!conf_split(line->text, &name, &value, e))
        return false;
    kept = ARENA_NEW(f->arena, struct view);
    *kept = arena_dup(f->arena, value);
    hash_put(f->values, name, kept);
    return true;
}

struct conf_file *conf_file_parse(const char *path, struct view text, struct error *e)
{
    struct conf_file *f = conf_file_new();
    struct lines lines;
    struct line line;
    bool ok = true;

    lines_init(&lines, text);
    while (ok && lines_next(&lines, &line)) {
        ok = take_line(f, &line, e);
        if (!ok)
            error_at(e, path, line.first);
    }
    lines_done(&lines);
    if (!ok) {
        conf_file_free(f);
        f = NULL;
    }
    return f;
}

struct conf_file *conf_file_load(const char *path, struct error *e)
{
    struct str text = STR_INIT(SETTINGS_MAX);
    struct conf_file *f = NULL;

    if (lines_read_file(path, &text, e))
        f = conf_file_parse(path, str_view(&text), e);
    str_done(&text);
    return f;
}

struct conf_file *conf_file_of_prefix(const struct conf *c, struct view prefix)
{
    struct conf_file *f = conf_file_new();

    f->conf = c;
    f->prefix = arena_dup(f->arena, prefix);
    return f;
}

struct view conf_file_get(const struct conf_file *f, struct view name)
{
    const struct view *kept;

    if (f->conf)
        return conf_named(
            f->conf,
            arena_printf(f->arena, "%.*s_%.*s", VIEW_FMT(f->prefix), VIEW_FMT(name)),
            NULL);
    kept = hash_get(f->values, name);
    return kept ? *kept : VIEW_NONE;
}

struct arena *conf_file_arena(const struct conf_file *f)
{
    return f->arena;
}
