/* queue_dir - the directories of the queue and the names in them
 *
 * All paths are relative to one descriptor of the queue directory, so that they work in
 * a chroot and below Landlock.  hash_queue_names and hash_queue_depth spread a queue over
 * subdirectories named by the microseconds in the queue ID, as Postfix does.
 * Safe to call from worker threads.  Nothing here suspends.
 */
#ifndef QUEUE_QUEUE_DIR_H
#define QUEUE_QUEUE_DIR_H

#include "base/clock.h"
#include "base/error.h"
#include "conf/conf.h"
#include "queue/queue_id.h"

enum queue_name {
    QUEUE_NAME_INCOMING,
    QUEUE_NAME_ACTIVE,
    QUEUE_NAME_DEFERRED,
    QUEUE_NAME_HOLD,
    QUEUE_NAME_CORRUPT,
    QUEUE_NAME_DEFER, /* the reasons, not messages */
    QUEUE_NAMES
};
#define QUEUE_NAME_MESSAGES                                                              \
    QUEUE_NAME_CORRUPT /* those before it hold mail to deliver                           \
                        */
const char *queue_name_text(enum queue_name q);
/* False when TEXT names no queue with messages. */
bool queue_name_parse(struct view text, enum queue_name *out);

struct queue_dir {
    int fd;
    unsigned depth;
    bool hashed[QUEUE_NAMES];
};
#define QUEUE_PATH_MAX 96

/* Open the queue directory of C and make what is missing of its queues. */
bool queue_dir_open(struct queue_dir *d, const struct conf *c,
                    struct error *e) MUST_CHECK;
void queue_dir_close(struct queue_dir *d);
/* Take the lock that one qmgr or one offline command holds; the descriptor that keeps it,
 * or -1 with *E.  errno is EWOULDBLOCK when somebody else has it. */
int queue_dir_lock(const struct queue_dir *d, struct error *e);

/* "deferred/A/A1B2C..." */
void queue_dir_path(const struct queue_dir *d, enum queue_name q, struct view id,
                    char out[QUEUE_PATH_MAX]);
/* As openat(2) with mode 0600; makes the subdirectory when it has to create a file. */
int queue_dir_open_file(const struct queue_dir *d, enum queue_name q, struct view id,
                        int flags);
bool queue_dir_exists(const struct queue_dir *d, enum queue_name q, struct view id);
/* Each returns false with errno set. */
bool queue_dir_rename(const struct queue_dir *d, struct view id, enum queue_name from,
                      enum queue_name to);
/* Move the file at PATH (as a walk found it) to its right place in TO. */
bool queue_dir_replace(const struct queue_dir *d, const char *path, enum queue_name to,
                       struct view id);
bool queue_dir_unlink(const struct queue_dir *d, enum queue_name q, struct view id);
/* The time of the next attempt is kept as the file's modification time. */
bool queue_dir_set_time(const struct queue_dir *d, enum queue_name q, struct view id,
                        int64_t wall_usec);
/* fsync of the directory that ID's file is in. */
bool queue_dir_sync(const struct queue_dir *d, enum queue_name q, struct view id);
/* fsync everything of the file system below the queue directory. */
bool queue_dir_sync_all(const struct queue_dir *d);
/* Bytes and whole blocks free for us; false with errno. */
bool queue_dir_free_bytes(const struct queue_dir *d, uint64_t *bytes);
/* A nameless file in incoming/, and its later name there. */
int queue_dir_open_nameless(const struct queue_dir *d);
bool queue_dir_link(const struct queue_dir *d, int fd, enum queue_name q, struct view id);

/* Call FN for every file whose name is a queue ID.  TIME is its modification time in
 * microseconds; MISPLACED when it is not where queue_dir_path would put it (PATH is where
 * it is).  FN returns false to end the walk. */
struct queue_dir_entry {
    struct view id;
    const char *path;
    int64_t time;
    uint64_t size;
    bool misplaced;
};
typedef bool queue_dir_fn(const struct queue_dir_entry *entry, void *arg);
bool queue_dir_walk(const struct queue_dir *d, enum queue_name q, queue_dir_fn *fn,
                    void *arg, struct error *e);

#endif
