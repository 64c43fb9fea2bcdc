/* test_kit - what the tests of this room share: an arena, and input from text */
#ifndef IMAP_TEST_KIT_H
#define IMAP_TEST_KIT_H

#include "input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct arena *arena;

static inline int kit_setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static inline int kit_teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* Input of TEXT, which may hold literals. */
static inline struct imap_input kit_input(const char *text)
{
    struct imap_input in;
    imap_input_memory(&in, arena, view_of(text));
    return in;
}

static inline void assert_view(struct view v, const char *want)
{
    if (!view_eq(v, view_of(want)))
        fail_msg("\"%.*s\" is not \"%s\"", VIEW_FMT(v), want);
}

#endif
