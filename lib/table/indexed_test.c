/* indexed_test - index files, written and read */
#include "table/indexed.h"

#include "table/table_test_help.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const types[] = {"hash", "btree", "dbm", "lmdb", "cdb"};

static void build(struct room *r, const char *type, const char *name, bool aliases,
                  unsigned flags)
{
    struct error e = ERROR_INIT;

    if (!indexed_build(r->conf, view_of(type), room_path(r, name), aliases, flags, &e))
        fail_msg("%s", error_cstr(&e));
}

static void test_build_and_read(void **state)
{
    struct room *r = room_open("");

    (void)state;
    room_write(r, "access", "Isima.FR  RELAY\n# x\nb one\n two\nb again\n bad\nlonely\n");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const char *spec = arena_printf(r->arena, "%s:@access", types[i]).p;
        build(r, types[i], "access", false, 0);
        assert_string_equal(room_get(r, spec, TABLE_FOLD, "ISIMA.fr"), "RELAY");
        assert_string_equal(room_get(r, spec, 0, "isima.fr"), "RELAY");
        assert_string_equal(room_get(r, spec, 0, "b"), "one two");
        assert_string_equal(room_get(r, spec, 0, "c"), "-");
        assert_string_equal(room_get(r, spec, 0, ""), "-");
        assert_string_equal(room_get(r, spec, 0, "lonely"), "-");
    }
    assert_int_equal(room_logged("duplicate entry: \"b\""), 5);
    room_forget_log();
    build(r, "hash", "access", false,
          INDEXED_REPLACE | INDEXED_KEEP_CASE | INDEXED_WITH_NUL);
    assert_string_equal(room_get(r, "hash:@access", 0, "b"), "again bad");
    assert_string_equal(room_get(r, "hash:@access", 0, "isima.fr"), "-");
    assert_string_equal(room_get(r, "hash:@access", 0, "Isima.FR"), "RELAY");
    assert_int_equal(room_logged("duplicate"), 0);
    room_close(r);
}

static void test_aliases(void **state)
{
    struct room *r = room_open("");

    (void)state;
    room_write(
        r, "aliases",
        "# aliases\nRoot: chris, chris@x.y\n\"plain\": a\n\"a b\" : |\"/bin/x: y\"\n"
        "no colon\nlist: :include:/x,\n  \"/file name\"\n");
    build(r, "hash", "aliases", true, 0);
    assert_string_equal(room_get(r, "hash:@aliases", 0, "root"), "chris, chris@x.y");
    assert_string_equal(room_get(r, "hash:@aliases", 0, "plain"), "a");
    assert_string_equal(room_get(r, "hash:@aliases", 0, "\"a b\""), "|\"/bin/x: y\"");
    assert_string_equal(room_get(r, "hash:@aliases", 0, "list"),
                        ":include:/x,  \"/file name\"");
    assert_int_equal(room_logged("aliases, line 5: need name:value pair"), 1);
    room_close(r);
}

static void test_increment_and_delete(void **state)
{
    struct room *r = room_open("");
    struct error e = ERROR_INIT;
    struct view keys[] = {VIEW("A"), VIEW("nobody")};
    size_t deleted;

    (void)state;
    room_write(r, "map", "a 1\nb 2\n");
    build(r, "lmdb", "map", false, 0);
    room_write(r, "map", "c 3\nb 5\n");
    build(r, "lmdb", "map", false, INDEXED_INCREMENTAL | INDEXED_REPLACE);
    assert_string_equal(room_get(r, "lmdb:@map", 0, "a"), "1");
    assert_string_equal(room_get(r, "lmdb:@map", 0, "b"), "5");
    assert_string_equal(room_get(r, "lmdb:@map", 0, "c"), "3");
    assert_true(indexed_delete(r->conf, VIEW("lmdb"), room_path(r, "map"), keys, 2, 0,
                               &deleted, &e));
    assert_int_equal(deleted, 1);
    assert_string_equal(room_get(r, "lmdb:@map", 0, "a"), "-");
    assert_string_equal(room_get(r, "lmdb:@map", 0, "b"), "5");
    assert_false(indexed_delete(r->conf, VIEW("cdb"), room_path(r, "map"), keys, 2, 0,
                                &deleted, &e));
    assert_false(
        indexed_build(r->conf, VIEW("regexp"), room_path(r, "map"), false, 0, &e));
    assert_false(
        indexed_build(r->conf, VIEW("hash"), room_path(r, "none"), false, 0, &e));
    /* Nothing may be left over but the text and the index. */
    assert_int_equal(access(room_path(r, "none.db"), F_OK), -1);
    room_close(r);
}

