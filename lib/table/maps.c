/* maps - a list of tables, asked in order until one answers
 *
 * The first table that finds something or fails ends the search: a broken table must not
 * make a later one speak for it.  Source: DATABASE_README.
 */
#include "table/maps_private.h"
#include "table/table_private.h"

#include "base/log.h"
#include "base/memory.h"

struct maps {
    const struct conf *conf;
    struct table **tables;
    size_t n;
    struct table *last;
};

struct maps *maps_open(const struct conf *c, struct view list, unsigned flags)
{
    struct maps *m = NEW(struct maps);
    struct view rest = list, spec;
    size_t most = list.n / 2 + 1;

    m->conf = c;
    m->tables = memory_alloc_array(most, sizeof(struct table *));
    while (m->n < most && conf_list_next(&rest, &spec))
        m->tables[m->n++] = table_open(c, spec, flags);
    return m;
}

void maps_close(struct maps *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->n; i++)
        table_close(m->tables[i]);
    memory_free(m->tables);
    memory_free(m);
}

bool maps_is_empty(const struct maps *m)
{
    return m == NULL || m->n == 0;
}

bool maps_check(struct maps *m, struct error *e)
{
    for (size_t i = 0; i < m->n; i++)
        if (!table_check(m->tables[i], e))
            return false;
    return true;
}

struct view maps_last(const struct maps *m)
{
    return m->last ? table_spec(m->last) : VIEW_NONE;
}

const struct conf *maps_conf(const struct maps *m)
{
    return m->conf;
}

enum table_result maps_get_some(struct maps *m, struct view key, bool whole_key,
                                struct arena *a, struct view *value, struct error *e)
{
    *value = VIEW_NONE;
    for (size_t i = 0; i < m->n; i++) {
        struct table *t = m->tables[i];
        if (!whole_key && table_is_pattern(t))
            continue;
        enum table_result result = table_get(t, key, a, value, e);
        if (result == TABLE_NOT_FOUND)
            continue;
        m->last = t;
        if (result == TABLE_FOUND && value->n == 0) {
            log_warning("%.*s lookup of %.*s returns an empty string result",
                        VIEW_FMT(table_spec(t)), VIEW_FMT(key));
            log_warning("%.*s should return NO RESULT in case of NOT FOUND",
                        VIEW_FMT(table_spec(t)));
            error_set(e, "4.3.5", "%.*s: empty result", VIEW_FMT(table_spec(t)));
            return TABLE_ERROR;
        }
        return result;
    }
    return TABLE_NOT_FOUND;
}

enum table_result maps_get(struct maps *m, struct view key, struct arena *a,
                           struct view *value, struct error *e)
{
    return maps_get_some(m, key, true, a, value, e);
}
