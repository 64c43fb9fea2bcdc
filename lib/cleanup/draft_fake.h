/* draft_fake - tests: drafts that end in memory in place of the queue
 *
 * Linked in front of lib/queue, its functions stand for those of queue/draft.h.
 */
#ifndef CLEANUP_DRAFT_FAKE_H
#define CLEANUP_DRAFT_FAKE_H

#include "queue/draft.h"

struct draft_fake {
    struct str content;
    bool committed, discarded;
    uint32_t flags;
    char sender[512], filter[512], redirect[512], message_id[512], origin[64];
    /* "address|original|orcpt|notify|status" of each recipient, one a line. */
    struct str recipients;
    struct str senders; /* one a line, of all messages since the reset */
    enum result answer; /* what commit says */
    uint64_t written;   /* all content is counted, kept only below some MiB */
};
extern struct draft_fake draft_fake;
/* Forget the last message. */
void draft_fake_reset(void);
/* Keep no content (benchmarks). */
extern bool draft_fake_count_only;

#endif
