/* history_tables - the texts of tables that belong to a kept configuration
 *
 * Those that main.cf and master.cf name and that lie beside them are kept as they were
 * when the configuration was taken up, in configurations/NUMBER/tables: at most
 * TABLES_MAX of them, each of TABLE_TEXT_MAX bytes or less.  They are for a postmaster
 * who looks for what was there; a rollback puts back those that are gone, and tells which
 * others differ.
 */
#ifndef DILIGENCE_HISTORY_TABLES_H
#define DILIGENCE_HISTORY_TABLES_H

#include "diligence.h"

enum { TABLES_MAX = 64 };
#define TABLE_TEXT_MAX ((size_t)1 << 20)

/* Copy the tables that TEXT, of main.cf or master.cf, names into ENTRY, the open
 * directory of one configuration.  What cannot be read is left out.  False with *E:
 * writing failed. */
bool history_tables_keep(const struct control *c, int entry, struct view text,
                         struct error *e) MUST_CHECK;
/* Put back those of ENTRY that are gone, and tell of those that differ; NUMBER is for the
 * log. */
void history_tables_restore(const struct control *c, int entry, unsigned number);
/* Remove what ENTRY keeps. */
void history_tables_remove(int entry);

#endif
