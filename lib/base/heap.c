/* heap - a priority queue ordered by a 64-bit number, smallest first */
#include "base/heap.h"

#include "base/memory.h"

#include <assert.h>

void heap_init(struct heap *h)
{
    *h = (struct heap){0};
}

void heap_done(struct heap *h)
{
    for (size_t i = 0; i < h->n; i++)
        h->items[i]->place = 0;
    memory_free(h->items);
    heap_init(h);
}

static void put(struct heap *h, size_t i, struct heap_link *k)
{
    h->items[i] = k;
    k->place = i + 1;
}

/* Move K from I towards the root as far as its key wants. */
static void sift_up(struct heap *h, size_t i, struct heap_link *k)
{
    while (i > 0 && h->items[(i - 1) / 2]->key > k->key) {
        put(h, i, h->items[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(h, i, k);
}

/* Move K from I towards the leaves as far as its key wants. */
static void sift_down(struct heap *h, size_t i, struct heap_link *k)
{
    for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
        if (child + 1 < h->n && h->items[child + 1]->key < h->items[child]->key)
            child++;
        if (h->items[child]->key >= k->key)
            break;
        put(h, i, h->items[child]);
    }
    put(h, i, k);
}

void heap_add(struct heap *h, struct heap_link *k, int64_t key)
{
    assert(k->place == 0);
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 64;
        h->items = memory_resize(h->items, h->cap * sizeof(h->items[0]));
    }
    k->key = key;
    sift_up(h, h->n++, k);
}

void heap_remove(struct heap *h, struct heap_link *k)
{
    size_t i = k->place;

    if (i == 0)
        return;
    assert(i <= h->n && h->items[i - 1] == k);
    k->place = 0;
    struct heap_link *last = h->items[--h->n];
    if (last == k)
        return;
    i--;
    if (i > 0 && h->items[(i - 1) / 2]->key > last->key)
        sift_up(h, i, last);
    else
        sift_down(h, i, last);
}

struct heap_link *heap_first(const struct heap *h)
{
    return h->n ? h->items[0] : NULL;
}

struct heap_link *heap_pop(struct heap *h)
{
    struct heap_link *k = heap_first(h);

    if (k)
        heap_remove(h, k);
    return k;
}
