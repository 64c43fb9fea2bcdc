/* journal_segment - the files of the journal: made ahead, recycled in order, removed
 *
 * A new segment is written full of zeros and synced before its first use: later flushes
 * then change no metadata of the file system, which makes them several times cheaper.
 * The keeper fiber has one ready at all times.
 */
#include "base/log.h"
#include "base/memory.h"
#include "queue/journal_private.h"
#include "run/thread.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FREE_KEEP  3 /* more free segments than that go back to the file system */
#define ZERO_CHUNK (1u << 20)
#define RETRY      (1 * CLOCK_SECOND)

static const char header_magic[8] = "DILGJNL1";

uint64_t journal_round(uint64_t n)
{
    return (n + JOURNAL_PAGE - 1) / JOURNAL_PAGE * JOURNAL_PAGE;
}

void journal_segment_path(unsigned number, char out[QUEUE_PATH_MAX])
{
    snprintf(out, QUEUE_PATH_MAX, "incoming/journal.%u", number);
}

void journal_header_write(const struct journal *j, const struct journal_segment *s,
                          char page[JOURNAL_PAGE])
{
    struct journal_header h = {
        .sequence = htole64(s->sequence),
        .size = htole64(j->segment_size),
        .serial_ceiling = htole64(j->serial_ceiling),
    };
    memcpy(h.magic, header_magic, sizeof h.magic);
    struct view bytes = {(const char *)&h, offsetof(struct journal_header, checksum)};
    h.checksum = htole32(queue_checksum(0, bytes));
    memset(page, 0, JOURNAL_PAGE);
    memcpy(page, &h, sizeof h);
}

bool journal_header_parse(const char *bytes, size_t n, struct journal_header *out)
{
    struct journal_header h;
    if (n < sizeof h)
        return false;
    memcpy(&h, bytes, sizeof h);
    struct view checked = {bytes, offsetof(struct journal_header, checksum)};
    if (memcmp(h.magic, header_magic, sizeof h.magic) != 0 ||
        le32toh(h.checksum) != queue_checksum(0, checked))
        return false;
    h.sequence = le64toh(h.sequence);
    h.size = le64toh(h.size);
    h.serial_ceiling = le64toh(h.serial_ceiling);
    *out = h;
    return true;
}

void journal_segment_close(struct journal_segment *s)
{
    list_remove(&s->link);
    if (s->fd >= 0)
        close(s->fd);
    memory_free(s);
}

/* --- blocking work, in a worker --- */

struct segment_job {
    const struct queue_dir *dir;
    unsigned number;
    uint64_t size;
    int fd; /* in: of the one to remove; out: of the new one, -1 */
    int saved_errno;
};

static bool write_zeros(int fd, uint64_t size)
{
    char *zeros = memory_alloc(ZERO_CHUNK);
    bool good = true;
    for (uint64_t at = 0; good && at < size; at += ZERO_CHUNK) {
        size_t n = size - at < ZERO_CHUNK ? (size_t)(size - at) : ZERO_CHUNK;
        good = queue_write_full(fd, zeros, n, at);
    }
    int saved = errno;
    memory_free(zeros);
    errno = saved;
    return good;
}

