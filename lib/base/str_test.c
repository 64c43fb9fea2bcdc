/* str_test - building strings up to their limit; arenas */
#include "base/arena.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void adding_grows(void **state)
{
    struct str s = STR_INIT(SIZE_MAX);

    (void)state;
    assert_string_equal(str_cstr(&s), "");
    assert_true(view_is_empty(str_view(&s)));
    for (int i = 0; i < 1000; i++)
        assert_true(str_add(&s, VIEW("0123456789")));
    assert_int_equal(s.n, 10000);
    assert_int_equal(s.p[10000], '\0');
    assert_memory_equal(s.p + 9990, "0123456789", 10);
    str_clear(&s);
    assert_true(str_add_char(&s, 'x') && str_add_cstr(&s, "yz") &&
                str_addf(&s, "%d", 42));
    assert_string_equal(str_cstr(&s), "xyz42");
    assert_true(str_setf(&s, "%400s", "end"));
    assert_int_equal(s.n, 400);
    assert_true(str_set(&s, VIEW("AbC")));
    str_lower(&s);
    assert_string_equal(str_cstr(&s), "abc");
    str_done(&s);
    assert_null(s.p);
}

static void the_limit_holds(void **state)
{
    struct str s;

    (void)state;
    str_init(&s, 5);
    assert_true(str_add(&s, VIEW("abc")));
    assert_false(str_add(&s, VIEW("defg")));
    assert_string_equal(str_cstr(&s), "abcde");
    assert_true(s.overflow);
    str_truncate(&s, 1);
    assert_false(str_add_char(&s, 'x')); /* goes on refusing */
    assert_string_equal(str_cstr(&s), "a");
    str_clear(&s);
    assert_true(str_addf(&s, "%s", "12345"));
    assert_false(s.overflow);
    assert_false(str_addf(&s, "%d", 6));
    assert_null(str_reserve(&s, 1));
    str_done(&s);
    struct str none = STR_INIT(0);
    assert_false(str_add_char(&none, 'x'));
    assert_true(none.overflow);
    str_done(&none);
}

static void inserting_and_consuming(void **state)
{
    struct str s = STR_INIT(8);

    (void)state;
    assert_true(str_insert(&s, 5, VIEW("ad")));
    assert_true(str_insert(&s, 1, VIEW("bc")));
    assert_true(str_insert(&s, 4, VIEW("e")));
    assert_string_equal(str_cstr(&s), "abcde");
    assert_false(str_insert(&s, 0, VIEW("1234")));
    assert_string_equal(str_cstr(&s), "123abcde");
    str_consume(&s, 3);
    assert_string_equal(str_cstr(&s), "abcde");
    str_consume(&s, 0);
    str_truncate(&s, 50);
    str_consume(&s, 50);
    assert_int_equal(s.n, 0);
    str_done(&s);
}

static void reserved_room_is_there(void **state)
{
    struct str s = STR_INIT(1000);
    char *p = str_reserve(&s, 1000);

    (void)state;
    assert_non_null(p);
    memset(p, 'x', 1000);
    s.n += 1000;
    assert_null(str_reserve(&s, 1));
    assert_non_null(str_reserve(&s, 0));
    str_done(&s);
}

static void arena_memory_is_clear_and_aligned(void **state)
{
    struct arena *a = arena_new();

    (void)state;
    for (size_t size = 0; size < 3000; size += 7) {
        unsigned char *p = arena_alloc(a, size);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size);
    }
    arena_reset(a);
    assert_int_equal(*(char *)arena_alloc(a, 1), 0);
    assert_true(arena_size(a) <= 128 * 1024);
    arena_free(a);
    arena_free(NULL);
}

static void arena_copies(void **state)
{
    struct arena *a = arena_new();
    struct view v = arena_dup(a, VIEW("a\0B"));

    (void)state;
    assert_int_equal(v.n, 3);
    assert_memory_equal(v.p, "a\0B", 4);
    assert_string_equal(arena_cstr(a, VIEW_NONE), "");
    v = arena_printf(a, "%s-%0100d", "x", 7);
    assert_int_equal(v.n, 102);
    assert_string_equal(v.p + 100, "07");
    v = arena_lower(a, VIEW("MiXeD\xc4"));
    assert_string_equal(v.p, "mixed\xc4");
    int *numbers = arena_alloc_array(a, 100, sizeof *numbers);
    assert_int_equal(numbers[99], 0);
    arena_free(a);
}

static void a_large_block_is_not_kept(void **state)
{
    struct arena *a = arena_new();

    (void)state;
    (void)arena_alloc(a, 10 * 1024 * 1024);
    arena_reset(a);
    assert_int_equal(arena_size(a), 0);
    for (int i = 0; i < 3; i++)
        (void)arena_alloc(a, 100);
    assert_true(arena_size(a) <= 1024);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adding_grows),
        cmocka_unit_test(the_limit_holds),
        cmocka_unit_test(inserting_and_consuming),
        cmocka_unit_test(reserved_room_is_there),
        cmocka_unit_test(arena_memory_is_clear_and_aligned),
        cmocka_unit_test(arena_copies),
        cmocka_unit_test(a_large_block_is_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
