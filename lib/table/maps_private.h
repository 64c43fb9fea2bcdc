/* maps_private - what address look-up needs of maps; not for others */
#ifndef TABLE_MAPS_PRIVATE_H
#define TABLE_MAPS_PRIVATE_H

#include "table/table.h"

/* As maps_get; pattern tables are passed over unless KEY is the WHOLE_KEY. */
enum table_result maps_get_some(struct maps *m, struct view key, bool whole_key,
                                struct arena *a, struct view *value,
                                struct error *e) MUST_CHECK;
const struct conf *maps_conf(const struct maps *m);

#endif
