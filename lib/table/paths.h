/* paths - the directories that the tables of a configuration live in
 *
 * For the sandbox: a program may read its tables, and since an indexed table is replaced
 * by rename, the whole directory that holds it.
 */
#ifndef TABLE_PATHS_H
#define TABLE_PATHS_H

#include "conf/conf.h"

/* The configuration directory and the directory of every file that a parameter, also one
 * of the user's own, names as a table or list ("hash:/etc/aliases",
 * "/etc/postfix/domains"), of the databases that sqlite: tables name, and /etc where the
 * system's users are asked.  Not the definitions of network tables: proxymap reads those.
 * Ends with NULL, never freed. */
const char *const *table_paths(const struct conf *c);
/* For proxymap: these, the definitions of network tables and the files that they name
 * (certificates, option files, backup and domain tables), and /etc. */
const char *const *table_paths_of_servers(const struct conf *c);

#endif
