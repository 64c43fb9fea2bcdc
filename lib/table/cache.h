/* cache - a persistent memory of small facts: address verification and the like
 *
 * "lmdb:/path" and what else is an LMDB file here (hash:, btree:, dbm:, each also behind
 * "proxy:"), with one program that writes; "" keeps all in memory.  Files have the form
 * that type_lmdb.c reads, so postmap shows them.  A cache that Postfix left in Berkeley
 * DB's form is taken over when it is opened, its file kept as NAME.berkeley.  Contents
 * may be lost with a warning, never wrong.
 */
#ifndef TABLE_CACHE_H
#define TABLE_CACHE_H

#include "table/table.h"

struct cache;

/* Open or make the cache that SPEC names.  NULL with *E. */
struct cache *cache_open(struct view spec, struct error *e) MUST_CHECK;
void cache_close(struct cache *c);
/* VALUE is a copy in A. */
enum table_result cache_get(struct cache *c, struct view key, struct arena *a,
                            struct view *value, struct error *e) MUST_CHECK;
/* On disk when it returns.  False with *E.  May suspend. */
bool cache_put(struct cache *c, struct view key, struct view value,
               struct error *e) MUST_CHECK;
/* Remove all entries of which IS_OLD, which runs in a worker thread, says so.  May
 * suspend. */
typedef bool cache_old_fn(struct view key, struct view value, void *arg);
struct cache_sweep {
    uint64_t kept, dropped;
};
bool cache_sweep(struct cache *c, cache_old_fn *is_old, void *arg,
                 struct cache_sweep *out, struct error *e) MUST_CHECK;
/* The directory of SPEC's file, for the sandbox; in A, NULL when there is none. */
const char *cache_directory(struct arena *a, struct view spec);

#endif
