/* fiber_switch_asm - void fiber_switch_stacks(void **from, void *to)
 *
 * Keeps what the calling conventions give to the callee; the control words of
 * the floating point units are the same in all fibers of a process.  The layout
 * is that of fiber_switch_asm.c and tools/gdb/fibers.py.
 */
        .text
        .globl  fiber_switch_stacks
        .type   fiber_switch_stacks, %function
        .hidden fiber_switch_stacks
        .p2align 4
fiber_switch_stacks:
        .cfi_startproc

#if defined __x86_64__
        endbr64
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r13, 0
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r14, 0
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r15, 0
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        ret

#elif defined __aarch64__
        hint    #34                     /* bti c */
        sub     sp, sp, #160
        .cfi_adjust_cfa_offset 160
        stp     x19, x20, [sp, #0]
        stp     x21, x22, [sp, #16]
        stp     x23, x24, [sp, #32]
        stp     x25, x26, [sp, #48]
        stp     x27, x28, [sp, #64]
        stp     x29, x30, [sp, #80]
        stp     d8, d9, [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        .cfi_rel_offset x29, 80
        .cfi_rel_offset x30, 88
        mov     x9, sp
        str     x9, [x0]
        mov     sp, x1
        ldp     x19, x20, [sp, #0]
        ldp     x21, x22, [sp, #16]
        ldp     x23, x24, [sp, #32]
        ldp     x25, x26, [sp, #48]
        ldp     x27, x28, [sp, #64]
        ldp     x29, x30, [sp, #80]
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        .cfi_restore x29
        .cfi_restore x30
        add     sp, sp, #160
        .cfi_adjust_cfa_offset -160
        ret
#endif

        .cfi_endproc
        .size   fiber_switch_stacks, .-fiber_switch_stacks

        .section .note.GNU-stack, "", %progbits

/* Branch targets are marked (x86 IBT, aarch64 BTI).  x86 shadow stacks are not
 * claimed: this changes stacks behind their back, so the linker must leave them
 * off for the whole program. */
        .section .note.gnu.property, "a"
        .p2align 3
        .long   4, 16, 5
        .asciz  "GNU"
#if defined __x86_64__
        .long   0xc0000002, 4, 1, 0
#elif defined __aarch64__
        .long   0xc0000000, 4, 1, 0
#endif
