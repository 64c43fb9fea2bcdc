/* paths - the directories that the tables of a configuration live in */
#include "table/paths.h"

#include "base/memory.h"

#define MAX_PATHS 256

struct path_set {
    const char **items;
    size_t n;
};

/* Remember the directory that holds PATH. */
static void add_directory_of(struct path_set *set, struct view path)
{
    size_t slash = view_rfind(path, '/');
    if (slash == VIEW_NPOS || slash == 0)
        return;
    struct view directory = view_sub(path, 0, slash);
    for (size_t i = 0; i < set->n; i++) {
        if (view_eq(view_of(set->items[i]), directory))
            return;
    }
    if (set->n == MAX_PATHS)
        return;
    char *copy = memory_alloc(directory.n + 1);
    memcpy(copy, directory.p, directory.n);
    set->items[set->n++] = copy;
}

/* unix:passwd.byname and unix:group.byname read files that are replaced by renaming
 * whenever a user is added. */
static void add_system_users(struct path_set *set, struct view value)
{
    if (view_find_view(value, VIEW("unix:passwd.byname")) != VIEW_NPOS ||
        view_find_view(value, VIEW("unix:group.byname")) != VIEW_NPOS)
        add_directory_of(set, VIEW("/etc/passwd"));
}

/* Every "/path" and "type:/path" word of a parameter's value. */
static void scan_value(struct path_set *set, struct view value)
{
    struct view word;
    while (view_token(&value, VIEW(", \t\r\n{}"), &word)) {
        size_t at = word.n > 0 && word.p[0] == '/' ? 0 : view_find_view(word, VIEW(":/"));
        if (at == VIEW_NPOS)
            continue;
        add_directory_of(set, view_from(word, word.p[at] == ':' ? at + 1 : at));
    }
}

/* Parameters whose values are directories or programs of other matters. */
static bool names_tables(struct view value)
{
    return view_find_view(value, VIEW("/")) != VIEW_NPOS;
}

const char *const *table_paths(const struct conf *c)
{
    /* Lives as long as the process; leak checkers see it. */
    static struct path_set set;

    set = (struct path_set){.items = memory_alloc_array(MAX_PATHS + 2, sizeof(char *))};
    set.items[set.n++] = memory_cstr(conf_directory(c));
    for (int p = 0; p < P_COUNT; p++) {
        struct view value = conf_view(c, (enum parameter)p);
        if (names_tables(value) && conf_is_set(c, (enum parameter)p))
            scan_value(&set, value);
        add_system_users(&set, value);
    }
    scan_value(&set, conf_view(c, P_alias_maps));
    return set.items;
}
