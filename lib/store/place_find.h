/* place_find - where the mail of a login name is
 *
 * A name with "@" is a virtual user's address (virtual_mailbox_maps and its kin), any
 * other one an account of the host (store_home_mailbox, mail_spool_directory).  Used by
 * whoever opens mailboxes: the store, commands, the server that refuses mail over quota.
 */
#ifndef STORE_PLACE_FIND_H
#define STORE_PLACE_FIND_H

#include "conf/conf.h"
#include "store/account.h"

#include <sys/types.h>

struct places;

/* ACTS_FOR_USERS: started by root.  Else all mailboxes are the caller's, and no other
 * account of the host has one here.  NULL with *E. */
struct places *places_open(const struct conf *c, bool acts_for_users, struct error *e);
void places_close(struct places *p);

struct place_found {
    struct place place;
    uid_t uid;
    gid_t gid;
    const char *account; /* of the host, for its groups; NULL: a virtual user */
    const char *area;    /* directory that holds this mail and that of others with this
                            uid, for a sandbox; "/" when there is none */
};
/* Texts of OUT in A.  False with *E: 5.1.1 no such user, 5.7.1 one that must not have
 * mailboxes (root), 4.3.5 tables are at fault.  May suspend. */
bool places_find(struct places *p, struct view user, struct arena *a,
                 struct place_found *out, struct error *e) MUST_CHECK;

/* A place as bytes, for a message between programs. */
bool place_pack(const struct place *p, struct str *out) MUST_CHECK;
/* False: not what place_pack() makes. */
bool place_unpack(struct view bytes, struct arena *a, struct place *out) MUST_CHECK;

#endif
