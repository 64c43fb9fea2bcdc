/* user_file_test - the table of logins, changed entry by entry */
#include "auth/user_file.h"

#include "base/log.h"
#include "table/table.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/user_file.XXXXXX";
static char path[64];
static struct conf *conf;
static struct user_file file;

static void write_text(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void text_is(const char *expected)
{
    char text[1024];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    assert_string_equal(text, expected);
}

static bool change(enum user_change what, const char *name, const char *stored)
{
    struct error e = ERROR_INIT;
    return user_file_change(&file, what, view_of(name), view_of(stored), &e);
}

/* Comments, order and the entries of others stay as they are. */
static void entries(void **state)
{
    (void)state;
    write_text("# logins\n\ntim {A}1\nbob {B}2\n\t{C}3\n# end\nlast {D}4");
    assert_true(change(USER_CHANGE, "bob", "{E}5"));
    text_is("# logins\n\ntim {A}1\nbob\t{E}5\n# end\nlast {D}4");
    assert_true(change(USER_ADD, "new@maison.mrs", "{F}6 {G}7"));
    text_is("# logins\n\ntim {A}1\nbob\t{E}5\n# end\nlast {D}4\nnew@maison.mrs\t{F}6 "
            "{G}7\n");
    assert_true(change(USER_REMOVE, "TIM", ""));
    text_is("# logins\n\nbob\t{E}5\n# end\nlast {D}4\nnew@maison.mrs\t{F}6 {G}7\n");
}

static void refusals(void **state)
{
    static const char *const bad[] = {"",    "a b",  "#tim", "\"tim", "a\tb",
                                      "a\n", "\x7f", "\xff", "a\rb"};
    (void)state;
    write_text("tim {A}1\n");
    assert_false(change(USER_ADD, "tim", "{B}2"));
    assert_false(change(USER_CHANGE, "bob", "{B}2"));
    assert_false(change(USER_REMOVE, "bob", ""));
    assert_false(change(USER_ADD, "bob", "{B}2\neve {C}3"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(change(USER_ADD, bad[i], "{B}2"));
    text_is("tim {A}1\n");
}

/* A file that is not there is made, and nobody else may read it. */
static void made(void **state)
{
    struct stat st;
    (void)state;
    (void)unlink(path);
    umask(0);
    assert_true(change(USER_ADD, "tim", "{A}1"));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(chmod(path, 0600), 0);
    assert_true(change(USER_ADD, "bob", "{A}1"));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

/* Who changes it at the same time waits; nothing is lost. */
static void together(void **state)
{
    enum { WRITERS = 4, EACH = 5 };
    (void)state;
    write_text("");
    for (int w = 0; w < WRITERS; w++) {
        if (fork() != 0)
            continue;
        for (int i = 0; i < EACH; i++) {
            char name[32];
            (void)snprintf(name, sizeof name, "user%d.%d", w, i);
            if (!change(USER_ADD, name, "{A}1"))
                _exit(1);
        }
        _exit(0);
    }
    for (int w = 0; w < WRITERS; w++) {
        int status = 1;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    for (int i = 0; i < WRITERS * EACH; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "user%d.%d", i / EACH, i % EACH);
        assert_true(change(USER_REMOVE, name, ""));
    }
    text_is("");
}

/* The index follows the text. */
static void indexed(void **state)
{
    struct arena *a = arena_new();
    struct view value;
    struct error e = ERROR_INIT;
    (void)state;
    write_text("");
    assert_true(change(USER_ADD, "tim", "{A}1 {B}2"));
    struct table *t = table_open(conf, arena_printf(a, "hash:%s", path), 0);
    assert_int_equal(table_get(t, VIEW("tim"), a, &value, &e), TABLE_FOUND);
    assert_true(view_eq(value, VIEW("{A}1 {B}2")));
    table_close(t);
    arena_free(a);
}

static int setup(void **state)
{
    struct error e = ERROR_INIT;
    struct arena *a = arena_new();
    (void)state;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/passwords", directory);
    struct view text = arena_printf(
        a, "auth_password_maps = static:none, hash:passwords\nmyhostname = a.b\n");
    assert_true(conf_load_text(directory, text, NULL, 0, &conf, &e));
    assert_true(user_file_find(conf, a, &file, &e));
    assert_string_equal(file.path, path);
    file.path = path;
    file.type = VIEW("hash");
    arena_free(a);
    return 0;
}

static int teardown(void **state)
{
    static const char *const endings[] = {"", ".db", ".db-lock", ".lmdb"};
    char name[80];
    (void)state;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, endings[i]);
        (void)unlink(name);
    }
    conf_free(conf);
    (void)rmdir(directory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries),  cmocka_unit_test(refusals), cmocka_unit_test(made),
        cmocka_unit_test(together), cmocka_unit_test(indexed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
