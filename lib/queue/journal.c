/* journal - gathering records, holds, serial numbers, life (journal_flush.c writes) */
#include "base/log.h"
#include "base/memory.h"
#include "queue/journal_private.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <unistd.h>

#define BATCH_MAX      (4u << 20)
#define BATCH_FIRST    (64u << 10)
#define SERIAL_STEP    (1u << 20)
#define SERIAL_LOW     (1u << 18)
#define SERIAL_MINIMUM 0x100000u /* so that short IDs have the usual length */

/* --- gathering --- */

char *journal_batch_reserve(struct journal_batch *b, size_t extra)
{
    if (b->cap - b->n < extra) {
        size_t cap = b->cap ? b->cap : BATCH_FIRST;
        while (cap - b->n < extra)
            cap *= 2;
        b->p = memory_resize(b->p, cap);
        b->cap = cap;
    }
    return b->p + b->n;
}

/* Start a record in B; its payload's place. */
char *journal_put_record(struct journal_batch *b, enum journal_type type, struct view id,
                         size_t length)
{
    size_t size = journal_record_size(length);
    char *p = journal_batch_reserve(b, size);
    struct journal_record r = {.length = htole32((uint32_t)length),
                               .type = (uint8_t)type};
    assert(id.n < sizeof r.id);
    if (id.n > 0)
        memcpy(r.id, id.p, id.n);
    memcpy(p, &r, sizeof r);
    memset(p + size - 8, 0, 8); /* the payload overwrites all but the rounding */
    b->n += size;
    return p + sizeof r;
}

static uint64_t small_record(struct journal *j, enum journal_type type, struct view id,
                             const void *payload, size_t length, bool wants_sync)
{
    assert(j->open_record == 0);
    char *p = journal_put_record(&j->collect, type, id, length);
    if (length > 0)
        memcpy(p, payload, length);
    j->collect.wants_sync |= wants_sync;
    j->counts.records++;
    waitq_wake_one(&j->work);
    return j->ticket;
}

static uint64_t mark(struct journal *j, struct view id, const uint32_t *marks, size_t n,
                     bool is_tied)
{
    uint64_t ticket = j->ticket;
    while (n > 0) {
        uint32_t part[1024 / sizeof(uint32_t)];
        size_t count = n < 256 ? n : 256;
        for (size_t i = 0; i < count; i++)
            part[i] = htole32(marks[i]);
        size_t at = j->collect.n;
        ticket = small_record(j, JOURNAL_MARKS, id, part, count * sizeof part[0], false);
        j->collect.p[at + offsetof(struct journal_record, tied)] = is_tied;
        marks += count;
        n -= count;
    }
    return ticket;
}

uint64_t journal_mark(struct journal *j, struct view id, const uint32_t *marks, size_t n)
{
    return mark(j, id, marks, n, false);
}

uint64_t journal_mark_tied(struct journal *j, struct view id, const uint32_t *marks,
                           size_t n)
{
    return mark(j, id, marks, n, true);
}

uint64_t journal_done(struct journal *j, struct view id)
{
    return small_record(j, JOURNAL_DONE, id, NULL, 0, false);
}

uint64_t journal_moved(struct journal *j, struct view id)
{
    return small_record(j, JOURNAL_MOVED, id, NULL, 0, true);
}

char *journal_message_begin(struct journal *j, struct view id, size_t size)
{
    assert(j->open_record == 0 && size <= journal_message_max(j));
    struct journal_batch *b = &j->collect;
    if (b->n > 0 && b->n + journal_record_size(size) > j->batch_max)
        return NULL;
    j->open_record = b->n + 1;
    j->open_size = size;
    return journal_put_record(b, JOURNAL_MESSAGE, id, size);
}

void journal_message_drop(struct journal *j)
{
    assert(j->open_record != 0);
    j->collect.n = j->open_record - 1;
    j->open_record = 0;
}

uint64_t journal_message_keep(struct journal *j, struct journal_hold *hold)
{
    struct journal_batch *b = &j->collect;
    assert(j->open_record != 0 && hold->segment == NULL);
    if (b->n_kept == b->cap_kept) {
        b->cap_kept = b->cap_kept ? 2 * b->cap_kept : 64;
        b->kept = memory_resize(b->kept, b->cap_kept * sizeof *b->kept);
    }
    b->kept[b->n_kept++] = (struct journal_kept){hold, j->open_record - 1};
    hold->size = (uint32_t)j->open_size;
    j->open_record = 0;
    b->wants_sync = true;
    j->counts.records++;
    waitq_wake_one(&j->work);
    return j->ticket;
}

uint64_t journal_message_max(const struct journal *j)
{
    return j->batch_max - journal_record_size(0) - 8;
}

void journal_wait_room(struct journal *j)
{
    (void)waitq_wait(&j->room, clock_in(CLOCK_SECOND));
}

void journal_wait(struct journal *j, uint64_t ticket)
{
    while (j->durable < ticket)
        if (waitq_wait(&j->done, clock_in(CLOCK_SECOND)) == WAKE_CANCELLED)
            return;
}

/* --- serial numbers --- */

static void raise_ceiling(struct journal *j)
{
    if (j->serial_ticket != 0)
        return;
    j->serial_wanted = j->serial_next + SERIAL_STEP;
    uint64_t raw = htole64(j->serial_wanted);
    j->serial_ticket = small_record(j, JOURNAL_SERIAL, VIEW_NONE, &raw, sizeof raw, true);
}

