/* stack - memory for fibers to run on
 *
 * A stack is a mapping of its own with a guard page below it, so that running
 * over the end stops the program instead of changing a neighbour.  Stacks of
 * ended fibers are kept for the next ones, up to a number.
 */
#ifndef RUN_STACK_H
#define RUN_STACK_H

#include "run/fiber_hooks.h"

#include "base/list.h"

/* At the top end of its own stack. */
struct stack {
    char *low;   /* first usable byte, above the guard page */
    size_t size; /* usable bytes below this structure */
    struct fiber_hooks hooks;
    struct list_link free;
};

/* A stack with EXTRA bytes, zeroed, behind the structure for the caller's own use. */
struct stack *stack_take(size_t extra);
void stack_give(struct stack *s);
/* Give the pages below FLOOR back to the system. */
void stack_trim(struct stack *s, const char *floor);
/* Unmap all free stacks. */
void stack_drop_free(void);

#endif
