/* fake_mailbox - tests: an INBOX in memory, behind mailbox.h */
#ifndef STORE_POP3_FAKE_MAILBOX_H
#define STORE_POP3_FAKE_MAILBOX_H

#include "base/view.h"

#include <stdint.h>

#define FAKE_MESSAGES 3

/* Fill it anew: messages with UIDs 2, 5 and 9. */
void fake_mailbox_fill(void);
extern struct view fake_texts[FAKE_MESSAGES]; /* LF line ends */
extern unsigned fake_expunged;                /* bits */
extern unsigned fake_seen;                    /* bits */
extern unsigned fake_lost;                    /* bits: files that are gone */

#endif
