/* notify_test - the argument of NOTIFY */
#include "notify.h"

#include "test_kit.h"

static void test_good(void **state)
{
    (void)state;
    struct imap_notify n;
    struct imap_input in = kit_input("NONE");
    assert_true(imap_take_notify(&in, &n) && n.is_none);
    in =
        kit_input("SET STATUS (selected MessageNew (UID BODY.PEEK[HEADER.FIELDS (From)]) "
                  "MessageExpunge)");
    assert_false(imap_take_notify(&in, &n)); /* the events are a list */
    in = kit_input(
        "SET STATUS (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (From)]) "
        "MessageExpunge FlagChange)) (subtree Lists (MailboxName)) "
        "(mailboxes (inbox \"a b\") (MessageNew MessageExpunge X-Other)) (personal "
        "NONE)");
    if (!imap_take_notify(&in, &n))
        fail_msg("%s", in.error);
    assert_true(n.status && !n.is_none);
    assert_int_equal(n.count, 4);
    assert_int_equal(n.groups[0].events, IMAP_EVENT_MESSAGE_NEW |
                                             IMAP_EVENT_MESSAGE_EXPUNGE |
                                             IMAP_EVENT_FLAG_CHANGE);
    assert_true(n.groups[0].has_fetch && n.groups[0].fetch.count == 2);
    assert_int_equal(n.groups[1].filter, IMAP_NOTIFY_SUBTREE);
    assert_view(n.groups[1].mailboxes[0], "Lists");
    assert_int_equal(n.groups[2].mailbox_count, 2);
    assert_view(n.groups[2].mailboxes[0], "INBOX");
    assert_true(n.groups[2].unknown_event);
    assert_int_equal(n.groups[3].events, 0);
}

static void test_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "SET",
                                      "SET STATUS",
                                      "SET (foo NONE)",
                                      "SET (selected)",
                                      "SET (selected ())",
                                      "SET (selected (MessageNew))",
                                      "SET (selected (MessageExpunge))",
                                      "SET (personal (FlagChange))",
                                      "SET (selected (MailboxName))",
                                      "SET (personal (MessageNew (UID) MessageExpunge))",
                                      "SET (selected NONE) (selected-delayed NONE)",
                                      "SET (mailboxes (a NONE)",
                                      "SET (personal NONE) x",
                                      "NONE x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct imap_input in = kit_input(bad[i]);
        struct imap_notify n;
        if (imap_take_notify(&in, &n))
            fail_msg("taken: %s", bad[i]);
        assert_non_null(in.error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, kit_setup, kit_teardown);
}
