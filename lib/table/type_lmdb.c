/* type_lmdb - lmdb:, hash:, btree:, dbm: and sdbm: tables
 *
 * All five are LMDB files, FILE.lmdb for lmdb: and FILE.db for the others.  Nobody writes
 * into such a file: postmap makes a new one and renames it, so readers need no locks and
 * see a table whole.  A FILE.db of Berkeley DB is read into memory, with one log line.
 * docs/decisions/0006-tables.md.
 */
#include "base/log.h"
#include "base/memory.h"
#include "table/berkeley.h"
#include "table/memory_table.h"

#include <errno.h>
#include <lmdb.h>

struct lmdb_state {
    struct memory_table *text; /* a Berkeley DB file, or text; else NULL */
    MDB_env *env;
    MDB_txn *txn; /* read-only; renewed for each look-up */
    MDB_dbi dbi;
};

/* Why LMDB failed, into E. */
static bool failed(int why, const char *what, const char *path, struct error *e)
{
    error_set(e, "4.3.0", "%s database %s: %s%s", what, path,
              why == MDB_INVALID ? "not a table of this system" : mdb_strerror(why),
              why == MDB_INVALID || why == ENOENT ? " (postmap makes it)" : "");
    e->saved_errno = why > 0 ? why : 0;
    return false;
}

static void close_lmdb(struct table *t)
{
    struct lmdb_state *s = t->state;

    memory_table_free(s->text);
    if (s->txn)
        mdb_txn_abort(s->txn);
    if (s->env)
        mdb_env_close(s->env);
    memory_free(s);
}

static bool open_env(struct lmdb_state *s, const char *path, struct error *e)
{
    int why = mdb_env_create(&s->env);

    if (why == 0)
        why = mdb_env_open(s->env, path, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0);
    if (why == 0)
        why = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->txn);
    if (why == 0)
        why = mdb_dbi_open(s->txn, NULL, 0, &s->dbi);
    if (why != 0)
        return failed(why, "open", path, e);
    return true;
}

/* Is T named among the alias tables?  Their text has a form of its own. */
static bool is_alias_table(const struct table *t)
{
    static const enum parameter lists[] = {P_alias_maps, P_alias_database};

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct view rest = conf_view(t->conf, lists[i]), element;
        while (conf_list_next(&rest, &element))
            if (view_eq(element, view_of(t->spec)))
                return true;
    }
    return false;
}

static void add_entry(struct view key, struct view value, void *arg)
{
    (void)memory_table_add(arg, key, value, false);
}

/* The entries of INDEX as Berkeley DB left it.  Where it cannot be read, the TEXT beside
 * it. */
static bool open_berkeley(struct table *t, struct lmdb_state *s, const char *index,
                          const char *text, struct error *e)
{
    enum text_form form = is_alias_table(t) ? TEXT_ALIASES : TEXT_MAP;
    const char *command = form == TEXT_ALIASES ? "newaliases" : "postmap";
    struct error why = ERROR_INIT;

    s->text = memory_table_new();
    if (berkeley_read(index, add_entry, s->text, &why)) {
        log_info("%s is a Berkeley DB file of %zu entries: reading it as it is (make it "
                 "new with %s)",
                 index, memory_table_count(s->text), command);
        table_warn_when_stale(index, text);
        return true;
    }
    log_warning("%s is a Berkeley DB file, %s: reading %s (make the index new with %s)",
                index, why.text, text, command);
    memory_table_free(s->text);
    table_watch(t, text);
    s->text = memory_table_load(text, form, (t->flags & TABLE_FOLD) != 0, e);
    return s->text != NULL;
}

static bool open_with(struct table *t, const char *suffix, struct error *e)
{
    char *index = table_path(t->conf, t->name, suffix);
    char *text = table_path(t->conf, t->name, "");
    struct lmdb_state *s = NEW(struct lmdb_state);
    bool ok;

    t->state = s;
    table_watch(t, index);
    if (berkeley_is_file(index)) {
        ok = open_berkeley(t, s, index, text, e);
    } else {
        ok = open_env(s, index, e);
        if (ok)
            table_warn_when_stale(index, text);
    }
    if (!ok) {
        close_lmdb(t);
        t->state = NULL;
    }
    memory_free(index);
    memory_free(text);
    return ok;
}

