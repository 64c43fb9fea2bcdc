/* indexed - write indexed tables (postmap, postalias, newaliases)
 *
 * hash:, btree:, dbm: and lmdb: are one format here, LMDB, in FILE.lmdb... written
 * beside the text and put in place by rename, so a reader sees the old or the new
 * table, whole.  cdb: is written by libcdb likewise.
 */
#ifndef TABLE_INDEXED_H
#define TABLE_INDEXED_H

#include "table/table.h"

/* TYPE "hash", PATH "/etc/postfix/access".  Aliases have their own text syntax. */
bool indexed_build(const struct conf *c, struct view type, const char *path, bool aliases,
                   unsigned flags, struct error *e) MUST_CHECK;

#endif
