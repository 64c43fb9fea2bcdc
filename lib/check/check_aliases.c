/* check_aliases - who gets the postmaster's mail, what aliases lead to, and loops
 *
 * The texts of alias and virtual alias tables as one graph.  An entry may name itself
 * (mail for oneself and others); a longer way back to the start is a loop.
 */
#include "base/hash.h"
#include "base/memory.h"
#include "check/check_private.h"

#include <pwd.h>
#include <unistd.h>

enum { DEEPEST = 200, ENTRIES_MAX = 1000000 };

enum visit { FRESH, OPEN, CLOSED };

struct entry {
    struct view key, value;
    const char *file;
    unsigned line;
    enum table_role role;
    enum visit visit;
};

struct graph {
    struct check *check;
    struct hash *aliases, *addresses; /* to struct entry */
    struct entry **order;             /* as read */
    size_t n, cap;
    const char *first_file; /* of aliases */
    bool has_unreadable;    /* a table whose text is elsewhere */
    struct entry *way[DEEPEST];
    size_t depth;
};

/* --- reading --- */

static void add_entry(struct graph *g, const struct table_use *use, struct view key,
                      struct view value, unsigned line)
{
    struct arena *a = g->check->arena;
    struct hash *table = use->role == ROLE_ALIASES ? g->aliases : g->addresses;
    struct view folded = arena_lower(a, key);

    if (hash_get(table, folded) != NULL || g->n >= ENTRIES_MAX)
        return;
    struct entry *entry = ARENA_NEW(a, struct entry);
    *entry =
        (struct entry){folded, arena_dup(a, value), use->file, line, use->role, FRESH};
    hash_put(table, folded, entry);
    if (g->n == g->cap) {
        g->cap = g->cap * 2 + 64;
        g->order = memory_resize(g->order, g->cap * sizeof *g->order);
    }
    g->order[g->n++] = entry;
}

static void read_file(struct graph *g, const struct table_use *use)
{
    struct str text = STR_INIT(LINES_FILE_MAX);
    struct error e = ERROR_INIT;
    struct lines lines;
    struct line line;

    if (!lines_read_file(use->file, &text, &e)) {
        g->has_unreadable = true;
        str_done(&text);
        return;
    }
    lines_init(&lines, str_view(&text));
    while (lines_next(&lines, &line)) {
        struct view key, value, rest = line.text;
        bool ok = use->role == ROLE_ALIASES ? view_cut(rest, ':', &key, &value)
                                            : view_token(&rest, VIEW(" \t"), &key);
        if (use->role != ROLE_ALIASES)
            value = rest;
        key = view_trim(key, VIEW("\" \t"));
        if (ok && !line.starts_with_space && key.n > 0)
            add_entry(g, use, key, view_trim_space(value), line.first);
    }
    lines_done(&lines);
    str_done(&text);
}

static bool is_text_type(struct view type)
{
    static const char *const types[] = {"hash", "btree", "dbm",
                                        "lmdb", "cdb",   "texthash"};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (view_eq(type, view_of(types[i])))
            return true;
    return false;
}

static bool is_virtual(const struct table_use *use)
{
    return view_eq(use->setting, VIEW("virtual_alias_maps")) ||
           view_eq(use->setting, VIEW("virtual_maps"));
}

static void read_tables(struct graph *g)
{
    struct check *k = g->check;

    for (size_t i = 0; i < k->n_tables; i++) {
        const struct table_use *use = &k->tables[i];
        if (use->role != ROLE_ALIASES && !is_virtual(use))
            continue;
        if (!is_text_type(use->type)) {
            g->has_unreadable = true;
            continue;
        }
        if (use->role == ROLE_ALIASES && !g->first_file)
            g->first_file = use->file;
        read_file(g, use);
    }
}

/* --- targets --- */

/* Take the next of the targets in *REST: commas separate them outside of quotes. */
static bool take_target(struct view *rest, struct view *target)
{
    bool quoted = false;
    size_t n = 0;

    *rest = view_trim(*rest, VIEW(", \t\r\n"));
    if (rest->n == 0)
        return false;
    for (; n < rest->n && (quoted || rest->p[n] != ','); n++)
        if (rest->p[n] == '"')
            quoted = !quoted;
    *target = view_trim(view_sub(*rest, 0, n), VIEW(" \t\r\n"));
    *rest = view_from(*rest, n);
    if (target->n >= 2 && target->p[0] == '"' && target->p[target->n - 1] == '"')
        *target = view_sub(*target, 1, target->n - 2);
    return true;
}

/* The program of "|command": must be there when it has a path. */
static void check_command(struct check *k, const struct entry *entry, struct view target)
{
    struct view rest = view_from(target, 1), program;

    if (!view_token(&rest, VIEW(" \t"), &program) || program.p[0] != '/')
        return;
    if (access(arena_cstr(k->arena, program), X_OK) < 0)
        check_found(k, CHECK_WARNING, entry->file, entry->line,
                    "%.*s: cannot run %.*s; install it, or correct the path",
                    VIEW_FMT(entry->key), VIEW_FMT(program));
}

