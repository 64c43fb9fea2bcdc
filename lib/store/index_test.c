/* index_test - the index damaged, lost, of another version, used by two */
#include "store/store_test_help.h"

#include "store/account_private.h"
#include "store/index.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct account *account;
static struct mailbox *inbox;
static struct error e;
enum { MESSAGES = 400 };

static void open_inbox(void)
{
    CHECK_OK(account_open(&help_place, &account, &e));
    CHECK_OK(mailbox_open(account, VIEW("INBOX"), &inbox, &e));
}

static void close_inbox(void)
{
    mailbox_close(inbox);
    account_close(account);
    account_close_unused();
}

static void index_path(char out[HELP_PATH], const char *end)
{
    snprintf(out, HELP_PATH, "%s/Maildir/diligence.index%s", help_root, end);
}

/* A mailbox with UIDs that start at 2. */
static void fill(void)
{
    struct error ignored = ERROR_INIT;
    char name[HELP_PATH];
    uint32_t uid = 1;

    open_inbox();
    help_append(inbox, "x\r\n", 0, "");
    assert_int_equal(mailbox_expunge(inbox, &uid, 1, NULL, &ignored), STORE_OK);
    for (int i = 0; i < MESSAGES; i++) {
        snprintf(name, sizeof name, "Maildir/cur/%d.h:2,%s", 1000 + i, i % 2 ? "S" : "");
        help_write(name, "a\n");
    }
    CHECK_OK(mailbox_refresh(inbox, &e));
    assert_int_equal(mailbox_count(inbox), MESSAGES);
    assert_int_equal(mailbox_at(inbox, 0)->uid, 2);
}

/* Bring the log into the file. */
static void empty_log(void)
{
    char path[HELP_PATH];
    sqlite3 *db;

    index_path(path, "");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void spoil(long offset)
{
    char path[HELP_PATH];
    static const char rubbish[3000] = "rubbish";

    empty_log();
    index_path(path, "");
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, rubbish, sizeof rubbish, offset), sizeof rubbish);
    close(fd);
}

/* A page is overwritten: what is on others stays. */
static void damaged(void)
{
    uint32_t validity;

    fill();
    validity = mailbox_uidvalidity(inbox);
    close_inbox();
    spoil(4096L * 6);
    open_inbox();
    assert_int_equal(mailbox_count(inbox), MESSAGES);
    assert_int_equal(mailbox_uidvalidity(inbox), validity);
    size_t same = 0;
    for (size_t i = 0; i < mailbox_count(inbox); i++)
        same += mailbox_at(inbox, i)->uid <= MESSAGES + 1;
    assert_true(same > 0 && same < MESSAGES);
    assert_true(mailbox_find(inbox, 1) == NULL);
    close_inbox();
    /* The head: nothing can be read, and no UID comes again for another message. */
    spoil(0);
    open_inbox();
    assert_int_equal(mailbox_count(inbox), MESSAGES);
    assert_int_equal(mailbox_uidvalidity(inbox), validity);
    assert_true(mailbox_at(inbox, 0)->uid > MESSAGES + 1);
    close_inbox();
}

static void lost(void)
{
    char path[HELP_PATH];
    uint32_t validity, next;
    char id[24];

    fill();
    validity = mailbox_uidvalidity(inbox);
    next = mailbox_uidnext(inbox);
    snprintf(id, sizeof id, "%s", mailbox_id(inbox));
    index_path(path, "");
    assert_int_equal(unlink(path), 0);
    index_path(path, "-wal");
    (void)unlink(path);
    index_path(path, "-shm");
    (void)unlink(path);
    close_inbox();
    open_inbox();
    assert_int_equal(mailbox_uidvalidity(inbox), validity);
    assert_string_equal(mailbox_id(inbox), id);
    assert_int_equal(mailbox_count(inbox), MESSAGES);
    assert_true(mailbox_at(inbox, 0)->uid >= next);
    assert_int_equal(mailbox_at(inbox, 1)->flags, MAILBOX_SEEN);
    close_inbox();
}

static void rebuilt(void)
{
    uint32_t validity;
    char path[HELP_PATH];

    fill();
    validity = mailbox_uidvalidity(inbox);
    mailbox_close(inbox);
    account_close(account);
    CHECK_OK(store_rebuild(&help_place, &e));
    open_inbox();
    assert_int_equal(mailbox_uidvalidity(inbox), validity);
    assert_int_equal(mailbox_count(inbox), MESSAGES);
    assert_int_equal(mailbox_at(inbox, 0)->uid, 2);
    index_path(path, ".damaged");
    assert_int_equal(access(path, F_OK), -1);
    close_inbox();
}

/* Of the future: not understood, so made again. */
static void other_version(void)
{
    char path[HELP_PATH];

    fill();
    close_inbox();
    empty_log();
    index_path(path, "");
    /* The user version is at byte 60 of the file. */
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "\0\0\0\77", 4, 60), 4);
    close(fd);
    open_inbox();
    assert_int_equal(mailbox_count(inbox), MESSAGES);
    assert_int_equal(mailbox_at(inbox, 0)->uid, 2);
    close_inbox();
}

/* Dovecot's UIDs at first sight. */
static void imported(void)
{
    char path[HELP_PATH];
    static const char *const parts[] = {"", "/cur", "/new", "/tmp"};

    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/Maildir%s", help_root, parts[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    help_write("Maildir/cur/30.b,S=2:2,Sb", "b\n");
    help_write("Maildir/cur/20.a:2,", "a\n");
    help_write("Maildir/new/10.c", "c\n");
    help_write("Maildir/dovecot-uidlist",
               "3 V1234567 N90 G0011\n17 W3 :30.b,S=2\n23 :20.a:2,\n44 :gone\n");
    help_write("Maildir/dovecot-keywords", "0 $Junk\n1 Work\n");
    help_write("Maildir/subscriptions", "V\t2\n\nWork\tIn\nB&APY-se\n");
    open_inbox();
    assert_int_equal(mailbox_uidvalidity(inbox), 1234567);
    assert_int_equal(mailbox_count(inbox), 3);
    assert_int_equal(mailbox_at(inbox, 0)->uid, 17);
    assert_int_equal(mailbox_at(inbox, 1)->uid, 23);
    assert_int_equal(mailbox_at(inbox, 2)->uid, 90);
    assert_string_equal(
        mailbox_keyword_name(inbox, mailbox_at(inbox, 0)->keywords == 2 ? 1 : 0).p,
        "Work");
    assert_int_equal(help_append(inbox, "x\r\n", 0, ""), 91);
    struct arena *arena = arena_new();
    struct account_folder *list;
    size_t n;
    CHECK_OK(account_list(account, arena, &list, &n, &e));
    assert_int_equal(n, 4);
    assert_string_equal(list[1].name.p, "B\xc3\xb6se");
    assert_string_equal(list[3].name.p, "Work/In");
    assert_true(list[3].is_subscribed);
    arena_free(arena);
    close_inbox();
}

#define TEST(name)                                                                       \
    static void test_##name(void **state)                                                \
    {                                                                                    \
        (void)state;                                                                     \
        help_run(name);                                                                  \
    }
TEST(damaged)
TEST(lost)
TEST(rebuilt)
TEST(other_version)
TEST(imported)
#define ENTRY(name)                                                                      \
    cmocka_unit_test_setup_teardown(test_##name, help_set_up, help_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENTRY(damaged),       ENTRY(lost),     ENTRY(rebuilt),
        ENTRY(other_version), ENTRY(imported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
