/* agent_private - what the files of lib/agent share */
#ifndef AGENT_AGENT_PRIVATE_H
#define AGENT_AGENT_PRIVATE_H

#include "agent/agent.h"
#include "ipc/ipc.h"
#include "table/table.h"

struct agent_policy {
    bool soft_bounce;
    bool external_form;      /* addresses in log lines are quoted */
    bool original_recipient; /* X-Original-To: may be added */
    int delay_digits;
    struct maps *status_filter; /* NULL without */
};

/* A delivery out of a DELIVER message; takes the descriptor.  NULL with *E when it makes
 * no sense. */
struct delivery *agent_parse_request(struct arena *a, struct ipc_message *m,
                                     const struct agent_policy *policy, struct error *e);
/* Answer it, in as many messages as needed. May suspend. */
bool agent_send_results(struct ipc *c, uint64_t tag, const struct delivery *d,
                        int64_t timeout, struct error *e);
/* The checksum in a HELLO is ours. */
bool agent_check_hello(const struct ipc_message *m);

#endif
