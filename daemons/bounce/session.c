/* session - requests from qmgr: REPORT_ABOUT in, REPORTED or REFUSED out
 *
 * One connection lives as long as qmgr; each request is a fiber of its own, so that the
 * flushes of many notifications are shared.  When qmgr goes away what runs is finished:
 * it is in the queue then, and qmgr finds it there.
 */
#include "bounce.h"

#include "base/log.h"
#include "base/memory.h"
#include "format/header.h"
#include "format/message_id.h"
#include "ipc/ipc.h"
#include "run/fiber.h"

#include <unistd.h>

/* Requests at a time. */
#define REQUESTS_MAX 100
/* So much of the original is looked through for its Message-Id. */
#define HEADER_MAX 32768

struct session {
    struct bouncer *bouncer;
    struct ipc *ipc;
    int64_t timeout;
    struct slots running;
    unsigned users; /* its own fiber, and one for each request that runs */
};

struct job {
    struct session *session;
    struct report report;
    uint64_t tag;
};

/* The Message-Id of the original, for enable_threaded_bounces; read before anything is
 * written. */
static struct view find_message_id(struct arena *a, int fd, uint64_t size)
{
    struct header h;
    struct view id, body;
    char *bytes = arena_alloc(a, HEADER_MAX);
    ssize_t n = pread(fd, bytes, size < HEADER_MAX ? (size_t)size : HEADER_MAX, 0);
    if (n <= 0 || !header_find((struct view){bytes, (size_t)n}, VIEW("Message-Id"), &h))
        return VIEW_NONE;
    body = h.body;
    return message_id_next(&body, &id) && message_id_is_valid(id) ? id : VIEW_NONE;
}

static bool read_request(struct session *s, struct ipc_message *m, struct report *r,
                         struct error *e)
{
    struct dsn_original *o = &r->original;
    if (!dsn_kind_parse(ipc_get_view(m, IPC_ATTR_REPORT), &r->kind)) {
        error_set(e, "4.3.0", "unknown kind of report");
        return false;
    }
    if (!queue_id_parse(ipc_get_view(m, IPC_ATTR_QUEUE_ID), &r->id)) {
        error_set(e, "4.3.0", "malformed queue id");
        return false;
    }
    r->flags = (uint32_t)ipc_get_u64(m, IPC_ATTR_FLAGS, 0);
    r->ret = (enum dsn_ret)ipc_get_u64(m, IPC_ATTR_RET, 0);
    o->queue_id = queue_id_view(&r->id);
    o->sender = ipc_get_view(m, IPC_ATTR_SENDER);
    r->return_to =
        ipc_has(m, IPC_ATTR_RETURN_TO) ? ipc_get_view(m, IPC_ATTR_RETURN_TO) : o->sender;
    o->envid = ipc_get_view(m, IPC_ATTR_ENVID);
    o->arrival = ipc_get_i64(m, IPC_ATTR_ARRIVAL, 0);
    o->smtputf8 = r->flags & MESSAGE_SMTPUTF8;
    o->is_8bit = r->flags & MESSAGE_8BIT;
    o->content_size = ipc_get_u64(m, IPC_ATTR_CONTENT_SIZE, 0);
    o->content_fd = ipc_take_fd(m, 0);
    int fd = ipc_take_fd(m, 1);
    bool ok = report_read(r->arena, fd, &r->recipients, &r->n, e);
    close(fd);
    if (ok && conf_bool(s->bouncer->conf, P_enable_threaded_bounces))
        o->message_id = find_message_id(r->arena, o->content_fd, o->content_size);
    return ok;
}

static void answer(struct session *s, struct job *job, enum result result,
                   const struct error *why)
{
    struct error e = ERROR_INIT;
    struct arena *a = job->report.arena;
    struct ipc_message *m = ipc_message_new(a, result == OK ? IPC_REPORTED : IPC_REFUSED);
    ipc_put_u64(m, IPC_ATTR_TAG, job->tag);
    if (result != OK) {
        ipc_put_cstr(m, IPC_ATTR_STATUS, why->status[0] ? why->status : "4.3.0");
        ipc_put_cstr(m, IPC_ATTR_TEXT, why->text);
    }
    if (!ipc_send(s->ipc, m, clock_in(s->timeout), &e))
        log_warning("%s: answer to the queue manager: %s", job->report.id.text,
                    error_cstr(&e));
}

static void free_job(struct job *job)
{
    if (job->report.original.content_fd >= 0)
        close(job->report.original.content_fd);
    arena_free(job->report.arena);
    memory_free(job);
}

/* The last one to leave closes. */
static void leave(struct session *s)
{
    if (--s->users > 0)
        return;
    ipc_close(s->ipc);
    memory_free(s);
}

static void run_job(void *arg)
{
    struct job *job = arg;
    struct session *s = job->session;
    struct error e = ERROR_INIT;
    enum result result = report_answer(s->bouncer, &job->report, &e);
    answer(s, job, result, &e);
    free_job(job);
    slots_give(&s->running);
    leave(s);
}

/* Take M, in the arena A, over. */
static void start_job(struct session *s, struct arena *a, struct ipc_message *m)
{
    struct error e = ERROR_INIT;
    struct job *job = NEW(struct job);
    *job = (struct job){.session = s, .tag = ipc_get_u64(m, IPC_ATTR_TAG, 0)};
    job->report.arena = a;
    job->report.original.content_fd = -1;
    if (!read_request(s, m, &job->report, &e)) {
        log_warning("request for a report: %s", error_cstr(&e));
        answer(s, job, TEMPFAIL, &e);
        ipc_message_close_fds(m);
        free_job(job);
        return;
    }
    if (slots_take(&s->running, CLOCK_NEVER) != WAKE_OK) {
        free_job(job);
        return;
    }
    s->users++;
    fiber_spawn("report", run_job, job);
}

static bool is_same_build(const struct ipc_message *m)
{
    if (ipc_get_u64(m, IPC_ATTR_VERSION, 0) == ipc_version())
        return true;
    log_warning("%.*s is of another build; restart the whole mail system",
                VIEW_FMT(ipc_get_view(m, IPC_ATTR_NAME)));
    return false;
}

/* One message; false at the end. */
static bool take_message(struct session *s)
{
    struct error e = ERROR_INIT;
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_receive(s->ipc, a, CLOCK_NEVER, &e);
    bool go_on = false;
    if (m && ipc_message_type(m) == IPC_REPORT_ABOUT) {
        start_job(s, a, m);
        return true;
    }
    if (m && ipc_message_type(m) == IPC_HELLO)
        go_on = is_same_build(m);
    else if (m)
        log_warning("unexpected message %s", ipc_type_name(ipc_message_type(m)));
    else if (strcmp(e.text, "closed") != 0)
        log_warning("requests for reports: %s", error_cstr(&e));
    if (m)
        ipc_message_close_fds(m);
    arena_free(a);
    return go_on;
}

void bounce_session(struct bouncer *b, int fd, int64_t timeout)
{
    struct session *s = NEW(struct session);
    *s = (struct session){
        .bouncer = b, .ipc = ipc_open(fd), .timeout = timeout, .users = 1};
    slots_init(&s->running, REQUESTS_MAX);
    while (take_message(s))
        ;
    /* Those that run hold a slot each: with all slots here none is left. */
    for (unsigned i = 0; i < REQUESTS_MAX; i++)
        if (slots_take(&s->running, CLOCK_NEVER) != WAKE_OK)
            break;
    leave(s);
}
