/* command_test - arguments of SELECT, STORE, CREATE, ID, quota, rights, metadata */
#include "command.h"

#include "test_kit.h"

#include <limits.h>

#define REFUSE(take, type, ...)                                                          \
    do {                                                                                 \
        static const char *const bad[] = {__VA_ARGS__};                                  \
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {                          \
            struct imap_input refused = kit_input(bad[i]);                               \
            type value;                                                                  \
            if (take(&refused, &value))                                                  \
                fail_msg("taken: %s", bad[i]);                                           \
            assert_non_null(refused.error);                                              \
        }                                                                                \
    } while (0)

static void test_select(void **state)
{
    (void)state;
    struct imap_select s;
    struct imap_input in = kit_input("inbox");
    assert_true(imap_take_select(&in, &s) && !s.condstore && !s.qresync);
    assert_view(s.mailbox, "INBOX");
    in = kit_input("a (CONDSTORE)");
    assert_true(imap_take_select(&in, &s) && s.condstore);
    in = kit_input("a (QRESYNC (67890007 20050715194045000 41:211,214:541))");
    assert_true(imap_take_select(&in, &s) && s.qresync && s.has_known_uids);
    assert_true(s.uidvalidity == 67890007 && s.modseq == 20050715194045000);
    assert_int_equal(imap_set_size(&s.known_uids), 171 + 328);
    in = kit_input("a (QRESYNC (1 2 1:9 (1,3 5,9)) CONDSTORE)");
    assert_true(imap_take_select(&in, &s) && s.has_match && s.condstore);
    assert_int_equal(imap_set_size(&s.match_uids), 2);
    in = kit_input("a (QRESYNC (1 2 (1 5)))");
    assert_true(imap_take_select(&in, &s) && s.has_match && !s.has_known_uids);
    REFUSE(imap_take_select, struct imap_select, "", "a b", "a ()", "a (FOO)",
           "a (QRESYNC)", "a (QRESYNC (1))", "a (QRESYNC (0 1))", "a (QRESYNC (1 0))",
           "a (QRESYNC (1 1 1:*))", "a (QRESYNC (1 1 1 2))", "a (QRESYNC (1 2 (1 1:2)))",
           "a (QRESYNC (1 2 (1 1) 1))");
}

static void test_store(void **state)
{
    (void)state;
    struct imap_store s;
    struct imap_input in = kit_input("+FLAGS.SILENT (\\Deleted x)");
    assert_true(imap_take_store(&in, &s));
    assert_true(s.how == IMAP_STORE_ADD && s.is_silent && s.flags.count == 1);
    in = kit_input("-flags \\Seen \\Draft");
    assert_true(imap_take_store(&in, &s) && s.how == IMAP_STORE_REMOVE && !s.is_silent);
    in = kit_input("(UNCHANGEDSINCE 320162338) FLAGS ()");
    assert_true(imap_take_store(&in, &s) && s.how == IMAP_STORE_SET);
    assert_true(s.has_unchanged_since && s.unchanged_since == 320162338);
    REFUSE(imap_take_store, struct imap_store, "", "FLAGS", "FLAGS ", "FLAG (a)",
           "*FLAGS (a)", "FLAGS (a) b", "(FOO 1) FLAGS (a)", "(UNCHANGEDSINCE) FLAGS (a)",
           "() FLAGS (a)");
}

