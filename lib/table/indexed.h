/* indexed - write indexed tables (postmap, postalias, newaliases)
 *
 * hash:, btree: and dbm: make FILE.db, lmdb: makes FILE.lmdb, all in LMDB's format; cdb:
 * makes FILE.cdb.  The file is made beside its final name and put in place by renaming,
 * so a reader sees the old or the new table, whole.  docs/decisions/0006-tables.md.
 */
#ifndef TABLE_INDEXED_H
#define TABLE_INDEXED_H

#include "table/table.h"

#define INDEXED_KEEP_CASE 1 /* -f: keys stay as they are (else lower case) */
#define INDEXED_REPLACE   2 /* -r: a later entry replaces an earlier one, in silence */
#define INDEXED_QUIET     4 /* -w: no warning about double entries */
#define INDEXED_WITH_NUL  8 /* -N: a NUL behind keys and values */
#define INDEXED_OWN_MODE                                                                 \
    16 /* -p: the index does not take the permissions of the text                        \
        */
#define INDEXED_INCREMENTAL 32 /* -i: add to the index that is there */
#define INDEXED_STAY_ROOT                                                                \
    64 /* -o: root does not become the owner of the text to write                        \
        */
#define INDEXED_FROM_STDIN 128 /* -i and "-": entries come from standard input */

/* Entries that are not UTF-8 are passed over with a warning. */
#define INDEXED_UTF8 256

/* TYPE "hash", PATH "/etc/postfix/access".  Aliases have their own text syntax.  Warnings
 * about lines go to the log; false with *E when no index could be made. */
bool indexed_build(const struct conf *c, struct view type, const char *path, bool aliases,
                   unsigned flags, struct error *e) MUST_CHECK;
/* The same for a table, with each value passed through FN before it is stored: it may put
 * another one there (in A); false with *E: this entry is passed over with a warning. */
typedef bool indexed_value_fn(struct view *value, struct arena *a, struct error *e,
                              void *arg);
bool indexed_build_values(const struct conf *c, struct view type, const char *path,
                          unsigned flags, indexed_value_fn *fn, void *arg,
                          struct error *e) MUST_CHECK;
/* Take KEYS out of the index; *N_DELETED says how many were there. */
bool indexed_delete(const struct conf *c, struct view type, const char *path,
                    const struct view *keys, size_t n, unsigned flags, size_t *n_deleted,
                    struct error *e) MUST_CHECK;
/* Can tables of TYPE be built? */
bool indexed_is_type(struct view type);

#endif