/* A reader that has the old table open goes on with it, and then takes the new one. */
static void test_replaced_under_a_reader(void **state)
{
    struct room *r = room_open("");
    struct error e = ERROR_INIT;
    struct view value;

    (void)state;
    room_write(r, "map", "a old\n");
    build(r, "hash", "map", false, 0);
    struct table *t = table_open(r->conf, room_spec(r, "hash:@map"), 0);
    assert_int_equal(table_get(t, VIEW("a"), r->arena, &value, &e), TABLE_FOUND);
    room_write(r, "map", "a new\n");
    build(r, "hash", "map", false, 0);
    assert_int_equal(table_get(t, VIEW("a"), r->arena, &value, &e), TABLE_FOUND);
    assert_string_equal(value.p, "old");
    usleep(1050 * 1000);
    assert_int_equal(table_get(t, VIEW("a"), r->arena, &value, &e), TABLE_FOUND);
    assert_string_equal(value.p, "new");
    /* Gone: an error, not "not found". */
    unlink(room_path(r, "map.db"));
    usleep(1050 * 1000);
    assert_int_equal(table_get(t, VIEW("a"), r->arena, &value, &e), TABLE_ERROR);
    table_close(t);
    room_close(r);
}

/* What Postfix left behind: FILE.db of Berkeley DB. The text is read, aliases in their
 * form. */
static void test_berkeley_db(void **state)
{
    static const unsigned char head[16] = {[12] = 0x61, 0x15, 0x06, 0x00};
    struct room *r = room_open("alias_maps = hash:aliases\n");

    (void)state;
    room_write(r, "access", "a b\n");
    room_write(r, "aliases", "root: chris\n");
    for (int i = 0; i < 2; i++) {
        const char *name = room_path(r, i ? "access.db" : "aliases.db");
        int fd = open(name, O_WRONLY | O_CREAT, 0600);
        assert_int_equal(write(fd, head, sizeof head), sizeof head);
        close(fd);
    }
    assert_string_equal(room_get(r, "hash:@access", TABLE_FOLD, "A"), "b");
    assert_int_equal(room_logged("access.db is a Berkeley DB file"), 1);
    assert_string_equal(room_get(r, "hash:aliases", TABLE_FOLD, "root"), "chris");
    room_write(r, "odd.db", "this is not a table, whoever made it, and long enough\n");
    assert_string_equal(room_get(r, "hash:@odd", 0, "a"), "!");
    room_close(r);
}

static void test_stale_and_modes(void **state)
{
    struct room *r = room_open("");
    struct stat st;

    (void)state;
    room_write(r, "map", "a b\n");
    assert_int_equal(chmod(room_path(r, "map"), 0640), 0);
    build(r, "hash", "map", false, 0);
    assert_int_equal(stat(room_path(r, "map.db"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    struct timespec later[2] = {{.tv_sec = st.st_mtime + 10},
                                {.tv_sec = st.st_mtime + 10}};
    assert_int_equal(utimensat(AT_FDCWD, room_path(r, "map"), later, 0), 0);
    assert_string_equal(room_get(r, "hash:@map", 0, "a"), "b");
    assert_int_equal(room_logged("is older than source file"), 1);
    room_close(r);
}

static bool count(struct view key, struct view value, void *arg)
{
    unsigned *n = arg;

    assert_true(key.n > 0 && value.n > 0);
    ++*n;
    return true;
}

/* Many entries, in no order. */
static void test_many(void **state)
{
    struct room *r = room_open("");
    struct str text = STR_INIT(1 << 20);
    struct error e = ERROR_INIT;
    unsigned n = 0;

    (void)state;
    for (unsigned i = 0; i < 5000; i++)
        str_addf(&text, "user%u@example.org box%u\n", i * 7919 % 5000, i * 7919 % 5000);
    room_write(r, "map", str_cstr(&text));
    str_done(&text);
    for (size_t i = 3; i < 5; i++) {
        build(r, types[i], "map", false, 0);
        const char *spec = arena_printf(r->arena, "%s:@map", types[i]).p;
        assert_string_equal(room_get(r, spec, 0, "user4321@example.org"), "box4321");
        struct table *t = table_open(r->conf, room_spec(r, spec), 0);
        n = 0;
        assert_true(table_walk(t, count, &n, &e));
        assert_int_equal(n, 5000);
        table_close(t);
    }
    room_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build_and_read),
        cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_increment_and_delete),
        cmocka_unit_test(test_replaced_under_a_reader),
        cmocka_unit_test(test_berkeley_db),
        cmocka_unit_test(test_stale_and_modes),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
