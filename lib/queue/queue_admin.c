/* queue_admin - asking the running qmgr, or doing its work while there is none */
#include "queue/queue_admin.h"
#include "base/log.h"
#include "base/memory.h"
#include "ipc/endpoint.h"
#include "ipc/ipc.h"
#include "net/dial.h"
#include "queue/queue_offline.h"
#include "run/loop.h"

#include <errno.h>
#include <unistd.h>

#define DIAL_TIMEOUT   (10 * CLOCK_SECOND)
#define ANSWER_TIMEOUT (300 * CLOCK_SECOND)

static const char *const names[QUEUE_REQUESTS] = {"delete",  "hold",     "release",
                                                  "requeue", "expire",   "expire_all",
                                                  "flush",   "flush_id", "flush_site"};

const char *queue_request_name(enum queue_request request)
{
    return names[request];
}

bool queue_request_parse(struct view text, enum queue_request *out)
{
    for (int i = 0; i < QUEUE_REQUESTS; i++)
        if (view_eq(text, view_of(names[i]))) {
            *out = (enum queue_request)i;
            return true;
        }
    return false;
}

void queue_request_log(enum queue_request request, enum queue_name from, const char *id)
{
    static const char *const words[QUEUE_REQUESTS] = {
        "removed",  "placed on hold", "released from hold",
        "requeued", "expired",        "expired"};
    if (request == QUEUE_EXPIRE_ALL && from == QUEUE_NAME_HOLD)
        log_info_as("postfix/postsuper", "%s: released from hold", id);
    if (words[request])
        log_info_as("postfix/postsuper", "%s: %s", id, words[request]);
}

bool queue_request_applies(enum queue_request request, struct view queue_name,
                           enum queue_name q)
{
    enum queue_name named;
    if (q >= QUEUE_NAME_MESSAGES)
        return false;
    if (queue_name.n > 0 && (!queue_name_parse(queue_name, &named) || named != q))
        return false;
    switch (request) {
    case QUEUE_HOLD:
        return q != QUEUE_NAME_HOLD;
    case QUEUE_RELEASE:
        return q == QUEUE_NAME_HOLD;
    case QUEUE_FLUSH:
    case QUEUE_FLUSH_ID:
    case QUEUE_FLUSH_SITE:
        return q == QUEUE_NAME_DEFERRED;
    case QUEUE_DELETE:
    case QUEUE_REQUEUE:
    case QUEUE_EXPIRE:
    case QUEUE_EXPIRE_ALL:
    case QUEUE_REQUESTS:
        break;
    }
    return true;
}

/* One question: what is asked, and where the answer goes. */
struct question {
    const struct conf *conf;
    enum ipc_type type, answer;
    enum queue_request request;
    const struct queue_selection *selection;
    struct view id;
    /* The answer. */
    uint64_t count;
    int fd;
    char queue_name[16];
    struct error error;
    enum result result;
};

/* --- online --- */

static struct ipc_message *question_message(const struct question *q, struct arena *a)
{
    struct ipc_message *m = ipc_message_new(a, q->type);
    if (q->type == IPC_QUEUE_READ)
        ipc_put_view(m, IPC_ATTR_QUEUE_ID, q->id);
    if (q->type != IPC_QUEUE_CONTROL)
        return m;
    const struct queue_selection *s = q->selection;
    ipc_put_cstr(m, IPC_ATTR_REQUEST, names[q->request]);
    if (s->id.n > 0)
        ipc_put_view(m, IPC_ATTR_QUEUE_ID, s->id);
    if (s->site.n > 0)
        ipc_put_view(m, IPC_ATTR_SITE, s->site);
    if (s->queue_name.n > 0)
        ipc_put_view(m, IPC_ATTR_QUEUE_NAME, s->queue_name);
    return m;
}

static enum result take_answer(struct question *q, struct ipc_message *m)
{
    enum ipc_type type = ipc_message_type(m);
    if (type == IPC_ERROR) {
        char status[12];
        struct view code = ipc_get_view(m, IPC_ATTR_STATUS);
        struct view text = ipc_get_view(m, IPC_ATTR_TEXT);
        snprintf(status, sizeof status, "%.*s", VIEW_FMT(code));
        error_set(&q->error, status, "%.*s", VIEW_FMT(text));
        return status[0] == '5' ? PERMFAIL : TEMPFAIL;
    }
    if (type != q->answer) {
        error_set(&q->error, "4.3.0", "queue manager: unexpected answer %s",
                  ipc_type_name(type));
        return TEMPFAIL;
    }
    if (type != IPC_QUEUE_READ_IS)
        q->count = ipc_get_u64(m, IPC_ATTR_COUNT, 0);
    else
        snprintf(q->queue_name, sizeof q->queue_name, "%.*s",
                 VIEW_FMT(ipc_get_view(m, IPC_ATTR_QUEUE_NAME)));
    if (type != IPC_COUNT_IS)
        q->fd = ipc_take_fd(m, 0);
    return OK;
}

