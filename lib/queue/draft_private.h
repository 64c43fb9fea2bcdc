/* draft_private - the connection that drafts share; private to lib/queue */
#ifndef QUEUE_DRAFT_PRIVATE_H
#define QUEUE_DRAFT_PRIVATE_H

#include "ipc/endpoint.h"
#include "ipc/ipc.h"
#include "ipc/tags.h"
#include "queue/draft.h"

struct link_connection;

/* One request under way; lives on the stack of the fiber that waits. */
struct link_request {
    const struct link_connection *connection;
    struct waitq answered;
    bool is_answered;
    enum result result;
    struct error error;
    uint64_t first, count; /* ID_BLOCK_IS */
    int fd;                /* SPILL_IS; -1 */
};

struct queue_link {
    const struct conf *conf;
    char path[ENDPOINT_PATH_BYTES];
    bool long_ids;
    uint64_t threshold, memory_limit; /* of content, before it goes to a file */
    uint64_t memory_used;
    struct link_connection *connection; /* NULL: not connected */
    struct slots dialing, blocks;
    struct tags requests; /* struct link_request */
    uint64_t serial_next, serial_end;
    uint64_t free_bytes;
    int64_t flow_delay;
};

/* Send a request of TYPE (FILL adds the attributes behind TAG) and wait for its answer.
 * The result of the answer, or TEMPFAIL when there is no qmgr.  May suspend. */
typedef void link_fill_fn(struct ipc_message *m, void *arg);
enum result link_ask(struct queue_link *l, enum ipc_type type, link_fill_fn *fill,
                     void *arg, struct link_request *r, struct error *e) MUST_CHECK;
/* A new queue ID.  May suspend. */
bool link_new_id(struct queue_link *l, struct queue_id *id, struct error *e) MUST_CHECK;

#endif
