/* check_table_uses - which tables main.cf and the -o options name, and what for
 *
 * Every "type:name" in a list counts, also inside of braces, unionmap: and proxy:.
 */
#include "check/check_private.h"
#include "conf/parameter.h"
#include "table/table.h"

/* What is being read. */
struct reader {
    struct check *check;
    struct view setting;
    const char *path;
    unsigned line;
    struct view last_word; /* the restriction in front of a table */
};

/* Types whose name is a text file (or a file with the settings of a client). */
static bool has_file(struct view type)
{
    static const char *const types[] = {
        "hash",   "btree", "dbm",   "lmdb",  "cdb",   "cidr", "pcre",     "regexp",
        "sqlite", "ldap",  "mysql", "pgsql", "redis", "sdbm", "memcache", "texthash"};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (view_eq(type, view_of(types[i])))
            return true;
    return false;
}

static enum table_role role_of(struct view setting)
{
    static const struct {
        const char *end;
        enum table_role role;
    } roles[] = {
        {"alias_maps", ROLE_ALIASES},
        {"alias_database", ROLE_ALIASES},
        {"virtual_alias_maps", ROLE_ADDRESSES},
        {"virtual_maps", ROLE_ADDRESSES},
        {"canonical_maps", ROLE_ADDRESSES},
        {"generic_maps", ROLE_ADDRESSES},
        {"_bcc_maps", ROLE_ADDRESSES},
        {"transport_maps", ROLE_TRANSPORT},
        {"_access", ROLE_ACCESS},
    };
    if (view_starts(setting, VIEW("virtual_alias")))
        return ROLE_ADDRESSES;
    if (view_ends(setting, VIEW("header_checks")) ||
        view_ends(setting, VIEW("body_checks")))
        return view_starts(setting, VIEW("smtp_")) || view_starts(setting, VIEW("lmtp_"))
                   ? ROLE_HEADERS_OUT
                   : ROLE_HEADERS;
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (view_ends(setting, view_of(roles[i].end)))
            return roles[i].role;
    if (view_ends(setting, VIEW("_restrictions")))
        return ROLE_ACCESS;
    return ROLE_OTHER;
}

static void add_use(struct reader *r, struct view spec, struct view type,
                    struct view name)
{
    struct check *k = r->check;
    bool is_access = view_starts(r->last_word, VIEW("check_"));

    if (k->n_tables == k->cap_tables) {
        size_t cap = k->cap_tables * 2 + 32;
        struct table_use *more = arena_alloc_array(k->arena, cap, sizeof *more);
        if (k->n_tables > 0)
            memcpy(more, k->tables, k->n_tables * sizeof *more);
        k->tables = more;
        k->cap_tables = cap;
    }
    struct view setting = is_access ? r->last_word : r->setting;
    struct table_use *use = &k->tables[k->n_tables++];
    *use = (struct table_use){.spec = arena_dup(k->arena, spec),
                              .type = arena_dup(k->arena, type),
                              .setting = arena_dup(k->arena, setting),
                              .role = role_of(setting),
                              .path = r->path,
                              .line = r->line};
    if (name.p[0] == '/')
        use->file = arena_cstr(k->arena, name);
    else
        use->file =
            arena_printf(k->arena, "%s/%.*s", k->request->directory, VIEW_FMT(name)).p;
}

/* "hsh:/etc/aliases": is there a type of nearly that name? */
static void check_type(struct reader *r, struct view word, struct view type)
{
    struct view names[64];
    size_t n = 0;

    for (const char *name; n < 64 && (name = table_type_name(n)) != NULL; n++) {
        names[n] = view_of(name);
        if (view_eq(type, names[n]))
            return;
    }
    struct view near = check_nearest(type, names, n);
    const char *instead = table_type_instead(type);
    if (instead)
        check_found(r->check, CHECK_WARNING, r->path, r->line,
                    "%.*s: table type \"%.*s\" is not available here; %s",
                    VIEW_FMT(r->setting), VIEW_FMT(type), instead);
    else if (near.n > 0)
        check_found(r->check, CHECK_WARNING, r->path, r->line,
                    "%.*s: no table type \"%.*s\" in \"%.*s\"; did you mean %.*s?",
                    VIEW_FMT(r->setting), VIEW_FMT(type), VIEW_FMT(word), VIEW_FMT(near));
    else
        check_found(r->check, CHECK_WARNING, r->path, r->line,
                    "%.*s: table type \"%.*s\" is not available here; see postconf -m",
                    VIEW_FMT(r->setting), VIEW_FMT(type));
}

