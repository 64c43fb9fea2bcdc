/* tags_test - numbers for requests */
#include "ipc/tags.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_tag_names_one_thing(void **state)
{
    struct tags t = {0};
    int a, b;

    (void)state;
    uint64_t first = tags_take(&t, &a), second = tags_take(&t, &b);
    assert_true(first != second);
    assert_ptr_equal(tags_find(&t, first), &a);
    assert_ptr_equal(tags_find(&t, second), &b);
    tags_give(&t, first);
    assert_null(tags_find(&t, first));
    uint64_t third = tags_take(&t, &b); /* the slot of the first, another tag */
    assert_true(third != first && (uint32_t)third == (uint32_t)first);
    assert_null(tags_find(&t, first));
    assert_int_equal(t.n_taken, 2);
    tags_done(&t);
}

/* What a peer may say. */
static void foreign_tags_name_nothing(void **state)
{
    struct tags t = {0};
    int a;

    (void)state;
    assert_null(tags_find(&t, 0));
    uint64_t tag = tags_take(&t, &a);
    assert_null(tags_find(&t, 0));
    assert_null(tags_find(&t, tag + 1));
    assert_null(tags_find(&t, tag + ((uint64_t)1 << 32)));
    assert_null(tags_find(&t, UINT64_MAX));
    tags_done(&t);
}

static void many(void **state)
{
    struct tags t = {0};
    static int what[1000];
    static uint64_t tag[1000];
    uint32_t position = 0, n = 0;

    (void)state;
    for (size_t i = 0; i < 1000; i++)
        tag[i] = tags_take(&t, &what[i]);
    for (size_t i = 0; i < 1000; i += 2)
        tags_give(&t, tag[i]);
    for (int *p; (p = tags_next(&t, &position)) != NULL; n++) {
        assert_int_equal((p - what) % 2, 1);
        tags_give_at(&t, position - 1);
    }
    assert_int_equal(n, 500);
    assert_int_equal(t.n_taken, 0);
    assert_int_equal((uint32_t)tags_take(&t, &what[0]), 0);
    tags_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tag_names_one_thing),
        cmocka_unit_test(foreign_tags_name_nothing),
        cmocka_unit_test(many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
