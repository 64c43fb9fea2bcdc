/* cache - a persistent memory of small facts; see cache.h
 *
 * Reading is done where one stands, from the mapped file; writing waits for the disk and
 * is done by a worker thread, one at a time.
 */
#include "table/cache.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "run/fiber.h"
#include "run/thread.h"
#include "table/berkeley.h"

#include <errno.h>
#include <lmdb.h>
#include <stdio.h>

#define MAP_BYTES ((size_t)1 << 30) /* of addresses; the file grows as it is filled */

struct cache {
    struct hash *memory; /* without a file: key -> struct kept */
    MDB_env *env;
    MDB_dbi dbi;
    struct slots writer;
};

struct kept {
    size_t n;
    char p[];
};

/* --- opening --- */

/* "lmdb:/a/b" is /a/b.lmdb; the older names end in .db.  "proxy:" asks for what LMDB
 * gives anyway: several processes with one file.  False: no such type. */
static bool file_of(struct view spec, struct str *path)
{
    static const char *const db_types[] = {"hash", "btree", "dbm", "sdbm"};
    struct view type, name;
    if (view_starts(spec, VIEW("proxy:")))
        spec = view_from(spec, strlen("proxy:"));
    if (!view_cut(spec, ':', &type, &name) || view_is_empty(name) || name.p[0] != '/')
        return false;
    const char *suffix = view_eq(type, VIEW("lmdb")) ? ".lmdb" : NULL;
    for (size_t i = 0; i < sizeof db_types / sizeof db_types[0] && !suffix; i++)
        suffix = view_eq(type, view_of(db_types[i])) ? ".db" : NULL;
    return suffix && str_add(path, name) && str_add_cstr(path, suffix);
}

static bool failed(int why, const char *what, struct error *e)
{
    error_set(e, "4.3.0", "%s: %s", what, mdb_strerror(why));
    e->saved_errno = why > 0 ? why : 0;
    return false;
}

/* Entries of a Berkeley DB file on their way to ours. */
struct move {
    struct cache *c;
    MDB_txn *txn;
    unsigned n;
    int why;
};

static void move_entry(struct view key, struct view value, void *arg)
{
    struct move *m = arg;
    MDB_val k = {key.n, (void *)(uintptr_t)key.p};
    MDB_val v = {value.n, (void *)(uintptr_t)value.p};
    if (m->why != 0 || key.n == 0 || key.n > (size_t)mdb_env_get_maxkeysize(m->c->env))
        return;
    m->why = mdb_put(m->txn, m->c->dbi, &k, &v, 0);
    m->n++;
}

/* Postfix's own cache stands at PATH: put it aside as OLD. */
static bool put_aside(const char *path, struct str *old)
{
    return berkeley_is_file(path) && str_add_cstr(old, path) &&
           str_add_cstr(old, ".berkeley") &&
           (rename(path, str_cstr(old)) == 0 || errno == ENOENT);
}

/* What OLD holds, as far as it can be read. */
static int take_over(struct cache *c, MDB_txn *txn, const char *old)
{
    struct move m = {.c = c, .txn = txn};
    struct error e = ERROR_INIT;
    if (berkeley_read(old, move_entry, &m, &e))
        log_info("%u entries taken over from Berkeley DB, now %s", m.n, old);
    else
        log_warning("%u entries taken over, not more: %s", m.n, error_cstr(&e));
    return m.why;
}

static bool open_file(struct cache *c, const char *path, struct error *e)
{
    MDB_txn *txn = NULL;
    struct str old = STR_INIT(4096);
    bool has_old = put_aside(path, &old);
    int why = mdb_env_create(&c->env);
    if (why == 0)
        why = mdb_env_set_mapsize(c->env, MAP_BYTES);
    if (why == 0)
        why = mdb_env_open(c->env, path, MDB_NOSUBDIR | MDB_NOTLS, 0600);
    if (why == 0)
        why = mdb_txn_begin(c->env, NULL, 0, &txn);
    if (why == 0)
        why = mdb_dbi_open(txn, NULL, MDB_CREATE, &c->dbi);
    if (why == 0 && has_old)
        why = take_over(c, txn, str_cstr(&old));
    str_done(&old);
    if (why == 0) {
        why = mdb_txn_commit(txn);
        txn = NULL;
    }
    if (txn)
        mdb_txn_abort(txn);
    return why == 0 || failed(why, path, e);
}

struct cache *cache_open(struct view spec, struct error *e)
{
    struct cache *c = NEW(struct cache);
    struct str path = STR_INIT(4096);
    bool good = true;
    slots_init(&c->writer, 1);
    if (view_is_empty(spec)) {
        c->memory = hash_new();
    } else if (!file_of(spec, &path)) {
        error_set(e, "4.3.5", "%.*s: a cache is lmdb:/path", VIEW_FMT(spec));
        good = false;
    } else {
        good = open_file(c, str_cstr(&path), e);
    }
    str_done(&path);
    if (good)
        return c;
    cache_close(c);
    return NULL;
}

void cache_close(struct cache *c)
{
    if (c->memory)
        hash_free(c->memory, memory_free);
    if (c->env)
        mdb_env_close(c->env);
    memory_free(c);
}