static void test_lists(void **state)
{
    (void)state;
    struct imap_words words;
    struct imap_input in = kit_input("condstore UTF8=ACCEPT");
    assert_true(imap_take_words(&in, &words) && words.count == 2);
    assert_view(words.words[0], "CONDSTORE");
    REFUSE(imap_take_words, struct imap_words, "", "a ", "a (b)");
    struct imap_pairs pairs;
    in = kit_input("(\"name\" \"mutt\" \"version\" NIL)");
    assert_true(imap_take_id(&in, &pairs) && pairs.count == 2);
    assert_view(pairs.pairs[0].value, "mutt");
    assert_null(pairs.pairs[1].value.p);
    in = kit_input("NIL");
    assert_true(imap_take_id(&in, &pairs) && pairs.count == 0);
    REFUSE(imap_take_id, struct imap_pairs, "", "(\"a\")", "(a \"b\")", "\"a\"",
           "(\"this name has more than thirty bytes\" NIL)");
    struct imap_create create;
    in = kit_input("Sent (USE (\\Sent \\Archive))");
    assert_true(imap_take_create(&in, &create) && create.use_count == 2);
    assert_view(create.uses[0], "\\Sent");
    REFUSE(imap_take_create, struct imap_create, "", "a (FOO)", "a (USE)",
           "a (USE (Sent))");
    struct imap_quota quota;
    in = kit_input("\"\" (STORAGE 512 MESSAGE 0)");
    assert_true(imap_take_setquota(&in, &quota) && quota.count == 2);
    assert_true(quota.limits[0].limit == 512);
    in = kit_input("x ()");
    assert_true(imap_take_setquota(&in, &quota) && quota.count == 0);
    REFUSE(imap_take_setquota, struct imap_quota, "x", "x (STORAGE)", "x (STORAGE -1)");
}

static void test_rights(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum imap_rights_how how;
        const char *plain, *obsolete;
    } rows[] = {{"lrswipkxtea", IMAP_RIGHTS_SET, "lrswipkxtea", "lrswipkxteacd"},
                {"+r", IMAP_RIGHTS_ADD, "r", "r"},
                {"-cd", IMAP_RIGHTS_REMOVE, "kxte", "kxtecd"},
                {"", IMAP_RIGHTS_SET, "", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum imap_rights_how how;
        unsigned rights;
        struct str out = STR_INIT(100);
        assert_true(imap_rights_parse(view_of(rows[i].text), &how, &rights));
        assert_int_equal(how, rows[i].how);
        assert_true(imap_write_rights(rights, false, &out));
        assert_string_equal(str_cstr(&out), rows[i].plain);
        str_clear(&out);
        assert_true(imap_write_rights(rights, true, &out));
        assert_string_equal(str_cstr(&out), rows[i].obsolete);
        str_done(&out);
    }
    struct imap_setacl acl;
    struct imap_input in = kit_input("Drafts \"joe\" +lr");
    assert_true(imap_take_setacl(&in, &acl) && acl.how == IMAP_RIGHTS_ADD);
    assert_view(acl.identifier, "joe");
    REFUSE(imap_take_setacl, struct imap_setacl, "a b", "a b lz", "a b L", "a b l r");
}

static void test_metadata(void **state)
{
    (void)state;
    struct imap_getmetadata get;
    struct imap_input in = kit_input("\"\" /shared/comment");
    assert_true(imap_take_getmetadata(&in, &get) && get.count == 1 && get.depth == 0);
    in = kit_input("(MAXSIZE 1024 DEPTH infinity) INBOX (/shared/a /private/b)");
    assert_true(imap_take_getmetadata(&in, &get) && get.count == 2);
    assert_true(get.has_max_size && get.max_size == 1024 && get.depth == UINT_MAX);
    in = kit_input("INBOX (DEPTH 1) /private/b");
    assert_true(imap_take_getmetadata(&in, &get) && get.depth == 1);
    REFUSE(imap_take_getmetadata, struct imap_getmetadata, "a", "a comment", "a ()",
           "(DEPTH 2) a /shared/x", "a /shared/", "a /shared//x", "a \"/shared/*\"",
           "a /other/x");
    struct imap_setmetadata set;
    in = kit_input("INBOX (/shared/a NIL /private/b \"x\" /private/c ~{3}\r\na\nb)\r\n");
    assert_true(imap_take_setmetadata(&in, &set) && set.count == 3);
    assert_null(set.pairs[0].value.p);
    assert_view(set.pairs[2].value, "a\nb");
    REFUSE(imap_take_setmetadata, struct imap_setmetadata, "a", "a ()", "a (/shared/x)",
           "a (x NIL)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_select),   cmocka_unit_test(test_store),
        cmocka_unit_test(test_lists),    cmocka_unit_test(test_rights),
        cmocka_unit_test(test_metadata),
    };
    return cmocka_run_group_tests(tests, kit_setup, kit_teardown);
}
