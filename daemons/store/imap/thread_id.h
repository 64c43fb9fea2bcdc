/* thread_id - THREADID of RFC 8474: the same for all messages of a conversation */
#ifndef STORE_IMAP_THREAD_ID_H
#define STORE_IMAP_THREAD_ID_H

#include "base/view.h"

#include <stdint.h>

/* Made of the first message-id of References, else of In-Reply-To, else of Message-ID, so
 * that a message and its answers agree whatever of them is there.  Never 0.  Pure. */
uint64_t thread_id_of(struct view headers);

#endif
