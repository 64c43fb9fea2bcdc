/* tags - numbers for requests whose answers come in any order; see tags.h */
#include "ipc/tags.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

enum { FIRST_SLOTS = 16 };

void tags_done(struct tags *t)
{
    memory_free(t->slots);
    *t = (struct tags){0};
}

static void grow(struct tags *t)
{
    uint32_t n = t->n_slots ? 2 * t->n_slots : FIRST_SLOTS;

    t->slots = memory_resize(t->slots, n * sizeof *t->slots);
    memset(t->slots + t->n_slots, 0, (n - t->n_slots) * sizeof *t->slots);
    t->n_slots = n;
}

uint64_t tags_take(struct tags *t, void *what)
{
    uint32_t i = t->first_free;

    assert(what != NULL);
    while (i < t->n_slots && t->slots[i].what != NULL)
        i++;
    if (i == t->n_slots)
        grow(t);
    t->first_free = i + 1;
    t->n_taken++;
    t->slots[i].what = what;
    t->slots[i].generation++;
    return (uint64_t)t->slots[i].generation << 32 | i;
}

void tags_give_at(struct tags *t, uint32_t slot)
{
    assert(slot < t->n_slots && t->slots[slot].what != NULL);
    t->slots[slot].what = NULL;
    t->n_taken--;
    if (slot < t->first_free)
        t->first_free = slot;
}

void tags_give(struct tags *t, uint64_t tag)
{
    assert(tags_find(t, tag) != NULL);
    tags_give_at(t, (uint32_t)tag);
}

void *tags_find(const struct tags *t, uint64_t tag)
{
    uint32_t i = (uint32_t)tag;

    if (i >= t->n_slots || t->slots[i].generation != (uint32_t)(tag >> 32))
        return NULL;
    return t->slots[i].what;
}

void *tags_next(const struct tags *t, uint32_t *position)
{
    while (*position < t->n_slots) {
        void *what = t->slots[(*position)++].what;
        if (what)
            return what;
    }
    return NULL;
}