static void create_work(void *arg)
{
    struct segment_job *job = arg;
    char path[QUEUE_PATH_MAX];
    journal_segment_path(job->number, path);
    job->fd = openat(job->dir->fd, path,
                     O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (job->fd < 0) {
        job->saved_errno = errno;
        return;
    }
    int refused = posix_fallocate(job->fd, 0, (off_t)job->size);
    bool good = refused == 0 && write_zeros(job->fd, job->size) && fsync(job->fd) == 0 &&
                queue_dir_sync(job->dir, QUEUE_NAME_INCOMING, VIEW("journal"));
    if (good)
        return;
    job->saved_errno = refused ? refused : errno;
    unlinkat(job->dir->fd, path, 0);
    close(job->fd);
    job->fd = -1;
}

/* The header goes first: a segment that a crash brings back must not be replayed. */
static void remove_work(void *arg)
{
    struct segment_job *job = arg;
    char path[QUEUE_PATH_MAX], zeros[sizeof(struct journal_header)] = {0};
    journal_segment_path(job->number, path);
    if (!queue_write_full(job->fd, zeros, sizeof zeros, 0) || fdatasync(job->fd) < 0 ||
        unlinkat(job->dir->fd, path, 0) < 0)
        log_warning("remove %s: %s", path, strerror(errno));
}

static struct journal_segment *segment_new(struct journal *j, unsigned number, int fd)
{
    struct journal_segment *s = NEW(struct journal_segment);
    list_init(&s->holds);
    s->number = number;
    s->fd = fd;
    list_append(&j->free, &s->link);
    j->n_free++;
    return s;
}

/* On a fiber: in a worker; otherwise here and now. */
static void run_blocking(void (*fn)(void *arg), void *arg)
{
    if (fiber_self() != NULL)
        thread_run(fn, arg);
    else
        fn(arg);
}

struct journal_segment *journal_segment_create(struct journal *j, struct error *e)
{
    struct segment_job job = {j->setup.dir, j->next_number++, j->segment_size, -1, 0};
    run_blocking(create_work, &job);
    if (job.fd < 0) {
        errno = job.saved_errno;
        error_set_errno(
            e, errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? "4.3.1" : "4.3.0",
            "no room for a segment of the queue journal");
        return NULL;
    }
    return segment_new(j, job.number, job.fd);
}

bool journal_segment_next(struct journal *j)
{
    struct journal_segment *s = LIST_FIRST(struct journal_segment, &j->free, link);
    if (s == NULL)
        return false;
    list_remove(&s->link);
    j->n_free--;
    s->sequence = j->next_sequence++;
    s->end = 0;
    list_append(&j->used, &s->link);
    j->n_used++;
    j->current = s;
    return true;
}

/* --- the keeper --- */

/* Segments from the front that nothing holds any more are free. */
static bool recycle_drained(struct journal *j)
{
    bool any = false;
    for (;;) {
        struct journal_segment *s = LIST_FIRST(struct journal_segment, &j->used, link);
        if (s == NULL || s == j->current || !list_is_empty(&s->holds))
            return any;
        list_remove(&s->link);
        j->n_used--;
        list_append(&j->free, &s->link);
        j->n_free++;
        any = true;
    }
}

static void make_ready(struct journal *j)
{
    if (j->n_free > 0) {
        error_clear(&j->no_segment);
        return;
    }
    if (j->n_used >= j->setup.hard_segments)
        return;
    struct error e = ERROR_INIT;
    bool was_full = error_is_set(&j->no_segment);
    bool made = journal_segment_create(j, &e) != NULL;
    j->no_segment = e;
    if (!made && !was_full)
        log_warning("%s", error_cstr(&e));
    if (made && was_full)
        log_info("queue journal: there is room again");
}

static void remove_extra(struct journal *j)
{
    while (j->n_free > FREE_KEEP) {
        struct journal_segment *s = LIST_FIRST(struct journal_segment, &j->free, link);
        if (s == NULL)
            return;
        struct segment_job job = {j->setup.dir, s->number, 0, s->fd, 0};
        list_remove(&s->link);
        j->n_free--;
        run_blocking(remove_work, &job);
        journal_segment_close(s);
    }
}

void journal_poke_keeper(struct journal *j)
{
    j->keeper_is_asked = true;
    waitq_wake_one(&j->keeper);
}

void journal_keeper(void *arg)
{
    struct journal *j = arg;
    while (!j->stopping) {
        j->keeper_is_asked = false;
        bool any = recycle_drained(j);
        make_ready(j);
        if (any || j->n_free > 0)
            waitq_wake_all(&j->work);
        remove_extra(j);
        bool is_crowded = j->n_used > j->setup.soft_segments ||
                          (j->n_free == 0 && error_is_set(&j->no_segment));
        if (is_crowded && j->setup.crowded)
            j->setup.crowded(j->setup.arg);
        bool again = is_crowded || j->n_free == 0;
        if (!j->keeper_is_asked)
            (void)waitq_wait(&j->keeper, again ? clock_in(RETRY) : CLOCK_NEVER);
    }
    j->fibers--;
    waitq_wake_all(&j->done);
}
