/* users - how much each logged-in user sent in the last hour and the last day
 *
 * The windows slide: an hour is twelve parts of five minutes, a day 24 parts of an hour,
 * and what falls out of the oldest part is free again.  An attempt over a limit does not
 * count, so that who keeps trying gets through when the time comes.  In memory only, for
 * USERS_MAX users at most: a new one takes the place of whoever was silent longest.
 */
#ifndef ANVIL_USERS_H
#define ANVIL_USERS_H

#include "access/anvil.h"
#include "base/hash.h"
#include "base/list.h"

/* About 500 bytes each. */
#define USERS_MAX 65536

struct users {
    struct hash *by_name;
    struct list by_age; /* the longest silent first */
    size_t most;
};

void users_init(struct users *u, size_t most);
void users_done(struct users *u);
/* Count one EVENT of NAME at NOW (monotonic), unless that is over a limit. */
void users_event(struct users *u, struct view name, enum anvil_user_event event,
                 const struct anvil_user_limits *limits, int64_t now,
                 struct anvil_user_counts *out);
/* Forget users of whom nothing counts any longer. */
void users_sweep(struct users *u, int64_t now);

#endif
