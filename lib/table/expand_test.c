/* expand_test - the %-formats: what mysql_table(5) and ldap_table(5) promise */
#include "table/expand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* FORMAT for KEY and VALUE; "-" when a part is missing. */
static const char *result(const char *format, const char *key, const char *value)
{
    static char buffer[200];
    struct str out = STR_INIT(sizeof buffer - 1);
    bool ok = expand_result(view_of(format), view_of(key), view_of(value), &out);

    memcpy(buffer, str_cstr(&out), out.n + 1);
    str_done(&out);
    return ok ? buffer : "-";
}

static const char *query(const char *format, const char *key, expand_quote_fn *quote)
{
    static char buffer[200];
    struct str out = STR_INIT(sizeof buffer - 1);
    bool ok = expand_query(view_of(format), view_of(key), quote, NULL, &out);

    memcpy(buffer, str_cstr(&out), out.n + 1);
    str_done(&out);
    return ok ? buffer : "-";
}

static void test_parts(void **state)
{
    (void)state;
    assert_string_equal(query("%s|%u|%d|%1|%3", "user@mail.example.com", NULL),
                        "user@mail.example.com|user|mail.example.com|com|mail");
    assert_string_equal(query("%S|%U|%D", "a@b@c", NULL), "a@b@c|a@b|c");
    assert_string_equal(query("%u", "plain", NULL), "plain");
    assert_string_equal(query("%d", "plain", NULL), "-");
    assert_string_equal(query("%u", "@example.com", NULL), "-");
    assert_string_equal(query("%3", "user@example.com", NULL), "-");
    assert_string_equal(query("100%%", "x", NULL), "100%");
    assert_string_equal(result("smtp:[%s]", "k@d.e", "host"), "smtp:[host]");
    assert_string_equal(result("%u %d %U %D %1", "k@d.e", "v@w"), "v w k d.e e");
    assert_string_equal(result("%d", "k@d.e", "unqualified"), "-");
}

static void test_quotes(void **state)
{
    (void)state;
    assert_string_equal(query("'%s'", "o'neil", expand_quote_sql), "'o''neil'");
    assert_string_equal(query("(m=%s)", "a*(b)\\c", expand_quote_ldap_filter),
                        "(m=a\\2a\\28b\\29\\5cc)");
    assert_string_equal(query("ou=%u", " a,b=c ", expand_quote_ldap_name),
                        "ou=\\ a\\,b\\=c\\ ");
    assert_string_equal(query("ou=%u", "#a", expand_quote_ldap_name), "ou=\\#a");
}

static void test_list(void **state)
{
    struct error e = ERROR_INIT;
    struct str out = STR_INIT(20);
    struct expand_list l = {
        .format = VIEW("%d"), .key = VIEW("k"), .limit = 2, .out = &out};

    (void)state;
    assert_true(expand_list_add(&l, VIEW("a@one"), &e));
    assert_true(expand_list_add(&l, VIEW(""), &e));
    assert_true(expand_list_add(&l, VIEW("left out"), &e));
    assert_true(expand_list_add(&l, VIEW("b@two"), &e));
    assert_string_equal(str_cstr(&out), "one,two");
    assert_false(expand_list_add(&l, VIEW("c@three"), &e));
    str_clear(&out);
    l.limit = 0;
    assert_false(expand_list_add(&l, VIEW("c@twenty-one-characters"), &e));
    str_done(&out);
}

static void test_check(void **state)
{
    struct error e = ERROR_INIT;

    (void)state;
    assert_true(expand_check(VIEW("%s %u %d %S %U %D %1 %9 %%"), "query", &e));
    assert_false(expand_check(VIEW("%0"), "query", &e));
    assert_false(expand_check(VIEW("%x"), "query", &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_check),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
