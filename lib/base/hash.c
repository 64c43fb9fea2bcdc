/* hash - a table from byte strings to pointers
 *
 * Open addressing with linear probing; a removed slot leaves a mark, and the
 * table is rebuilt when entries and marks together fill three quarters of it.
 */
#include "base/hash.h"

#include "base/log.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sys/random.h>

struct slot {
    uint64_t hash;
    char *key; /* owned; NULL: never used, or removed when `n` is REMOVED */
    size_t n;
    void *value;
};
#define REMOVED SIZE_MAX

struct hash {
    struct slot *slots;
    size_t cap; /* a power of two, or 0 */
    size_t count, removed;
};

static uint64_t siphash_key[2];
static pthread_once_t siphash_once = PTHREAD_ONCE_INIT;

/* Draw the key of this process. */
static void draw_key(void)
{
    ssize_t n;

    do
        n = getrandom(siphash_key, sizeof siphash_key, 0);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof siphash_key)
        log_fatal("getrandom: %s", strerror(errno));
}

static inline uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

/* One SipRound (Aumasson and Bernstein, "SipHash", section 2.2). */
static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* Mix one word: the single compression round of SipHash-1-3. */
static inline void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* Up to eight bytes, the least significant first. */
static inline uint64_t load_word(const char *p, size_t n)
{
    uint64_t word = 0;

    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)(unsigned char)p[i] << (8 * i);
    return word;
}

uint64_t hash_siphash(const uint64_t key[2], struct view v)
{
    uint64_t s[4] = {
        key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
        key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
    size_t at = 0;

    for (; v.n - at >= 8; at += 8)
        sip_word(s, load_word(v.p + at, 8));
    uint64_t last = at < v.n ? load_word(v.p + at, v.n - at) : 0;
    sip_word(s, last | (uint64_t)v.n << 56);
    s[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(s);
    return s[0] ^ s[1] ^ s[2] ^ s[3];
}

uint64_t hash_of(struct view v)
{
    pthread_once(&siphash_once, draw_key);
    return hash_siphash(siphash_key, v);
}

struct hash *hash_new(void)
{
    return NEW(struct hash);
}

static bool is_used(const struct slot *s)
{
    return s->key != NULL;
}

void hash_free(struct hash *h, void (*free_value)(void *))
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < h->cap; i++) {
        if (!is_used(&h->slots[i]))
            continue;
        if (free_value)
            free_value(h->slots[i].value);
        memory_free(h->slots[i].key);
    }
    memory_free(h->slots);
    memory_free(h);
}

/* The slot that holds KEY, or NULL. */
static struct slot *find(const struct hash *h, struct view key, uint64_t hash)
{
    if (h->count == 0)
        return NULL;
    for (size_t i = (size_t)hash & (h->cap - 1);; i = (i + 1) & (h->cap - 1)) {
        struct slot *s = &h->slots[i];
        if (is_used(s) && s->hash == hash && view_eq((struct view){s->key, s->n}, key))
            return s;
        if (!is_used(s) && s->n != REMOVED)
            return NULL;
    }
}

/* The first slot on the way of HASH that is free. */
static struct slot *find_free(struct slot *slots, size_t cap, uint64_t hash)
{
    size_t i = (size_t)hash & (cap - 1);

    while (is_used(&slots[i]))
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

/* Make room for one more: rebuild when three quarters are used or marked. */
static void make_room(struct hash *h)
{
    size_t cap = h->cap ? h->cap : 8;

    if (h->cap && (h->count + h->removed + 1) * 4 <= h->cap * 3)
        return;
    if ((h->count + 1) * 2 > cap)
        cap *= 2;
    struct slot *slots = memory_alloc_array(cap, sizeof *slots);
    for (size_t i = 0; i < h->cap; i++)
        if (is_used(&h->slots[i]))
            *find_free(slots, cap, h->slots[i].hash) = h->slots[i];
    memory_free(h->slots);
    h->slots = slots;
    h->cap = cap;
    h->removed = 0;
}

void *hash_get(const struct hash *h, struct view key)
{
    const struct slot *s = h->count ? find(h, key, hash_of(key)) : NULL;

    return s ? s->value : NULL;
}

void *hash_put(struct hash *h, struct view key, void *value)
{
    uint64_t hash = hash_of(key);
    struct slot *s = find(h, key, hash);

    assert(value != NULL);
    if (s) {
        void *old = s->value;
        s->value = value;
        return old;
    }
    make_room(h);
    s = find_free(h->slots, h->cap, hash);
    if (s->n == REMOVED)
        h->removed--;
    *s = (struct slot){
        .hash = hash, .key = memory_alloc(key.n + 1), .n = key.n, .value = value};
    if (key.n)
        memcpy(s->key, key.p, key.n);
    h->count++;
    return NULL;
}

void *hash_remove(struct hash *h, struct view key)
{
    struct slot *s = h->count ? find(h, key, hash_of(key)) : NULL;

    if (s == NULL)
        return NULL;
    void *value = s->value;
    memory_free(s->key);
    *s = (struct slot){.n = REMOVED};
    h->count--;
    h->removed++;
    return value;
}

size_t hash_count(const struct hash *h)
{
    return h->count;
}

bool hash_next(const struct hash *h, size_t *position, struct view *key, void **value)
{
    while (*position < h->cap) {
        const struct slot *s = &h->slots[(*position)++];
        if (!is_used(s))
            continue;
        *key = (struct view){s->key, s->n};
        *value = s->value;
        return true;
    }
    return false;
}
