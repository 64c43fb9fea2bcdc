/* queue_driver - tests: a queue manager that takes new messages
 *
 * A child process serves public/qmgr of the instance of an agent_driver.  Each message
 * that is committed becomes a file queue/new.N (N from 1): "from=<..>", "to=<..>" lines,
 * "replaces=ID INDEX" when it takes the place of a recipient, an empty line, the content.
 */
#ifndef AGENT_QUEUE_DRIVER_H
#define AGENT_QUEUE_DRIVER_H

#include "agent/agent_driver.h"

/* Start it; ends with queue_driver_stop. */
pid_t queue_driver_start(struct driver *d);
void queue_driver_stop(pid_t pid);

#endif
