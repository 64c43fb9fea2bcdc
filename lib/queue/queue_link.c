/* queue_link - a process's one connection to qmgr, shared by its drafts
 *
 * Requests carry a tag, so that many fibers can wait at once; one fiber reads the
 * answers. When the connection breaks every waiting request fails: a commit whose answer
 * was lost is reported as a temporary failure, and the client will send the message
 * again.
 */
#include "base/log.h"
#include "base/memory.h"
#include "net/dial.h"
#include "queue/draft_private.h"
#include "queue/queue_admin.h"

#include <sys/socket.h>
#include <unistd.h>

#define DIAL_TIMEOUT   (10 * CLOCK_SECOND)
#define ANSWER_TIMEOUT (300 * CLOCK_SECOND)

struct link_connection {
    struct queue_link *link; /* NULL when the link was closed */
    struct ipc *ipc;
    unsigned users; /* fibers inside ipc_send */
    struct waitq unused;
};

/* --- reading answers --- */

/* The request of TAG, when it has no answer yet. */
static struct link_request *find_request(const struct queue_link *l, uint64_t tag)
{
    struct link_request *r = tags_find(&l->requests, tag);
    return r == NULL || r->is_answered ? NULL : r;
}

static void answer(struct link_request *r, enum result result)
{
    r->result = result;
    r->is_answered = true;
    waitq_wake_all(&r->answered);
}

static void take_refusal(struct link_request *r, const struct ipc_message *m)
{
    struct view status = ipc_get_view(m, IPC_ATTR_STATUS);
    struct view text = ipc_get_view(m, IPC_ATTR_TEXT);
    char code[12];
    snprintf(code, sizeof code, "%.*s", VIEW_FMT(status));
    error_set(&r->error, code, "%.*s", VIEW_FMT(text));
    answer(r, error_result(&r->error));
}

static void take_committed(struct queue_link *l, const struct ipc_message *m)
{
    size_t position = 0;
    struct ipc_value v;
    while (ipc_next(m, &position, &v)) {
        struct link_request *r = find_request(l, v.u64);
        if (r)
            answer(r, OK);
    }
}

/* False when M is nothing that qmgr may send. */
static bool take_message(struct queue_link *l, struct ipc_message *m)
{
    enum ipc_type type = ipc_message_type(m);
    if (type == IPC_QUEUE_STATE) {
        l->free_bytes = ipc_get_u64(m, IPC_ATTR_FREE_BYTES, UINT64_MAX);
        l->flow_delay = (int64_t)ipc_get_u64(m, IPC_ATTR_FLOW_DELAY, 0);
        return true;
    }
    if (type == IPC_COMMITTED) {
        take_committed(l, m);
        return true;
    }
    if (type != IPC_REFUSED && type != IPC_ID_BLOCK_IS && type != IPC_SPILL_IS)
        return false;
    struct link_request *r = find_request(l, ipc_get_u64(m, IPC_ATTR_TAG, 0));
    if (r == NULL)
        return true; /* nobody waits any more */
    if (type == IPC_REFUSED) {
        take_refusal(r, m);
        return true;
    }
    if (type == IPC_SPILL_IS) {
        r->fd = ipc_take_fd(m, 0);
    } else {
        r->first = ipc_get_u64(m, IPC_ATTR_FIRST, 0);
        r->count = ipc_get_u64(m, IPC_ATTR_COUNT, 0);
    }
    answer(r, OK);
    return true;
}

/* Let all who wait know, and forget the connection once nobody sends on it. */
static void connection_lost(struct link_connection *c)
{
    struct queue_link *l = c->link;
    if (l) {
        if (l->connection == c)
            l->connection = NULL;
        struct link_request *r;
        for (uint32_t i = 0; (r = tags_next(&l->requests, &i)) != NULL;) {
            if (r->is_answered || r->connection != c)
                continue;
            error_set(&r->error, "4.3.0", "queue manager connection lost");
            answer(r, TEMPFAIL);
        }
    }
    shutdown(ipc_fd(c->ipc), SHUT_RDWR);
    while (c->users > 0)
        (void)waitq_wait(&c->unused, clock_in(CLOCK_SECOND));
    ipc_close(c->ipc);
    memory_free(c);
}

static void reader(void *arg)
{
    struct link_connection *c = arg;
    struct arena *a = arena_new();
    for (;;) {
        struct error e = ERROR_INIT;
        struct ipc_message *m = ipc_receive(c->ipc, a, CLOCK_NEVER, &e);
        if (m == NULL || c->link == NULL)
            break;
        bool good = take_message(c->link, m);
        ipc_message_close_fds(m);
        if (!good) {
            log_warning("queue manager: unexpected message %s",
                        ipc_type_name(ipc_message_type(m)));
            break;
        }
        arena_reset(a);
    }
    arena_free(a);
    connection_lost(c);
}

/* --- asking --- */

static bool connection_send(struct link_connection *c, struct ipc_message *m,
                            struct error *e)
{
    c->users++;
    bool sent = ipc_send(c->ipc, m, clock_in(ANSWER_TIMEOUT), e);
    if (--c->users == 0)
        waitq_wake_all(&c->unused);
    return sent;
}

