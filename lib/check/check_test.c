/* check_test - restriction words, near names, and findings with their places */
#include "check/check_private.h"
#include "check/restriction_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void test_restriction_words(void **state)
{
    struct arena *a = arena_new();
    struct restriction_words words;

    (void)state;
    restriction_words_read(
        VIEW("permit_mynetworks, check_client_access hash:/a\n"
             " {check_sender_access inline:{x=OK, y=NO}}, warn_if_reject "
             "reject_rbl_client zen.example, sleep 5 reject"),
        a, &words);
    assert_int_equal(words.n, 6);
    assert_true(view_eq(words.items[1].argument, VIEW("hash:/a")));
    assert_true(view_eq(words.items[2].name, VIEW("check_sender_access")));
    assert_true(view_eq(words.items[2].argument, VIEW("inline:{x=OK, y=NO}")));
    assert_true(words.items[3].only_warns && !words.items[4].only_warns);
    assert_true(view_eq(words.items[4].argument, VIEW("5")));
    assert_true(view_eq(words.items[5].name, VIEW("reject")));
    restriction_words_read(VIEW("check_client_access"), a, &words);
    assert_int_equal(words.n, 1);
    assert_int_equal(words.items[0].argument.n, 0);
    arena_free(a);
}

static void test_near_names(void **state)
{
    const struct view words[] = {VIEW("smtp"), VIEW("local"), VIEW("virtual")};

    (void)state;
    assert_int_equal(check_distance(VIEW("header_checks"), VIEW("headers-Checks"), 4), 2);
    assert_int_equal(check_distance(VIEW("a"), VIEW("abcdefgh"), 2), 3);
    assert_int_equal(check_distance(VIEW_NONE, VIEW_NONE, 2), 0);
    assert_true(view_eq(check_nearest(VIEW("stmp"), words, 3), VIEW("smtp")));
    assert_true(view_eq(check_nearest(VIEW("virtal"), words, 3), VIEW("virtual")));
    assert_int_equal(check_nearest(VIEW("uucp"), words, 3).n, 0);
    assert_int_equal(check_nearest(VIEW_NONE, words, 3).n, 0);
}

/* --- findings --- */

static char directory[] = "/tmp/check_test.XXXXXX";

static void write_file(const char *name, const char *text)
{
    struct str path = STR_INIT(200);

    str_setf(&path, "%s/%s", directory, name);
    FILE *f = fopen(str_cstr(&path), "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
    assert_int_equal(chmod(str_cstr(&path), 0644), 0);
    str_done(&path);
}

#define HEAD                                                                             \
    "compatibility_level = 3.6\nmyhostname = a.example\nmydestination =\n"               \
    "mynetworks = 127.0.0.0/8\n"

/* What is found in HEAD and TEXT. */
static void find(struct arena *a, const char *text, struct view in_force,
                 struct check_findings *out)
{
    struct check_request r = {.directory = directory, .in_force = in_force};
    struct str whole = STR_INIT(10000);

    str_setf(&whole, "%s%s", HEAD, text);
    write_file("main.cf", str_cstr(&whole));
    check_configuration(&r, a, out);
    str_done(&whole);
}

static void test_findings(void **state)
{
    struct arena *a = arena_new();
    struct check_findings found;

    (void)state;
    write_file("master.cf", "smtp inet n - n - - smtpd\nsmtp unix - - n - - smtp\n");
    find(a, "", VIEW_NONE, &found);
    assert_int_equal(found.n, 0);
    find(a, "biff = maybe\nrelayhost = x # y\n\nMyorigin = z\n", VIEW_NONE, &found);
    assert_int_equal(found.n, 3);
    assert_int_equal(found.errors, 1);
    assert_int_equal(found.warnings, 2);
    assert_int_equal(found.items[0].line, 5);
    assert_int_equal(found.items[1].line, 6);
    assert_int_equal(found.items[2].line, 8);
    assert_true(view_ends(check_finding_text(&found.items[2], a),
                          VIEW("/main.cf:8: unknown parameter `Myorigin'; did you mean "
                               "`myorigin'?")));
    arena_free(a);
}

/* A table that is missing is an error when it was just brought in. */
static void test_missing_tables(void **state)
{
    struct arena *a = arena_new();
    struct check_findings found;
    const char *text = "transport_maps = hash:/nowhere/transport\n";

    (void)state;
    find(a, text, VIEW_NONE, &found);
    assert_true(found.n == 1 && found.errors == 0);
    find(a, text, VIEW("relayhost = x\n"), &found);
    assert_true(found.n == 1 && found.errors == 1);
    find(a, text, view_of(text), &found);
    assert_true(found.n == 1 && found.errors == 0);
    arena_free(a);
}

/* Files that nothing can be made of. */
static void test_broken_files(void **state)
{
    struct arena *a = arena_new();
    struct check_findings found;

    (void)state;
    write_file("master.cf", "smtp inet n - n - - smtpd\nsmtp unix\n");
    find(a, "no equal sign\n", VIEW_NONE, &found);
    assert_int_equal(found.errors, 2);
    assert_int_equal(found.items[0].line, 5);
    assert_true(view_ends(found.items[1].path, VIEW("master.cf")));
    assert_int_equal(found.items[1].line, 2);
    arena_free(a);
}

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    static const char *const names[] = {"main.cf", "master.cf"};
    struct str path = STR_INIT(200);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        str_setf(&path, "%s/%s", directory, names[i]);
        (void)unlink(str_cstr(&path));
    }
    str_done(&path);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restriction_words), cmocka_unit_test(test_near_names),
        cmocka_unit_test(test_findings),          cmocka_unit_test(test_missing_tables),
        cmocka_unit_test(test_broken_files),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