static bool open_db(struct table *t, struct error *e)
{
    return open_with(t, ".db", e);
}

static bool open_lmdb(struct table *t, struct error *e)
{
    return open_with(t, ".lmdb", e);
}

/* Begin to look.  Every reader may be the first after a rename; the snapshot itself never
 * changes. */
static bool renew(struct lmdb_state *s, struct error *e)
{
    mdb_txn_reset(s->txn);
    int why = mdb_txn_renew(s->txn);

    if (why == 0)
        return true;
    error_set(e, "4.3.0", "read: %s", mdb_strerror(why));
    return false;
}

/* KEY as it is, then with the NUL that other writers put behind it. */
static int get_value(struct lmdb_state *s, struct arena *a, struct view key, MDB_val *v)
{
    MDB_val k = {key.n, (void *)(uintptr_t)key.p};
    int why = MDB_NOTFOUND;

    if (key.n == 0 || key.n > (size_t)mdb_env_get_maxkeysize(s->env))
        return MDB_NOTFOUND;
    why = mdb_get(s->txn, s->dbi, &k, v);
    if (why != MDB_NOTFOUND || key.n == (size_t)mdb_env_get_maxkeysize(s->env))
        return why;
    k.mv_data = arena_cstr(a, key);
    k.mv_size = key.n + 1;
    return mdb_get(s->txn, s->dbi, &k, v);
}

/* Without the NUL at its end. */
static struct view value_view(const MDB_val *v)
{
    struct view text = {v->mv_data, v->mv_size};

    if (text.n > 0 && text.p[text.n - 1] == '\0')
        text.n--;
    return text;
}

static enum table_result get_lmdb(struct table *t, struct view key, struct arena *a,
                                  struct view *value, struct error *e)
{
    struct lmdb_state *s = t->state;
    MDB_val v;

    if (s->text) {
        bool found;
        struct view text = memory_table_get(s->text, key, &found);
        return found ? table_found(a, text, value) : TABLE_NOT_FOUND;
    }
    if (!renew(s, e))
        return TABLE_ERROR;
    int why = get_value(s, a, key, &v);
    if (why == MDB_NOTFOUND)
        return TABLE_NOT_FOUND;
    if (why != 0) {
        error_set(e, "4.3.0", "read: %s", mdb_strerror(why));
        return TABLE_ERROR;
    }
    return table_found(a, value_view(&v), value);
}

static bool walk_lmdb(struct table *t, table_entry_fn *fn, void *arg, struct error *e)
{
    struct lmdb_state *s = t->state;
    MDB_cursor *cursor = NULL;
    MDB_val k, v;
    int why;

    if (s->text)
        return memory_table_walk(s->text, fn, arg);
    if (!renew(s, e))
        return false;
    why = mdb_cursor_open(s->txn, s->dbi, &cursor);
    while (why == 0 && (why = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0)
        if (!fn(value_view(&k), value_view(&v), arg))
            break;
    mdb_cursor_close(cursor);
    if (why == 0 || why == MDB_NOTFOUND)
        return true;
    error_set(e, "4.3.0", "read: %s", mdb_strerror(why));
    return false;
}

const struct table_type table_type_lmdb = {.name = "lmdb",
                                           .open = open_lmdb,
                                           .close = close_lmdb,
                                           .get = get_lmdb,
                                           .walk = walk_lmdb};
const struct table_type table_type_hash = {.name = "hash",
                                           .open = open_db,
                                           .close = close_lmdb,
                                           .get = get_lmdb,
                                           .walk = walk_lmdb};
const struct table_type table_type_btree = {.name = "btree",
                                            .open = open_db,
                                            .close = close_lmdb,
                                            .get = get_lmdb,
                                            .walk = walk_lmdb};
const struct table_type table_type_dbm = {.name = "dbm",
                                          .open = open_db,
                                          .close = close_lmdb,
                                          .get = get_lmdb,
                                          .walk = walk_lmdb};
const struct table_type table_type_sdbm = {.name = "sdbm",
                                           .open = open_db,
                                           .close = close_lmdb,
                                           .get = get_lmdb,
                                           .walk = walk_lmdb};
