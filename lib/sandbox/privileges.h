/* privileges - giving up root, for good or for a while */
#ifndef SANDBOX_PRIVILEGES_H
#define SANDBOX_PRIVILEGES_H

#include "base/error.h"

#include <sys/types.h>

/* The effective user is root. */
bool privileges_are_root(void);
/* Become USER for good, with its supplementary groups, and GROUP (NULL: the login
 * group) as group.  Checks that there is no way back.  Started by an ordinary
 * user: does nothing, whoever USER is. */
bool privileges_drop(const char *user, const char *group, struct error *e) MUST_CHECK;
/* As privileges_drop, by numbers.  USER (NULL: no supplementary groups) names
 * whose groups are taken. */
bool privileges_drop_ids(uid_t uid, gid_t gid, const char *user,
                         struct error *e) MUST_CHECK;
/* Of all rights of root keep one beyond privileges_drop(): to read files that others may
 * not (CAP_DAC_READ_SEARCH).  Called twice, before the drop and after it.  Started by an
 * ordinary user: does nothing. */
bool privileges_keep_reading(struct error *e) MUST_CHECK;
bool privileges_keep_only_reading(struct error *e) MUST_CHECK;
/* Nobody of the same user may look into this process (ptrace, /proc/PID/mem), and no core
 * is dumped. */
void privileges_hide_memory(void);
/* Make DIRECTORY the root directory and go there.  Needs root; as an ordinary
 * user: does nothing. */
bool privileges_chroot(const char *directory, struct error *e) MUST_CHECK;

/* Act for a user: effective ids and supplementary groups (of USER; NULL: GID
 * alone) until privileges_back().  For a moment only, never across a suspension:
 * all fibers of the process change with it.  As an ordinary user: does nothing
 * when UID is the own one, fails otherwise. */
bool privileges_become(uid_t uid, gid_t gid, const char *user,
                       struct error *e) MUST_CHECK;
/* Back to what privileges_become() left; ends the process when that fails. */
void privileges_back(void);

#endif
