/* finder - which messages of the selected mailbox match a search program
 *
 * RFC 9051 6.4.4.
 */
#ifndef STORE_IMAP_FINDER_H
#define STORE_IMAP_FINDER_H

#include "batch.h"
#include "imap/search.h"

struct found {
    uint32_t *uids; /* rising, in the session's arena */
    size_t n;
    uint64_t modseq; /* the highest of those found */
};

/* Run WHAT over all messages that the client knows.  False: in.error tells why it cannot
 * be run.  Messages that go meanwhile do not match. */
bool finder_run(struct imap *s, struct imap_search *what, struct found *found);

#endif
