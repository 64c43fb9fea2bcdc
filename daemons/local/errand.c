/* errand - a child process with a user's rights looks at files or writes mail
 *
 * This is the parent's side.  What the child reports is checked as a stranger's would be.
 */
#include "errand.h"

#include "base/memory.h"
#include "net/stream.h"
#include "run/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <unistd.h>

#define END_GRACE CLOCK_SECOND

/* What the child is told; it has a copy of our memory. */
struct order {
    const struct errand *errand;
    bool acts_for_users;
    int fd;
};

/* In the child: keep only the content and the pipe. */
static int run_order(void *arg)
{
    const struct order *o = arg;
    struct errand errand = *o->errand;
    int content = errand.mbox.content.fd;
    int fd = fcntl(o->fd, F_DUPFD_CLOEXEC, 5);

    if (errand.target == ERRAND_MAILDIR)
        content = errand.maildir.content.fd;
    if (fd < 0 || (errand.target != ERRAND_NOTHING && dup2(content, 3) < 0) ||
        dup2(fd, 4) < 0 || close_range(5, ~0U, 0) < 0)
        return 1;
    errand.mbox.content.fd = errand.maildir.content.fd = 3;
    return errand_child(&errand, o->acts_for_users, 4);
}

/* The child's report is well formed. */
static bool read_report(struct stream *s, const struct errand *errand,
                        struct errand_report *report)
{
    struct str bytes = STR_INIT(sizeof *report);
    bool ok = stream_read_exact(s, sizeof *report, &bytes) == STREAM_OK;

    if (ok)
        memcpy(report, bytes.p, sizeof *report);
    str_done(&bytes);
    report->status[sizeof report->status - 1] = '\0';
    report->text[sizeof report->text - 1] = '\0';
    return ok && report->magic == ERRAND_MAGIC && report->result <= PERMFAIL &&
           report->size <= LOCAL_TEXT_MAX &&
           (!report->found || report->path_index < errand->n_paths);
}

/* Report and text. */
static bool read_reply(struct stream *s, const struct errand *errand, struct arena *a,
                       struct errand_reply *reply)
{
    struct errand_report report;

    if (!read_report(s, errand, &report))
        return false;
    reply->result = (enum result)report.result;
    reply->found = report.found != 0;
    reply->path_index = report.path_index;
    reply->file_owner = report.file_owner;
    if (report.text[0])
        error_set(&reply->error, report.status, "%s", report.text);
    reply->error.saved_errno = (int)report.saved_errno;
    struct str text = STR_INIT((size_t)report.size + 1);
    bool ok = stream_read_exact(s, (size_t)report.size, &text) == STREAM_OK;
    if (ok)
        reply->text = arena_dup(a, str_view(&text));
    str_done(&text);
    return ok;
}

/* Wait for the child PID and its reply. */
static bool attend(struct local *local, pid_t pid, int fd, const struct errand *errand,
                   struct arena *a, struct errand_reply *reply)
{
    int64_t limit = conf_time(local->conf, P_command_time_limit);
    int64_t deadline = clock_in(limit);
    struct stream *s = stream_open_fd(fd);
    int status;

    stream_set_timeout(s, limit);
    stream_set_deadline(s, deadline);
    bool ok = read_reply(s, errand, a, reply);
    stream_close(s);
    if (!ok || process_wait(pid, deadline, &status) != WAKE_OK)
        process_end(pid, END_GRACE);
    return ok;
}

struct errand_reply *errand_run(struct local *local, const struct errand *errand,
                                struct arena *a)
{
    struct order order = {.errand = errand, .acts_for_users = local->acts_for_users};
    int fds[2];

    struct errand_reply *reply = ARENA_NEW(a, struct errand_reply);
    reply->result = TEMPFAIL;
    if (pipe2(fds, O_CLOEXEC) < 0) {
        error_set_errno(&reply->error, "4.3.0", "pipe");
        return reply;
    }
    order.fd = fds[1];
    (void)slots_take(&local->children, CLOCK_NEVER);
    pid_t pid = process_fork(run_order, &order, &reply->error);
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
    } else if (!attend(local, pid, fds[0], errand, a, reply)) {
        reply->result = TEMPFAIL;
        reply->found = false;
        error_set(&reply->error, "4.3.0", "delivery process ended without a result");
    }
    slots_give(&local->children);
    return reply;
}

bool errand_set_message(struct work *w, const struct context *c, struct errand *e,
                        struct error *error)
{
    const struct conf *conf = w->local->conf;
    struct copy_source content;
    char *name = arena_alloc(w->d->arena, MAILDIR_NAME_MAX);

    if (!delivery_content(w->d, &content, error))
        return false;
    e->lock = w->local->lock;
    e->mbox = (struct mbox_message){.sender = work_from_sender(w, c),
                                    .headers = work_headers(w, c, IN_FILE),
                                    .content = content,
                                    .when = clock_wall(),
                                    .size_limit =
                                        (uint64_t)conf_int(conf, P_mailbox_size_limit)};
    e->maildir = (struct maildir_delivery){
        .path = e->path,
        .name = maildir_name(name, queue_id_view(&w->d->id), w->d->arrival,
                             c->recipient.address, c->recipient.original,
                             conf_view(conf, P_myhostname)),
        .headers = e->mbox.headers,
        .content = content,
        .size_limit = e->mbox.size_limit,
        .obeys_quota = conf_bool(conf, P_maildir_quota_enable),
        .maybe_repeated = w->d->maybe_repeated};
    return true;
}
