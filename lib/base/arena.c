/* arena - memory that is freed whole
 *
 * A chain of blocks, the newest first; each new block doubles up to a ceiling.
 * Under AddressSanitizer what is not handed out is poisoned, so a pointer kept
 * past arena_reset() is found.
 */
#include "base/arena.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"

#include <stdalign.h>
#include <stdint.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum { FIRST_BLOCK = 1024, LARGEST_DOUBLED = 64 * 1024 };

struct block {
    struct block *older;
    size_t size; /* of bytes */
    size_t used;
    alignas(max_align_t) char bytes[];
};

struct arena {
    struct block *newest; /* NULL until first use */
};

struct arena *arena_new(void)
{
    return NEW(struct arena);
}

/* Free B and all older blocks. */
static void free_blocks(struct block *b)
{
    while (b) {
        struct block *older = b->older;
        ASAN_UNPOISON_MEMORY_REGION(b->bytes, b->size);
        memory_free(b);
        b = older;
    }
}

void arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    free_blocks(a->newest);
    memory_free(a);
}

void arena_reset(struct arena *a)
{
    struct block *kept = a->newest;

    if (kept == NULL)
        return;
    free_blocks(kept->older);
    kept->older = NULL;
    kept->used = 0;
    ASAN_POISON_MEMORY_REGION(kept->bytes, kept->size);
    if (kept->size > LARGEST_DOUBLED) {
        free_blocks(kept);
        a->newest = NULL;
    }
}

/* Put a block with room for SIZE bytes at the front of the chain. */
static void add_block(struct arena *a, size_t size)
{
    size_t wanted = FIRST_BLOCK - sizeof(struct block), total;

    if (a->newest)
        wanted = a->newest->size < LARGEST_DOUBLED / 2 ? a->newest->size * 2
                                                       : (size_t)LARGEST_DOUBLED;
    if (wanted < size)
        wanted = size;
    if (!number_add(wanted, sizeof(struct block), &total))
        log_fatal("out of memory: arena block of %zu bytes", wanted);
    struct block *b = memory_resize(NULL, total);
    *b = (struct block){.older = a->newest, .size = wanted};
    a->newest = b;
    ASAN_POISON_MEMORY_REGION(b->bytes, b->size);
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t rounded;

    if (!number_add(size ? size : 1, alignof(max_align_t) - 1, &rounded))
        log_fatal("out of memory: %zu bytes of an arena", size);
    rounded &= ~(alignof(max_align_t) - 1);
    if (a->newest == NULL || a->newest->size - a->newest->used < rounded)
        add_block(a, rounded);
    char *p = a->newest->bytes + a->newest->used;
    a->newest->used += rounded;
    ASAN_UNPOISON_MEMORY_REGION(p, size);
    memset(p, 0, size);
    return p;
}

void *arena_alloc_array(struct arena *a, size_t count, size_t size)
{
    size_t total;

    if (!number_mul(count, size, &total))
        log_fatal("out of memory: %zu x %zu bytes of an arena", count, size);
    return arena_alloc(a, total);
}

char *arena_cstr(struct arena *a, struct view v)
{
    size_t size;

    if (!number_add(v.n, (size_t)1, &size))
        log_fatal("out of memory: %zu bytes of an arena", v.n);
    char *copy = arena_alloc(a, size);
    if (v.n)
        memcpy(copy, v.p, v.n);
    return copy;
}

struct view arena_dup(struct arena *a, struct view v)
{
    return (struct view){arena_cstr(a, v), v.n};
}

struct view arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    struct view v = arena_vprintf(a, format, args);
    va_end(args);
    return v;
}

struct view arena_vprintf(struct arena *a, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    size_t length = n > 0 ? (size_t)n : 0;
    char *text = arena_alloc(a, length + 1);
    vsnprintf(text, length + 1, format, args);
    return (struct view){text, length};
}

struct view arena_lower(struct arena *a, struct view v)
{
    char *copy = arena_cstr(a, v);

    for (size_t i = 0; i < v.n; i++)
        copy[i] = (char)ascii_lower(copy[i]);
    return (struct view){copy, v.n};
}

size_t arena_size(const struct arena *a)
{
    size_t total = 0;

    for (const struct block *b = a->newest; b; b = b->older)
        total += sizeof *b + b->size;
    return total;
}
