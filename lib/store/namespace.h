/* namespace - all mailboxes that one login sees: its own and what others share with it
 *
 * The own mailboxes stand at the top; those of NAME that the access list lets through
 * below "Other Users/NAME/".  RFC 2342, RFC 4314.
 */
#ifndef STORE_NAMESPACE_H
#define STORE_NAMESPACE_H

#include "store/account.h"

#define NAMESPACE_OTHERS "Other Users/"

struct namespace_resolver {
    /* Fill PLACE (texts in ARENA) for the login name USER; false when there is none. May
     * suspend. */
    bool (*place_of)(struct namespace_resolver *r, struct view user, struct arena *arena,
                     struct place *place);
};

struct namespace
{
    struct account *own;
    struct view login;                   /* who asks */
    struct namespace_resolver *resolver; /* NULL: only the own mailboxes */
    const char *shares; /* directory where accounts tell whom they share with; NULL: none
                           can be listed */
};

/* Where a name leads. */
struct namespace_target {
    struct account *account; /* one reference, give it back with account_close() */
    struct view name;        /* inside the account, in the arena given */
    unsigned rights;         /* of the login */
};
/* NAME as the client gave it (UTF-8).  A mailbox without the right to look it up does not
 * exist: STORE_NONEXISTENT.  STORE_CANNOT for a name that no mailbox can have. */
enum store_result namespace_resolve(struct namespace *s, struct view name,
                                    struct arena *arena, struct namespace_target *out,
                                    struct error *e) MUST_CHECK;
/* All folders, the shared ones with their full names behind the own ones, and with gaps.
 */
enum store_result namespace_list(struct namespace *s, struct arena *arena,
                                 struct account_folder **out, size_t *n,
                                 struct error *e) MUST_CHECK;
/* Change an access list of the own account, and tell others of it. */
enum store_result namespace_acl_set(struct namespace *s, struct account *a,
                                    struct view name, struct view identifier,
                                    unsigned rights, struct error *e) MUST_CHECK;

#endif
