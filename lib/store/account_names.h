/* account_names - what the files that change names of mailboxes share; private to
 * lib/store */
#ifndef STORE_ACCOUNT_NAMES_H
#define STORE_ACCOUNT_NAMES_H

#include "store/account_private.h"

bool name_is_inbox(struct view name);
/* "A/B" is below "A". */
bool name_is_below(struct view name, struct view parent);

/* Lock all open mailboxes that are NAME, or, with BELOW, below it, so that nobody is at
 * their files; a->lock is held, so that no more get opened.  May suspend. */
void hold_mailboxes(struct account *a, struct view name, bool below);
void release_mailboxes(struct account *a);
/* May a mailbox NAME come to be?  May suspend. */
enum store_result check_new_name(struct account *a, struct view name,
                                 struct error *e) MUST_CHECK;
/* Finish the rename that the folder file, locked, tells of.  What cannot be finished
 * stays as it is: the account must open all the same.  May suspend. */
void finish_rename(struct account *a);

#endif
