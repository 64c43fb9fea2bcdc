/* arena - memory that is freed whole
 *
 * One arena per session, one per transaction: RSET is arena_reset().  Blocks
 * double from a first small one, so an idle session costs little.  Not shared
 * between threads.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "view.h"

#include <stdarg.h>

struct arena;

/* An empty arena; allocates its first block (about 1 KiB) on first use. */
struct arena *arena_new(void);
void arena_free(struct arena *a);
/* All allocations become invalid; one block is kept for reuse. */
void arena_reset(struct arena *a);
/* SIZE bytes of zeros, aligned for any type. */
void *arena_alloc(struct arena *a, size_t size)
    __attribute__((returns_nonnull, alloc_size(2)));
void *arena_alloc_array(struct arena *a, size_t count, size_t size)
    __attribute__((returns_nonnull, alloc_size(2, 3)));
#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
/* A copy of V, with a NUL behind it. */
struct view arena_dup(struct arena *a, struct view v);
/* A copy of V as a C string (bytes after an embedded NUL are unreachable). */
char *arena_cstr(struct arena *a, struct view v) __attribute__((returns_nonnull));
struct view arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct view arena_vprintf(struct arena *a, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* V in lower case (ASCII). */
struct view arena_lower(struct arena *a, struct view v);
/* Bytes held, for limits and tests. */
size_t arena_size(const struct arena *a);

#endif
