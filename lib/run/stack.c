/* stack - memory for fibers to run on */
#include "run/stack.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    PAGE = 4096, /* the unit of guards; a larger real page only makes them larger */
    USABLE = (HOOKS_ASAN ? 256 : 64) * 1024,
    MOST_FREE = 256,
};

static struct list free_stacks = {{&free_stacks.head, &free_stacks.head}};
static size_t free_count;

/* Guard pages have the size of the machine's pages. */
static size_t guard_size(void)
{
    static size_t size;

    if (size == 0) {
        long page = sysconf(_SC_PAGESIZE);
        size = page > PAGE ? (size_t)page : PAGE;
    }
    return size;
}

static struct stack *map_stack(size_t header)
{
    size_t guard = guard_size();
    char *base = mmap(NULL, guard + USABLE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);

    if (base == MAP_FAILED || mprotect(base, guard, PROT_NONE) < 0)
        log_fatal("no memory for one more stack: %s", strerror(errno));
    struct stack *s = (struct stack *)(void *)(base + guard + USABLE - header);
    *s = (struct stack){.low = base + guard, .size = USABLE - header};
    hooks_stack_mapped(&s->hooks, s->low, s->size);
    return s;
}

static void unmap_stack(struct stack *s)
{
    hooks_stack_unmapping(&s->hooks);
    munmap(s->low - guard_size(), guard_size() + USABLE);
}

struct stack *stack_take(size_t extra)
{
    size_t header = (sizeof(struct stack) + extra + 63) & ~(size_t)63;
    struct list_link *k = list_pop(&free_stacks);
    struct stack *s;

    assert(header < USABLE / 8);
    if (k) {
        s = CONTAINER_OF(k, struct stack, free);
        free_count--;
        memset(s + 1, 0, extra);
    } else {
        s = map_stack(header);
    }
    hooks_fiber_begins(&s->hooks);
    return s;
}

void stack_give(struct stack *s)
{
    hooks_fiber_ended(&s->hooks);
    if (free_count >= MOST_FREE) {
        unmap_stack(s);
        return;
    }
    list_prepend(&free_stacks, &s->free);
    free_count++;
}

void stack_trim(struct stack *s, const char *floor)
{
    uintptr_t from = (uintptr_t)s->low, to = (uintptr_t)floor & ~(guard_size() - 1);

    if (to > from)
        (void)madvise(s->low, to - from, MADV_DONTNEED);
}

void stack_drop_free(void)
{
    for (struct list_link *k; (k = list_pop(&free_stacks)) != NULL; free_count--)
        unmap_stack(CONTAINER_OF(k, struct stack, free));
}
