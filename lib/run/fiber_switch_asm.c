/* fiber_switch_asm - the first frame of a stack, as fiber_switch_asm.S pops it */
#include "run/fiber_switch.h"

#include <stdint.h>

/* Save the registers that a callee must keep on the stack, store the stack
 * pointer in *FROM, take TO as stack pointer and restore from there. */
void fiber_switch_stacks(void **from, void *to);

#if defined __x86_64__
/* r15 r14 r13 r12 rbx rbp, the return address, and a zero where the caller's would
 * be: debuggers stop there, and it leaves the stack as after a call (16-byte
 * alignment but for that one word). */
enum { WORDS = 8, RETURN_ADDRESS = 6 };
#elif defined __aarch64__
/* x19 to x28, x29 (frame), x30 (return address), d8 to d15. */
enum { WORDS = 20, RETURN_ADDRESS = 11 };
#else
#error "no assembly for this processor: configure with -Dfiber_switch=ucontext"
#endif

void fiber_context_make(struct fiber_context *c, char *low, size_t size,
                        void (*entry)(void))
{
    uintptr_t top = ((uintptr_t)low + size) & ~(uintptr_t)15;
    uintptr_t *frame = (uintptr_t *)top - WORDS;

    for (size_t i = 0; i < WORDS; i++)
        frame[i] = 0;
    frame[RETURN_ADDRESS] = (uintptr_t)entry;
    c->sp = frame;
}

void fiber_context_switch(struct fiber_context *from, struct fiber_context *to)
{
    fiber_switch_stacks(&from->sp, to->sp);
}

char *fiber_context_floor(const struct fiber_context *c)
{
    return c->sp;
}
