/* sequence - sets of message numbers: "1:3,5,7:*"
 *
 * A set is an array of ranges.  As parsed it keeps the order of the client and
 * may hold "*"; imap_set_resolve() makes it normal: ascending, disjoint, no
 * two ranges adjacent.  All functions below "normal sets" want and give normal
 * sets.  Pure.  RFC 9051 9 (sequence-set), RFC 5182 ("$").
 */
#ifndef IMAP_SEQUENCE_H
#define IMAP_SEQUENCE_H

#include "base/arena.h"
#include "base/str.h"
#include "base/view.h"

#include <stdint.h>

#define IMAP_STAR       0     /* "*" in a range that is not yet resolved */
#define IMAP_SET_RANGES 50000 /* most ranges taken from outside */

struct imap_range {
    uint32_t first, last;
};

/* With an arena its memory is the arena's; without one it is the set's own,
 * until imap_set_done(). */
struct imap_set {
    struct imap_range *ranges;
    size_t count, cap;
    struct arena *arena; /* may be NULL */
    bool is_saved;       /* "$": the result of the last search, nothing else */
};

/* Empty. */
void imap_set_init(struct imap_set *set, struct arena *arena);
void imap_set_done(struct imap_set *set);
/* No ranges; keeps the memory. */
void imap_set_clear(struct imap_set *set);
/* Parse all of TEXT into SET (initialised by the caller, cleared first).
 * False: malformed, a zero, or over IMAP_SET_RANGES.  WITH_STAR allows "*",
 * "$" only with it; without it the set is a uid-set or known-uids. */
bool imap_set_parse(struct view text, bool with_star, struct imap_set *set)
    __attribute__((warn_unused_result));
/* Make SET normal: "*" is LARGEST (the largest UID or the number of messages;
 * with 0, an empty mailbox, ranges with "*" vanish).  "7:*" with LARGEST 5 is
 * "5:7", as RFC 9051 has it. */
void imap_set_resolve(struct imap_set *set, uint32_t largest);

/* Normal sets. */

bool imap_set_contains(const struct imap_set *set, uint32_t number);
/* How many numbers. */
uint64_t imap_set_size(const struct imap_set *set);
/* The largest number, 0 when empty. */
uint32_t imap_set_max(const struct imap_set *set);
/* Add FIRST..LAST (0 < FIRST <= LAST), in constant time when it is above all that
 * is in the set, else in its place. */
void imap_set_add_range(struct imap_set *set, uint32_t first, uint32_t last);
static inline void imap_set_add(struct imap_set *set, uint32_t number)
{
    imap_set_add_range(set, number, number);
}
/* Put a copy of FROM into TO. */
void imap_set_copy(struct imap_set *to, const struct imap_set *from);
/* Put into OUT (initialised, neither A nor B) what is in both; what is in A and
 * not in B; what is in either. */
void imap_set_intersect(const struct imap_set *a, const struct imap_set *b,
                        struct imap_set *out);
void imap_set_subtract(const struct imap_set *a, const struct imap_set *b,
                       struct imap_set *out);
void imap_set_unite(const struct imap_set *a, const struct imap_set *b,
                    struct imap_set *out);

/* Walk all numbers: start with a cursor of zeros. */
struct imap_set_cursor {
    size_t range;
    uint32_t next; /* within it, 0 at its beginning */
};
bool imap_set_next(const struct imap_set *set, struct imap_set_cursor *cursor,
                   uint32_t *number);

/* Append "1:3,5"; nothing for an empty set.  Also writes "*" and "$" of a set
 * that is not resolved.  False when OUT is full. */
bool imap_set_write(const struct imap_set *set, struct str *out);

#endif
