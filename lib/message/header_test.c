/* header_test - walking, finding and selecting header fields */
#include "message/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BLOCK                                                                            \
    "From: a@b\n"                                                                        \
    "Subject : folded\n\tvalue \n"                                                       \
    "no field\n"                                                                         \
    "To:\n"                                                                              \
    "subject: second\r\n"                                                                \
    "\r\n"

static void assert_view(struct view v, const char *want)
{
    assert_int_equal(v.n, strlen(want));
    assert_true(view_eq(v, view_of(want)));
}

static void test_block(void **state)
{
    (void)state;
    assert_view(message_header(VIEW(BLOCK "Body: x\n\n")), BLOCK);
    assert_view(message_header(VIEW("\nbody")), "\n");
    assert_view(message_header(VIEW("A: b\nC: d")), "A: b\nC: d");
    assert_view(message_header(VIEW_NONE), "");
}

static void test_next(void **state)
{
    (void)state;
    struct view rest = VIEW(BLOCK);
    struct message_field f;
    assert_true(message_header_next(&rest, &f));
    assert_view(f.name, "From");
    assert_view(f.value, "a@b");
    assert_view(f.raw, "From: a@b\n");
    assert_true(message_header_next(&rest, &f));
    assert_view(f.name, "Subject");
    assert_view(f.value, "folded\n\tvalue");
    assert_true(message_header_next(&rest, &f));
    assert_view(f.name, "");
    assert_view(f.raw, "no field\n");
    assert_true(message_header_next(&rest, &f));
    assert_view(f.value, "");
    assert_true(message_header_next(&rest, &f));
    assert_view(f.value, "second");
    assert_false(message_header_next(&rest, &f));
    assert_view(rest, "\r\n");
}

static void test_find(void **state)
{
    (void)state;
    struct message_field f;
    assert_true(message_header_find(VIEW(BLOCK), VIEW("SUBJECT"), &f));
    assert_view(f.value, "folded\n\tvalue");
    assert_false(message_header_find(VIEW(BLOCK "Date: x\n"), VIEW("Date"), &f));
    assert_false(message_header_find(VIEW(BLOCK), VIEW("subj"), &f));
    assert_false(message_header_find(VIEW(BLOCK), VIEW(""), &f));
    assert_view(message_header_value(VIEW(BLOCK), VIEW("to")), "");
    assert_non_null(message_header_value(VIEW(BLOCK), VIEW("to")).p);
    assert_null(message_header_value(VIEW(BLOCK), VIEW("cc")).p);
    /* What continues another field is none. */
    assert_null(message_header_value(VIEW("A: b\n Cc: x\n"), VIEW("cc")).p);
}

static void test_values(void **state)
{
    (void)state;
    const struct view names[] = {VIEW("cc"), VIEW("subject"), VIEW("from")};
    struct view values[3];
    message_header_values(VIEW(BLOCK), names, 3, values);
    assert_null(values[0].p);
    assert_view(values[1], "folded\n\tvalue");
    assert_view(values[2], "a@b");
}

/* S062: what a client asks for comes byte for byte. */
static void test_select(void **state)
{
    (void)state;
    const struct view names[] = {VIEW("SUBJECT"), VIEW("X")};
    struct str out = STR_INIT(1000);
    assert_true(message_header_select(VIEW(BLOCK), names, 2, false, &out));
    assert_string_equal(str_cstr(&out),
                        "Subject : folded\r\n\tvalue \r\nsubject: second\r\n\r\n");
    str_clear(&out);
    assert_true(message_header_select(VIEW(BLOCK), names, 2, true, &out));
    assert_string_equal(str_cstr(&out), "From: a@b\r\nno field\r\nTo:\r\n\r\n");
    str_clear(&out);
    assert_true(message_header_select(VIEW("X: 1"), names, 2, false, &out));
    assert_string_equal(str_cstr(&out), "X: 1\r\n\r\n");
    str_done(&out);
    str_init(&out, 10);
    assert_false(message_header_select(VIEW(BLOCK), names, 2, false, &out));
    str_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block),  cmocka_unit_test(test_next),
        cmocka_unit_test(test_find),   cmocka_unit_test(test_values),
        cmocka_unit_test(test_select),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
