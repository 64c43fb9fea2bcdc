/* queue_file - read and write the file that holds one message
 *
 * The content comes first, then the envelope, then a footer; without a valid footer
 * the message was never acknowledged.  The same bytes travel in a draft's memory file and
 * in the journal ("image").  These functions block on the disk: call them in a worker
 * thread (thread_run) when the file may be cold.  docs/queue-file.md.
 */
#ifndef QUEUE_QUEUE_FILE_H
#define QUEUE_QUEUE_FILE_H

#include "queue/envelope.h"
#include "queue/queue_dir.h"

/* A message as read: all views live in the arena that was given. */
struct queue_message {
    uint64_t content_size;
    uint32_t content_checksum;
    struct view envelope_bytes;
    struct envelope envelope;
};

/* Parse an image in memory.  The envelope's bytes are copied into A.  CHECK_CONTENT holds
 * the content against its checksum too. */
bool queue_image_parse(struct arena *a, struct view image, bool check_content,
                       struct queue_message *out, struct error *e) MUST_CHECK;
/* Read footer and envelope of SIZE bytes of FD from OFFSET on (a queue file: its whole
 * length from 0).  PERMFAIL: not a valid message; TEMPFAIL: could not be read. */
enum result queue_file_read(struct arena *a, int fd, uint64_t offset, uint64_t size,
                            struct queue_message *out, struct error *e) MUST_CHECK;
/* The content's checksum, read from FD. */
bool queue_file_checksum(int fd, uint64_t offset, uint64_t size, uint32_t *out,
                         struct error *e) MUST_CHECK;

/* Put the status of ENV (recipients, delay and expire marks) into its BYTES, which must
 * be writable. */
void queue_file_mark(const struct envelope *env, char *bytes, size_t n);
/* Write content (from SOURCE at OFFSET), envelope and footer to FD, from its start, and
 * cut it there.  BYTES is the envelope with its marks.  Does not sync. */
bool queue_file_write(int fd, int source, uint64_t offset, const struct queue_message *m,
                      struct error *e) MUST_CHECK;
/* Write M with its marks as the file ID in Q, due at TIME (wall clock), and make it
 * durable. */
bool queue_file_store(const struct queue_dir *d, enum queue_name q, struct view id,
                      int source, uint64_t offset, struct queue_message *m, int64_t time,
                      struct error *e) MUST_CHECK;
/* The image of SIZE bytes at OFFSET of SOURCE as a new memory file with MARKS put in; -1
 * with *E. */
int queue_file_copy(int source, uint64_t offset, uint64_t size, const uint32_t *marks,
                    size_t n_marks, struct error *e);
/* Marks as the journal has them: recipients' numbers, or UINT32_MAX - i for
 * envelope_marks[i]. What is out of range is left out. */
void queue_marks_apply(struct envelope *env, const uint32_t *marks, size_t n);
/* Overwrite the envelope's bytes in the file at FD (marks only may differ). */
bool queue_file_update(int fd, const struct queue_message *m, struct error *e) MUST_CHECK;
/* Envelope and footer of M as they stand behind the content. */
bool queue_file_tail(const struct queue_message *m, struct str *out) MUST_CHECK;

/* All of N bytes, or false with errno (EPIPE at an early end of the file). */
bool queue_read_full(int fd, void *p, size_t n, uint64_t offset) MUST_CHECK;
bool queue_write_full(int fd, const void *p, size_t n, uint64_t offset) MUST_CHECK;

#endif