/* Daemons ask servers through proxymap (docs/decisions/0008-network-tables.md). */
static void check_server(struct reader *r, struct view word, struct view type)
{
    struct check *k = r->check;

    if (k->has_services && table_is_network_type(type) &&
        !check_has_command(k, VIEW("proxymap")))
        check_found(k, CHECK_WARNING, r->path, r->line,
                    "%.*s: %.*s is asked through proxymap, which master.cf has not; add: "
                    "proxymap unix - - n - - proxymap",
                    VIEW_FMT(r->setting), VIEW_FMT(word));
}

/* Does the setting take tables and nothing else that has a colon? */
static bool takes_tables(const struct reader *r)
{
    return view_ends(r->setting, VIEW("_maps")) ||
           view_ends(r->setting, VIEW("_checks")) ||
           view_eq(r->setting, VIEW("alias_database")) ||
           (view_starts(r->last_word, VIEW("check_")) &&
            view_ends(r->last_word, VIEW("_access")));
}

static void read_list(struct reader *r, struct view list, unsigned depth);

/* Types that are made of other tables. */
static bool read_combined(struct reader *r, struct view type, struct view name,
                          unsigned depth)
{
    if (view_eq(type, VIEW("proxy"))) {
        read_list(r, name, depth + 1);
        return true;
    }
    if (!view_eq(type, VIEW("unionmap")) && !view_eq(type, VIEW("pipemap")))
        return false;
    if (name.n >= 2 && name.p[0] == '{' && name.p[name.n - 1] == '}')
        read_list(r, view_sub(name, 1, name.n - 2), depth + 1);
    return true;
}

static void read_word(struct reader *r, struct view word, unsigned depth)
{
    struct view type, name;

    if (word.n >= 2 && word.p[0] == '{' && word.p[word.n - 1] == '}') {
        read_list(r, view_sub(word, 1, word.n - 2), depth + 1);
        return;
    }
    if (!view_cut(word, ':', &type, &name) || type.n == 0 || name.n == 0) {
        r->last_word = word;
        return;
    }
    for (size_t i = 0; i < type.n; i++)
        if (!ascii_is_alnum((unsigned char)type.p[i]))
            return;
    if (!read_combined(r, type, name, depth)) {
        if (takes_tables(r))
            check_type(r, word, type);
        if (takes_tables(r))
            check_server(r, word, type);
        if (has_file(type) && name.p[0] != '{')
            add_use(r, word, type, name);
    }
    r->last_word = VIEW_NONE;
}

static void read_list(struct reader *r, struct view list, unsigned depth)
{
    enum { DEEPEST = 8 };
    struct view word;

    while (depth < DEEPEST && conf_list_next(&list, &word))
        read_word(r, word, depth);
}

/* Is NAME, which is no parameter, a restriction class? */
static bool is_class(const struct conf *c, struct view name)
{
    struct view rest = conf_view(c, P_smtpd_restriction_classes), word;

    while (conf_list_next(&rest, &word))
        if (view_eq(word, name))
            return true;
    return false;
}

/* Caches are made by the programs that use them. */
static bool is_cache(struct view name)
{
    return view_ends(name, VIEW("_cache_database")) ||
           view_ends(name, VIEW("_cache_map")) ||
           view_eq(name, VIEW("address_verify_map"));
}

/* May tables stand in the value of ENTRY? */
static bool is_list(const struct conf *c, const struct conf_entry *entry)
{
    enum parameter_type type;

    if (entry->parameter == P_COUNT)
        return is_class(c, entry->name);
    if (is_cache(entry->name))
        return false;
    type = parameter_table[entry->parameter].type;
    return type == PARAMETER_STRING || type == PARAMETER_RAW;
}

static void read_entry(struct check *k, const struct conf *c,
                       const struct conf_entry *entry, const char *path, unsigned line)
{
    struct reader r = {.check = k, .setting = entry->name, .path = path, .line = line};

    if (is_list(c, entry))
        read_list(&r, conf_named(c, entry->name, NULL), 0);
}

void check_collect_tables(struct check *k)
{
    const struct conf *c = k->conf;

    for (size_t i = 0; i < conf_entry_count(c); i++)
        read_entry(k, c, conf_entry(c, i), k->main_path, conf_entry(c, i)->line);
    for (size_t s = 1; s < k->n_scenes; s++) {
        const struct conf *own = k->scenes[s].conf;
        for (size_t i = 0; i < conf_entry_count(own); i++)
            if (conf_entry(own, i)->line == 0)
                read_entry(k, own, conf_entry(own, i), k->master_path,
                           k->scenes[s].service->line);
    }
    if (!conf_is_set(c, P_alias_maps) && conf_view(c, P_mydestination).n > 0 &&
        view_starts(conf_view(c, P_local_transport), VIEW("local"))) {
        struct reader r = {
            .check = k, .setting = VIEW("alias_maps"), .path = k->main_path};
        read_list(&r, conf_view(c, P_alias_maps), 0);
    }
}
