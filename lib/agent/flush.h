/* flush - what was delivered is on disk, for those who cannot wait for a checkpoint
 *
 * One flush of a file system serves all deliveries that ended before it began.
 */
#ifndef AGENT_FLUSH_H
#define AGENT_FLUSH_H

#include "base/error.h"

/* Flush the file system of PATH.  May suspend; false with *E. */
bool agent_flush(const char *path, struct error *e) MUST_CHECK;

#endif