static void check_include(struct check *k, const struct entry *entry, struct view target)
{
    const char *path = arena_cstr(k->arena, view_from(target, sizeof ":include:" - 1));

    if (path[0] == '/' && access(path, R_OK) < 0)
        check_found(k, CHECK_WARNING, entry->file, entry->line,
                    "%.*s: cannot read the list %s; mail for it is deferred, make it",
                    VIEW_FMT(entry->key), path);
}

static void check_targets(struct check *k, const struct entry *entry)
{
    struct view rest = entry->value, target;

    while (take_target(&rest, &target)) {
        if (view_starts(target, VIEW("|")))
            check_command(k, entry, target);
        else if (view_starts_case(target, VIEW(":include:")))
            check_include(k, entry, target);
    }
}

/* --- loops --- */

static bool is_local_domain(const struct graph *g, struct view domain)
{
    struct view rest = conf_view(g->check->conf, P_mydestination), word;

    if (view_eq_case(domain, conf_view(g->check->conf, P_myorigin)))
        return true;
    while (conf_list_next(&rest, &word))
        if (view_eq_case(word, domain))
            return true;
    return false;
}

/* The entry that mail for TARGET, named by FROM, comes to next; NULL when the way ends.
 */
static struct entry *next_entry(const struct graph *g, const struct entry *from,
                                struct view target)
{
    struct view local, domain;
    bool has_domain;
    struct entry *found = NULL;

    if (target.n == 0 || view_has(VIEW("|/:\\"), target.p[0]))
        return NULL;
    target = arena_lower(g->check->arena, target);
    has_domain = view_rcut(target, '@', &local, &domain);
    if (!has_domain)
        local = target;
    bool is_local = !has_domain || is_local_domain(g, domain);
    /* A name inside of the alias file never meets the virtual table again. */
    if (from->role == ROLE_ADDRESSES || !is_local)
        found = hash_get(g->addresses, target);
    if (!found && from->role == ROLE_ADDRESSES && is_local)
        found = hash_get(g->addresses, local);
    if (!found && is_local)
        found = hash_get(g->aliases, local);
    return found;
}

/* The way from ENTRY back to itself, told at its line. */
static void tell_loop(struct graph *g, const struct entry *entry)
{
    struct str text = STR_INIT(500);
    size_t i = g->depth;

    while (i > 0 && g->way[i - 1] != entry)
        i--;
    for (i -= i > 0; i < g->depth; i++)
        str_addf(&text, "%.*s -> ", VIEW_FMT(g->way[i]->key));
    str_add(&text, entry->key);
    check_found(g->check, CHECK_WARNING, entry->file, entry->line,
                "loop: %s; mail for it never arrives, take one step out",
                str_cstr(&text));
    str_done(&text);
}

static void visit(struct graph *g, struct entry *entry)
{
    struct view rest = entry->value, target;

    if (g->depth == DEEPEST)
        return;
    entry->visit = OPEN;
    g->way[g->depth++] = entry;
    while (take_target(&rest, &target)) {
        struct entry *next = next_entry(g, entry, target);
        if (next == NULL || next == entry)
            continue;
        if (next->visit == OPEN)
            tell_loop(g, next);
        else if (next->visit == FRESH)
            visit(g, next);
    }
    g->depth--;
    entry->visit = CLOSED;
}

/* --- the postmaster --- */

/* Does mail of local users matter here? */
static bool delivers_locally(const struct conf *c)
{
    return conf_view(c, P_mydestination).n > 0 && conf_view(c, P_luser_relay).n == 0 &&
           conf_view(c, P_mailbox_transport).n == 0 &&
           conf_view(c, P_fallback_transport).n == 0 &&
           view_starts(conf_view(c, P_local_transport), VIEW("local"));
}

static void check_postmaster(struct graph *g)
{
    const struct conf *c = g->check->conf;
    const char *file = g->first_file ? g->first_file : g->check->main_path;

    if (!delivers_locally(c) || g->has_unreadable)
        return;
    for (size_t i = 0; i < g->n; i++) {
        struct view local, domain;
        view_cut(g->order[i]->key, '@', &local, &domain);
        if (view_eq(local, VIEW("postmaster")))
            return;
    }
    if (getpwnam("postmaster") != NULL)
        return;
    if (g->first_file)
        check_found(
            g->check, CHECK_WARNING, file, 0,
            "no alias for postmaster, whom every host must have (RFC 5321 4.5.1); "
            "add \"postmaster: root\" and run newaliases");
    else
        check_found(
            g->check, CHECK_WARNING, file, check_line_of(c, P_alias_maps),
            "no alias table, and nobody is postmaster, whom every host must have "
            "(RFC 5321 4.5.1); name a table with \"postmaster: root\" in alias_maps");
}

void check_aliases(struct check *k)
{
    struct graph *g = ARENA_NEW(k->arena, struct graph);

    g->check = k;
    g->aliases = hash_new();
    g->addresses = hash_new();
    read_tables(g);
    check_postmaster(g);
    for (size_t i = 0; i < g->n; i++) {
        if (g->order[i]->role == ROLE_ALIASES)
            check_targets(k, g->order[i]);
        if (g->order[i]->visit == FRESH)
            visit(g, g->order[i]);
    }
    hash_free(g->aliases, NULL);
    hash_free(g->addresses, NULL);
    memory_free(g->order);
}
