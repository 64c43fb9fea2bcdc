/* reports - have bounce tell the sender
 *
 * One report a pass and kind.  bounce commits its message with ORIGIN, and in that same
 * batch the recipients it is about are marked: after a crash there is neither no report
 * nor a second one.  When bounce cannot be reached the recipients stay pending.
 */
#include "base/log.h"
#include "base/memory.h"
#include "dsn/report.h"
#include "ipc/endpoint.h"
#include "net/dial.h"
#include "qmgr.h"

#include <stdio.h>
#include <unistd.h>

#define REPORT_TIMEOUT (60 * CLOCK_SECOND)

static const char *const names[] = {"", "failure", "delay", "success", "verify"};

static enum report_action action_of(const struct work *w, size_t i, enum report_kind kind)
{
    const struct outcome_record *o = &w->outcomes[i];
    bool good = o->outcome != OUTCOME_BOUNCED && o->outcome != OUTCOME_DEFERRED;
    if (kind == REPORT_KIND_FAILURE)
        return REPORT_FAILED;
    if (kind == REPORT_KIND_DELAY)
        return REPORT_DELAYED;
    if (w->image.envelope.flags & MESSAGE_VERIFY)
        return good ? REPORT_DELIVERABLE : REPORT_UNDELIVERABLE;
    if (!good)
        return o->outcome == OUTCOME_BOUNCED ? REPORT_FAILED : REPORT_DELAYED;
    return o->outcome == OUTCOME_EXPANDED  ? REPORT_EXPANDED
           : o->outcome == OUTCOME_RELAYED ? REPORT_RELAYED
                                           : REPORT_DELIVERED;
}

bool report_wants_success(const struct qmgr *q, const struct work *w, size_t i)
{
    unsigned notify = w->image.envelope.recipients[i].notify;
    /* Who was told of a delay hears of its end, wherever the mail goes on from here. */
    if (q->set.confirm_delay_cleared && !(notify & NOTIFY_NEVER) &&
        (w->image.envelope.flags & MESSAGE_DELAY_SENT))
        return true;
    return (notify & NOTIFY_SUCCESS) && w->outcomes[i].outcome != OUTCOME_PASSED_ON;
}

/* Is recipient I one that a report of KIND is about, and does its sender want it? */
static bool is_about(const struct qmgr *q, const struct work *w, size_t i,
                     enum report_kind kind)
{
    const struct outcome_record *o = &w->outcomes[i];
    const struct recipient *in = &w->image.envelope.recipients[i];
    bool is_pending = in->status == RECIPIENT_PENDING;
    bool is_default = in->notify == 0;
    if (!o->is_answered || o->follows || (w->report_only && i + 1 != w->report_only))
        return false;
    switch (kind) {
    case REPORT_KIND_FAILURE:
        return is_pending && o->outcome == OUTCOME_BOUNCED &&
               (is_default || (in->notify & NOTIFY_FAILURE));
    case REPORT_KIND_DELAY:
        return is_pending && o->outcome == OUTCOME_DEFERRED &&
               (is_default || (in->notify & NOTIFY_DELAY));
    case REPORT_KIND_SUCCESS:
        return !is_pending && report_wants_success(q, w, i);
    case REPORT_KIND_VERIFY:
        return o->outcome != OUTCOME_NONE;
    case REPORT_NONE:
        break;
    }
    return false;
}

/* Reports of success and of probes tell the way, too. */
static struct view text_of(const struct work *w, size_t i, enum report_kind kind)
{
    const struct outcome_record *o = &w->outcomes[i];
    if (o->relay.n == 0 || kind == REPORT_KIND_FAILURE || kind == REPORT_KIND_DELAY)
        return o->text;
    return arena_printf(w->arena, "delivery via %.*s: %.*s", VIEW_FMT(o->relay),
                        VIEW_FMT(o->text));
}

/* The recipients as a memory file; -1 with *E; *N of them. */
static int write_recipients(const struct qmgr *q, struct work *w, enum report_kind kind,
                            size_t *n, struct error *e)
{
    const struct envelope *env = &w->image.envelope;
    struct report_recipient *list =
        memory_alloc_array(env->n_recipients + 1, sizeof *list);
    *n = 0;
    for (size_t i = 0; i < env->n_recipients && *n < REPORT_RECIPIENTS_MAX; i++) {
        const struct outcome_record *o = &w->outcomes[i];
        if (!is_about(q, w, i, kind))
            continue;
        bool has_route = w->routes && w->routes[i].recipient.n > 0;
        list[(*n)++] = (struct report_recipient){
            .address = has_route ? w->routes[i].recipient : env->recipients[i].address,
            .original = env->recipients[i].original,
            .orcpt = env->recipients[i].orcpt,
            .notify = env->recipients[i].notify,
            .action = action_of(w, i, kind),
            .status = view_of(o->status),
            .text = text_of(w, i, kind),
            .diagnostic_type = o->diagnostic_type,
            .diagnostic = o->diagnostic,
            .remote_mta = o->remote_mta,
        };
    }
    int fd = *n > 0 ? report_write_memory(list, *n, e) : -1;
    memory_free(list);
    return fd;
}

