/* paths - the directories that the tables of a configuration live in
 *
 * For the sandbox: a program may read its tables, and since an indexed table is replaced
 * by rename, the whole directory that holds it.
 */
#ifndef TABLE_PATHS_H
#define TABLE_PATHS_H

#include "conf/conf.h"

/* The configuration directory and the directory of every file that a parameter names as a
 * table or list ("hash:/etc/aliases", "/etc/postfix/domains"), and /etc where the
 * system's users are asked; ends with NULL, never freed. */
const char *const *table_paths(const struct conf *c);

#endif
