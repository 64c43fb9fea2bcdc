/* memory_table - entries in memory: texthash, inline, internal, and text read in place of
 * an index */
#ifndef TABLE_MEMORY_TABLE_H
#define TABLE_MEMORY_TABLE_H

#include "table/table_private.h"
#include "table/text_source.h"

struct memory_table;

struct memory_table *memory_table_new(void);
void memory_table_free(struct memory_table *m);
/* False when KEY is there already (the first entry stays). */
bool memory_table_add(struct memory_table *m, struct view key, struct view value,
                      bool fold);
/* The value; FOUND says whether there is one. */
struct view memory_table_get(const struct memory_table *m, struct view key, bool *found);
size_t memory_table_count(const struct memory_table *m);
bool memory_table_walk(const struct memory_table *m, table_entry_fn *fn, void *arg);
/* All of the text at PATH; NULL with *E. */
struct memory_table *memory_table_load(const char *path, enum text_form form, bool fold,
                                       struct error *e);

#endif
