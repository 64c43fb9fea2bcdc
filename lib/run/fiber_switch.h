/* fiber_switch - leaving one stack for another
 *
 * Two back-ends behind this header: fiber_switch_asm.S with its few C lines in
 * fiber_switch_asm.c, and fiber_switch_ucontext.c, the reference, which needs
 * nothing but libc.  Only fiber.c calls them.
 */
#ifndef RUN_FIBER_SWITCH_H
#define RUN_FIBER_SWITCH_H

#include <stddef.h>

#ifdef FIBER_SWITCH_UCONTEXT
#include <ucontext.h>
struct fiber_context {
    ucontext_t saved;
    void *sp; /* somewhere near the stack pointer */
};
#else
struct fiber_context {
    void *sp; /* what the processor must keep lies above it, on the stack itself */
};
#endif

/* Prepare C so that the first switch to it calls ENTRY on the stack of SIZE bytes
 * from LOW.  ENTRY never returns. */
void fiber_context_make(struct fiber_context *c, char *low, size_t size,
                        void (*entry)(void));
/* Save the running context in FROM and go on with TO. */
void fiber_context_switch(struct fiber_context *from, struct fiber_context *to);
/* An address below which the stack of the sleeping C holds nothing of value. */
char *fiber_context_floor(const struct fiber_context *c);

#endif
