/* error_test - words and statuses of failures */
#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void text_status_and_place(void **state)
{
    struct error e = ERROR_INIT;

    (void)state;
    assert_false(error_is_set(&e));
    error_set(&e, "5.1.1", "unknown user: %s", "nobody");
    assert_true(error_is_set(&e));
    assert_string_equal(e.status, "5.1.1");
    assert_string_equal(error_cstr(&e), "unknown user: nobody");
    assert_int_equal(error_result(&e), PERMFAIL);
    error_at(&e, "/etc/postfix/main.cf", 12);
    assert_string_equal(error_cstr(&e), "/etc/postfix/main.cf:12: unknown user: nobody");
    error_prefix(&e, "table %s: ", "x");
    assert_string_equal(e.text, "table x: unknown user: nobody");
    error_clear(&e);
    assert_false(error_is_set(&e));
    assert_int_equal(error_result(&e), TEMPFAIL);
    error_at(&e, "f", 0);
    assert_string_equal(e.place, "f");
}

static void errno_is_told(void **state)
{
    struct error e = ERROR_INIT;

    (void)state;
    errno = ENOENT;
    error_set_errno(&e, "4.3.0", "open %s", "/x");
    assert_string_equal(e.text, "open /x: No such file or directory");
    assert_int_equal(e.saved_errno, ENOENT);
    assert_int_equal(errno, ENOENT);
    error_set(&e, "4.3.0", "other");
    assert_int_equal(e.saved_errno, 0);
}

static void foreign_bytes_make_no_lines(void **state)
{
    struct error e = ERROR_INIT;

    (void)state;
    error_set(&e, NULL, "a\r\nb\tc\x7f");
    assert_string_equal(e.text, "a??b?c?");
    assert_string_equal(e.status, "");
    error_prefix(&e, "x\ny");
    assert_string_equal(e.text, "x?ya??b?c?");
}

static void long_texts_are_cut(void **state)
{
    struct error e = ERROR_INIT;

    (void)state;
    error_set(&e, "4.0.0", "%2000s", "x");
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    error_prefix(&e, "prefix: ");
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    assert_int_equal(strncmp(e.text, "prefix:  ", 9), 0);
    error_prefix(&e, "%2000s", "y");
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

static void nobody_may_want_to_know(void **state)
{
    (void)state;
    error_set(NULL, "4.0.0", "x");
    error_set_errno(NULL, "4.0.0", "x");
    error_at(NULL, "x", 1);
    error_prefix(NULL, "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_status_and_place),
        cmocka_unit_test(errno_is_told),
        cmocka_unit_test(foreign_bytes_make_no_lines),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(nobody_may_want_to_know),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
