/* pass - hand a recipient on to another delivery agent of this instance
 *
 * For mailbox_transport and fallback_transport: the other agent is asked as the queue
 * manager would, delivers and logs; its answer becomes the recipient's outcome.
 */
#ifndef AGENT_PASS_H
#define AGENT_PASS_H

#include "agent/agent.h"

/* TARGET is "transport" or "transport:nexthop"; without one the delivery's own nexthop is
 * used. On failure to reach it the recipient is deferred and logged under RELAY.  May
 * suspend. */
void delivery_pass(struct service *s, struct delivery *d, struct delivery_recipient *r,
                   struct view target, struct view relay);

#endif
