/* queue_offline - queue_admin's work while no qmgr runs; for lib/queue and qmgr
 *
 * Runs on a fiber (the journal wants one).  Takes the queue's lock.
 */
#ifndef QUEUE_QUEUE_OFFLINE_H
#define QUEUE_QUEUE_OFFLINE_H

#include "queue/queue_admin.h"
#include "queue/queue_dir.h"

/* Does REQUEST apply to a message that is in Q, given what SELECTION says about queues?
 * (qmgr asks this too.) */
bool queue_request_applies(enum queue_request request, struct view queue_name,
                           enum queue_name q);
bool queue_request_parse(struct view text, enum queue_request *out);
/* Postfix's postsuper says "ID: removed" and the like for each message. */
void queue_request_log(enum queue_request request, enum queue_name from, const char *id);

enum result queue_offline_control(const struct conf *c, enum queue_request request,
                                  const struct queue_selection *selection,
                                  uint64_t *count, struct error *e);
enum result queue_offline_list(const struct conf *c, int *fd, uint64_t *count,
                               struct error *e);
enum result queue_offline_read(const struct conf *c, struct view id, int *fd,
                               char queue_name[16], struct error *e);
/* Can the lock be had?  *IN_USE: somebody has it. */
bool queue_offline_is_free(const struct conf *c, bool *in_use, struct error *e);
enum result queue_offline_repair(const struct conf *c, uint64_t *repaired,
                                 struct error *e);

#endif
