/* table_test - the types that need no index, and what all types share */
#include "table/table_test_help.h"

#include "table/text_source.h"

#include <unistd.h>

static void test_simple_types(void **state)
{
    struct room *r = room_open("");

    (void)state;
    assert_string_equal(room_get(r, "static:x y", 0, "any"), "x y");
    assert_string_equal(room_get(r, "static:{ x y }", 0, "any"), "x y");
    assert_string_equal(room_get(r, "inline:{a=b, {c = d e}}", 0, "c"), "d e");
    assert_string_equal(room_get(r, "inline:{a=b, C=d}", TABLE_FOLD, "c"), "d");
    assert_string_equal(room_get(r, "inline:{a=b}", 0, "A"), "-");
    assert_string_equal(room_get(r, "inline:{a=b}", TABLE_FOLD, "A"), "b");
    assert_string_equal(room_get(r, "inline:{a}", 0, "a"), "!");
    assert_string_equal(room_get(r, "inline:{ {a b = c} }", 0, "a b"), "!");
    assert_string_equal(room_get(r, "inline:a=b", 0, "a"), "!");
    assert_string_equal(room_get(r, "internal:x", 0, "a"), "-");
    assert_string_equal(room_get(r, "fail:broken", 0, "a"), "!");
    assert_string_equal(room_get(r, "nothing", 0, "a"), "!");
    assert_string_equal(room_get(r, "odd:x", 0, "a"), "!");
    assert_int_equal(room_logged("unsupported dictionary type: odd"), 1);
    static const char *const gone[] = {"nis", "nisplus", "netinfo", "mongodb"};
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
        room_forget_log();
        assert_string_equal(
            room_get(r, arena_printf(r->arena, "%s:x", gone[i]).p, 0, "a"), "!");
        assert_int_equal(room_logged("; use "), 1);
    }
    setenv("TABLE_TEST", "set", 1);
    assert_string_equal(room_get(r, "environ:", 0, "TABLE_TEST"), "set");
    assert_string_equal(room_get(r, "environ:", TABLE_FOLD, "TABLE_TEST"), "-");
    assert_string_equal(room_get(r, "environ:", 0, "TABLE_TEST_NOT"), "-");
    room_close(r);
}

static void test_unix(void **state)
{
    struct room *r = room_open("");

    (void)state;
    assert_true(view_starts(view_of(room_get(r, "unix:passwd.byname", 0, "root")),
                            VIEW("root:")));
    assert_true(view_ends(view_of(room_get(r, "proxy:unix:group.byname", 0, "root")),
                          VIEW(":0:")));
    assert_string_equal(room_get(r, "unix:passwd.byname", 0, "no such user"), "-");
    assert_string_equal(room_get(r, "unix:shadow", 0, "root"), "!");
    room_close(r);
}

static void test_combined_types(void **state)
{
    struct room *r = room_open("");

    (void)state;
    assert_string_equal(room_get(r, "unionmap:{inline:{a=1},inline:{a=2,b=3}}", 0, "a"),
                        "1,2");
    assert_string_equal(room_get(r, "unionmap:{inline:{a=1},inline:{b=3}}", 0, "b"), "3");
    assert_string_equal(room_get(r, "unionmap:{inline:{a=1},inline:{b=3}}", 0, "c"), "-");
    assert_string_equal(room_get(r, "unionmap:{inline:{a=1},fail:x}", 0, "a"), "!");
    assert_string_equal(room_get(r, "pipemap:{inline:{a=b},inline:{b=c}}", 0, "a"), "c");
    assert_string_equal(room_get(r, "pipemap:{inline:{a=b},inline:{x=c}}", 0, "a"), "-");
    assert_string_equal(room_get(r, "randmap:{one}", 0, "a"), "one");
    assert_string_equal(room_get(r, "debug:inline:{a=b}", 0, "a"), "b");
    assert_int_equal(room_logged("lookup: \"a\" = \"b\""), 1);
    assert_string_equal(room_get(r,
                                 "proxy:proxy:proxy:proxy:proxy:proxy:proxy:proxy:proxy:"
                                 "proxy:static:x",
                                 0, "a"),
                        "!");
    room_close(r);
}

