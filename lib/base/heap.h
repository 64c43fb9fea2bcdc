/* heap - a priority queue ordered by a 64-bit number, smallest first
 *
 * Links live inside the members; a member knows its place, so taking one out of
 * the middle is cheap.  Used for timers and for retry times.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_link {
    int64_t key;
    size_t place; /* index + 1; 0 when in no heap */
};
struct heap {
    struct heap_link **items;
    size_t n, cap;
};

void heap_init(struct heap *h);
void heap_done(struct heap *h);
void heap_add(struct heap *h, struct heap_link *k, int64_t key);
/* Does nothing when in no heap. */
void heap_remove(struct heap *h, struct heap_link *k);
/* The smallest, or NULL. */
struct heap_link *heap_first(const struct heap *h);
/* Take out and return the smallest, or NULL. */
struct heap_link *heap_pop(struct heap *h);
static inline bool heap_is_linked(const struct heap_link *k)
{
    return k->place != 0;
}

#endif
