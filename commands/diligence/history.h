/* history - the last good readings of main.cf and master.cf, with the tables beside them
 *
 * Kept in data_directory/configurations/NUMBER, at most HISTORY_MAX of them.  The
 * directory belongs to whoever starts the system and to nobody else: the mail owner, who
 * owns data_directory, can take it away and cannot put one of its own in its place.
 * Without a data_directory (an ordinary user's instance that names none) nothing is kept.
 */
#ifndef DILIGENCE_HISTORY_H
#define DILIGENCE_HISTORY_H

#include "diligence.h"

#include <time.h>

enum { HISTORY_MAX = 10 };
#define HISTORY_TEXT_MAX ((size_t)8 << 20)

struct history_entry {
    unsigned number;
    time_t saved;
};

/* Keep main.cf and master.cf as they are now, unless the newest entry is the same. */
bool history_save(const struct control *c, struct error *e) MUST_CHECK;
/* What is kept, newest first; how many. */
size_t history_list(const struct control *c, struct history_entry out[HISTORY_MAX]);
/* FILE ("main.cf") of entry NUMBER into OUT. */
bool history_read(const struct control *c, unsigned number, const char *file,
                  struct str *out, struct error *e) MUST_CHECK;
/* The tables of entry NUMBER: see history_tables.h. */
void history_restore_tables(const struct control *c, unsigned number);
/* Forget the entries that are newer than NUMBER. */
void history_forget_after(const struct control *c, unsigned number);
/* Keep TEXT, which a rollback replaces in FILE, as configurations/undone/FILE. */
bool history_keep_undone(const struct control *c, const char *file, struct view text,
                         struct error *e) MUST_CHECK;
/* main.cf and master.cf of the newest entry, one behind the other; nothing when there is
 * none. */
void history_in_force(const struct control *c, struct str *out);

#endif