/* S160, T2: a line that starts with white space is passed over, with file and line. */
static void test_s160_t2_text_lines(void **state)
{
    struct room *r = room_open("");

    (void)state;
    room_write(r, "access",
               "# comment\n"
               "isima.fr RELAY\n"
               "\n"
               "gargamel.isima.fr OK # not a comment\n"
               "chef@boulout.net\n"
               "  REJECT\n"
               "  no\n"
               "# inside\n"
               "  mail\n"
               "\"a b\"@c.d  quoted\n"
               "lonely\n"
               "isima.fr twice\n"
               "root: x\n"
               "open\"quote x\n");
    assert_string_equal(room_get(r, "texthash:@access", 0, "isima.fr"), "RELAY");
    assert_string_equal(room_get(r, "texthash:access", 0, "gargamel.isima.fr"),
                        "OK # not a comment");
    assert_string_equal(room_get(r, "texthash:@access", 0, "chef@boulout.net"),
                        "REJECT  no  mail");
    assert_string_equal(room_get(r, "texthash:@access", 0, "\"a b\"@c.d"), "quoted");
    assert_string_equal(room_get(r, "texthash:@access", 0, "lonely"), "-");
    assert_string_equal(room_get(r, "texthash:@access", 0, "root:"), "x");
    assert_true(room_logged("access, line 11: expected format: key whitespace value") >
                0);
    assert_true(room_logged("access, line 12: duplicate entry: \"isima.fr\"") > 0);
    assert_true(room_logged("is this an alias file?") > 0);
    assert_true(room_logged("access, line 14: unbalanced") > 0);
    room_write(r, "first", "  /^Received:*/ IGNORE\nx y\n");
    assert_string_equal(room_get(r, "texthash:@first", 0, "x"), "y");
    assert_int_equal(
        room_logged("first, line 1: logical line must not start with whitespace: "
                    "\"  /^Received:*/ IGNORE\""),
        1);
    room_close(r);
}

/* T4: a missing table is an error at each look-up, told once; a file that comes later is
 * taken up. */
static void test_t4_missing_then_there(void **state)
{
    struct room *r = room_open("");
    struct table *t = table_open(r->conf, room_spec(r, "texthash:@later"), TABLE_FOLD);
    struct error e = ERROR_INIT;
    struct view value;

    (void)state;
    assert_int_equal(table_get(t, VIEW("a"), r->arena, &value, &e), TABLE_ERROR);
    assert_true(view_find_view(view_of(e.text), VIEW("No such file")) != VIEW_NPOS);
    assert_int_equal(table_get(t, VIEW("a"), r->arena, &value, &e), TABLE_ERROR);
    assert_int_equal(room_logged("No such file"), 1);
    room_write(r, "later", "a b\n");
    usleep(1050 * 1000);
    assert_int_equal(table_get(t, VIEW("A"), r->arena, &value, &e), TABLE_FOUND);
    assert_string_equal(value.p, "b");
    room_write(r, "later", "a changed\n");
    usleep(1050 * 1000);
    assert_int_equal(table_get(t, VIEW("A"), r->arena, &value, &e), TABLE_FOUND);
    assert_string_equal(value.p, "changed");
    table_close(t);
    room_close(r);
}

static void test_sharing(void **state)
{
    struct room *r = room_open("");
    struct table *a = table_open(r->conf, VIEW("static:x"), 0);
    struct table *b = table_open(r->conf, VIEW("static:x"), 0);
    struct table *c = table_open(r->conf, VIEW("static:x"), TABLE_FOLD);

    (void)state;
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    table_close(a);
    assert_true(table_check(b, NULL));
    table_close(b);
    table_close(c);
    room_close(r);
}

static void test_maps(void **state)
{
    struct room *r = room_open("");
    struct maps *m = maps_open(
        r->conf, VIEW("inline:{a=1, b=2}, inline:{c=3}\n\tfail:stop inline:{d=4}"), 0);
    struct error e = ERROR_INIT;
    struct view value;

    (void)state;
    assert_int_equal(maps_get(m, VIEW("b"), r->arena, &value, &e), TABLE_FOUND);
    assert_string_equal(value.p, "2");
    assert_true(view_eq(maps_last(m), VIEW("inline:{a=1, b=2}")));
    assert_int_equal(maps_get(m, VIEW("c"), r->arena, &value, &e), TABLE_FOUND);
    assert_int_equal(maps_get(m, VIEW("d"), r->arena, &value, &e), TABLE_ERROR);
    assert_false(maps_is_empty(m));
    maps_close(m);
    m = maps_open(r->conf, VIEW(" , "), 0);
    assert_true(maps_is_empty(m));
    assert_int_equal(maps_get(m, VIEW("d"), r->arena, &value, &e), TABLE_NOT_FOUND);
    maps_close(m);
    /* An empty result is a mistake, not an answer. */
    m = maps_open(r->conf, VIEW("static:"), 0);
    assert_int_equal(maps_get(m, VIEW("d"), r->arena, &value, &e), TABLE_ERROR);
    assert_int_equal(room_logged("returns an empty string result"), 1);
    maps_close(m);
    room_close(r);
}

static bool is_ours(struct view domain, void *arg)
{
    (void)arg;
    return view_eq_case(domain, VIEW("ours.org"));
}

/* Look ADDRESS up in inline:{ENTRIES}: "value" or "value|extension", "-" when not found.
 */
