/* call - one question to another program of the instance
 *
 * Connects to queue_directory/CLASS/NAME and says who is there (HELLO); for questions
 * that are rare enough not to need a lasting connection.
 */
#ifndef IPC_CALL_H
#define IPC_CALL_H

#include "ipc/ipc.h"

/* A connection to the service NAME ("verify") of CLASS (ENDPOINT_PRIVATE); WHO asks.
 * NULL with *E.  May suspend. */
struct ipc *ipc_dial(struct view queue_directory, const char *class, struct view name,
                     const char *who, int64_t deadline, struct error *e) MUST_CHECK;
/* Send QUESTION and wait for an answer of type WANTED, in A; an IPC_ERROR becomes *E.
 * NULL with *E.  May suspend. */
struct ipc_message *ipc_ask(struct ipc *c, const struct ipc_message *question,
                            enum ipc_type wanted, struct arena *a, int64_t deadline,
                            struct error *e) MUST_CHECK;

#endif
