/* type_memory - texthash:, inline: and internal: tables
 *
 * texthash: reads the text of a postmap table as it is; inline: has its entries in its
 * name, "inline:{key=value, {key = text with spaces}}".  Source: DATABASE_README.
 */
#include "table/memory_table.h"

#include "base/log.h"
#include "base/memory.h"

static enum table_result get_memory(struct table *t, struct view key, struct arena *a,
                                    struct view *value, struct error *e)
{
    bool found;
    struct view v = memory_table_get(t->state, key, &found);

    (void)e;
    return found ? table_found(a, v, value) : TABLE_NOT_FOUND;
}

static bool walk_memory(struct table *t, table_entry_fn *fn, void *arg, struct error *e)
{
    (void)e;
    return memory_table_walk(t->state, fn, arg);
}

static void close_memory(struct table *t)
{
    memory_table_free(t->state);
}

static bool open_texthash(struct table *t, struct error *e)
{
    char *path = table_path(t->conf, t->name, "");

    table_watch(t, path);
    t->state = memory_table_load(path, TEXT_MAP, (t->flags & TABLE_FOLD) != 0, e);
    memory_free(path);
    return t->state != NULL;
}

/* "key = value"; a key is one word, as in Postfix. */
static bool split_pair(struct view pair, struct view *key, struct view *value)
{
    if (!view_cut(pair, '=', key, value))
        return false;
    *key = view_trim_space(*key);
    *value = view_trim_space(*value);
    return key->n > 0 && view_find_any(*key, VIEW(" \t\r\n")) == VIEW_NPOS;
}

static bool open_inline(struct table *t, struct error *e)
{
    struct view rest, element, body, key, value;
    struct memory_table *m;

    if (!table_inline_body(t->name, &rest) || rest.n == 0) {
        error_set(e, "4.3.5", "bad syntax: need inline:{name=value...}");
        return false;
    }
    m = memory_table_new();
    while (conf_list_next(&rest, &element)) {
        if (element.p[0] == '{' && table_inline_body(element, &body))
            element = body;
        if (!split_pair(element, &key, &value)) {
            error_set(e, "4.3.5", "missing '=' after attribute name: \"%.*s\"",
                      VIEW_FMT(element));
            memory_table_free(m);
            return false;
        }
        if (!memory_table_add(m, key, value, (t->flags & TABLE_FOLD) != 0))
            log_warning("%s: duplicate entry: \"%.*s\"", t->spec, VIEW_FMT(key));
    }
    t->state = m;
    return true;
}

static bool open_internal(struct table *t, struct error *e)
{
    (void)e;
    t->state = memory_table_new();
    return true;
}

const struct table_type table_type_texthash = {
    .name = "texthash",
    .open = open_texthash,
    .close = close_memory,
    .get = get_memory,
    .walk = walk_memory,
};
const struct table_type table_type_inline = {
    .name = "inline",
    .open = open_inline,
    .close = close_memory,
    .get = get_memory,
    .walk = walk_memory,
};
const struct table_type table_type_internal = {
    .name = "internal",
    .open = open_internal,
    .close = close_memory,
    .get = get_memory,
    .walk = walk_memory,
};
