/* qmgr - the queue manager
 *
 * Owns every file of the queue and the schedule of all deliveries.  Submitters connect to
 * public/qmgr; qmgr connects to the agents on private/NAME.  Runs as the mail owner;
 * opens nothing outside the queue directory but look-up tables for reading, and, for
 * checkpoints, directories with mailboxes.
 */
#include "base/log.h"
#include "base/memory.h"
#include "qmgr.h"
#include "table/paths.h"
#include "transport.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <unistd.h>

#define SOFT_SEGMENTS   6
#define HARD_SEGMENTS   64
#define LOCK_PATIENCE   (10 * CLOCK_SECOND)
#define STOP_PATIENCE   (2 * CLOCK_SECOND)
#define STATISTICS_TIME (300 * CLOCK_SECOND)

static struct qmgr the_qmgr;

/* --- callbacks of the journal --- */

static void flushed(uint64_t ticket, bool good, const struct error *e, void *arg)
{
    submitters_flushed(arg, ticket, good, e);
}

static void crowded(void *arg)
{
    park_crowded(arg);
}

/* --- once a second: space, revived destinations; now and then: numbers --- */

static void log_statistics(const struct qmgr *q)
{
    struct journal_counts j = journal_counts(q->journal);
    log_debug("statistics: messages=%zu active=%" PRIu64
              " deferred=%zu committed=%" PRIu64 " refused=%" PRIu64 " delivered=%" PRIu64
              " deferrals=%" PRIu64 " bounced=%" PRIu64 " removed=%" PRIu64,
              q->n_messages, q->active, q->retry.n, q->count.committed, q->count.refused,
              q->count.delivered, q->count.deferred, q->count.bounced, q->count.removed);
    log_debug("statistics: journal batches=%" PRIu64 " records=%" PRIu64 " bytes=%" PRIu64
              " flushes=%" PRIu64 " segments=%u free=%u memory=%" PRIu64,
              j.batches, j.records, j.bytes, j.syncs, j.segments, j.segments_free,
              q->memory_used);
}

static void second_fiber(void *arg)
{
    struct qmgr *q = arg;
    int64_t statistics_due = clock_in(STATISTICS_TIME);
    while (!q->is_stopping) {
        /* The watchdog: a loop that stands still for so long ends by SIGALRM. */
        alarm((unsigned)(q->set.daemon_timeout / CLOCK_SECOND));
        submitters_update_space(q);
        LIST_FOR_EACH (struct transport, t, &q->all_transports, link)
            schedule_revive_due(&t->schedule, clock_mono(), false);
        if (clock_mono() >= statistics_due) {
            log_statistics(q);
            statistics_due = clock_in(STATISTICS_TIME);
        }
        (void)fiber_sleep(CLOCK_SECOND);
    }
}

/* --- start --- */

static void init_state(struct qmgr *q, struct service *s)
{
    struct rlimit files;
    q->service = s;
    q->lock = -1;
    q->free_bytes = UINT64_MAX;
    list_init(&q->incoming);
    list_init(&q->due);
    list_init(&q->all_transports);
    list_init(&q->submitters);
    list_init(&q->commits);
    list_init(&q->file_commits);
    list_init(&q->to_park);
    heap_init(&q->retry);
    WAITQ_INIT(&q->parking);
    WAITQ_INIT(&q->loaded);
    WAITQ_INIT(&q->checkpoint_wanted);
    WAITQ_INIT(&q->checkpoint_over);
    q->transports = hash_new();
    q->fd_limit = 512;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY)
        q->fd_limit = files.rlim_cur / 2;
}

/* The qmgr before us may still be ending. */
static bool take_lock(struct qmgr *q, struct error *e)
{
    int64_t deadline = clock_in(LOCK_PATIENCE);
    for (;;) {
        q->lock = queue_dir_lock(&q->dir, e);
        if (q->lock >= 0)
            error_clear(e);
        if (q->lock >= 0 || errno != EWOULDBLOCK || clock_mono() >= deadline)
            return q->lock >= 0;
        (void)fiber_sleep(CLOCK_SECOND / 10);
    }
}

static bool open_journal(struct qmgr *q, struct error *e)
{
    struct journal_setup setup = {
        .dir = &q->dir,
        .segment_size =
            (uint64_t)conf_int(q->service->conf, P_queue_journal_segment_size),
        .soft_segments = SOFT_SEGMENTS,
        .hard_segments = HARD_SEGMENTS,
        .found = loader_found,
        .flushed = flushed,
        .crowded = crowded,
        .arg = q,
    };
    q->journal = journal_open(&setup, e);
    return q->journal != NULL;
}

static bool start(struct service *s, struct error *e)
{
    struct qmgr *q = &the_qmgr;
    init_state(q, s);
    s->state = q;
    settings_read(q, s->conf);
    routing_use(q, s->conf);
    if (!queue_dir_open(&q->dir, s->conf, e) || !take_lock(q, e) || !open_journal(q, e))
        return false;
    submitters_update_space(q);
    fiber_spawn("park", park_fiber, q);
    fiber_spawn("checkpoint", checkpoint_fiber, q);
    fiber_spawn("loader", loader_fiber, q);
    fiber_spawn("queue runs", active_runs, q);
    fiber_spawn("second", second_fiber, q);
    active_poke(q);
    return true;
}

static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    (void)socket;
    (void)peer;
    submitters_session(s->state, fd);
}

/* --- reload, stop --- */

static bool reload(struct service *s, const struct conf *fresh, struct error *e)
{
    struct qmgr *q = s->state;
    (void)e;
    settings_read(q, fresh);
    routing_use(q, fresh);
    transports_reconfigure(q);
    submitters_tell_state(q);
    active_poke(q);
    return true;
}

static bool is_delivering(const struct qmgr *q)
{
    LIST_FOR_EACH (struct transport, t, &q->all_transports, link)
        if (t->schedule.busy > 0)
            return true;
    return false;
}

/* No new work; answers that are on their way save a repetition; then the journal is
 * written. */
static void stop(struct service *s)
{
    struct qmgr *q = s->state;
    if (q == NULL || q->journal == NULL)
        return;
    int64_t deadline = clock_in(STOP_PATIENCE);
    q->is_stopping = true;
    while (is_delivering(q) && clock_mono() < deadline)
        (void)fiber_sleep(CLOCK_SECOND / 50);
    deadline = clock_in(STOP_PATIENCE);
    do {
        waitq_wake_all(&q->checkpoint_wanted);
        (void)fiber_sleep(CLOCK_SECOND / 50);
    } while (!checkpoint_is_idle() && clock_mono() < deadline);
    log_statistics(q);
    journal_stop(q->journal);
    close(q->lock);
}

static void sandbox(struct service *s, struct sandbox_profile *profile)
{
    static const char *writable[2];
    writable[0] = conf_cstr(s->conf, P_queue_directory);
    profile->writable = writable;
    profile->readable = table_paths(s->conf);
}

int main(int argc, char **argv)
{
    static const struct service_program program = {
        .name = "qmgr",
        .user = SERVICE_AS_MAIL_OWNER,
        .has_lasting_sessions = true,
        .sandbox = sandbox,
        .start = start,
        .session = session,
        .reload = reload,
        .stop = stop,
    };
    return service_main(argc, argv, &program);
}
