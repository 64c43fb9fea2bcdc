/* store_private - small things that all files of the reading side share */
#ifndef STORE_STORE_PRIVATE_H
#define STORE_STORE_PRIVATE_H

#include "base/str.h"
#include "run/fiber.h"
#include "store/store.h"

/* Sleep, less than a second; outside of a fiber, too.  May suspend. */
void store_pause(int64_t usec);
/* Let others run when this slice has lasted for some milliseconds since *SINCE (0 at
 * first).  May suspend. */
void store_breathe(int64_t *since);

/* E from errno, and what it means for the caller. */
enum store_result store_failed(struct error *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Set E's text and give R back. */
enum store_result store_refused(struct error *e, enum store_result r, const char *format,
                                ...) __attribute__((format(printf, 3, 4)));

/* All of a small file into OUT (cleared first); false with errno. */
bool store_read_file(const char *path, struct str *out) MUST_CHECK;
/* Replace PATH by a file with CONTENT, flushed with its directory.  May suspend. */
enum store_result store_write_file(const char *path, struct view content,
                                   struct error *e) MUST_CHECK;
/* fsync a directory, or any file, by its name. May suspend. */
bool store_sync(const char *path) MUST_CHECK;
/* Make PATH and what is missing above it. */
bool store_make_directories(const char *path) MUST_CHECK;
/* A text that is the same for all processes since this machine started; "" when unknown.
 */
const char *store_boot_id(void);

/* Keeps fibers apart.  Not recursive. */
struct store_lock {
    bool taken;
    struct waitq queue;
};
void store_lock_init(struct store_lock *l);
/* May suspend. */
void store_lock_take(struct store_lock *l);
void store_lock_give(struct store_lock *l);

#endif