static bool say_hello(struct link_connection *c, struct error *e)
{
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_message_new(a, IPC_HELLO);
    ipc_put_u64(m, IPC_ATTR_VERSION, ipc_version());
    ipc_put_cstr(m, IPC_ATTR_NAME, log_tag());
    bool good = connection_send(c, m, e);
    arena_free(a);
    return good;
}

/* The connection, dialled when there is none; one fiber dials, others wait. */
static struct link_connection *connect_link(struct queue_link *l, struct error *e)
{
    if (l->connection)
        return l->connection;
    if (slots_take(&l->dialing, clock_in(DIAL_TIMEOUT)) != WAKE_OK) {
        error_set(e, "4.3.0", "queue manager does not answer");
        return NULL;
    }
    if (l->connection == NULL) {
        int fd = dial_seqpacket(l->path, clock_in(DIAL_TIMEOUT), e);
        if (fd >= 0) {
            struct link_connection *c = NEW(struct link_connection);
            c->link = l;
            c->ipc = ipc_open(fd);
            WAITQ_INIT(&c->unused);
            l->connection = c;
            fiber_spawn("queue link", reader, c);
            (void)say_hello(c, e); /* a failure shows at the request */
        }
    }
    slots_give(&l->dialing);
    return l->connection;
}

/* Send one request on the connection there is; false when it did not leave. */
static bool send_request(struct queue_link *l, enum ipc_type type, link_fill_fn *fill,
                         void *arg, struct link_request *r, uint64_t tag)
{
    struct link_connection *c = connect_link(l, &r->error);
    if (c == NULL)
        return false;
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_message_new(a, type);
    r->connection = c;
    ipc_put_u64(m, IPC_ATTR_TAG, tag);
    if (fill)
        fill(m, arg);
    bool sent = connection_send(c, m, &r->error);
    if (!sent && l->connection == c)
        l->connection = NULL; /* its reader sees the end by itself */
    arena_free(a);
    return sent || r->is_answered;
}

enum result link_ask(struct queue_link *l, enum ipc_type type, link_fill_fn *fill,
                     void *arg, struct link_request *r, struct error *e)
{
    *r = (struct link_request){.fd = -1};
    WAITQ_INIT(&r->answered);
    uint64_t tag = tags_take(&l->requests, r);
    /* The second attempt is for a qmgr that was restarted and not used since. */
    bool sent = send_request(l, type, fill, arg, r, tag) ||
                (r->connection && send_request(l, type, fill, arg, r, tag));
    int64_t deadline = clock_in(ANSWER_TIMEOUT);
    while (sent && !r->is_answered)
        if (waitq_wait(&r->answered, deadline) != WAKE_OK && !r->is_answered) {
            error_set(&r->error, "4.3.0", "queue manager does not answer");
            break;
        }
    tags_give(&l->requests, tag);
    enum result result = r->is_answered ? r->result : TEMPFAIL;
    if (result != OK && e)
        *e = r->error;
    return result;
}

bool link_new_id(struct queue_link *l, struct queue_id *id, struct error *e)
{
    if (l->serial_next == l->serial_end) {
        struct link_request r;
        if (slots_take(&l->blocks, clock_in(ANSWER_TIMEOUT)) != WAKE_OK) {
            error_set(e, "4.3.0", "queue manager does not answer");
            return false;
        }
        bool good = true;
        if (l->serial_next == l->serial_end) {
            good = link_ask(l, IPC_ID_BLOCK, NULL, NULL, &r, e) == OK;
            if (good && r.count > 0) {
                l->serial_next = r.first;
                l->serial_end = r.first + r.count;
            }
        }
        slots_give(&l->blocks);
        if (!good || l->serial_next == l->serial_end)
            return false;
    }
    queue_id_make(id, l->long_ids, clock_wall(), l->serial_next++);
    return true;
}

/* --- the link --- */

struct queue_link *queue_link_open(const struct conf *c)
{
    struct queue_link *l = NEW(struct queue_link);
    struct view path = conf_queue_directory(c);
    char *directory = memory_alloc(path.n + 1);
    memcpy(directory, path.p, path.n);
    l->conf = c;
    if (!endpoint_path(directory, ENDPOINT_PUBLIC, conf_view(c, P_queue_service_name),
                       l->path))
        log_fatal("queue_directory: name too long for a socket: %s", directory);
    memory_free(directory);
    l->long_ids = conf_bool(c, P_enable_long_queue_ids);
    l->threshold = (uint64_t)conf_int(c, P_queue_file_threshold);
    l->memory_limit = (uint64_t)conf_int(c, P_queue_memory_limit);
    l->free_bytes = UINT64_MAX;
    slots_init(&l->dialing, 1);
    slots_init(&l->blocks, 1);
    return l;
}

void queue_link_close(struct queue_link *l)
{
    if (l->connection) {
        l->connection->link = NULL;
        shutdown(ipc_fd(l->connection->ipc), SHUT_RDWR); /* the reader ends */
    }
    tags_done(&l->requests);
    memory_free(l);
}

uint64_t queue_link_free_bytes(const struct queue_link *l)
{
    return l->free_bytes;
}

int64_t queue_link_flow_delay(const struct queue_link *l)
{
    return l->flow_delay;
}

bool queue_link_flush_site(struct queue_link *l, struct view site, struct error *e)
{
    uint64_t count;
    struct queue_selection selection = {.site = site};
    return queue_admin_control(l->conf, QUEUE_FLUSH_SITE, &selection, &count, e) == OK;
}
