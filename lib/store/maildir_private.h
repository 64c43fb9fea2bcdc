/* maildir_private - what the files of maildir share */
#ifndef STORE_MAILDIR_PRIVATE_H
#define STORE_MAILDIR_PRIVATE_H

#include "store/maildir.h"

/* Is this delivery already in new/ or cur/ below DIR, whole?  Sets was_there.  A torn
 * copy is removed. */
bool maildir_find(int dir, struct maildir_delivery *m);

#endif
