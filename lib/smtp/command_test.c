/* command_test - command lines, paths and parameters */
#include "command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_split(void **state)
{
    struct smtp_command c;
    assert_true(smtp_command_split(VIEW("MAIL FROM: <a@b>  SIZE=3\r\n"), &c));
    assert_true(view_eq(c.verb, VIEW("MAIL")));
    assert_true(view_eq(c.args, VIEW("FROM: <a@b>  SIZE=3")));
    assert_true(smtp_command_split(VIEW("  quit "), &c));
    assert_true(view_eq(c.verb, VIEW("quit")) && c.args.n == 0);
    assert_false(smtp_command_split(VIEW(" \t\r\n"), &c));
    struct view rest = VIEW(" a  b ");
    struct view word;
    assert_true(smtp_command_argument(&rest, &word) && view_eq(word, VIEW("a")));
    assert_true(smtp_command_argument(&rest, &word) && view_eq(word, VIEW("b")));
    assert_false(smtp_command_argument(&rest, &word));
    (void)state;
}

static void expect_path(bool strict, const char *args, enum smtp_path_fault fault,
                        const char *path, const char *parameters)
{
    struct view p, more;
    enum smtp_path_fault got =
        smtp_path_split(view_of(args), VIEW("FROM"), strict, &p, &more);
    if (got != fault)
        fail_msg("%s: %d", args, (int)got);
    if (got != SMTP_PATH_OK)
        return;
    assert_true(view_eq(p, view_of(path)));
    assert_true(view_eq(more, view_of(parameters)));
}

/* S022: the course types a blank behind the colon. */
static void test_path(void **state)
{
    expect_path(false, "FROM: <christian.caleca@wanadoo.fr>", SMTP_PATH_OK,
                "<christian.caleca@wanadoo.fr>", "");
    expect_path(false, "from:<a@b> SIZE=100 BODY=8BITMIME", SMTP_PATH_OK, "<a@b>",
                "SIZE=100 BODY=8BITMIME");
    expect_path(false, "FROM : <a@b>", SMTP_PATH_OK, "<a@b>", "");
    expect_path(false, "FROM:a@b SIZE=1", SMTP_PATH_OK, "a@b", "SIZE=1");
    expect_path(false, "FROM:<>", SMTP_PATH_OK, "<>", "");
    expect_path(false, "FROM:<\"a> b\"@c> X", SMTP_PATH_OK, "<\"a> b\"@c>", "X");
    expect_path(false, "FROM:<a b@c>", SMTP_PATH_OK, "<a b@c>", "");
    expect_path(false, "FROM:Some Body <a@b> SIZE=1", SMTP_PATH_OK, "Some Body <a@b>",
                "SIZE=1");
    expect_path(false, "FROM:<a@b>SIZE=1", SMTP_PATH_SYNTAX, "", "");
    expect_path(false, "FROM:<a@b", SMTP_PATH_SYNTAX, "", "");
    expect_path(false, "FROM:", SMTP_PATH_MISSING, "", "");
    expect_path(false, "FROM", SMTP_PATH_NO_KEYWORD, "", "");
    expect_path(false, "TO:<a@b>", SMTP_PATH_NO_KEYWORD, "", "");
    expect_path(false, "FROM:\"open", SMTP_PATH_OK, "\"open", "");
    expect_path(false, "FROM:a@b X=<y>", SMTP_PATH_OK, "a@b", "X=<y>");
    (void)state;
}

static void test_path_strict(void **state)
{
    expect_path(true, "FROM:<a@b> SIZE=1", SMTP_PATH_OK, "<a@b>", "SIZE=1");
    expect_path(true, "FROM: <a@b>", SMTP_PATH_SYNTAX, "", "");
    expect_path(true, "FROM :<a@b>", SMTP_PATH_NO_KEYWORD, "", "");
    expect_path(true, "FROM:a@b", SMTP_PATH_SYNTAX, "", "");
    expect_path(true, "FROM:", SMTP_PATH_MISSING, "", "");
    (void)state;
}

static void test_parameters(void **state)
{
    struct view rest = VIEW("SIZE=100  smtputf8 ENVID=a=b X-Y-= X=");
    struct smtp_parameter p;
    assert_int_equal(smtp_parameter_next(&rest, false, &p), SMTP_PARAMETER_OK);
    assert_true(view_eq(p.name, VIEW("SIZE")) && view_eq(p.value, VIEW("100")) &&
                p.has_value);
    assert_int_equal(smtp_parameter_next(&rest, false, &p), SMTP_PARAMETER_OK);
    assert_true(view_eq(p.name, VIEW("smtputf8")) && !p.has_value);
    assert_int_equal(smtp_parameter_next(&rest, false, &p), SMTP_PARAMETER_OK);
    assert_true(view_eq(p.value, VIEW("a=b")));
    assert_int_equal(smtp_parameter_next(&rest, false, &p), SMTP_PARAMETER_OK);
    assert_int_equal(smtp_parameter_next(&rest, false, &p), SMTP_PARAMETER_OK);
    assert_true(p.has_value && p.value.n == 0);
    assert_int_equal(smtp_parameter_next(&rest, false, &p), SMTP_PARAMETER_END);
    (void)state;
}

static void test_parameters_refused(void **state)
{
    static const char *const bad[] = {"=x",     "-A=x",   "A_B=x",
                                      "A=\x01", "A=\x7f", "A=\xc3\xa9"};
    struct smtp_parameter p;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct view rest = view_of(bad[i]);
        assert_int_equal(smtp_parameter_next(&rest, false, &p), SMTP_PARAMETER_BAD);
    }
    struct view rest = VIEW("A=\xc3\xa9 B=\xc3");
    assert_int_equal(smtp_parameter_next(&rest, true, &p), SMTP_PARAMETER_OK);
    assert_int_equal(smtp_parameter_next(&rest, true, &p), SMTP_PARAMETER_BAD);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_path_strict),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_parameters_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
