/* mailbox_mh_test - sessions and other programs on MH folders */
#include "store/mh_sequences.h"
#include "store/store_test_help.h"

#include <stdio.h>
#include <unistd.h>

static struct account *account;
static struct mailbox *inbox;
static struct error e;
static char root[100];

static void open_inbox(void)
{
    snprintf(root, sizeof root, "%s/Mail", help_root);
    help_place = (struct place){.format = PLACE_MH, .root = root, .owner = "anna"};
    CHECK_OK(account_open(&help_place, &account, &e));
    CHECK_OK(mailbox_open(account, VIEW("INBOX"), &inbox, &e));
}

static void close_inbox(void)
{
    mailbox_close(inbox);
    account_close(account);
    account_close_unused();
}

static void check_file(const char *path, const char *want)
{
    char text[500];

    help_read(path, text, sizeof text);
    assert_string_equal(text, want);
}

static void sequences(void)
{
    struct mh_sequences s = {0};
    struct str out = STR_INIT(1000);

    assert_true(mh_sequences_parse(
        &s, VIEW("unseen: 1-3 7\ncur: 5\nbad\nodd: 3-1 x 0 99999999 8-9\n")));
    assert_true(mh_sequence_has(&s, VIEW("unseen"), 2));
    assert_false(mh_sequence_has(&s, VIEW("unseen"), 4));
    assert_true(mh_sequence_set(&s, VIEW("unseen"), 4, true));
    assert_true(mh_sequence_set(&s, VIEW("flagged"), 5000, true));
    mh_sequences_forget(&s, 5);
    mh_sequences_format(&s, &out);
    assert_string_equal(str_cstr(&out), "unseen: 1-4 7\nodd: 8-9\nflagged: 5000\n");
    mh_sequences_done(&s);
    str_done(&out);
    assert_true(mh_is_sequence_name(VIEW("Work")));
    assert_false(mh_is_sequence_name(VIEW("$Junk")));
    assert_false(mh_is_sequence_name(VIEW("cur")));
}

static void flagged(void)
{
    uint32_t uid = 2;
    struct mailbox_bytes bytes;
    char old[HELP_PATH], new[HELP_PATH];

    open_inbox();
    help_write("Mail/inbox/3", "a\n");
    help_write("Mail/inbox/12", "b\n");
    help_write("Mail/inbox/,4", "gone\n");
    help_write("Mail/inbox/.mh_sequences", "unseen: 12\nreplied: 3\ncur: 3\n");
    CHECK_OK(mailbox_refresh(inbox, &e));
    assert_int_equal(mailbox_count(inbox), 2);
    assert_int_equal(mailbox_at(inbox, 0)->flags, MAILBOX_SEEN | MAILBOX_ANSWERED);
    assert_int_equal(mailbox_at(inbox, 1)->flags, 0);
    struct mailbox_flag_change c = {.how = MAILBOX_FLAGS_ADD,
                                    .flags = MAILBOX_SEEN | MAILBOX_FLAGGED};
    CHECK_OK(mailbox_flag(inbox, &uid, 1, &c, &e));
    check_file("Mail/inbox/.mh_sequences", "replied: 3\ncur: 3\nflagged: 12\n");
    assert_int_equal(help_append(inbox, "c\r\n", 0, "Work $Junk"), 3);
    check_file("Mail/inbox/13", "c\n");
    check_file("Mail/inbox/.mh_sequences",
               "replied: 3\ncur: 3\nflagged: 12\nunseen: 13\nWork: 13\n");
    assert_int_equal(mailbox_find(inbox, 3)->keywords, 3);
    /* folder -pack: other numbers, the same messages. */
    snprintf(old, sizeof old, "%s/Mail/inbox/3", help_root);
    snprintf(new, sizeof new, "%s/Mail/inbox/1", help_root);
    assert_int_equal(rename(old, new), 0);
    CHECK_OK(mailbox_bytes(inbox, 1, &bytes, &e));
    assert_memory_equal(bytes.v.p, "a\n", 2);
    mailbox_bytes_release(&bytes);
    assert_int_equal(mailbox_count(inbox), 3);
    assert_int_equal(mailbox_uidnext(inbox), 4);
    /* rmm, and another message under the number. */
    snprintf(old, sizeof old, "%s/Mail/inbox/12", help_root);
    assert_int_equal(unlink(old), 0);
    help_write("Mail/inbox/12", "other\n");
    CHECK_OK(mailbox_refresh(inbox, &e));
    assert_null(mailbox_find(inbox, 2));
    assert_int_equal(mailbox_at(inbox, 2)->uid, 4);
    uid = 3;
    CHECK_OK(mailbox_expunge(inbox, &uid, 1, NULL, &e));
    assert_false(help_exists("Mail/inbox/13"));
    check_file("Mail/inbox/.mh_sequences", "replied: 3\ncur: 3\nflagged: 12\n");
    close_inbox();
}

