/* berkeley - files that Berkeley DB wrote: what Postfix left behind
 *
 * Postfix on Debian writes hash: and btree: tables in that format under the name that
 * ours have now.  Such a file is read whole, page by page, so that not an entry is lost
 * until postmap or newaliases makes it new; it is never written, and nothing in it is
 * believed.  Source: the page formats of Berkeley DB 5.3, db_page.h.
 */
#ifndef TABLE_BERKELEY_H
#define TABLE_BERKELEY_H

#include "base/error.h"

/* Does the file at PATH start like a Berkeley DB hash or btree? */
bool berkeley_is_file(const char *path);

/* Call FN for every entry, in no order; a NUL at the end of key or value is left out. The
 * views are valid during the call.  False with *E when the file cannot be read to its
 * end, after some calls perhaps. */
typedef void berkeley_entry_fn(struct view key, struct view value, void *arg);
bool berkeley_read(const char *path, berkeley_entry_fn *fn, void *arg,
                   struct error *e) MUST_CHECK;
/* The same from the bytes of a file. */
bool berkeley_parse(struct view file, berkeley_entry_fn *fn, void *arg,
                    struct error *e) MUST_CHECK;

#endif
