/* index_lmdb - write LMDB files */
#include "base/memory.h"
#include "table/index_writer.h"

#include <lmdb.h>

enum { MAP_LEAST = 64 << 20, MAP_FACTOR = 8 };

struct writer {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
};

static bool failed(int why, const char *what, struct error *e)
{
    error_set(e, "4.3.0", "%s: %s", what, mdb_strerror(why));
    e->saved_errno = why > 0 ? why : 0;
    return false;
}

static void abandon_lmdb(void *p)
{
    struct writer *w = p;

    if (w->txn)
        mdb_txn_abort(w->txn);
    if (w->env)
        mdb_env_close(w->env);
    memory_free(w);
}

static void *begin_lmdb(const char *path, uint64_t size, struct error *e)
{
    struct writer *w = NEW(struct writer);
    int why = mdb_env_create(&w->env);

    /* The map only reserves addresses; the file grows as far as pages are used. */
    if (why == 0)
        why = mdb_env_set_mapsize(w->env, (size_t)(MAP_LEAST + size * MAP_FACTOR));
    if (why == 0)
        why = mdb_env_open(w->env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600);
    if (why == 0)
        why = mdb_txn_begin(w->env, NULL, 0, &w->txn);
    if (why == 0)
        why = mdb_dbi_open(w->txn, NULL, MDB_CREATE, &w->dbi);
    if (why == 0)
        return w;
    (void)failed(why, "begin", e);
    abandon_lmdb(w);
    return NULL;
}

static enum index_put put_lmdb(void *p, struct view key, struct view value, bool replace,
                               struct error *e)
{
    struct writer *w = p;
    MDB_val k = {key.n, (void *)(uintptr_t)key.p};
    MDB_val v = {value.n, (void *)(uintptr_t)value.p};

    if (key.n > (size_t)mdb_env_get_maxkeysize(w->env)) {
        error_set(e, "5.3.5", "key longer than %d bytes", mdb_env_get_maxkeysize(w->env));
        return INDEX_FAILED;
    }
    int why = mdb_put(w->txn, w->dbi, &k, &v, replace ? 0 : MDB_NOOVERWRITE);
    if (why == 0)
        return INDEX_ADDED;
    if (why == MDB_KEYEXIST)
        return INDEX_EXISTS;
    (void)failed(why, "write", e);
    return INDEX_FAILED;
}

static bool remove_lmdb(void *p, struct view key, bool *deleted, struct error *e)
{
    struct writer *w = p;
    MDB_val k = {key.n, (void *)(uintptr_t)key.p};
    int why = MDB_NOTFOUND;

    if (key.n > 0 && key.n <= (size_t)mdb_env_get_maxkeysize(w->env))
        why = mdb_del(w->txn, w->dbi, &k, NULL);
    *deleted = why == 0;
    return why == 0 || why == MDB_NOTFOUND || failed(why, "delete", e);
}

static bool finish_lmdb(void *p, struct error *e)
{
    struct writer *w = p;
    int why = mdb_txn_commit(w->txn);

    w->txn = NULL;
    abandon_lmdb(w);
    return why == 0 || failed(why, "write", e);
}

const struct index_format index_format_lmdb = {
    .suffix = ".lmdb",
    .is_incremental = true,
    .begin = begin_lmdb,
    .put = put_lmdb,
    .remove = remove_lmdb,
    .finish = finish_lmdb,
    .abandon = abandon_lmdb,
};
const struct index_format index_format_db = {
    .suffix = ".db",
    .is_incremental = true,
    .begin = begin_lmdb,
    .put = put_lmdb,
    .remove = remove_lmdb,
    .finish = finish_lmdb,
    .abandon = abandon_lmdb,
};
