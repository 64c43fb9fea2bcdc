/* fiber_hooks - what AddressSanitizer and valgrind want to know about stacks
 *
 * All of it is here; in other builds each hook is empty.
 */
#ifndef RUN_FIBER_HOOKS_H
#define RUN_FIBER_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#if defined __has_feature
#if __has_feature(address_sanitizer) && !defined __SANITIZE_ADDRESS__
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#define HOOKS_ASAN 1
#else
#define HOOKS_ASAN 0
#endif

#ifdef HAVE_VALGRIND
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND                0
#define VALGRIND_STACK_REGISTER(low, high) ((void)(low), (void)(high), 0u)
#define VALGRIND_STACK_DEREGISTER(id)      ((void)(id))
#endif

/* One stack as these tools see it; also kept for the loop's own stack. */
struct fiber_hooks {
    const void *low;
    size_t size;
    void *fake_stack;  /* ASan's, while the stack sleeps */
    unsigned valgrind; /* valgrind's number for it */
};

/* A stack was mapped / is about to be unmapped. */
static inline void hooks_stack_mapped(struct fiber_hooks *h, char *low, size_t size)
{
    h->low = low;
    h->size = size;
    h->fake_stack = NULL;
    h->valgrind = VALGRIND_STACK_REGISTER(low, low + size);
}
static inline void hooks_stack_unmapping(struct fiber_hooks *h)
{
    VALGRIND_STACK_DEREGISTER(h->valgrind);
}

/* A fiber begins / ended on the stack: while it lives, what it points to is not
 * leaked; what it left poisoned is clean for the next. */
static inline void hooks_fiber_begins(struct fiber_hooks *h)
{
#if HOOKS_ASAN
    __lsan_register_root_region(h->low, h->size);
#else
    (void)h;
#endif
}
static inline void hooks_fiber_ended(struct fiber_hooks *h)
{
#if HOOKS_ASAN
    __lsan_unregister_root_region(h->low, h->size);
    __asan_unpoison_memory_region(h->low, h->size);
#else
    (void)h;
#endif
}

/* Around a switch: before it on the stack FROM (which ENDS for good or sleeps),
 * after it on the stack that goes on. */
static inline void hooks_before_switch(struct fiber_hooks *from,
                                       const struct fiber_hooks *to, bool ends)
{
#if HOOKS_ASAN
    __sanitizer_start_switch_fiber(ends ? NULL : &from->fake_stack, to->low, to->size);
#else
    (void)from, (void)to, (void)ends;
#endif
}
/* LEFT, when not NULL, learns the bounds of the stack that was left. */
static inline void hooks_after_switch(struct fiber_hooks *now, struct fiber_hooks *left)
{
#if HOOKS_ASAN
    __sanitizer_finish_switch_fiber(now->fake_stack, left ? &left->low : NULL,
                                    left ? &left->size : NULL);
#else
    (void)now, (void)left;
#endif
}

/* Tools slow the program down and look at sleeping stacks: no watchdog, and the
 * memory of stacks is left as it is. */
static inline bool hooks_tool_is_watching(void)
{
    return HOOKS_ASAN || RUNNING_ON_VALGRIND;
}

#endif
