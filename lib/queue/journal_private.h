/* journal_private - records and segments; private to the journal's files
 *
 * A segment starts with a header page; batches follow, each from a 4 KiB boundary to the
 * next, filled up with a PAD record, so that no write touches a sector that holds what
 * was acknowledged before.  The checksum of a record is seeded with its segment's
 * sequence number: what an earlier life of a recycled file left behind is never taken for
 * a record.
 */
#ifndef QUEUE_JOURNAL_PRIVATE_H
#define QUEUE_JOURNAL_PRIVATE_H

#include "queue/envelope.h"
#include "queue/journal.h"
#include "queue/queue_file.h"
#include "run/fiber.h"

#define JOURNAL_PAGE 4096u

enum journal_type {
    JOURNAL_PAD = 1,
    JOURNAL_MESSAGE,
    JOURNAL_MARKS,
    JOURNAL_DONE,
    JOURNAL_MOVED,
    JOURNAL_SERIAL
};

struct journal_record { /* on disk, little endian; a payload of `length` follows, to 8
                           bytes */
    uint32_t checksum;  /* of all that follows, payload included */
    uint32_t length;
    uint8_t type, tied, zero[6]; /* tied: to the message before it */
    char id[QUEUE_ID_MAX];
};
_Static_assert(sizeof(struct journal_record) == 48, "as documented");

static inline size_t journal_record_size(size_t length)
{
    return (sizeof(struct journal_record) + length + 7) & ~(size_t)7;
}

struct journal_header { /* the first bytes of a segment */
    char magic[8];
    uint64_t sequence, size, serial_ceiling;
    uint32_t zero, checksum; /* of the bytes before */
};

struct journal_segment {
    struct list_link link; /* in used or free, by sequence */
    struct list holds;
    uint64_t sequence;
    unsigned number; /* of the file */
    int fd;
    uint32_t end; /* bytes written */
};

struct journal_batch {
    char *p;
    size_t n, cap;
    struct journal_kept {
        struct journal_hold *hold;
        size_t offset; /* of the record in p */
    } * kept;
    size_t n_kept, cap_kept;
    bool wants_sync;
};

struct journal {
    struct journal_setup setup;
    uint64_t segment_size;
    size_t batch_max;
    struct list used, free; /* of segments, oldest first; the last used one is current */
    unsigned n_used, n_free, next_number;
    struct journal_segment *current; /* NULL: none could be had */
    uint64_t next_sequence;

    struct journal_batch collect, flight;
    size_t open_record; /* offset + 1 of a message between begin and keep */
    size_t open_size;
    uint64_t ticket;        /* of the batch that collects */
    uint64_t durable;       /* last one on disk */
    int64_t flush_time;     /* of a flush, on average; microseconds */
    int64_t unsynced_since; /* monotonic; 0 when all is flushed */

    uint64_t serial_next, serial_ceiling, serial_wanted;
    uint64_t serial_ticket; /* of the batch with the wanted ceiling; 0 none */

    struct waitq work, room, done, keeper;
    struct error no_segment; /* why none can be made */
    bool stopping, keeper_is_asked;
    unsigned fibers;
    struct journal_counts counts;
};

/* journal.c */
/* Room for EXTRA more bytes in B. */
char *journal_batch_reserve(struct journal_batch *b, size_t extra);
/* Start a record in B; the place of its payload of LENGTH bytes. */
char *journal_put_record(struct journal_batch *b, enum journal_type type, struct view id,
                         size_t length);
void journal_hold_segment(struct journal_hold *hold, struct journal_segment *s);
/* A batch is on disk: perhaps the one with a higher ceiling of serial numbers. */
void journal_serial_flushed(struct journal *j);

/* journal_flush.c: the fiber that writes batches */
void journal_flusher(void *arg);

/* journal_segment.c */
uint64_t journal_round(uint64_t n);
/* Create and fill a new segment; blocks.  NULL with *E. */
struct journal_segment *journal_segment_create(struct journal *j, struct error *e);
void journal_segment_path(unsigned number, char out[QUEUE_PATH_MAX]);
void journal_segment_close(struct journal_segment *s);
void journal_header_write(const struct journal *j, const struct journal_segment *s,
                          char page[JOURNAL_PAGE]);
bool journal_header_parse(const char *bytes, size_t n, struct journal_header *out);
/* Take the oldest free segment as the current one; false when there is none. */
bool journal_segment_next(struct journal *j);
/* The fiber that recycles, makes and removes segments. */
void journal_keeper(void *arg);
void journal_poke_keeper(struct journal *j);

/* journal_replay.c */
bool journal_replay(struct journal *j, struct error *e);
/* Walk the records of one segment in BYTES: calls FN for each valid one until the first
 * that is not; the offset where it ended. */
typedef void journal_record_fn(const struct journal_record *r, struct view payload,
                               uint32_t offset, void *arg);
size_t journal_scan(struct view bytes, uint64_t sequence, journal_record_fn *fn,
                    void *arg);
uint32_t journal_record_checksum(uint64_t sequence, const char *record, size_t length);

#endif
