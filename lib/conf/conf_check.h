/* conf_check - what a careful reader finds in main.cf and master.cf
 *
 * For `diligence check` and postconf: misspelt and unused names, settings without
 * effect.  What the reader itself noticed is in conf_load_notes().  Nothing here
 * suspends; it reads no other file.
 */
#ifndef CONF_CONF_CHECK_H
#define CONF_CONF_CHECK_H

#include "base/arena.h"
#include "conf/conf.h"
#include "conf/master_cf.h"

/* The status of findings that are only worth knowing: settings that are accepted without
 * effect. */
#define CONF_CHECK_NOTE "2.0.0"

/* Findings about C, and M when it is not NULL, in arena A.  Each .text is "what; what to
 * do", .place says where. */
void conf_check(const struct conf *c, const struct master_cf *m, struct arena *a,
                struct conf_notes *out);
/* The parameter whose name is nearest to NAME, case apart; P_COUNT when none is near. */
enum parameter conf_nearest(struct view name);
/* Is NAME, which is no parameter, used: as $name, as a restriction class, or by service
 * of M as a per-transport name? */
bool conf_is_used(const struct conf *c, const struct master_cf *m, struct view name);

#endif
