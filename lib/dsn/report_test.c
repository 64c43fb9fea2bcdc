/* report_test - writing and parsing reports, and what hostile bytes may not do */
#include "dsn/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

static const struct report_recipient two[] = {
    {.address = {"nobody@example.org", 18},
     .original = {"alias@example.org", 17},
     .orcpt = {"rfc822;alias@example.org", 24},
     .notify = 4,
     .action = REPORT_FAILED,
     .status = {"5.1.1", 5},
     .text = {"host mx said: 550 5.1.1 no", 26},
     .diagnostic_type = {"smtp", 4},
     .diagnostic = {"550 5.1.1 no", 12},
     .remote_mta = {"mx.example.org", 14}},
    {.address = {"x@y", 3}, .action = REPORT_DELAYED, .status = {"4.4.1", 5}},
};

static void test_round_trip(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct report_recipient *got = NULL;
    size_t n = 0;
    int fd = report_write_memory(two, 2, &e);
    assert_true(fd >= 0);
    assert_true(report_read(a, fd, &got, &n, &e));
    assert_int_equal(n, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(view_eq(got[i].address, two[i].address));
        assert_true(view_eq(got[i].original, two[i].original));
        assert_true(view_eq(got[i].orcpt, two[i].orcpt));
        assert_true(view_eq(got[i].status, two[i].status));
        assert_true(view_eq(got[i].text, two[i].text));
        assert_true(view_eq(got[i].diagnostic_type, two[i].diagnostic_type));
        assert_true(view_eq(got[i].diagnostic, two[i].diagnostic));
        assert_true(view_eq(got[i].remote_mta, two[i].remote_mta));
        assert_int_equal(got[i].notify, two[i].notify);
        assert_int_equal(got[i].action, two[i].action);
    }
    close(fd);
    arena_free(a);
}

/* Every cut and every changed byte is refused or parsed, never read out of bounds. */
static void test_damage(void **state)
{
    (void)state;
    struct str bytes = STR_INIT(4096);
    assert_true(report_write(two, 2, &bytes));
    struct arena *a = arena_new();
    struct report_recipient *got;
    size_t n;
    for (size_t cut = 0; cut < bytes.n; cut++)
        assert_false(report_parse(a, view_sub(str_view(&bytes), 0, cut), &got, &n, NULL));
    assert_true(str_add_char(&bytes, 'x'));
    assert_false(report_parse(a, str_view(&bytes), &got, &n, NULL));
    str_truncate(&bytes, bytes.n - 1);
    bytes.p[7] = (char)0xff; /* four thousand million recipients */
    assert_false(report_parse(a, str_view(&bytes), &got, &n, NULL));
    bytes.p[7] = 0;
    bytes.p[8] = REPORT_ACTIONS;
    assert_false(report_parse(a, str_view(&bytes), &got, &n, NULL));
    arena_free(a);
    str_done(&bytes);
}

static void test_long_field_is_cut(void **state)
{
    (void)state;
    static char text[REPORT_FIELD_MAX + 100];
    memset(text, 't', sizeof text);
    struct report_recipient r = {.address = VIEW("a@b"), .text = {text, sizeof text}};
    struct arena *a = arena_new();
    struct str bytes = STR_INIT(2 * sizeof text);
    struct report_recipient *got = NULL;
    size_t n = 0;
    assert_true(report_write(&r, 1, &bytes));
    assert_true(report_parse(a, str_view(&bytes), &got, &n, NULL));
    assert_int_equal(n, 1);
    assert_int_equal(got[0].text.n, REPORT_FIELD_MAX);
    str_done(&bytes);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_long_field_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
