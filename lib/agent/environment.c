/* environment - the variables that external commands see
 *
 * Nothing of our own environment but what export_environment names; PATH is always set.
 */
#include "agent/command.h"

#include <paths.h>

struct list {
    struct arena *arena;
    const char **items;
    size_t n, room;
};

static void add(struct list *l, struct view name, struct view value)
{
    if (l->n + 1 < l->room)
        l->items[l->n++] =
            arena_cstr(l->arena, arena_printf(l->arena, "%.*s=%.*s", VIEW_FMT(name),
                                              VIEW_FMT(value)));
}

/* Is NAME in L already? */
static bool has(const struct list *l, struct view name)
{
    for (size_t i = 0; i < l->n; i++) {
        struct view v = view_of(l->items[i]);
        if (view_starts(v, name) && v.n > name.n && v.p[name.n] == '=')
            return true;
    }
    return false;
}

/* "NAME" or "NAME=value", with or without braces around. */
static void export_one(struct list *l, struct view item)
{
    struct view name, value;

    if (item.n >= 2 && item.p[0] == '{' && item.p[item.n - 1] == '}')
        item = view_trim_space(view_sub(item, 1, item.n - 2));
    if (!view_cut(item, '=', &name, &value)) {
        const char *ours = getenv(arena_cstr(l->arena, name));
        if (!ours)
            return;
        value = view_of(ours);
    }
    if (!has(l, name))
        add(l, name, value);
}

const char *const *command_environment(const struct conf *c, struct arena *a,
                                       const struct command_variable *pairs, size_t n)
{
    struct view rest = conf_view(c, P_export_environment), item;
    size_t exported = 0;

    while (view_token_braced(&rest, VIEW(", \t\r\n"), &item))
        exported++;
    struct list l = {.arena = a, .room = n + exported + 3};
    l.items = arena_alloc_array(a, l.room, sizeof *l.items);
    for (size_t i = 0; i < n; i++)
        add(&l, view_of(pairs[i].name), pairs[i].value);
    rest = conf_view(c, P_export_environment);
    while (view_token_braced(&rest, VIEW(", \t\r\n"), &item))
        export_one(&l, item);
    if (!has(&l, VIEW("PATH")))
        add(&l, VIEW("PATH"), view_of(_PATH_DEFPATH));
    return l.items;
}
