/* hash - a table from byte strings to pointers
 *
 * Keys are copied.  The hash function is keyed with random bytes at start
 * (SipHash-1-3), since keys come from outside.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "view.h"

#include <stdint.h>

struct hash;

struct hash *hash_new(void);
/* Frees keys, not values; call FREE_VALUE on each when not NULL. */
void hash_free(struct hash *h, void (*free_value)(void *));
/* The value, or NULL. */
void *hash_get(const struct hash *h, struct view key);
/* Store VALUE (not NULL); returns the value it replaces, or NULL. */
void *hash_put(struct hash *h, struct view key, void *value);
/* Take out; returns the value or NULL. */
void *hash_remove(struct hash *h, struct view key);
size_t hash_count(const struct hash *h);
/* Walk: start with *POSITION = 0; false at the end.  The table must not grow
 * while walking; removing the current key is allowed. */
bool hash_next(const struct hash *h, size_t *position, struct view *key, void **value);
/* The keyed 64-bit hash of V. */
uint64_t hash_of(struct view v);
/* SipHash-1-3 of V under a given key. */
uint64_t hash_siphash(const uint64_t key[2], struct view v);

#endif
