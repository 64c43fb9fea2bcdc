/* draft - bring a new message into the queue (used by smtpd, pickup, bounce, local)
 *
 * A queue link is a process's connection to qmgr; a draft is one message under way: its
 * content goes into a memory file (memfd); above queue_file_threshold, or when the memory
 * budget is used up, into a nameless file that qmgr opened in the queue.  draft_commit()
 * returns OK only when the message would survive a power cut.
 */
#ifndef QUEUE_DRAFT_H
#define QUEUE_DRAFT_H

#include "conf/conf.h"
#include "queue/envelope.h"
#include "queue/queue_id.h"

struct queue_link;

/* Connects lazily to public/qmgr below the queue directory; reconnects when qmgr was
 * restarted. */
struct queue_link *queue_link_open(const struct conf *c);
void queue_link_close(struct queue_link *l);
/* Free bytes of the queue's file system as qmgr last said; UINT64_MAX unknown. */
uint64_t queue_link_free_bytes(const struct queue_link *l);
/* Microseconds that a session should pause before its next message (in_flow_delay); 0
 * none. */
int64_t queue_link_flow_delay(const struct queue_link *l);

/* Ask qmgr to try the mail of SITE now (ETRN, sendmail -qR).  May suspend. */
bool queue_link_flush_site(struct queue_link *l, struct view site,
                           struct error *e) MUST_CHECK;

struct draft;
/* A new draft with its queue ID.  NULL with *E (4.3.0) when qmgr cannot be reached.  May
 * suspend. */
struct draft *draft_open(struct queue_link *l, struct error *e);
/* A draft that never leaves this process: L is not asked for anything, and in place of
 * the queue TAKEN gets the envelope at commit.  To see what would become of a message. */
typedef void draft_taken_fn(void *arg, const struct envelope *env);
struct draft *draft_rehearse(struct queue_link *l, draft_taken_fn *taken, void *arg);
/* A draft with an ID of its own whose end is not the queue: at commit TAKEN delivers it,
 * with content from draft_fd() and draft_size(), and may suspend. NULL with *E. May
 * suspend. */
struct draft *draft_open_direct(struct queue_link *l, draft_taken_fn *taken, void *arg,
                                struct error *e);
const struct queue_id *draft_id(const struct draft *d);
/* Append content (LF line ends).  Errors stick and show at commit. May suspend
 * (spilling). */
void draft_write(struct draft *d, struct view content);
uint64_t draft_size(const struct draft *d);
/* For header edits after the fact: the content can be read back (and changed) through
 * draft_fd (-1 when it cannot be had; the error shows at commit); replaced at OFFSET by
 * CONTENT, inside what is there; or cut to SIZE. */
int draft_fd(struct draft *d);
void draft_replace(struct draft *d, uint64_t offset, struct view content);
void draft_truncate(struct draft *d, uint64_t size);
/* Make it durable.  ORIGIN, when not NULL, is the message that this report is about: qmgr
 * marks the reported recipients of ORIGIN as done in the same commit.  The draft is used
 * up.  OK, TEMPFAIL (4.3.x: no space, no qmgr), PERMFAIL (envelope refused).  May
 * suspend. */
enum result draft_commit(struct draft *d, struct envelope *env,
                         const struct queue_id *origin, struct error *e) MUST_CHECK;
/* This draft takes the place of recipient INDEX (as in DELIVER) of ORIGIN, whose delivery
 * is under way: the commit that makes it durable also marks that recipient as done, so
 * that a crash does not send it on twice. For agents, when nothing else is left to do for
 * it. */
void draft_replaces(struct draft *d, const struct queue_id *origin, uint32_t index);
/* Give up: nothing remains. */
void draft_discard(struct draft *d);

#endif
