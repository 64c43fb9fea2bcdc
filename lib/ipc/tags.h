/* tags - numbers for requests whose answers come in any order
 *
 * A tag names what was asked for until it is given back; a peer that answers a tag once
 * more, or one that it was never given, finds nothing.  Used on both sides of a
 * connection that carries many requests at a time (IPC_ATTR_TAG).
 */
#ifndef IPC_TAGS_H
#define IPC_TAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tags {
    struct tag_slot {
        void *what; /* NULL: free */
        uint32_t generation;
    } * slots;
    uint32_t n_slots, first_free; /* none is free below it */
    uint32_t n_taken;
};

/* All zero is an empty one. */
void tags_done(struct tags *t);
/* A tag for WHAT (not NULL). */
uint64_t tags_take(struct tags *t, void *what);
/* TAG, which was taken, names nothing any more. */
void tags_give(struct tags *t, uint64_t tag);
/* What TAG, of any origin, names; NULL for nothing. */
void *tags_find(const struct tags *t, uint64_t tag);
/* Walk: start with *POSITION = 0; NULL at the end.  What was found may be given back
 * with tags_give_at(T, *POSITION - 1). */
void *tags_next(const struct tags *t, uint32_t *position);
void tags_give_at(struct tags *t, uint32_t slot);

#endif
