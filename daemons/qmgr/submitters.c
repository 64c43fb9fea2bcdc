/* submitters - connections of programs that bring new messages, and of the queue commands
 *
 * One fiber reads requests, another one writes answers, so that a slow peer holds up
 * nobody else. commits.c takes the messages.
 */
#include "base/log.h"
#include "base/memory.h"
#include "run/thread.h"
#include "submitter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID_BLOCK_COUNT 1024
#define TAGS_AT_ONCE   1000
#define ANSWER_TIMEOUT (60 * CLOCK_SECOND)

struct refusal {
    struct list_link link;
    uint64_t tag;
    struct error error;
};

/* --- answers --- */

void submitter_release(struct submitter *s)
{
    if (--s->users > 0)
        return;
    list_remove(&s->link);
    ipc_close(s->ipc);
    LIST_FOR_EACH_SAFE (struct refusal, r, &s->refused, link)
        memory_free(r);
    memory_free(s->committed);
    memory_free(s);
}

void submitter_answer_committed(struct submitter *s, uint64_t tag)
{
    if (s->is_closed)
        return;
    if (s->n_committed == s->cap_committed) {
        s->cap_committed = s->cap_committed ? 2 * s->cap_committed : 64;
        s->committed =
            memory_resize(s->committed, s->cap_committed * sizeof *s->committed);
    }
    s->committed[s->n_committed++] = tag;
    waitq_wake_one(&s->work);
}

void submitter_answer_refused(struct submitter *s, uint64_t tag, const struct error *e)
{
    s->q->count.refused++;
    if (s->is_closed)
        return;
    struct refusal *r = NEW(struct refusal);
    r->tag = tag;
    r->error = *e;
    list_append(&s->refused, &r->link);
    waitq_wake_one(&s->work);
}

static bool send_committed(struct submitter *s, struct arena *a, struct error *e)
{
    struct ipc_message *m = ipc_message_new(a, IPC_COMMITTED);
    size_t n = s->n_committed < TAGS_AT_ONCE ? s->n_committed : TAGS_AT_ONCE;
    for (size_t i = 0; i < n; i++)
        ipc_put_u64(m, IPC_ATTR_TAG, s->committed[i]);
    s->n_committed -= n;
    memmove(s->committed, s->committed + n, s->n_committed * sizeof *s->committed);
    return ipc_send(s->ipc, m, clock_in(ANSWER_TIMEOUT), e);
}

static bool send_refusal(struct submitter *s, struct arena *a, struct error *e)
{
    struct refusal *r = CONTAINER_OF(list_take(&s->refused), struct refusal, link);
    struct ipc_message *m = ipc_message_new(a, IPC_REFUSED);
    ipc_put_u64(m, IPC_ATTR_TAG, r->tag);
    ipc_put_cstr(m, IPC_ATTR_STATUS, r->error.status[0] ? r->error.status : "4.3.0");
    ipc_put_cstr(m, IPC_ATTR_TEXT, r->error.text);
    memory_free(r);
    return ipc_send(s->ipc, m, clock_in(ANSWER_TIMEOUT), e);
}

static bool send_state(struct submitter *s, struct arena *a, struct error *e)
{
    struct ipc_message *m = ipc_message_new(a, IPC_QUEUE_STATE);
    s->state_is_new = false;
    ipc_put_u64(m, IPC_ATTR_FREE_BYTES, s->q->free_bytes);
    ipc_put_u64(m, IPC_ATTR_FLOW_DELAY, (uint64_t)s->q->flow_delay);
    return ipc_send(s->ipc, m, clock_in(ANSWER_TIMEOUT), e);
}

/* The fiber that sends what others queue, so that a slow submitter holds up nobody else.
 */
static void writer(void *arg)
{
    struct submitter *s = arg;
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    bool good = true;
    while (good && !s->is_closed) {
        if (s->n_committed > 0)
            good = send_committed(s, a, &e);
        else if (!list_is_empty(&s->refused))
            good = send_refusal(s, a, &e);
        else if (s->state_is_new)
            good = send_state(s, a, &e);
        else
            (void)waitq_wait(&s->work, CLOCK_NEVER);
        arena_reset(a);
    }
    arena_free(a);
    s->is_closed = true;
    shutdown(ipc_fd(s->ipc), SHUT_RDWR); /* ends the reader too */
    submitter_release(s);
}

void submitters_tell_state(struct qmgr *q)
{
    LIST_FOR_EACH (struct submitter, s, &q->submitters, link)
        if (s->wants_state) {
            s->state_is_new = true;
            waitq_wake_one(&s->work);
        }
}

void submitters_update_space(struct qmgr *q)
{
    uint64_t fresh, before = q->free_bytes;
    int64_t now = clock_mono();
    if (now < q->space_due)
        return;
    q->space_due = now + CLOCK_SECOND / 10;
    if (!queue_dir_free_bytes(&q->dir, &fresh))
        return;
    q->free_bytes = fresh;
    uint64_t change = fresh > before ? fresh - before : before - fresh;
    if (change > before / 64)
        submitters_tell_state(q);
}