const char *cache_directory(struct arena *a, struct view spec)
{
    struct str path = STR_INIT(4096);
    const char *directory = NULL;
    if (file_of(spec, &path)) {
        struct view v = str_view(&path);
        directory = arena_cstr(a, view_sub(v, 0, view_rfind(v, '/')));
    }
    str_done(&path);
    return directory;
}

/* --- reading --- */

static enum table_result get_kept(struct cache *c, struct view key, struct arena *a,
                                  struct view *value)
{
    const struct kept *k = hash_get(c->memory, key);
    if (k == NULL)
        return TABLE_NOT_FOUND;
    *value = arena_dup(a, (struct view){k->p, k->n});
    return TABLE_FOUND;
}

/* Keys that LMDB does not take are those of nobody. */
static bool key_fits(const struct cache *c, struct view key)
{
    return key.n > 0 && (c->memory || key.n <= (size_t)mdb_env_get_maxkeysize(c->env));
}

enum table_result cache_get(struct cache *c, struct view key, struct arena *a,
                            struct view *value, struct error *e)
{
    MDB_txn *txn;
    MDB_val k = {key.n, (void *)(uintptr_t)key.p}, v;
    if (!key_fits(c, key))
        return TABLE_NOT_FOUND;
    if (c->memory)
        return get_kept(c, key, a, value);
    int why = mdb_txn_begin(c->env, NULL, MDB_RDONLY, &txn);
    if (why == 0) {
        why = mdb_get(txn, c->dbi, &k, &v);
        if (why == 0)
            *value = arena_dup(a, (struct view){v.mv_data, v.mv_size});
        mdb_txn_abort(txn);
    }
    if (why == 0)
        return TABLE_FOUND;
    if (why == MDB_NOTFOUND)
        return TABLE_NOT_FOUND;
    (void)failed(why, "read", e);
    return TABLE_ERROR;
}

/* --- writing --- */

struct job {
    struct cache *c;
    struct view key, value;
    cache_old_fn *is_old;
    void *arg;
    struct cache_sweep *swept;
    int why;
};

static void put_work(void *arg)
{
    struct job *j = arg;
    MDB_txn *txn;
    MDB_val k = {j->key.n, (void *)(uintptr_t)j->key.p};
    MDB_val v = {j->value.n, (void *)(uintptr_t)j->value.p};
    j->why = mdb_txn_begin(j->c->env, NULL, 0, &txn);
    if (j->why != 0)
        return;
    j->why = mdb_put(txn, j->c->dbi, &k, &v, 0);
    if (j->why == 0)
        j->why = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
}

/* Run WORK when no other writes. */
static bool run_job(struct job *j, void (*work)(void *arg), struct error *e)
{
    (void)slots_take(&j->c->writer, CLOCK_NEVER);
    thread_run(work, j);
    slots_give(&j->c->writer);
    return j->why == 0 || failed(j->why, "write", e);
}

bool cache_put(struct cache *c, struct view key, struct view value, struct error *e)
{
    struct job job = {.c = c, .key = key, .value = value};
    if (!key_fits(c, key)) {
        error_set(e, "5.1.0", "key too long");
        return false;
    }
    if (!c->memory)
        return run_job(&job, put_work, e);
    struct kept *k = memory_alloc(sizeof *k + value.n);
    k->n = value.n;
    if (value.n > 0)
        memcpy(k->p, value.p, value.n);
    memory_free(hash_put(c->memory, key, k));
    return true;
}

static void sweep_memory(struct job *j)
{
    size_t position = 0;
    struct view key;
    void *value;
    while (hash_next(j->c->memory, &position, &key, &value)) {
        struct kept *k = value;
        if (!j->is_old(key, (struct view){k->p, k->n}, j->arg)) {
            j->swept->kept++;
            continue;
        }
        j->swept->dropped++;
        (void)hash_remove(j->c->memory, key);
        memory_free(k);
    }
}

static int sweep_all(struct job *j, MDB_cursor *cursor)
{
    MDB_val k, v;
    int why;
    while ((why = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        if (!j->is_old((struct view){k.mv_data, k.mv_size},
                       (struct view){v.mv_data, v.mv_size}, j->arg)) {
            j->swept->kept++;
            continue;
        }
        j->swept->dropped++;
        why = mdb_cursor_del(cursor, 0);
        if (why != 0)
            return why;
    }
    return why == MDB_NOTFOUND ? 0 : why;
}

static void sweep_work(void *arg)
{
    struct job *j = arg;
    MDB_txn *txn;
    MDB_cursor *cursor;
    j->why = mdb_txn_begin(j->c->env, NULL, 0, &txn);
    if (j->why != 0)
        return;
    j->why = mdb_cursor_open(txn, j->c->dbi, &cursor);
    if (j->why == 0) {
        j->why = sweep_all(j, cursor);
        mdb_cursor_close(cursor);
    }
    if (j->why == 0)
        j->why = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
}

bool cache_sweep(struct cache *c, cache_old_fn *is_old, void *arg,
                 struct cache_sweep *out, struct error *e)
{
    struct job job = {.c = c, .is_old = is_old, .arg = arg, .swept = out};
    *out = (struct cache_sweep){.kept = 0};
    if (!c->memory)
        return run_job(&job, sweep_work, e);
    sweep_memory(&job);
    return true;
}