bool journal_serials(struct journal *j, uint64_t count, uint64_t *first)
{
    if (j->serial_next + count + SERIAL_LOW > j->serial_ceiling)
        raise_ceiling(j);
    if (j->serial_next + count > j->serial_ceiling)
        return false;
    *first = j->serial_next;
    j->serial_next += count;
    return true;
}

void journal_serial_flushed(struct journal *j)
{
    if (j->serial_ticket == 0 || j->durable < j->serial_ticket)
        return;
    j->serial_ceiling = j->serial_wanted;
    j->serial_ticket = 0;
}

/* --- holds --- */

void journal_hold_segment(struct journal_hold *hold, struct journal_segment *s)
{
    list_remove(&hold->link);
    hold->segment = s;
    list_append(&s->holds, &hold->link);
}

void journal_hold_current(struct journal *j, struct journal_hold *hold)
{
    if (hold->segment == NULL && j->current != NULL)
        journal_hold_segment(hold, j->current);
}

void journal_hold_found(const struct journal_found *f, struct journal_hold *hold)
{
    hold->offset = f->offset;
    hold->size = f->size;
    journal_hold_segment(hold, f->segment);
}

void journal_release(struct journal *j, struct journal_hold *hold)
{
    struct journal_segment *s = hold->segment;
    if (s == NULL)
        return;
    list_remove(&hold->link);
    hold->segment = NULL;
    if (list_is_empty(&s->holds) && list_first(&j->used) == &s->link && s != j->current)
        journal_poke_keeper(j);
}

void journal_hold_transfer(struct journal *j, struct journal_hold *from,
                           struct journal_hold *to)
{
    assert(to->segment == NULL);
    if (from->segment == NULL)
        return;
    journal_hold_segment(to, from->segment);
    journal_release(j, from);
}

const struct list *journal_oldest_holds(struct journal *j)
{
    struct journal_segment *s = LIST_FIRST(struct journal_segment, &j->used, link);
    return s == NULL || s == j->current ? NULL : &s->holds;
}

int journal_hold_fd(const struct journal_hold *hold)
{
    return hold->segment->fd;
}

bool journal_image_is(int fd, uint32_t offset, struct view id)
{
    struct journal_record r;
    if (offset < sizeof r || !queue_read_full(fd, &r, sizeof r, offset - sizeof r))
        return false;
    return r.type == JOURNAL_MESSAGE && memchr(r.id, '\0', sizeof r.id) != NULL &&
           view_eq(view_of(r.id), id);
}

/* --- life --- */

struct journal *journal_open(const struct journal_setup *s, struct error *e)
{
    struct journal *j = NEW(struct journal);
    j->setup = *s;
    j->segment_size = journal_round(s->segment_size < 65536 ? 65536 : s->segment_size);
    if (j->segment_size > UINT32_MAX / 2)
        j->segment_size = UINT32_MAX / 2 / JOURNAL_PAGE * JOURNAL_PAGE;
    uint64_t half = j->segment_size / 2;
    j->batch_max = half < BATCH_MAX ? (size_t)half : BATCH_MAX;
    j->ticket = 1;
    list_init(&j->used);
    list_init(&j->free);
    j->flush_time = CLOCK_SECOND; /* until the disk has shown otherwise */
    WAITQ_INIT(&j->work);
    WAITQ_INIT(&j->room);
    WAITQ_INIT(&j->done);
    WAITQ_INIT(&j->keeper);
    if (!journal_replay(j, e)) {
        while (!list_is_empty(&j->used))
            journal_segment_close(LIST_FIRST(struct journal_segment, &j->used, link));
        while (!list_is_empty(&j->free))
            journal_segment_close(LIST_FIRST(struct journal_segment, &j->free, link));
        memory_free(j);
        return NULL;
    }
    if (j->serial_ceiling < SERIAL_MINIMUM)
        j->serial_ceiling = SERIAL_MINIMUM;
    j->serial_next = j->serial_ceiling;
    raise_ceiling(j);
    j->fibers = 2;
    fiber_spawn("journal keeper", journal_keeper, j);
    fiber_spawn("journal", journal_flusher, j);
    return j;
}

void journal_stop(struct journal *j)
{
    j->stopping = true;
    waitq_wake_all(&j->work);
    journal_poke_keeper(j);
    while (j->fibers > 0)
        (void)waitq_wait(&j->done, clock_in(CLOCK_SECOND));
}

void journal_close(struct journal *j)
{
    journal_stop(j);
    LIST_FOR_EACH_SAFE (struct journal_segment, s, &j->used, link) {
        LIST_FOR_EACH_SAFE (struct journal_hold, h, &s->holds, link)
            journal_release(j, h);
        journal_segment_close(s);
    }
    LIST_FOR_EACH_SAFE (struct journal_segment, s, &j->free, link)
        journal_segment_close(s);
    memory_free(j->collect.p);
    memory_free(j->collect.kept);
    memory_free(j->flight.p);
    memory_free(j->flight.kept);
    memory_free(j);
}

struct journal_counts journal_counts(const struct journal *j)
{
    struct journal_counts c = j->counts;
    c.segments = j->n_used + j->n_free;
    c.segments_free = j->n_free;
    return c;
}