static void assert_address(struct room *r, const char *entries, unsigned steps,
                           const char *address, const char *expected)
{
    struct view list = arena_printf(r->arena, "inline:{%s}", entries);
    struct maps *m = maps_open(r->conf, list, TABLE_FOLD);
    struct address_lookup how = {
        .steps = steps, .delimiters = VIEW("+-"), .is_local = is_ours};
    struct error e = ERROR_INIT;
    struct view value, extension;
    const char *got = "-";

    if (maps_get_address(m, &how, view_of(address), r->arena, &value, &extension, &e) ==
        TABLE_FOUND)
        got = arena_printf(r->arena, "%s%s%.*s", value.p, extension.n ? "|" : "",
                           VIEW_FMT(extension))
                  .p;
    assert_string_equal(got, expected);
    maps_close(m);
}

/* canonical(5), virtual(5): the order of the keys. */
static void test_address_order(void **state)
{
    struct room *r = room_open("");
    const unsigned virtual = ADDRESS_FULL | ADDRESS_LOCALPART | ADDRESS_AT_DOMAIN;
    static const char all[] = "u+x@ours.org=1,u@ours.org=2,u+x=3,u=4,@ours.org=5";

    (void)state;
    assert_address(r, all, virtual, "u+x@ours.org", "1");
    assert_address(r, all, virtual, "U+x@Ours.org", "1");
    assert_address(r, strchr(all, ',') + 1, virtual, "u+x@ours.org", "2|+x");
    assert_address(r, "u+x=3,u=4,@ours.org=5", virtual, "u+x@ours.org", "3");
    assert_address(r, "u=4,@ours.org=5", virtual, "u+x@ours.org", "4|+x");
    assert_address(r, "@ours.org=5", virtual, "u+x@ours.org", "5|+x");
    assert_address(r, "@ours.org=5", virtual, "u@ours.org", "5");
    /* The user alone only counts in our domains. */
    assert_address(r, "u=4", virtual, "u@else.org", "-");
    assert_address(r, "u=4", virtual, "u", "4");
    assert_address(r, "u=4", virtual, "u+x", "4|+x");
    assert_address(r, "u=4", ADDRESS_FULL, "u@ours.org", "-");
    /* Names that keep their "-". */
    assert_address(r, "owner=4", virtual, "owner-list@ours.org", "-");
    assert_address(r, "list=4", virtual, "list-request@ours.org", "-");
    assert_address(r, "list=4", virtual, "list-x@ours.org", "4|-x");
    assert_address(r, "double=4", virtual, "double-bounce@ours.org", "-");
    assert_address(r, "=4", virtual, "+x@ours.org", "-");
    /* Quoted in tables, plain inside of the system. */
    assert_address(r, "{\"a,b\"@ours.org=1}", virtual, "a,b@ours.org", "1");
    assert_address(r, "{a,b@ours.org=1}", virtual, "a,b@ours.org", "1");
    assert_address(r, "{\"a\\\"b\"@ours.org=1}", virtual, "a\"b@ours.org", "1");
    room_close(r);
}

/* access(5): domain, parents, user@ */
static void test_address_domains(void **state)
{
    struct room *r = room_open("");
    const unsigned access = ADDRESS_FULL | ADDRESS_DOMAIN | ADDRESS_LOCALPART_AT;

    (void)state;
    assert_address(r, "a.b.ours.org=1", access, "u@a.b.ours.org", "1");
    assert_address(r, ".b.ours.org=1", access, "u@a.b.ours.org", "1");
    assert_address(r, ".org=1", access, "u@a.b.ours.org", "1");
    assert_address(r, "org=1", access, "u@a.b.ours.org", "-");
    assert_address(r, "u@=1", access, "u+x@ours.org", "1|+x");
    assert_address(r, "u@=1", access, "u@else.org", "-");
    room_close(r);
}

/* Parts of an address are not shown to pattern tables. */
static void test_patterns_see_whole_keys(void **state)
{
    struct room *r = room_open("");
    struct maps *m = maps_open(r->conf, VIEW("regexp:{{/^u$/ bad}} inline:{u=good}"), 0);
    struct address_lookup how = {.steps = ADDRESS_FULL | ADDRESS_LOCALPART,
                                 .is_local = is_ours};
    struct error e = ERROR_INIT;
    struct view value;

    (void)state;
    assert_int_equal(
        maps_get_address(m, &how, VIEW("u@ours.org"), r->arena, &value, NULL, &e),
        TABLE_FOUND);
    assert_string_equal(value.p, "good");
    maps_close(m);
    room_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple_types),
        cmocka_unit_test(test_unix),
        cmocka_unit_test(test_combined_types),
        cmocka_unit_test(test_s160_t2_text_lines),
        cmocka_unit_test(test_t4_missing_then_there),
        cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_address_order),
        cmocka_unit_test(test_address_domains),
        cmocka_unit_test(test_patterns_see_whole_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
