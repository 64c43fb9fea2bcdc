/* direct - ask delivery agents without a queue in between
 *
 * For a server that answers for each recipient at once (LMTP): the agents get what qmgr
 * would send them, and are told that their answer must mean "on disk".  One connection
 * for each transport carries all requests of a process.
 */
#ifndef AGENT_DIRECT_H
#define AGENT_DIRECT_H

#include "agent/agent.h"

struct direct;
struct direct *direct_open(const struct conf *c);
void direct_close(struct direct *d); /* nothing may be under way */

struct direct_recipient {
    struct recipient in;
    /* Results: */
    enum outcome outcome; /* OUTCOME_NONE: nobody answered for it */
    char status[12];
    struct view text;
};
struct direct_job {
    const struct queue_id *id;
    int fd; /* content, bytes 0 to SIZE; stays the caller's */
    uint64_t size;
    const struct envelope
        *envelope; /* of the message; its recipients are not looked at */
    struct view transport, nexthop;
    struct direct_recipient **recipients;
    size_t n;
    struct arena *arena; /* for texts of results */
};
/* Deliver J; every recipient has a result then: OUTCOME_DEFERRED where the agent could
 * not be asked. May suspend. */
void direct_deliver(struct direct *d, struct direct_job *j);

#endif
