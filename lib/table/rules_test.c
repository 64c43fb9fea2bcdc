/* rules_test - regexp:, pcre: and cidr: tables */
#include "table/table_test_help.h"

static const char checks[] = "# header checks\n"
                             "/^from: * chose@public\\.com$/ REJECT one\n"
                             "/^subject: *(re|aw): (.*)$/ REPLACE Subject: ${1}/$2 $$\n"
                             "!/^[a-z-]+:/ WARN no header\n"
                             "if /^x-/\n"
                             "/^x-a/ FOUND a\n"
                             "if !/^x-b/\n"
                             "/^x-c/ FOUND c\n"
                             "endif\n"
                             "/^x-b/ FOUND b\n"
                             "endif\n"
                             "/^Y-CASE/i CASE\n"
                             "%^with/slash: %  PERCENT\n"
                             "/a\\/b/ ESCAPED\n";

static void check_both(struct room *r, const char *key, const char *value)
{
    assert_string_equal(room_get(r, "regexp:@checks", TABLE_FOLD, key), value);
    assert_string_equal(room_get(r, "pcre:@checks", TABLE_FOLD, key), value);
}

/* T3: the first rule matches the bare address only. */
static void test_t3_header_checks(void **state)
{
    struct room *r = room_open("");

    (void)state;
    room_write(r, "checks", checks);
    check_both(r, "From: chose@public.com", "REJECT one");
    check_both(r, "FROM: CHOSE@PUBLIC.COM", "REJECT one");
    check_both(r, "From: X <chose@public.com>", "-");
    check_both(r, "Subject: Re: Hello", "REPLACE Subject: Re/Hello $");
    check_both(r, "no header", "WARN no header");
    check_both(r, "x-a: 1", "FOUND a");
    check_both(r, "x-b: 1", "FOUND b");
    check_both(r, "x-c: 1", "FOUND c");
    check_both(r, "x-d: 1", "-");
    check_both(r, "Y-CASE: 1", "CASE");
    check_both(r, "y-case: 1", "-");
    check_both(r, "with/slash: 1", "WARN no header");
    check_both(r, "y: a/b", "ESCAPED");
    assert_int_equal(room_logged("warning"), 0);
    room_close(r);
}

/* Lines that cannot be used, each with its line number; the rest of the table works. */
static void test_bad_lines(void **state)
{
    struct room *r = room_open("");
    static const struct {
        const char *line, *warning;
    } cases[] = {
        {"/open", "no closing regexp delimiter"},
        {"/a/q x", "unknown regexp option \"q\""},
        {"/a(/ x", "error in regexp"},
        {"/a/ $1", "out of range replacement index \"1\""},
        {"/(a)/ $2", "out of range replacement index \"2\""},
        {"/(a)/ ${1", "bad replacement syntax"},
        {"/(a)/ $x", "bad replacement syntax"},
        {"!/(a)/ $1", "negative match"},
        {"plain text", "ignoring unrecognized request"},
        {"endif", "ignoring ENDIF without matching IF"},
        {"  /a/ x", "must not start with whitespace"},
        {"!", "no pattern"},
        {"if", "no pattern"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = arena_printf(r->arena, "%s\n/good/ yes\n", cases[i].line).p;
        const char *name = arena_printf(r->arena, "bad%zu", i).p;
        const char *place = arena_printf(r->arena, "%s, line 1: ", name).p;
        room_forget_log();
        room_write(r, name, text);
        const char *spec = arena_printf(r->arena, "regexp:@%s", name).p;
        assert_string_equal(room_get(r, spec, 0, "good"), "yes");
        if (room_logged(cases[i].warning) != 1 || room_logged(place) != 1)
            fail_msg("%s: no warning \"%s\"", cases[i].line, cases[i].warning);
    }
    room_write(r, "noend", "if /x/\n/x/ found\n");
    assert_string_equal(room_get(r, "pcre:@noend", 0, "x"), "found");
    assert_string_equal(room_get(r, "pcre:@noend", 0, "y"), "-");
    assert_true(room_logged("noend, line 1: IF has no matching ENDIF") > 0);
    assert_string_equal(room_get(r, "pcre:@absent", 0, "y"), "!");
    room_close(r);
}

/* Without substitution such rules are left out: nobody can make a command from an
 * address. */
static void test_no_substitution(void **state)
{
    struct room *r = room_open("");

    (void)state;
    assert_string_equal(
        room_get(r, "regexp:{{/^(.*)$/ |$1}}", TABLE_NO_REGEXP_SUBST, "rm -r"), "-");
    assert_int_equal(room_logged("regular expression substitution is not allowed"), 1);
    assert_string_equal(room_get(r, "regexp:{{/^[^A-Z]/ Bogus}, {/^x(.)/ $1}}", 0, "1x"),
                        "Bogus");
    room_close(r);
}

static void test_pcre_flags(void **state)
{
    struct room *r = room_open("");

    (void)state;
    assert_string_equal(room_get(r, "pcre:{{/a.b/ dot}}", 0, "a\nb"), "dot");
    assert_string_equal(room_get(r, "pcre:{{/a.b/s dot}}", 0, "a\nb"), "-");
    assert_string_equal(room_get(r, "pcre:{{/^b/m line}}", 0, "a\nb"), "line");
    assert_string_equal(room_get(r, "pcre:{{/^(a+)(b+)?(c+)/U $1.$2.$3}}", 0, "aacc"),
                        "aa..c");
    assert_string_equal(room_get(r, "pcre:{{/(?<x>a)\\K/ x}}", 0, "a"), "x");
    assert_string_equal(room_get(r, "regexp:{{/^b/m line}}", 0, "a\nb"), "line");
    /* A pattern that would take for ever is stopped, and does not match. */
    assert_string_equal(
        room_get(
            r, "pcre:{{/^(a+)+(b|c)*(a+)+$/ x}}", 0,
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"),
        "-");
    assert_true(room_logged("pcre map: matching") > 0);
    room_close(r);
}

static void test_cidr(void **state)
{
    struct room *r = room_open("");
    static const struct {
        const char *key, *value;
    } cases[] = {
        {"192.168.1.1", "OK one"}, {"192.168.1.2", "REJECT net"},
        {"10.1.2.3", "inner"},     {"10.2.0.1", "ten"},
        {"172.16.0.1", "not ten"}, {"2001:db8::1", "six"},
        {"[2001:db8::2]", "six"},  {"2001:db9::1", "not ten"},
        {"host.name", "-"},        {"", "-"},
    };

    (void)state;
    room_write(
        r, "cidr",
        "192.168.1.1 OK one\n192.168.0.0/16 REJECT net\n192.168.5.5/24 bad\n"
        "300.1.1.1 bad\nIF 10.0.0.0/8\n10.1.0.0/16 inner\n!10.1.0.0/16 ten\nENDIF\n"
        "[2001:db8::]/32 six\n!10.0.0.0/8\tnot ten\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(room_get(r, "cidr:@cidr", TABLE_FOLD, cases[i].key),
                            cases[i].value);
    assert_true(room_logged("cidr, line 3: non-null host address bits") > 0);
    assert_true(room_logged("cidr, line 4: ") > 0);
    room_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_t3_header_checks),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_no_substitution),
        cmocka_unit_test(test_pcre_flags),
        cmocka_unit_test(test_cidr),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
