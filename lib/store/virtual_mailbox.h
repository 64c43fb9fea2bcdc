/* virtual_mailbox - the mailbox of a virtual user, and whose it is
 *
 * virtual_mailbox_maps, virtual_uid_maps, virtual_gid_maps, each asked for
 * user+ext@domain, user@domain and @domain.  Source: virtual(8), TABLE SEARCH ORDER,
 * MAILBOX OWNERSHIP.
 */
#ifndef STORE_VIRTUAL_MAILBOX_H
#define STORE_VIRTUAL_MAILBOX_H

#include "base/arena.h"
#include "base/error.h"
#include "conf/conf.h"

#include <sys/types.h>

struct virtual_mailboxes;

/* ACTS_FOR_USERS: started by root, the tables say whose a mailbox is; else all are the
 * caller's.  NULL with *E: virtual_mailbox_base is relative. */
struct virtual_mailboxes *virtual_mailboxes_open(const struct conf *c,
                                                 bool acts_for_users, struct error *e);
void virtual_mailboxes_close(struct virtual_mailboxes *m);

struct virtual_mailbox {
    struct view path; /* NUL behind it */
    bool is_maildir;
    uid_t uid;
    gid_t gid;
};
/* Look ADDRESS (internal form) up; OUT in A.  False with *E: 5.1.1 for an unknown user,
 * 4.3.5 when tables are at fault (logged). May suspend. */
bool virtual_mailbox_find(struct virtual_mailboxes *m, struct arena *a,
                          struct view address, struct virtual_mailbox *out,
                          struct error *e) MUST_CHECK;

#endif
