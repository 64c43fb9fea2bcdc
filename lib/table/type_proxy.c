/* type_proxy - proxy:type:name, a table that proxymap has open for all
 *
 * proxymap itself opens type:name.
 * proxy:unix:passwd.byname and group.byname, which stand in everybody's
 * local_recipient_maps, are asked where they are needed: nothing would be shared, and
 * each program may read /etc.  proxymap(8).  May suspend.
 */
#include "table/network.h"

static bool proxied_here;

void table_proxy_directly(void)
{
    proxied_here = true;
    table_network_directly();
}

/* State: the table itself; NULL when proxymap is asked. */
static bool open_proxy(struct table *t, struct error *e)
{
    struct view type, name;

    if (!view_cut(t->name, ':', &type, &name) || table_type_find(type) == NULL) {
        error_set(e, "4.3.5", "bad name: need proxy:type:name");
        return false;
    }
    if (proxied_here || view_eq(type, VIEW("unix")))
        t->state = table_open_inner(t, t->name);
    return true;
}

static void close_proxy(struct table *t)
{
    table_close(t->state);
}

static enum table_result get_proxy(struct table *t, struct view key, struct arena *a,
                                   struct view *value, struct error *e)
{
    if (t->state)
        return table_get(t->state, key, a, value, e);
    return proxy_get(t->conf, t->name, t->flags, key, a, value, e);
}

static bool put_proxy(struct table *t, struct view key, const struct view *value,
                      struct error *e)
{
    if (t->state)
        return value ? table_put(t->state, key, *value, e)
                     : table_delete(t->state, key, e);
    return proxy_put(t->conf, t->name, t->flags, key, value, e);
}

/* Listing is for commands: no need to go through proxymap. */
static bool walk_proxy(struct table *t, table_entry_fn *fn, void *arg, struct error *e)
{
    struct table *inner = table_open_inner(t, t->name);
    bool ok = table_walk(inner, fn, arg, e);

    table_close(inner);
    return ok;
}

/* By the names of the types: tables that proxymap has open are not opened here. */
static bool is_pattern_proxy(const struct table *t)
{
    struct view rest = t->name, word;

    while (view_token(&rest, VIEW(", \t\r\n{}"), &word)) {
        struct view type, name;
        while (view_cut(word, ':', &type, &name)) {
            const struct table_type *inner = table_type_find(type);
            if (inner && inner->is_pattern)
                return true;
            if (inner == NULL || !inner->asks_inner)
                break;
            word = name; /* debug:regexp:... */
        }
    }
    return false;
}

const struct table_type table_type_proxy = {.name = "proxy",
                                            .keeps_case = true, /* who has it folds */
                                            .open = open_proxy,
                                            .close = close_proxy,
                                            .get = get_proxy,
                                            .put = put_proxy,
                                            .walk = walk_proxy,
                                            .is_pattern_by_name = is_pattern_proxy};
