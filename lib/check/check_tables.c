/* check_tables - tables that are missing, nearly named, damaged or older than their text
 */
#include "check/check_private.h"
#include "table/berkeley.h"
#include "table/table.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_type(const struct table_use *use, const char *name)
{
    return view_eq(use->type, view_of(name));
}

/* What stands behind the name of the index; NULL when the text itself is read. */
static const char *index_suffix(const struct table_use *use)
{
    if (is_type(use, "hash") || is_type(use, "btree") || is_type(use, "dbm"))
        return ".db";
    if (is_type(use, "lmdb"))
        return ".lmdb";
    return is_type(use, "cdb") ? ".cdb" : NULL;
}

static const char *builder(const struct table_use *use)
{
    return use->role == ROLE_ALIASES ? "postalias" : "postmap";
}

/* --- missing --- */

/* Do A and B read alike? '-' for '_', a letter more or less, another case. */
static bool is_near(struct view a, struct view b)
{
    return a.n > 3 && b.n > 3 && check_distance(a, b, 2) <= 2;
}

/* "header_checks" for "headers_checks.db"; indexes are proposed by their text. */
static struct view without_suffix(struct view name)
{
    static const char *const suffixes[] = {".db", ".lmdb", ".cdb"};

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (view_ends(name, view_of(suffixes[i])))
            return view_sub(name, 0, name.n - strlen(suffixes[i]));
    return name;
}

/* A file beside PATH with nearly its name, in A; empty when there is none. */
static struct view find_near(struct arena *a, const char *path)
{
    struct view directory, base, found = VIEW_NONE;

    if (!view_rcut(view_of(path), '/', &directory, &base))
        return VIEW_NONE;
    DIR *d = opendir(arena_cstr(a, directory));
    for (struct dirent *entry; d && found.n == 0 && (entry = readdir(d));) {
        struct view name = without_suffix(view_of(entry->d_name));
        if (!view_eq(name, base) && is_near(name, base))
            found = arena_printf(a, "%.*s/%.*s", VIEW_FMT(directory), VIEW_FMT(name));
    }
    if (d)
        closedir(d);
    return found;
}

/* A missing table that the configuration in force did not name is what a reload must not
 * bring in. */
static enum check_severity severity_of_missing(const struct check *k,
                                               const struct table_use *use)
{
    struct view in_force = k->request->in_force;

    if (in_force.n == 0 || view_find_view(in_force, use->spec) != VIEW_NPOS)
        return CHECK_WARNING;
    return CHECK_ERROR;
}

static void tell_missing(struct check *k, const struct table_use *use, const char *file,
                         int why)
{
    enum check_severity severity = severity_of_missing(k, use);
    struct view near = find_near(k->arena, use->file);

    if (why != ENOENT)
        check_found(k, severity, use->path, use->line,
                    "%.*s: cannot read %s: %s; mail that needs this table is deferred",
                    VIEW_FMT(use->setting), file, strerror(why));
    else if (access(use->file, F_OK) == 0)
        check_found(k, severity, use->path, use->line,
                    "%.*s: %s is missing; make it with: %s %.*s", VIEW_FMT(use->setting),
                    file, builder(use), VIEW_FMT(use->spec));
    else if (near.n > 0)
        check_found(k, severity, use->path, use->line,
                    "%.*s: no file %s; there is a file %.*s, is that the one?",
                    VIEW_FMT(use->setting), use->file, VIEW_FMT(near));
    else
        check_found(k, severity, use->path, use->line,
                    "%.*s: no file %s; make it, or take %.*s out: mail that needs this "
                    "table is deferred",
                    VIEW_FMT(use->setting), use->file, VIEW_FMT(use->spec));
}

/* --- there, and not usable --- */

/* True when there is nothing to tell of INDEX. */
static bool check_index(struct check *k, const struct table_use *use, const char *index,
                        const struct stat *st)
{
    struct stat text;
    bool is_stale = stat(use->file, &text) == 0 && text.st_mtime > st->st_mtime;

    if (is_stale)
        check_found(k, CHECK_WARNING, use->file, 0,
                    "newer than %s, which still has the old content; run: %s %.*s", index,
                    builder(use), VIEW_FMT(use->spec));
    if (!berkeley_is_file(index))
        return !is_stale;
    check_found(k, CHECK_NOTE, index, 0,
                "a Berkeley DB file of Postfix, which is read as it is and cannot be "
                "changed; to make it new, run: %s %.*s",
                builder(use), VIEW_FMT(use->spec));
    return false;
}

/* Is the file a definition with settings? */
static bool has_definition(const struct table_use *use)
{
    static const char *const types[] = {"ldap",  "memcache", "mysql",
                                        "pgsql", "redis",    "sqlite"};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (is_type(use, types[i]))
            return true;
    return false;
}

/* Opens what would be opened: an index of another system, a bad sqlite file, a definition
 * that cannot be used. */
static void check_opens(struct check *k, const struct table_use *use)
{
    struct error e = ERROR_INIT;
    table_network_directly(); /* else a daemon's: its definition is not read */
    struct table *t = table_open(k->conf, use->spec, 0);

    if (!table_check(t, &e))
        check_found(k, severity_of_missing(k, use), use->path, use->line,
                    "%.*s: %s; mail that needs this table is deferred",
                    VIEW_FMT(use->setting), e.text);
    table_close(t);
}

/* postmap on a file of patterns makes an index that nobody reads. */
static void check_useless_index(struct check *k, const struct table_use *use)
{
    static const char *const suffixes[] = {".db", ".lmdb", ".cdb"};

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        const char *index = arena_printf(k->arena, "%s%s", use->file, suffixes[i]).p;
        if (access(index, F_OK) == 0)
            check_found(
                k, CHECK_NOTE, index, 0,
                "nobody reads it: %.*s tables are read from their text; delete it",
                VIEW_FMT(use->type));
    }
}

/* texthash: knows "key value" lines only. */
static void check_alias_type(struct check *k, const struct table_use *use)
{
    if (use->role == ROLE_ALIASES && is_type(use, "texthash"))
        check_found(
            k, CHECK_WARNING, use->path, use->line,
            "%.*s: texthash: reads \"key value\" lines and no aliases; say hash:%s "
            "and run newaliases",
            VIEW_FMT(use->setting), use->file);
}

static void check_table(struct check *k, const struct table_use *use)
{
    const char *suffix = index_suffix(use);
    const char *file = use->file;
    struct stat st;

    check_alias_type(k, use);
    if (suffix)
        file = arena_printf(k->arena, "%s%s", use->file, suffix).p;
    if (stat(file, &st) < 0 || access(file, R_OK) < 0) {
        tell_missing(k, use, file, errno);
        return;
    }
    if (S_ISDIR(st.st_mode)) {
        check_found(k, CHECK_WARNING, use->path, use->line,
                    "%.*s: %s is a directory; name the file", VIEW_FMT(use->setting),
                    file);
        return;
    }
    if (suffix ? check_index(k, use, file, &st) : has_definition(use))
        check_opens(k, use);
    if (!suffix && !is_type(use, "texthash"))
        check_useless_index(k, use);
}

void check_tables(struct check *k)
{
    for (size_t i = 0; i < k->n_tables; i++)
        check_table(k, &k->tables[i]);
}
