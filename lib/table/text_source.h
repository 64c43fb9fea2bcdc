/* text_source - the text form of tables
 *
 * postmap(1): "key value" lines; a key with white space stands in double quotes and keeps
 * them. aliases(5): "name: values".  A line that cannot be used is passed over with a
 * warning that names file and line.
 */
#ifndef TABLE_TEXT_SOURCE_H
#define TABLE_TEXT_SOURCE_H

#include "base/error.h"
#include "base/view.h"

enum text_form { TEXT_MAP, TEXT_ALIASES };

/* FN gets each entry, its views valid during the call; false ends the reading. */
typedef bool text_entry_fn(struct view key, struct view value, unsigned line, void *arg);
/* False when FN ended it.  PATH is for warnings. */
bool text_source_read(enum text_form form, const char *path, struct view text,
                      text_entry_fn *fn, void *arg);
/* How many lines were passed over by all readings of this process; for tests and check.
 */
extern unsigned text_source_bad_lines;

#endif
