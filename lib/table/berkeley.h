/* berkeley - recognise files of Berkeley DB
 *
 * Postfix on Debian wrote hash: and btree: tables in that format under the name that ours
 * have now.  It is not read; the text beside it is.
 */
#ifndef TABLE_BERKELEY_H
#define TABLE_BERKELEY_H

#include <stdbool.h>

/* Does the file at PATH start like a Berkeley DB hash or btree? */
bool berkeley_is_file(const char *path);

#endif
