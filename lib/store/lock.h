/* lock - exclusive access to an mbox file
 *
 * mailbox_delivery_lock and virtual_mailbox_lock: any of "fcntl", "flock" and "dotlock".
 * The fcntl lock is one of the open file description, so that it also keeps threads of
 * one process apart; it conflicts with other programs' fcntl locks.  Everything here
 * blocks: call it in a child process or a worker thread.
 */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include "base/error.h"

#include <stdint.h>

struct lock_policy {
    bool use_fcntl, use_flock, use_dotlock;
    bool dotlock_may_fail; /* a directory without write permission: go on without dotlock
                            */
    unsigned attempts;     /* deliver_lock_attempts */
    int64_t delay;         /* deliver_lock_delay, microseconds */
    int64_t stale;         /* stale_lock_time, microseconds */
};

/* Read METHODS ("fcntl, dotlock") into P; false with *E for an unknown name or for none.
 */
bool lock_policy_parse(struct view methods, struct lock_policy *p,
                       struct error *e) MUST_CHECK;

/* Make PATH.lock.  TEMPFAIL (4.2.0) when another holds it to the end of the attempts, or
 * it cannot be made; *MADE tells whether there is one to remove. */
enum result lock_dot_take(const struct lock_policy *p, const char *path, bool *made,
                          struct error *e) MUST_CHECK;
void lock_dot_give(const char *path);
/* Lock the open file FD with fcntl and flock as P says; ends with close. */
enum result lock_file_take(const struct lock_policy *p, int fd,
                           struct error *e) MUST_CHECK;

#endif
