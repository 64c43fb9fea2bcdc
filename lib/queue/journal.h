/* journal - where a message becomes durable: sequential segments, one flush for many
 *
 * Records are gathered in memory; a fiber hands them to a worker thread as one write and
 * one fdatasync, and what arrives meanwhile is the next batch, so nobody waits for
 * company and nobody flushes alone under load.  Segments are files incoming/journal.N of
 * one size, written before use and recycled in order.  A message or a mark keeps its
 * segment by a hold; the oldest segment without holds is free again.  Owned by qmgr, or
 * by one offline command, under queue_dir_lock(). docs/queue-file.md,
 * docs/decisions/0004-group-commit.md.
 */
#ifndef QUEUE_JOURNAL_H
#define QUEUE_JOURNAL_H

#include "base/list.h"
#include "queue/queue_dir.h"

/* Marks that are no recipient's number: those of envelope_marks[]. */
#define JOURNAL_MARK_DELAY_SENT    UINT32_MAX
#define JOURNAL_MARK_FORCED_EXPIRE (UINT32_MAX - 1)
#define JOURNAL_MARK_REQUEUE       (UINT32_MAX - 2)

struct journal;
struct journal_segment;

/* What keeps a segment: a message whose only copy is there, or marks that are not yet in
 * a queue file.  Embedded in the message; zero-initialised. */
struct journal_hold {
    struct list_link link;
    struct journal_segment *segment; /* NULL: holds nothing */
    uint32_t offset, size;           /* of a message's image */
};

/* What the replay found, oldest first.  Views and arrays are valid during the call. */
struct journal_found {
    struct view id;
    bool is_message; /* its image is in the journal */
    bool is_done;    /* finished: a file of that name must go */
    const uint32_t *marks;
    size_t n_marks;
    struct journal_segment *segment;
    uint32_t offset, size;
};

struct journal_setup {
    const struct queue_dir *dir; /* must outlive the journal */
    uint64_t segment_size;       /* bytes; rounded to 4 KiB, at least 64 KiB */
    unsigned soft_segments;      /* more in use than that: `crowded` is called */
    unsigned hard_segments;      /* more than that: commits wait */
    /* Callbacks run on fibers or inside journal_open and must not suspend. */
    void (*found)(const struct journal_found *f, void *arg);
    /* Batch TICKET is on disk, or its messages are refused with E. */
    void (*flushed)(uint64_t ticket, bool good, const struct error *e, void *arg);
    /* Please move what still holds the oldest segment: journal_oldest_holds(). */
    void (*crowded)(void *arg);
    void *arg;
};

/* Replay what is there, calling `found`, and start the fibers.  Blocks on the disk. */
struct journal *journal_open(const struct journal_setup *s, struct error *e) MUST_CHECK;
/* Write what waits and end the fibers; nothing that is appended later is written.  May
 * suspend. */
void journal_stop(struct journal *j);
/* journal_stop() and free. */
void journal_close(struct journal *j);

/* Room for the image of message ID, SIZE bytes at most journal_message_max(): the caller
 * fills it at once and then keeps or drops it; NULL when the running batch is full (wait
 * with journal_wait_room).  Nothing else may be appended in between. */
char *journal_message_begin(struct journal *j, struct view id, size_t size);
void journal_message_drop(struct journal *j);
/* The number of the batch that it will be in.  HOLD is filled in and kept up to date. */
uint64_t journal_message_keep(struct journal *j, struct journal_hold *hold);
uint64_t journal_message_max(const struct journal *j);
/* May suspend. */
void journal_wait_room(struct journal *j);

/* Small records; they cannot fail, only wait for the disk.  Return the batch number. */
uint64_t journal_mark(struct journal *j, struct view id, const uint32_t *marks, size_t n);
uint64_t journal_done(struct journal *j, struct view id);
/* ID is a queue file now; its image here counts no more.  Flushed at once. */
uint64_t journal_moved(struct journal *j, struct view id);
/* Wait until batch TICKET is on disk.  May suspend. */
void journal_wait(struct journal *j, uint64_t ticket);

/* Serial numbers for queue IDs: COUNT numbers from *FIRST on that are never given again.
 * False until the ceiling is on disk: wait with journal_wait_room and ask again. */
bool journal_serials(struct journal *j, uint64_t count, uint64_t *first);

/* Marks for a queue file that are in the running batch keep it. Does nothing when HOLD
 * holds. */
void journal_hold_current(struct journal *j, struct journal_hold *hold);
/* Take over the place that a replay found. */
void journal_hold_found(const struct journal_found *f, struct journal_hold *hold);
void journal_release(struct journal *j, struct journal_hold *hold);
/* TO, which holds nothing, holds what FROM held. */
void journal_hold_transfer(struct journal *j, struct journal_hold *from,
                           struct journal_hold *to);
/* As journal_mark, for marks that count only if the message appended just before them
 * becomes durable in the same batch. */
uint64_t journal_mark_tied(struct journal *j, struct view id, const uint32_t *marks,
                           size_t n);
/* The holds of the oldest segment while it is in the way; empty list or NULL otherwise.
 */
const struct list *journal_oldest_holds(struct journal *j);
/* Descriptor and place of a held message's image. */
int journal_hold_fd(const struct journal_hold *hold);
/* Does the record at HOLD's place still belong to ID?  For readers without a hold. */
bool journal_image_is(int fd, uint32_t offset, struct view id);

struct journal_counts {
    uint64_t batches, records, bytes, syncs;
    unsigned segments, segments_free;
};
struct journal_counts journal_counts(const struct journal *j);

#endif
