/* sqlite_test - sqlite: tables */
#include "table/table_test_help.h"

#include <sqlite3.h>

static void make_database(struct room *r)
{
    static const char script[] = "create table users (name text, home text, domain text);"
                                 "insert into users values ('chris', 'a@b.c', 'x.org');"
                                 "insert into users values ('chris', 'd@e.f', 'x.org');"
                                 "insert into users values ('o''neil', 'plain', 'x.org');"
                                 "insert into users values ('none', NULL, 'x.org');";
    sqlite3 *db;

    assert_int_equal(sqlite3_open(room_path(r, "users.sqlite"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, script, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_queries(void **state)
{
    struct room *r = room_open("old_dbpath = users.sqlite\nold_select_field = home\n"
                               "old_table = users\nold_where_field = name\n"
                               "old_additional_conditions = and domain = 'x.org'\n");

    (void)state;
    make_database(r);
    room_write(
        r, "plain.cf",
        "# by name\ndbpath = users.sqlite\n"
        "query = SELECT home FROM users\n  WHERE name = '%u' and '%s' <> 'x%%y'\n");
    assert_string_equal(room_get(r, "sqlite:@plain.cf", TABLE_FOLD, "Chris"),
                        "a@b.c,d@e.f");
    assert_string_equal(room_get(r, "sqlite:@plain.cf", 0, "chris@x.org"), "a@b.c,d@e.f");
    assert_string_equal(room_get(r, "sqlite:@plain.cf", 0, "o'neil"), "plain");
    assert_string_equal(room_get(r, "sqlite:@plain.cf", 0, "x' or '1'='1"), "-");
    assert_string_equal(room_get(r, "sqlite:@plain.cf", 0, "none"), "-");
    assert_string_equal(room_get(r, "sqlite:old", 0, "chris"), "a@b.c,d@e.f");
    room_write(r, "format.cf",
               "dbpath = users.sqlite\nquery = SELECT home FROM users WHERE name = '%u' "
               "and domain = '%2.%1'\nresult_format = %u at %d for %U in %1\n");
    assert_string_equal(room_get(r, "sqlite:@format.cf", 0, "chris@x.org"),
                        "a at b.c for chris in org,d at e.f for chris in org");
    assert_string_equal(room_get(r, "sqlite:@format.cf", 0, "chris@org"), "-");
    assert_string_equal(room_get(r, "sqlite:@format.cf", 0, "chris"), "-");
    room_close(r);
}

static void test_limits_and_faults(void **state)
{
    struct room *r = room_open("");

    (void)state;
    make_database(r);
    room_write(r, "limit.cf",
               "dbpath = users.sqlite\nexpansion_limit = 1\ndomain = x.org\n"
               "query = SELECT home FROM users WHERE name = '%u'\n");
    assert_string_equal(room_get(r, "sqlite:@limit.cf", 0, "chris@x.org"), "!");
    assert_string_equal(room_get(r, "sqlite:@limit.cf", 0, "o'neil@x.org"), "plain");
    assert_string_equal(room_get(r, "sqlite:@limit.cf", 0, "chris@y.org"), "-");
    assert_string_equal(room_get(r, "sqlite:@limit.cf", 0, "@x.org"), "-");
    room_write(r, "bad.cf",
               "dbpath = users.sqlite\nquery = SELECT nothing FROM nowhere\n");
    assert_string_equal(room_get(r, "sqlite:@bad.cf", 0, "a"), "!");
    room_write(r, "bad2.cf", "dbpath = users.sqlite\nquery = SELECT '%x'\n");
    assert_string_equal(room_get(r, "sqlite:@bad2.cf", 0, "a"), "!");
    room_write(r, "bad3.cf", "dbpath users.sqlite\n");
    assert_string_equal(room_get(r, "sqlite:@bad3.cf", 0, "a"), "!");
    assert_true(room_logged("bad3.cf:1: missing '='") > 0);
    assert_string_equal(room_get(r, "sqlite:unset", 0, "a"), "!");
    room_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_limits_and_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
