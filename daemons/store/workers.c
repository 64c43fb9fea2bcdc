/* workers - processes with the rights of users come and go
 *
 * One for each pair of uid and gid and slot; the users of a uid are spread over
 * store_workers_per_uid slots by their names, so that a user's sessions always are in one
 * process.  A worker ends when its channel is closed and its last session is over.
 */
#include "store.h"

#include "base/log.h"
#include "base/memory.h"
#include "run/fiber.h"
#include "run/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEND_SECONDS = 10, STOP_SECONDS = 4 };

static void release(struct worker_process *w)
{
    if (--w->references == 0)
        memory_free(w);
}

/* --- their channels --- */

/* It gets nothing new; with its last session it will see the end of the channel. */
static void close_when_idle(struct worker_process *w)
{
    if (w->ipc && w->busy == 0)
        (void)shutdown(ipc_fd(w->ipc), SHUT_WR);
}

void worker_done(struct worker_process *w)
{
    w->busy--;
    w->idle_since = clock_mono();
    if (w->is_retiring)
        close_when_idle(w);
    release(w);
}

bool worker_send(struct worker_process *w, const struct ipc_message *m, struct error *e)
{
    if (w->ipc)
        return ipc_send(w->ipc, m, clock_in(SEND_SECONDS * CLOCK_SECOND), e);
    error_set(e, "4.3.0", "the worker has ended");
    return false;
}

static void reap(struct worker_process *w)
{
    int status = 0;

    if (process_wait(w->pid, CLOCK_NEVER, &status) != WAKE_OK || status == 0 ||
        store.is_stopping)
        return;
    if (WIFSIGNALED(status))
        log_warning("process %d for uid %lu killed by signal %d", (int)w->pid,
                    (unsigned long)w->uid, WTERMSIG(status));
    else
        log_warning("process %d for uid %lu exit status %d", (int)w->pid,
                    (unsigned long)w->uid, WEXITSTATUS(status));
}

/* Hear what a worker says, to its end. */
static void channel_fiber(void *arg)
{
    struct worker_process *w = arg;
    struct ipc *ipc = w->ipc;
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct ipc_message *m;

    while ((m = ipc_receive(ipc, a, CLOCK_NEVER, &e))) {
        dispatch_answer(w, m);
        ipc_message_close_fds(m);
        arena_reset(a);
    }
    arena_free(a);
    w->ipc = NULL;
    w->is_retiring = true;
    list_remove(&w->in_store);
    ipc_close(ipc);
    dispatch_worker_ended(w);
    reap(w);
    waitq_wake_all(&store.changed);
    release(w);
}

/* --- start --- */

static unsigned slots(void)
{
    int64_t n = conf_int(store.conf, P_store_workers_per_uid);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return n > 0 ? (unsigned)n : cores > 1 ? (unsigned)cores : 1;
}

static struct worker_process *start_worker(const struct place_found *found,
                                           struct error *e)
{
    int pair[2];
    struct worker_start start = {
        .conf = store.conf, .found = found, .acts_for_users = store.service->is_root};

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        error_set_errno(e, "4.3.0", "socketpair");
        return NULL;
    }
    start.channel = pair[1];
    pid_t pid = process_fork(worker_main, &start, e);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return NULL;
    }
    struct worker_process *w = NEW(struct worker_process);
    w->uid = found->uid;
    w->gid = found->gid;
    w->pid = pid;
    w->ipc = ipc_open(pair[0]);
    w->references = 1;
    w->idle_since = clock_mono();
    list_append(&store.workers, &w->in_store);
    fiber_spawn("worker", channel_fiber, w);
    return w;
}

struct worker_process *worker_get(const struct place_found *found, struct view user,
                                  struct error *e)
{
    unsigned slot = (unsigned)(hash_of(user) % slots());

    LIST_FOR_EACH (struct worker_process, w, &store.workers, in_store)
        if (w->uid == found->uid && w->gid == found->gid && w->slot == slot &&
            !w->is_retiring)
            return w;
    if (store.is_stopping) {
        error_set(e, "4.3.2", "The system is going down");
        return NULL;
    }
    struct worker_process *w = start_worker(found, e);
    if (w)
        w->slot = slot;
    return w;
}

/* --- care --- */

void workers_retire(void)
{
    LIST_FOR_EACH (struct worker_process, w, &store.workers, in_store) {
        w->is_retiring = true;
        close_when_idle(w);
    }
}

static struct worker_process *with_old_log(void)
{
    LIST_FOR_EACH (struct worker_process, w, &store.workers, in_store)
        if (w->has_old_log)
            return w;
    return NULL;
}

/* After the log was rotated workers write to the new file. */
static void hand_out_log(void)
{
    struct stat st;
    int fd = log_file();
    struct error e = ERROR_INIT;

    if (fd < 0 || fstat(fd, &st) < 0 || st.st_ino == store.log_inode)
        return;
    bool is_first = store.log_inode == 0;
    store.log_inode = st.st_ino;
    if (is_first)
        return;
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_message_new(a, IPC_CHILD_LOG);
    ipc_put_fd(m, fd);
    LIST_FOR_EACH (struct worker_process, w, &store.workers, in_store)
        w->has_old_log = true;
    for (struct worker_process *w; (w = with_old_log()) != NULL;) {
        w->has_old_log = false;
        w->references++; /* sending may wait */
        if (!worker_send(w, m, &e))
            log_debug("worker %d: %s", (int)w->pid, error_cstr(&e));
        release(w);
    }
    arena_free(a);
}

static void retire_idle(void)
{
    int64_t idle = conf_time(store.conf, P_store_idle_time);

    LIST_FOR_EACH (struct worker_process, w, &store.workers, in_store) {
        if (w->is_retiring || w->busy > 0 || w->idle_since + idle > clock_mono())
            continue;
        w->is_retiring = true;
        close_when_idle(w);
    }
}

void workers_care_fiber(void *arg)
{
    enum { LONGEST = 5 };
    (void)arg;

    for (;;) {
        int64_t pause = conf_time(store.conf, P_store_idle_time) / 4;
        hand_out_log();
        retire_idle();
        if (fiber_sleep(pause < LONGEST * CLOCK_SECOND
                            ? pause
                            : LONGEST * CLOCK_SECOND) == WAKE_CANCELLED)
            return;
    }
}

void workers_stop(void)
{
    int64_t end = clock_in(STOP_SECONDS * CLOCK_SECOND);

    LIST_FOR_EACH (struct worker_process, w, &store.workers, in_store) {
        w->is_retiring = true;
        (void)kill(w->pid, SIGTERM);
    }
    while (!list_is_empty(&store.workers) && waitq_wait(&store.changed, end) == WAKE_OK)
        ;
    LIST_FOR_EACH (struct worker_process, w, &store.workers, in_store)
        (void)kill(w->pid, SIGKILL);
}
