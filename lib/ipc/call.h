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

/* --- before the loop runs: these block the process, ten seconds at most --- */
/* As ipc_dial; a blocking descriptor, or -1 with *E, errno ENOENT or ECONNREFUSED when
 * there is no such service. */
int ipc_dial_blocking(struct view queue_directory, const char *class, struct view name,
                      const char *who, struct error *e) MUST_CHECK;
/* As ipc_ask, over such a descriptor. */
struct ipc_message *ipc_ask_blocking(int fd, const struct ipc_message *question,
                                     enum ipc_type wanted, struct arena *a,
                                     struct error *e) MUST_CHECK;

#endif
