/* memory_table - entries in memory */
#include "table/memory_table.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "conf/lines.h"

struct memory_table {
    struct hash *entries; /* to struct view in the arena */
    struct arena *arena;
};

struct memory_table *memory_table_new(void)
{
    struct memory_table *m = NEW(struct memory_table);

    m->entries = hash_new();
    m->arena = arena_new();
    return m;
}

void memory_table_free(struct memory_table *m)
{
    if (m == NULL)
        return;
    hash_free(m->entries, NULL);
    arena_free(m->arena);
    memory_free(m);
}

bool memory_table_add(struct memory_table *m, struct view key, struct view value,
                      bool fold)
{
    struct view *kept;

    if (fold)
        key = arena_lower(m->arena, key);
    if (hash_get(m->entries, key) != NULL)
        return false;
    kept = ARENA_NEW(m->arena, struct view);
    *kept = arena_dup(m->arena, value);
    hash_put(m->entries, key, kept);
    return true;
}

struct view memory_table_get(const struct memory_table *m, struct view key, bool *found)
{
    const struct view *kept = hash_get(m->entries, key);

    *found = kept != NULL;
    return kept ? *kept : VIEW_NONE;
}

size_t memory_table_count(const struct memory_table *m)
{
    return hash_count(m->entries);
}

bool memory_table_walk(const struct memory_table *m, table_entry_fn *fn, void *arg)
{
    size_t position = 0;
    struct view key;
    void *value;

    while (hash_next(m->entries, &position, &key, &value))
        if (!fn(key, *(struct view *)value, arg))
            return true;
    return true;
}

struct loading {
    struct memory_table *m;
    const char *path;
    bool fold;
};

static bool add_entry(struct view key, struct view value, unsigned line, void *arg)
{
    const struct loading *l = arg;

    if (!memory_table_add(l->m, key, value, l->fold))
        log_warning("%s, line %u: duplicate entry: \"%.*s\"", l->path, line,
                    VIEW_FMT(key));
    return true;
}

struct memory_table *memory_table_load(const char *path, enum text_form form, bool fold,
                                       struct error *e)
{
    struct str text = STR_INIT(TABLE_FILE_MAX);
    struct loading l = {.path = path, .fold = fold};

    if (!lines_read_file(path, &text, e)) {
        str_done(&text);
        return NULL;
    }
    l.m = memory_table_new();
    (void)text_source_read(form, path, str_view(&text), add_entry, &l);
    str_done(&text);
    return l.m;
}
