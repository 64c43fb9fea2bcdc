/* paths - the directories that the tables of a configuration live in */
#include "table/paths.h"

#include "base/memory.h"
#include "conf/conf_file.h"
#include "table/table_private.h"

#define MAX_PATHS 256

/* Definitions that name definitions. */
enum { MAX_DEPTH = 4 };

struct path_set {
    const struct conf *conf;
    bool of_servers; /* also what proxymap reads */
    int depth;
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

static void scan_value(struct path_set *set, struct view value);

/* What the definition T ("type:/path" or "type:prefix") names in turn. */
static void scan_definition(struct path_set *set, struct view name)
{
    static const char *const settings[] = {
        "dbpath",     "domain",        "backup",           "option_file",
        "tls_CAfile", "tls_cert_file", "tls_key_file",     "tls_CApath",
        "tls_cert",   "tls_key",       "tls_ca_cert_file", "tls_ca_cert_dir",
    };
    bool is_file = name.n > 0 && (name.p[0] == '/' || name.p[0] == '.');
    char *path = is_file ? table_path(set->conf, name, "") : NULL;
    struct error e = ERROR_INIT;
    struct conf_file *f =
        is_file ? conf_file_load(path, &e) : conf_file_of_prefix(set->conf, name);

    /* A definition that cannot be read is told of when the table is opened. */
    for (size_t i = 0; f && i < sizeof settings / sizeof settings[0]; i++)
        scan_value(set, conf_file_get(f, view_of(settings[i])));
    conf_file_free(f);
    memory_free(path);
}

/* A word of a parameter's value: "/path", "type:/path", "sqlite:name" ... */
static void scan_word(struct path_set *set, struct view word)
{
    struct view type, name;

    while (view_cut(word, ':', &type, &name) && table_type_find(type) &&
           !table_is_network_type(type) && !view_eq(type, VIEW("sqlite")) &&
           !view_starts(name, VIEW("/")))
        word = name; /* proxy:, debug: */
    bool is_network = table_is_network_type(type);
    if ((is_network && set->of_servers) || view_eq(type, VIEW("sqlite")))
        scan_definition(set, name);
    if (is_network && !set->of_servers)
        return;
    size_t at = view_starts(word, VIEW("/")) ? 0 : view_find_view(word, VIEW(":/"));
    if (at != VIEW_NPOS)
        add_directory_of(set, view_from(word, word.p[at] == ':' ? at + 1 : at));
}

static void scan_value(struct path_set *set, struct view value)
{
    struct view word;

    if (set->depth >= MAX_DEPTH)
        return;
    set->depth++;
    while (view_token(&value, VIEW(", \t\r\n{}"), &word))
        scan_word(set, word);
    set->depth--;
}

static const char *const *paths(const struct conf *c, bool of_servers)
{
    /* Lives as long as the process; leak checkers see it. */
    static struct path_set set;

    set = (struct path_set){.conf = c,
                            .of_servers = of_servers,
                            .items = memory_alloc_array(MAX_PATHS + 2, sizeof(char *))};
    set.items[set.n++] = memory_cstr(conf_directory(c));
    if (of_servers)
        set.items[set.n++] = memory_cstr("/etc");
    for (size_t i = 0; i < conf_entry_count(c); i++)
        scan_value(&set, conf_named(c, conf_entry(c, i)->name, NULL));
    for (int p = 0; p < P_COUNT; p++)
        add_system_users(&set, conf_view(c, (enum parameter)p));
    scan_value(&set, conf_view(c, P_alias_maps));
    if (conf_bool(c, P_hosts_access_enable)) {
        add_directory_of(&set, conf_view(c, P_hosts_allow_file));
        add_directory_of(&set, conf_view(c, P_hosts_deny_file));
    }
    return set.items;
}

const char *const *table_paths(const struct conf *c)
{
    return paths(c, false);
}

const char *const *table_paths_of_servers(const struct conf *c)
{
    return paths(c, true);
}
