/* mailbox_new - messages on their way into a mailbox; private to lib/store */
#ifndef STORE_MAILBOX_NEW_H
#define STORE_MAILBOX_NEW_H

#include "store/driver.h"

void part_init(struct part *p);
/* Close and remove what is left of it. */
void part_done(struct part *p);
/* Name the parts, make them appear in B (locked), on disk, and give them UIDs, in order.
 * IS_MOVE: the files are those of messages elsewhere, and must not be removed when this
 * process dies. */
enum store_result parts_appear(struct mailbox *b, struct part *parts, size_t n,
                               bool is_move, uint32_t *uids, struct error *e) MUST_CHECK;
/* The second half: rows for what was published. */
enum store_result parts_take_in(struct mailbox *b, struct part *parts, size_t n,
                                uint32_t *uids, struct error *e) MUST_CHECK;

#endif
