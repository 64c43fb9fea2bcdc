/* fiber_switch_ucontext - the reference back-end, on getcontext(3)
 *
 * Portable and slow: swapcontext(3) makes a system call for the signal mask.
 */
#include "run/fiber_switch.h"

#include "base/log.h"

#include <errno.h>

enum { BELOW_FRAME = 4096 }; /* swapcontext(3) and its caller use far less */

void fiber_context_make(struct fiber_context *c, char *low, size_t size,
                        void (*entry)(void))
{
    if (getcontext(&c->saved) < 0)
        log_fatal("getcontext: %s", strerror(errno));
    c->saved.uc_stack.ss_sp = low;
    c->saved.uc_stack.ss_size = size;
    c->saved.uc_link = NULL;
    c->sp = low + size;
    makecontext(&c->saved, entry, 0);
}

void fiber_context_switch(struct fiber_context *from, struct fiber_context *to)
{
    from->sp = __builtin_frame_address(0);
    if (swapcontext(&from->saved, &to->saved) < 0)
        log_panic("swapcontext: %s", strerror(errno));
}

char *fiber_context_floor(const struct fiber_context *c)
{
    return (char *)c->sp - BELOW_FRAME;
}
