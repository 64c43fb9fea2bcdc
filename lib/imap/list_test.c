/* list_test - LIST arguments and patterns */
#include "list.h"

#include "test_kit.h"

static void test_match(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name;
        enum imap_match match;
        bool below;
    } rows[] = {
        {"*", "a/b/c", IMAP_MATCH_YES, true},
        {"%", "a", IMAP_MATCH_YES, false},
        {"%", "a/b", IMAP_MATCH_NO, false},
        {"%/%", "a", IMAP_MATCH_PARENT, true},
        {"%/%", "a/b", IMAP_MATCH_YES, false},
        {"%/%", "a/b/c", IMAP_MATCH_NO, false},
        {"a/*", "a", IMAP_MATCH_PARENT, true},
        {"a*", "a", IMAP_MATCH_YES, true},
        {"a*c", "a/b", IMAP_MATCH_PARENT, true},
        {"a", "ab", IMAP_MATCH_NO, false},
        {"a/", "a", IMAP_MATCH_NO, false},
        {"inbox", "INBOX", IMAP_MATCH_YES, false},
        {"inBOX/%", "INBOX/x", IMAP_MATCH_YES, false},
        {"inbox/X", "INBOX/x", IMAP_MATCH_NO, false},
        {"a", "A", IMAP_MATCH_NO, false},
        {"inboxes", "INBOXES", IMAP_MATCH_NO, false},
        {"%b%", "abc", IMAP_MATCH_YES, false},
        {"*%*%*%*%*x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", IMAP_MATCH_PARENT, true},
        {"", "", IMAP_MATCH_YES, false},
        {"", "a", IMAP_MATCH_NO, false},
        {"caf\xc3\xa9/%", "caf\xc3\xa9", IMAP_MATCH_PARENT, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct view pattern = view_of(rows[i].pattern);
        struct view name = view_of(rows[i].name);
        if (imap_list_match(pattern, name, '/') != rows[i].match ||
            imap_list_match_below(pattern, name, '/') != rows[i].below)
            fail_msg("%s with %s", rows[i].pattern, rows[i].name);
    }
    char longer[1200];
    memset(longer, '%', sizeof longer);
    longer[sizeof longer - 1] = 'x';
    struct view pattern = {longer, sizeof longer};
    assert_int_equal(imap_list_match(pattern, VIEW("aax"), '/'), IMAP_MATCH_YES);
    assert_int_equal(imap_list_match(pattern, VIEW("aa"), '/'), IMAP_MATCH_NO);
}

static void test_list(void **state)
{
    (void)state;
    struct imap_list list;
    struct imap_input in = kit_input("\"\" %");
    assert_true(imap_take_list(&in, &list));
    assert_true(!list.is_extended && list.pattern_count == 1);
    assert_view(list.reference, "");
    assert_view(list.patterns[0], "%");
    in = kit_input(
        "(SUBSCRIBED recursivematch) ref (\"a b\" Envoy&AOk-*) RETURN (CHILDREN "
        "STATUS (UNSEEN UIDNEXT) METADATA (/shared/comment) MYRIGHTS)");
    if (!imap_take_list(&in, &list))
        fail_msg("%s", in.error);
    assert_true(list.is_extended);
    assert_int_equal(list.select, IMAP_LIST_SUBSCRIBED | IMAP_LIST_RECURSIVEMATCH);
    assert_int_equal(list.returns, IMAP_LIST_RETURN_CHILDREN | IMAP_LIST_RETURN_STATUS |
                                       IMAP_LIST_RETURN_METADATA |
                                       IMAP_LIST_RETURN_MYRIGHTS);
    assert_int_equal(list.status, IMAP_STATUS_UNSEEN | IMAP_STATUS_UIDNEXT);
    assert_int_equal(list.pattern_count, 2);
    assert_view(list.patterns[1], "Envoy\xc3\xa9*");
    assert_view(list.metadata[0], "/shared/comment");
    in = kit_input("() \"\" * RETURN ()");
    assert_true(imap_take_list(&in, &list) && list.is_extended);
    in = kit_input("\"\" a*");
    assert_true(imap_take_lsub(&in, &list));
}

static void test_status(void **state)
{
    (void)state;
    unsigned items;
    struct imap_input in = kit_input(
        "(MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ "
        "MAILBOXID APPENDLIMIT DELETED-STORAGE)");
    assert_true(imap_take_status_items(&in, &items) && imap_take_end(&in));
    assert_int_equal(items, 0x7ff);
    in = kit_input("()");
    assert_false(imap_take_status_items(&in, &items));
    in = kit_input("(FOO)");
    assert_false(imap_take_status_items(&in, &items));
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "\"\"",
                                      "\"\" ()",
                                      "(FOO) \"\" *",
                                      "(RECURSIVEMATCH) \"\" *",
                                      "(REMOTE RECURSIVEMATCH) \"\" *",
                                      "\"\" * RETURN",
                                      "\"\" * RETURN (FOO)",
                                      "\"\" * (STATUS)",
                                      "\"\" * RETURN (STATUS)",
                                      "\"\" * x",
                                      "\"\" (a",
                                      "\"\" &bad"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct imap_input in = kit_input(bad[i]);
        struct imap_list list;
        if (imap_take_list(&in, &list))
            fail_msg("taken: %s", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, kit_setup, kit_teardown);
}
