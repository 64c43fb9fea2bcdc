/* journal_flush - a batch becomes durable: checksums, one write, one flush, in a worker
 *
 * The fiber here hands batch after batch to a worker thread; what fails is refused, and
 * what nobody waits for is flushed a second later.
 */
#include "base/log.h"
#include "base/memory.h"
#include "queue/journal_private.h"
#include "run/thread.h"

#include <endian.h>
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#define BATCH_KEEP   (1u << 20) /* a bigger buffer is given back when it was used once */
#define COMPANY_WAIT (CLOCK_SECOND / 1000) /* small records wait for a message */
#define COMPANY_MAX  (64u << 10)           /* bytes of them that do */
#define QUICK_FLUSH  (CLOCK_SECOND / 1000) /* on average: not worth a worker */
#define SYNC_DELAY   (1 * CLOCK_SECOND)
#define SEGMENT_WAIT (10 * CLOCK_SECOND)

struct flush_job {
    struct journal_batch *batch;
    char *header; /* a page to write in front, or NULL */
    uint64_t sequence;
    uint32_t offset;
    int fd;
    bool good;
    int saved_errno;
    int64_t took; /* microseconds */
};

static bool write_pages(int fd, struct iovec *v, int n, uint64_t offset)
{
    while (n > 0) {
        ssize_t put = pwritev(fd, v, n, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        offset += (uint64_t)put;
        for (size_t left = (size_t)put; n > 0 && left > 0;) {
            size_t part = left < v->iov_len ? left : v->iov_len;
            v->iov_base = (char *)v->iov_base + part;
            v->iov_len -= part;
            left -= part;
            if (v->iov_len == 0) {
                v++;
                n--;
            }
        }
    }
    return true;
}

/* Checksums, one write, and a flush where the batch wants one. */
static void flush_work(void *arg)
{
    struct flush_job *job = arg;
    int64_t begin = clock_mono();
    struct journal_batch *b = job->batch;
    struct iovec v[2] = {{job->header, JOURNAL_PAGE}, {b->p, b->n}};
    for (size_t at = 0; at < b->n;) {
        struct journal_record r;
        memcpy(&r, b->p + at, sizeof r);
        size_t size = journal_record_size(le32toh(r.length));
        uint32_t c = htole32(journal_record_checksum(job->sequence, b->p + at, size));
        memcpy(b->p + at, &c, sizeof c);
        at += size;
    }
    bool has_header = job->header != NULL;
    job->good = write_pages(job->fd, has_header ? v : v + 1, has_header ? 2 : 1,
                            has_header ? 0 : job->offset) &&
                (!b->wants_sync || fdatasync(job->fd) == 0);
    job->saved_errno = job->good ? 0 : errno;
    job->took = clock_mono() - begin;
}

/* Can the loop itself do what B asks?  A write goes into the page cache; one message on a
 * disk that has been quick for a while is on it before a worker would be awake.  A slow
 * flush ends that. */
static bool is_quick(const struct journal *j, const struct journal_batch *b)
{
    return !b->wants_sync || (b->n_kept <= 1 && j->flush_time < QUICK_FLUSH);
}

static void remember_time(struct journal *j, const struct flush_job *job)
{
    if (job->batch->wants_sync)
        j->flush_time += (job->took - j->flush_time) / 8;
}

/* Fill B up to a page. */
static void pad_batch(struct journal_batch *b)
{
    size_t rest = JOURNAL_PAGE - b->n % JOURNAL_PAGE;
    if (rest == JOURNAL_PAGE)
        return;
    if (rest < sizeof(struct journal_record))
        rest += JOURNAL_PAGE;
    size_t length = rest - sizeof(struct journal_record);
    memset(journal_put_record(b, JOURNAL_PAD, VIEW_NONE, length), 0, length);
}

static void clear_batch(struct journal_batch *b)
{
    if (b->cap > BATCH_KEEP) {
        memory_free(b->p);
        b->p = NULL;
        b->cap = 0;
    }
    b->n = b->n_kept = 0;
    b->wants_sync = false;
}

/* What of the failed batch B is no message goes in front of the running batch; a message
 * whose bytes WERE_WRITTEN gets a DONE record, in case they reached the disk after all.
 */
static void keep_small_records(struct journal *j, struct journal_batch *b,
                               bool were_written)
{
    struct journal_batch fresh = {.wants_sync = true};
    for (size_t at = 0; at < b->n;) {
        struct journal_record r;
        memcpy(&r, b->p + at, sizeof r);
        size_t length = le32toh(r.length);
        struct view id = view_of(r.id);
        if (r.type == JOURNAL_MESSAGE && were_written)
            journal_put_record(&fresh, JOURNAL_DONE, id, 0);
        else if (r.type != JOURNAL_MESSAGE && r.type != JOURNAL_PAD && !r.tied)
            memcpy(journal_put_record(&fresh, r.type, id, length), b->p + at + sizeof r,
                   length);
        at += journal_record_size(length);
    }
    size_t shift = fresh.n;
    memcpy(journal_batch_reserve(&fresh, j->collect.n + 1),
           j->collect.p ? j->collect.p : "", j->collect.n);
    fresh.n += j->collect.n;
    for (size_t i = 0; i < j->collect.n_kept; i++)
        j->collect.kept[i].offset += shift;
    memory_free(j->collect.p);
    j->collect.p = fresh.p;
    j->collect.n = fresh.n;
    j->collect.cap = fresh.cap;
    j->collect.wants_sync = true;
    if (j->serial_ticket != 0)
        j->serial_ticket = j->ticket;
}

static void batch_failed(struct journal *j, struct journal_batch *b, uint64_t ticket,
                         bool were_written, const struct error *e)
{
    for (size_t i = 0; i < b->n_kept; i++)
        journal_release(j, b->kept[i].hold);
    keep_small_records(j, b, were_written);
    clear_batch(b);
    j->setup.flushed(ticket, false, e, j->setup.arg);
    waitq_wake_all(&j->room);
}

static void batch_written(struct journal *j, struct journal_batch *b, uint64_t ticket)
{
    j->counts.batches++;
    j->counts.bytes += b->n;
    if (b->wants_sync) {
        j->counts.syncs++;
        j->durable = ticket;
        j->unsynced_since = 0;
        journal_serial_flushed(j);
        waitq_wake_all(&j->done);
    } else if (j->unsynced_since == 0) {
        j->unsynced_since = clock_mono();
    }
    clear_batch(b);
    j->setup.flushed(ticket, true, NULL, j->setup.arg);
    waitq_wake_all(&j->room);
}

/* A segment with room for SIZE bytes is current; waits for one.  May suspend. */
static bool have_segment(struct journal *j, size_t size)
{
    int64_t deadline = clock_in(SEGMENT_WAIT);
    if (j->current && j->current->end + size <= j->segment_size)
        return true;
    while (!journal_segment_next(j)) {
        if (j->stopping) { /* the keeper makes no more */
            if (journal_segment_create(j, &j->no_segment) == NULL)
                return false;
            continue;
        }
        journal_poke_keeper(j);
        if (error_is_set(&j->no_segment) || clock_mono() >= deadline)
            return false;
        (void)waitq_wait(&j->work, clock_in(CLOCK_SECOND / 10));
    }
    journal_poke_keeper(j);
    return true;
}

static void refuse_batch(struct journal *j)
{
    struct error e = j->no_segment;
    if (!error_is_set(&e))
        error_set(&e, "4.3.1", "queue journal is full");
    struct journal_batch b = j->collect;
    bool had_messages = b.n_kept > 0;
    j->collect = (struct journal_batch){.p = NULL};
    if (had_messages)
        log_warning("queue journal: %s", error_cstr(&e));
    uint64_t ticket = j->ticket++;
    batch_failed(j, &b, ticket, false, &e);
    memory_free(b.p);
    memory_free(b.kept);
    if (!j->stopping) /* small records wait until there is room again */
        (void)waitq_wait(&j->work, clock_in(CLOCK_SECOND / 10));
}

static void place_messages(struct journal *j, const struct journal_batch *b)
{
    for (size_t i = 0; i < b->n_kept; i++) {
        struct journal_hold *hold = b->kept[i].hold;
        journal_hold_segment(hold, j->current);
        hold->offset = (uint32_t)(j->current->end + b->kept[i].offset +
                                  sizeof(struct journal_record));
    }
}

static size_t space_for(size_t n)
{
    return journal_round(n + sizeof(struct journal_record)) + JOURNAL_PAGE;
}

/* More small records than a segment holds have gathered while there was no room: take the
 * first ones into `flight` and leave the others. */
static void take_part(struct journal *j)
{
    struct journal_batch *from = &j->collect, *to = &j->flight;
    size_t at = 0;
    while (at < from->n) {
        struct journal_record r;
        memcpy(&r, from->p + at, sizeof r);
        size_t size = journal_record_size(le32toh(r.length));
        if (at + size > j->batch_max)
            break;
        at += size;
    }
    memcpy(journal_batch_reserve(to, at), from->p, at);
    to->n = at;
    to->wants_sync = true;
    from->n -= at;
    memmove(from->p, from->p + at, from->n);
}

/* Move the running batch, or a part of it, into `flight`; the ticket that is reached when
 * that is on disk. */
static uint64_t take_batch(struct journal *j, bool is_part)
{
    if (is_part) {
        take_part(j);
        return j->ticket - 1;
    }
    struct journal_batch empty = j->flight;
    j->flight = j->collect;
    j->collect = empty;
    return j->ticket++;
}

/* Write the running batch; false when that failed.  May suspend. */
static bool flush_batch(struct journal *j)
{
    char *page = NULL;
    bool is_part = space_for(j->collect.n) > j->segment_size - JOURNAL_PAGE;
    if ((is_part && j->collect.n_kept > 0) ||
        !have_segment(j, space_for(is_part ? j->batch_max : j->collect.n))) {
        refuse_batch(j);
        return false;
    }
    if (!is_part) /* more may have come while waiting for a segment */
        is_part = j->current->end + space_for(j->collect.n) > j->segment_size;
    if (is_part && j->collect.n_kept > 0)
        return true; /* once more, with the next segment */
    uint64_t ticket = take_batch(j, is_part);
    struct journal_segment *s = j->current;
    if (s->end == 0) {
        page = memory_alloc(JOURNAL_PAGE);
        journal_header_write(j, s, page);
        s->end = JOURNAL_PAGE;
    }
    place_messages(j, &j->flight);
    pad_batch(&j->flight);
    struct flush_job job = {.batch = &j->flight,
                            .header = page,
                            .sequence = s->sequence,
                            .offset = s->end,
                            .fd = s->fd};
    waitq_wake_all(&j->room);
    if (is_quick(j, &j->flight))
        flush_work(&job);
    else
        thread_run(flush_work, &job);
    remember_time(j, &job);
    memory_free(page);
    s->end += (uint32_t)j->flight.n;
    if (job.good) {
        batch_written(j, &j->flight, ticket);
        return true;
    }
    struct error e = ERROR_INIT;
    errno = job.saved_errno;
    error_set_errno(&e, errno == ENOSPC || errno == EDQUOT ? "4.3.1" : "4.3.0",
                    "write queue journal");
    log_error("%s", error_cstr(&e));
    j->current = NULL; /* nothing more behind a hole */
    batch_failed(j, &j->flight, ticket, true, &e);
    return false;
}

static void sync_work(void *arg)
{
    struct flush_job *job = arg;
    job->good = fdatasync(job->fd) == 0;
}

/* DONE records that nobody waits for are flushed a second later. */
static void sync_late(struct journal *j)
{
    uint64_t ticket = j->ticket - 1;
    struct flush_job job = {.fd = j->current ? j->current->fd : -1};
    j->unsynced_since = 0;
    if (job.fd < 0)
        return;
    thread_run(sync_work, &job);
    j->counts.syncs++;
    if (job.good && j->durable < ticket) {
        j->durable = ticket;
        journal_serial_flushed(j);
        waitq_wake_all(&j->done);
    }
}

/* Records that nobody waits for travel with the next message, if one comes soon: a page
 * and a write less for each message of a steady stream. */
static void wait_for_company(struct journal *j)
{
    int64_t deadline = clock_in(COMPANY_WAIT);
    while (!j->collect.wants_sync && !j->stopping && j->collect.n < COMPANY_MAX)
        if (waitq_wait(&j->work, deadline) != WAKE_OK)
            return;
}

void journal_flusher(void *arg)
{
    struct journal *j = arg;
    while (!j->stopping || j->collect.n > 0) {
        if (j->collect.n > 0) {
            bool was_stopping = j->stopping;
            wait_for_company(j);
            if (!flush_batch(j) && was_stopping)
                break;
            continue;
        }
        int64_t deadline =
            j->unsynced_since ? j->unsynced_since + SYNC_DELAY : CLOCK_NEVER;
        if (j->unsynced_since && clock_mono() >= deadline)
            sync_late(j);
        else
            (void)waitq_wait(&j->work, deadline);
    }
    if (j->unsynced_since)
        sync_late(j);
    j->fibers--;
    waitq_wake_all(&j->done);
}