static enum result ask_on(int fd, struct question *q)
{
    struct arena *a = arena_new();
    struct ipc *c = ipc_open(fd);
    struct ipc_message *m = question_message(q, a);
    int64_t deadline = clock_in(ANSWER_TIMEOUT);
    enum result result = TEMPFAIL;
    if (ipc_send(c, m, deadline, &q->error)) {
        do /* the state of the queue is for submitters */
            m = ipc_receive(c, a, deadline, &q->error);
        while (m && ipc_message_type(m) == IPC_QUEUE_STATE);
        if (m) {
            result = take_answer(q, m);
            ipc_message_close_fds(m);
        }
    }
    ipc_close(c);
    arena_free(a);
    return result;
}

/* --- offline --- */

static enum result ask_offline(struct question *q)
{
    if (q->type == IPC_QUEUE_LIST)
        return queue_offline_list(q->conf, &q->fd, &q->count, &q->error);
    if (q->type == IPC_QUEUE_READ)
        return queue_offline_read(q->conf, q->id, &q->fd, q->queue_name, &q->error);
    if (q->request == QUEUE_FLUSH) {
        error_set(&q->error, "4.3.0", "mail system is down");
        return TEMPFAIL;
    }
    return queue_offline_control(q->conf, q->request, q->selection, &q->count, &q->error);
}

/* --- both --- */

static void ask(void *arg)
{
    struct question *q = arg;
    char path[ENDPOINT_PATH_BYTES];
    struct view directory = conf_queue_directory(q->conf);
    char *name = memory_alloc(directory.n + 1);
    memcpy(name, directory.p, directory.n);
    bool has_path = endpoint_path(name, ENDPOINT_PUBLIC,
                                  conf_view(q->conf, P_queue_service_name), path) != NULL;
    memory_free(name);
    if (!has_path) {
        error_set(&q->error, "4.3.5", "queue_directory: name too long for a socket");
        q->result = TEMPFAIL;
        return;
    }
    errno = 0;
    int fd = dial_seqpacket(path, clock_in(DIAL_TIMEOUT), &q->error);
    int failed = q->error.saved_errno;
    if (fd >= 0)
        q->result = ask_on(fd, q);
    else if (failed == ENOENT || failed == ECONNREFUSED)
        q->result = ask_offline(q);
    else
        q->result = TEMPFAIL;
}

/* On a fiber as it is; otherwise in a loop of its own. */
static void run_call(fiber_fn *fn, void *arg)
{
    if (fiber_self() != NULL) {
        fn(arg);
        return;
    }
    loop_init();
    fiber_spawn("queue admin", fn, arg);
    loop_run();
    loop_done();
}

static enum result question_ask(struct question *q, struct error *e)
{
    q->fd = -1;
    run_call(ask, q);
    if (q->result != OK && e)
        *e = q->error;
    return q->result;
}

enum result queue_admin_control(const struct conf *c, enum queue_request request,
                                const struct queue_selection *selection, uint64_t *count,
                                struct error *e)
{
    struct question q = {.conf = c,
                         .type = IPC_QUEUE_CONTROL,
                         .answer = IPC_COUNT_IS,
                         .request = request,
                         .selection = selection};
    enum result result = question_ask(&q, e);
    *count = q.count;
    return result;
}

enum result queue_admin_list(const struct conf *c, int *fd, uint64_t *count,
                             struct error *e)
{
    struct question q = {.conf = c, .type = IPC_QUEUE_LIST, .answer = IPC_QUEUE_LIST_IS};
    enum result result = question_ask(&q, e);
    *fd = q.fd;
    *count = q.count;
    return result;
}

enum result queue_admin_read(const struct conf *c, struct view id, int *fd,
                             char queue_name[16], struct error *e)
{
    struct question q = {
        .conf = c, .type = IPC_QUEUE_READ, .answer = IPC_QUEUE_READ_IS, .id = id};
    enum result result = question_ask(&q, e);
    *fd = q.fd;
    memcpy(queue_name, q.queue_name, sizeof q.queue_name);
    return result;
}

struct repair_call {
    const struct conf *conf;
    uint64_t repaired;
    struct error *e;
    enum result result;
};

static void repair(void *arg)
{
    struct repair_call *r = arg;
    bool in_use;
    r->result = TEMPFAIL;
    if (queue_offline_is_free(r->conf, &in_use, r->e))
        r->result = queue_offline_repair(r->conf, &r->repaired, r->e);
    else if (in_use)
        r->result = OK; /* qmgr keeps its own house */
}

enum result queue_admin_repair(const struct conf *c, uint64_t *repaired, struct error *e)
{
    struct repair_call r = {.conf = c, .e = e};
    run_call(repair, &r);
    *repaired = r.repaired;
    return r.result;
}