/* --- requests --- */

static bool give_ids(struct submitter *s, struct arena *a, uint64_t tag, struct error *e)
{
    uint64_t first;
    while (!journal_serials(s->q->journal, ID_BLOCK_COUNT, &first))
        journal_wait_room(s->q->journal);
    struct ipc_message *m = ipc_message_new(a, IPC_ID_BLOCK_IS);
    ipc_put_u64(m, IPC_ATTR_TAG, tag);
    ipc_put_u64(m, IPC_ATTR_FIRST, first);
    ipc_put_u64(m, IPC_ATTR_COUNT, ID_BLOCK_COUNT);
    return ipc_send(s->ipc, m, clock_in(ANSWER_TIMEOUT), e);
}

static bool give_file(struct submitter *s, struct arena *a, uint64_t tag, struct error *e)
{
    struct stat st;
    int fd = queue_dir_open_nameless(&s->q->dir);
    if (fd < 0 || fstat(fd, &st) < 0) {
        error_set_errno(e, errno == ENOSPC ? "4.3.1" : "4.3.0", "create queue file");
        submitter_answer_refused(s, tag, e);
        if (fd >= 0)
            close(fd);
        return true;
    }
    if (s->n_spills == SPILLS_MAX) /* given up ones are not told: forget the oldest */
        memmove(s->spills, s->spills + 1, --s->n_spills * sizeof s->spills[0]);
    s->spills[s->n_spills++] = st.st_ino;
    struct ipc_message *m = ipc_message_new(a, IPC_SPILL_IS);
    ipc_put_u64(m, IPC_ATTR_TAG, tag);
    ipc_put_fd(m, fd);
    bool sent = ipc_send(s->ipc, m, clock_in(ANSWER_TIMEOUT), e);
    close(fd);
    return sent;
}

static bool check_hello(const struct ipc_message *m)
{
    if (ipc_get_u64(m, IPC_ATTR_VERSION, 0) == ipc_version())
        return true;
    log_warning("%.*s is of another build; restart the whole mail system",
                VIEW_FMT(ipc_get_view(m, IPC_ATTR_NAME)));
    return false;
}

static void want_state(struct submitter *s)
{
    if (s->wants_state)
        return;
    s->wants_state = s->state_is_new = true;
    waitq_wake_one(&s->work);
}

/* One request; false ends the connection. */
static bool take_request(struct submitter *s, struct arena *a, struct ipc_message *m)
{
    struct error *e = &s->error;
    enum ipc_type type = ipc_message_type(m);
    bool is_submission = type == IPC_COMMIT || type == IPC_ID_BLOCK || type == IPC_SPILL;
    if (type == IPC_HELLO)
        return check_hello(m);
    if (!is_submission)
        return control_request(s->q, s->ipc, m, s->is_owner);
    uint64_t tag = ipc_get_u64(m, IPC_ATTR_TAG, 0);
    if (!s->is_owner) {
        error_set(e, "5.7.0", "not permitted");
        submitter_answer_refused(s, tag, e);
        return true;
    }
    want_state(s);
    error_clear(e);
    if (type == IPC_ID_BLOCK)
        return give_ids(s, a, tag, e);
    if (type == IPC_SPILL)
        return give_file(s, a, tag, e);
    commit_take(s, m);
    return true;
}

static void read_requests(struct submitter *s)
{
    struct arena *a = arena_new();
    struct error *e = &s->error;
    while (!s->is_closed) {
        struct ipc_message *m = ipc_receive(s->ipc, a, CLOCK_NEVER, e);
        if (m == NULL) {
            if (!s->is_closed && !view_eq(view_of(e->text), VIEW("closed")))
                log_warning("submitter: %s", error_cstr(e));
            break;
        }
        bool good = take_request(s, a, m);
        ipc_message_close_fds(m);
        if (!good)
            break;
        arena_reset(a);
    }
    arena_free(a);
}

void submitters_session(struct qmgr *q, int fd)
{
    struct submitter *s = NEW(struct submitter);
    pid_t pid;
    uid_t uid = (uid_t)-1;
    gid_t gid;
    s->q = q;
    s->ipc = ipc_open(fd);
    WAITQ_INIT(&s->work);
    list_init(&s->refused);
    s->is_owner = ipc_peer(s->ipc, &pid, &uid, &gid) && (uid == 0 || uid == geteuid());
    s->may_replace = s->is_owner && (uid == 0 || !s->q->service->is_root);
    list_append(&q->submitters, &s->link);
    s->users = 2;
    fiber_spawn("answers", writer, s);
    read_requests(s);
    s->is_closed = true;
    waitq_wake_all(&s->work);
    submitter_release(s);
}