static struct ipc_message *request_of(struct arena *a, struct work *w,
                                      enum report_kind kind, int recipients)
{
    const struct envelope *env = &w->image.envelope;
    struct ipc_message *m = ipc_message_new(a, IPC_REPORT_ABOUT);
    ipc_put_u64(m, IPC_ATTR_TAG, 1);
    ipc_put_cstr(m, IPC_ATTR_REPORT, names[kind]);
    ipc_put_cstr(m, IPC_ATTR_QUEUE_ID, w->m->id);
    ipc_put_u64(m, IPC_ATTR_CONTENT_SIZE, w->image.content_size);
    ipc_put_view(m, IPC_ATTR_SENDER, env->sender);
    if (w->report_only)
        ipc_put_view(m, IPC_ATTR_RETURN_TO, work_sender(w, w->report_only - 1));
    ipc_put_u64(m, IPC_ATTR_FLAGS, env->flags);
    ipc_put_u64(m, IPC_ATTR_RET, env->ret);
    ipc_put_view(m, IPC_ATTR_ENVID, env->envid);
    ipc_put_i64(m, IPC_ATTR_ARRIVAL, env->arrival);
    if (env->client_name.n > 0)
        ipc_put_view(m, IPC_ATTR_CLIENT_NAME, env->client_name);
    if (env->client_address.n > 0)
        ipc_put_view(m, IPC_ATTR_CLIENT_ADDRESS, env->client_address);
    ipc_put_fd(m, w->content_fd);
    ipc_put_fd(m, recipients);
    return m;
}

static int dial_bounce(struct qmgr *q, struct error *e)
{
    const struct conf *c = q->routing->conf;
    struct view directory = conf_queue_directory(c);
    char path[ENDPOINT_PATH_BYTES];
    char *name = memory_alloc(directory.n + 1);
    memcpy(name, directory.p, directory.n);
    bool good = endpoint_path(name, ENDPOINT_PRIVATE, conf_view(c, P_bounce_service_name),
                              path) != NULL;
    memory_free(name);
    if (good)
        return dial_seqpacket(path, clock_in(q->set.ipc_timeout), e);
    error_set(e, "4.3.5", "queue_directory: name too long for a socket");
    return -1;
}

/* Ask and wait for the answer.  May suspend. */
static bool ask_bounce(struct qmgr *q, struct work *w, enum report_kind kind,
                       int recipients, struct error *e)
{
    int fd = dial_bounce(q, e);
    if (fd < 0)
        return false;
    struct ipc *c = ipc_open(fd);
    struct arena *a = arena_new();
    int64_t deadline = clock_in(REPORT_TIMEOUT);
    struct ipc_message *m = ipc_message_new(a, IPC_HELLO);
    ipc_put_u64(m, IPC_ATTR_VERSION, ipc_version());
    ipc_put_cstr(m, IPC_ATTR_NAME, "qmgr");
    bool good = ipc_send(c, m, deadline, e) &&
                ipc_send(c, request_of(a, w, kind, recipients), deadline, e) &&
                (m = ipc_receive(c, a, deadline, e)) != NULL;
    if (good) {
        ipc_message_close_fds(m);
        good = ipc_message_type(m) == IPC_REPORTED;
        if (!good && ipc_message_type(m) == IPC_REFUSED)
            error_set(e, "4.3.0", "%.*s", VIEW_FMT(ipc_get_view(m, IPC_ATTR_TEXT)));
        else if (!good)
            error_set(e, "4.3.0", "unexpected answer %s",
                      ipc_type_name(ipc_message_type(m)));
    }
    ipc_close(c);
    arena_free(a);
    return good;
}

static bool send_one(struct qmgr *q, struct work *w, enum report_kind kind)
{
    struct error e = ERROR_INIT;
    size_t n = 0;
    int recipients = write_recipients(q, w, kind, &n, &e);
    if (n == 0)
        return true; /* nobody wants to know */
    bool good = recipients >= 0 && work_open_content(q, w, &e);
    if (good) {
        w->report = kind;
        w->report_is_committed = false;
        good = ask_bounce(q, w, kind, recipients, &e) || w->report_is_committed;
        w->report = REPORT_NONE;
    }
    if (!good)
        log_warning("%s: %s report: %s", w->m->id, names[kind], error_cstr(&e));
    if (recipients >= 0)
        close(recipients);
    return good;
}

bool report_send(struct qmgr *q, struct work *w, enum report_kind kind)
{
    bool is_verp = w->image.envelope.verp_delimiters.n > 0 &&
                   !conf_bool(q->routing->conf, P_disable_verp_bounces);
    if (kind != REPORT_KIND_FAILURE || !is_verp)
        return send_one(q, w, kind);
    /* One report for each, to the sender that names it. */
    bool good = true;
    for (size_t i = 0; good && i < w->image.envelope.n_recipients; i++) {
        w->report_only = i + 1;
        good = send_one(q, w, kind);
    }
    w->report_only = 0;
    return good;
}

/* Is all said and done about recipient I when the report under way is in the queue? */
static bool is_settled_by(const struct qmgr *q, const struct work *w, size_t i)
{
    if (w->report == REPORT_KIND_FAILURE)
        return is_about(q, w, i, REPORT_KIND_FAILURE);
    return w->image.envelope.recipients[i].status == RECIPIENT_EXPANDED;
}

void report_committed(struct qmgr *q, struct view id)
{
    struct message *m = message_find(q, id);
    struct work *w = m ? m->work : NULL;
    if (w == NULL || w->report == REPORT_NONE)
        return;
    w->report_is_committed = true;
    if (w->report == REPORT_KIND_DELAY) {
        uint32_t mark = JOURNAL_MARK_DELAY_SENT;
        journal_hold_current(q->journal, &m->hold);
        journal_mark_tied(q->journal, id, &mark, 1);
        return;
    }
    for (size_t i = 0; i < w->image.envelope.n_recipients; i++) {
        uint32_t mark = (uint32_t)i;
        if (!is_settled_by(q, w, i))
            continue;
        journal_hold_current(q->journal, &m->hold);
        journal_mark_tied(q->journal, id, &mark, 1);
    }
}