static void folders(void)
{
    struct mailbox *b;
    struct mailbox_copied copied;
    struct account_folder *list;
    struct arena *arena = arena_new();
    struct str s = STR_INIT(100);
    size_t n;

    open_inbox();
    assert_false(account_name(account, VIEW("a/12"), &s));
    str_done(&s);
    CHECK_OK(account_create(account, VIEW("lists/c"), 0, &e));
    CHECK_OK(mailbox_open(account, VIEW("lists/c"), &b, &e));
    uint32_t uids[2];
    uids[0] = help_append(inbox, "a\r\n", MAILBOX_SEEN, "");
    uids[1] = help_append(inbox, "b\r\n", MAILBOX_FLAGGED, "Work");
    uint64_t id = mailbox_find(inbox, 2)->email_id;
    CHECK_OK(mailbox_copy(inbox, uids, 2, b, arena, &copied, &e));
    assert_int_equal(copied.n, 2);
    assert_int_equal(mailbox_find(b, 2)->email_id, id);
    check_file("Mail/lists/c/.mh_sequences", "unseen: 2\nflagged: 2\nWork: 2\n");
    CHECK_OK(mailbox_move(inbox, uids, 2, b, arena, &copied, &e));
    assert_int_equal(copied.to[1], 4);
    assert_int_equal(mailbox_count(inbox), 0);
    assert_int_equal(mailbox_count(b), 4);
    CHECK_OK(mailbox_refresh(b, &e));
    CHECK_OK(mailbox_refresh(inbox, &e));
    assert_int_equal(mailbox_count(b), 4);
    assert_int_equal(mailbox_uidnext(b), 5);
    CHECK_OK(account_rename(account, VIEW("lists"), VIEW("groups"), &e));
    assert_string_equal(mailbox_name(b).p, "groups/c");
    CHECK_OK(mailbox_refresh(b, &e));
    assert_int_equal(mailbox_count(b), 4);
    CHECK_OK(account_list(account, arena, &list, &n, &e));
    assert_int_equal(n, 3);
    assert_int_equal(account_delete(account, VIEW("groups"), &e), STORE_CANNOT);
    mailbox_close(b);
    CHECK_OK(account_delete(account, VIEW("groups/c"), &e));
    CHECK_OK(account_delete(account, VIEW("groups"), &e));
    assert_false(help_exists("Mail/groups"));
    close_inbox();
    arena_free(arena);
}

#define TEST(name)                                                                       \
    static void test_##name(void **state)                                                \
    {                                                                                    \
        (void)state;                                                                     \
        help_run(name);                                                                  \
    }
TEST(sequences)
TEST(flagged)
TEST(folders)
#define ENTRY(name)                                                                      \
    cmocka_unit_test_setup_teardown(test_##name, help_set_up, help_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {ENTRY(sequences), ENTRY(flagged), ENTRY(folders)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
