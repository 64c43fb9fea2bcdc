/* mailbox_mbox_test - sessions and other programs on mbox files (S060) */
#include "store/mbox_rewrite.h"
#include "store/store_test_help.h"

#include "run/fiber.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct account *account;
static struct mailbox *inbox;
static struct error e;
static char root[100], spool[100];

static void set_place(void)
{
    snprintf(root, sizeof root, "%s/mail", help_root);
    snprintf(spool, sizeof spool, "%s/spool", help_root);
    help_place = (struct place){.format = PLACE_MBOX,
                                .root = root,
                                .inbox = spool,
                                .owner = "anna",
                                .host = "test.example"};
}

static void open_inbox(void)
{
    set_place();
    CHECK_OK(account_open(&help_place, &account, &e));
    CHECK_OK(mailbox_open(account, VIEW("INBOX"), &inbox, &e));
}

static void close_inbox(void)
{
    mailbox_close(inbox);
    account_close(account);
    account_close_unused();
}

static void check_bytes(struct mailbox *b, uint32_t uid, const char *want)
{
    struct mailbox_bytes bytes;

    CHECK_OK(mailbox_bytes(b, uid, &bytes, &e));
    if (bytes.v.n != strlen(want) || memcmp(bytes.v.p, want, bytes.v.n) != 0)
        fail_msg("message %u is: %.*s", (unsigned)uid, VIEW_FMT(bytes.v));
    mailbox_bytes_release(&bytes);
}

static void check_has(const char *path, const char *want, bool is_there)
{
    static char text[4000];

    help_read(path, text, sizeof text);
    if ((strstr(text, want) != NULL) != is_there)
        fail_msg("\"%s\" is %sin:\n%s", want, is_there ? "not " : "", text);
}

#define FROM_A "From a@x Sun Nov 22 03:05:55 2026\n"
#define FROM_B "From MAILER-DAEMON Mon Nov 23 03:05:55 2026\n"

/* What mail(1) and mutt wrote. */
static void found(void)
{
    struct mailbox_status st;

    help_write("spool",
               FROM_A "Subject: a\nStatus: RO\nX-Status: AF\nContent-Length: 999\n\n"
                      "body\nFrom here on\n>From there\n\n" FROM_B
                      "Status: O\nSubject: b\nX-Keywords: Work $Junk   \n\nb\n");
    open_inbox();
    assert_int_equal(mailbox_count(inbox), 2);
    assert_int_equal(mailbox_at(inbox, 0)->flags,
                     MAILBOX_SEEN | MAILBOX_ANSWERED | MAILBOX_FLAGGED);
    assert_int_equal(mailbox_at(inbox, 1)->flags, 0);
    assert_int_equal(mailbox_at(inbox, 1)->keywords, 3);
    assert_true(mailbox_at(inbox, 1)->received > 1795000000);
    check_bytes(inbox, 1,
                "Subject: a\nContent-Length: 999\n\nbody\nFrom here on\n>From there\n");
    check_bytes(inbox, 2, "Subject: b\n\nb\n");
    CHECK_OK(mailbox_status(inbox, true, &st, &e));
    assert_int_equal(st.size, 62 + 6 + 14 + 3);
    close_inbox();
    open_inbox();
    assert_int_equal(mailbox_at(inbox, 1)->uid, 2);
    check_bytes(inbox, 2, "Subject: b\n\nb\n");
    close_inbox();
}

static void flag(uint32_t uid, enum mailbox_flag_how how, uint32_t flags)
{
    struct mailbox_flag_change c = {.how = how, .flags = flags};

    CHECK_OK(mailbox_flag(inbox, &uid, 1, &c, &e));
    assert_true(c.modseq > 0);
}

static void flagged(void)
{
    struct stat before, after;

    help_write("spool", FROM_A "Subject: a\n\na\n\n" FROM_B "Subject: b\n\nb\n\n");
    open_inbox();
    flag(2, MAILBOX_FLAGS_ADD, MAILBOX_SEEN | MAILBOX_FLAGGED);
    check_has("spool",
              "Subject: b\nX-UID: 2\nStatus: RO\nX-Status: F\nX-Keywords: ", true);
    /* Room for all was made: from now on nothing moves. */
    check_has("spool", "X-IMAPbase: ", true);
    assert_int_equal(stat(spool, &before), 0);
    flag(1, MAILBOX_FLAGS_ADD, MAILBOX_DELETED | MAILBOX_ANSWERED);
    flag(2, MAILBOX_FLAGS_REMOVE, MAILBOX_SEEN);
    assert_int_equal(stat(spool, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    check_has("spool", "Status: O\nX-Status: AD\n", true);
    check_has("spool", "Status: O\nX-Status: F\n", true);
    check_bytes(inbox, 1, "Subject: a\n\na\n");
    check_bytes(inbox, 2, "Subject: b\n\nb\n");
    struct uid_list *l = mailbox_uids(inbox);
    CHECK_OK(mailbox_refresh(inbox, &e));
    assert_ptr_equal(l, mailbox_uids(inbox));
    uid_list_release(l);
    uid_list_release(l);
    close_inbox();
}

static void appended(void)
{
    unsigned bit;

    help_write("spool", FROM_A "Subject: a\n\na\n"); /* no empty line at the end */
    open_inbox();
    uint32_t uid = help_append(inbox, "Subject: x\r\nStatus: R\r\n\r\nFrom me\r\n",
                               MAILBOX_FLAGGED, "Work");
    assert_int_equal(uid, 2);
    assert_int_equal(mailbox_count(inbox), 2);
    assert_int_equal(mailbox_find(inbox, 2)->flags, MAILBOX_FLAGGED);
    assert_true(mailbox_keyword_find(inbox, VIEW("work"), &bit));
    check_bytes(inbox, 2, "Subject: x\n\n>From me\n");
    assert_int_equal(mailbox_find(inbox, 2)->size, 12 + 2 + 10);
    check_has("spool", "\na\n\nFrom MAILER-DAEMON ", true);
    CHECK_OK(mailbox_refresh(inbox, &e));
    assert_int_equal(mailbox_count(inbox), 2);
    /* A delivery behind it. */
    char path[HELP_PATH];
    snprintf(path, sizeof path, "%s/spool", help_root);
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, FROM_B "Subject: n\n\nn\n\n", sizeof FROM_B + 14),
                     sizeof FROM_B + 14);
    close(fd);
    CHECK_OK(mailbox_refresh(inbox, &e));
    assert_int_equal(mailbox_count(inbox), 3);
    assert_int_equal(mailbox_at(inbox, 2)->uid, 3);
    check_bytes(inbox, 3, "Subject: n\n\nn\n");
    size_t removed;
    uid = 1;
    CHECK_OK(mailbox_expunge(inbox, &uid, 1, &removed, &e));
    assert_int_equal(removed, 1);
    assert_int_equal(mailbox_count(inbox), 2);
    check_bytes(inbox, 2, "Subject: x\n\n>From me\n");
    check_bytes(inbox, 3, "Subject: n\n\nn\n");
    check_has("spool", "Subject: a", false);
    check_has("spool", "X-UID: 3", true);
    CHECK_OK(mailbox_refresh(inbox, &e));
    assert_int_equal(mailbox_at(inbox, 1)->uid, 3);
    close_inbox();
}

/* The message that UW's programs hide, and their UIDs. */
static void pseudo(void)
{
    help_write("spool", FROM_A
               "From: Mail System Internal Data <MAILER-DAEMON@x>\n"
               "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
               "X-IMAP: 0987654321 0000000044 Work\nStatus: RO\n\ntext\n\n" FROM_B
               "Subject: b\nX-UID: 17\n\nb\n\n" FROM_A "Subject: c\nX-UID: 40\n\nc\n\n");
    open_inbox();
    assert_int_equal(mailbox_uidvalidity(inbox), 987654321);
    assert_int_equal(mailbox_count(inbox), 2);
    assert_int_equal(mailbox_at(inbox, 0)->uid, 17);
    assert_int_equal(mailbox_at(inbox, 1)->uid, 40);
    assert_int_equal(mailbox_uidnext(inbox), 45);
    uint32_t uid = 17;
    CHECK_OK(mailbox_expunge(inbox, &uid, 1, NULL, &e));
    check_has("spool", "X-IMAP: 0987654321 0000000044", true);
    check_has("spool", "X-UID: 40", true);
    check_has("spool", "X-UID: 17", false);
    close_inbox();
}

static void folders(void)
{
    struct arena *arena = arena_new();
    struct account_folder *list;
    struct mailbox *b;
    struct mailbox_copied copied;
    size_t n;

    open_inbox();
    assert_int_equal(mailbox_count(inbox), 0);
    CHECK_OK(account_create(account, VIEW("lists/c"), 0, &e));
    CHECK_OK(account_create(account, VIEW("Sent"), SPECIAL_SENT, &e));
    assert_int_equal(account_create(account, VIEW("Sent/x"), 0, &e), STORE_CANNOT);
    help_write("mail/notes.txt", "no mail");
    CHECK_OK(account_list(account, arena, &list, &n, &e));
    assert_int_equal(n, 4);
    assert_string_equal(list[1].name.p, "Sent");
    assert_true(list[1].no_inferiors && list[1].exists);
    assert_true(list[2].has_children && !list[2].exists);
    uint32_t uid = help_append(inbox, "Subject: x\r\n\r\nx\r\n", MAILBOX_SEEN, "Work");
    CHECK_OK(mailbox_open(account, VIEW("lists/c"), &b, &e));
    CHECK_OK(mailbox_move(inbox, &uid, 1, b, arena, &copied, &e));
    assert_int_equal(copied.n, 1);
    assert_int_equal(mailbox_count(inbox), 0);
    assert_int_equal(mailbox_count(b), 1);
    assert_int_equal(mailbox_at(b, 0)->flags, MAILBOX_SEEN);
    check_bytes(b, 1, "Subject: x\n\nx\n");
    check_has("mail/lists/c", "X-Keywords: Work ", true);
    CHECK_OK(account_rename(account, VIEW("lists/c"), VIEW("c"), &e));
    assert_false(help_exists("mail/lists"));
    check_bytes(b, 1, "Subject: x\n\nx\n");
    CHECK_OK(account_delete(account, VIEW("c"), &e));
    assert_false(help_exists("mail/c"));
    mailbox_close(b);
    close_inbox();
    arena_free(arena);
}

struct heard {
    struct mailbox_listener l;
    unsigned n;
};

static void hear(struct mailbox_listener *l)
{
    CONTAINER_OF(l, struct heard, l)->n++;
}

static bool wait_for_count(size_t n)
{
    for (int i = 0; i < 100 && mailbox_count(inbox) != n; i++)
        fiber_sleep(10000);
    return mailbox_count(inbox) == n;
}

/* Programs that replace the file are heard, too. */
static void heard(void)
{
    struct heard h = {.l.changed = hear};
    char from[HELP_PATH], to[HELP_PATH];

    help_write("spool", FROM_A "Subject: a\n\na\n\n");
    open_inbox();
    mailbox_listen(inbox, &h.l);
    snprintf(from, sizeof from, "%s/other", help_root);
    snprintf(to, sizeof to, "%s/spool", help_root);
    help_write("other", FROM_A "Subject: a\n\na\n\n" FROM_B "Subject: b\n\nb\n\n");
    assert_int_equal(rename(from, to), 0);
    assert_true(wait_for_count(2));
    fiber_sleep(100000);
    help_write("other", FROM_B "Subject: b\n\nb\n\n");
    assert_int_equal(rename(from, to), 0);
    assert_true(wait_for_count(1));
    assert_int_equal(mailbox_at(inbox, 0)->uid, 2);
    assert_true(h.n >= 2);
    mailbox_unlisten(inbox, &h.l);
    close_inbox();
}

/* --- kill -9 while the file is written anew --- */

static int in_child(bool append, unsigned step)
{
    mbox_rewrite_die_at = step;
    open_inbox();
    uint32_t uid = 1;
    if (append)
        help_append(inbox, "Subject: new\r\n\r\nnew\r\n", 0, "");
    else
        CHECK_OK(mailbox_expunge(inbox, &uid, 1, NULL, &e));
    close_inbox();
    return 0;
}

static void write_three(void)
{
    help_write("spool", FROM_A "Subject: a\n\naaaa\n\n" FROM_B
                               "Subject: b\n\nb\n\n" FROM_A "Subject: c\n\nc\n\n");
}

static bool child_appends;
static unsigned child_step;

static void child(void)
{
    (void)in_child(child_appends, child_step);
}

/* Others append while the file is in the middle. */
static void deliver(void)
{
    char path[HELP_PATH];
    static const char text[] = FROM_B "Subject: d\n\nd\n\n";

    snprintf(path, sizeof path, "%s/spool", help_root);
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
}

static size_t count_subject(const char *subject)
{
    size_t n = 0;
    struct mailbox_bytes bytes;
    char want[40];

    snprintf(want, sizeof want, "Subject: %s\n\n", subject);
    for (size_t i = 0; i < mailbox_count(inbox); i++) {
        CHECK_OK(mailbox_bytes(inbox, mailbox_at(inbox, i)->uid, &bytes, &e));
        n += view_starts(bytes.v, view_of(want));
        mailbox_bytes_release(&bytes);
    }
    return n;
}

static bool delivered;

static void check_after(void)
{
    open_inbox();
    assert_int_equal(count_subject("b"), 1);
    assert_int_equal(count_subject("c"), 1);
    assert_int_equal(count_subject("d"), delivered);
    size_t a = count_subject("a"), new = count_subject("new");
    assert_true(child_appends ? a == 1 && new <= 1 : a <= 1 && new == 0);
    assert_int_equal(mailbox_count(inbox), 2 + a + new + delivered);
    close_inbox();
}

/* One child for each step until one lives to the end. */
static void kill_at_each_step(bool append, bool deliver_then)
{
    int status = 1;

    for (unsigned step = 1; status != 0 && step < 40; step++) {
        child_appends = append;
        child_step = step;
        delivered = deliver_then;
        help_set_up(NULL);
        write_three();
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            help_run(child);
            _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(status == 0 || WIFSIGNALED(status));
        char lock[HELP_PATH];
        snprintf(lock, sizeof lock, "%s/spool.lock", help_root);
        (void)unlink(lock);
        if (deliver_then)
            deliver();
        help_run(check_after);
        help_tear_down(NULL);
    }
    assert_int_equal(status, 0);
}

static void test_killed_expunge(void **state)
{
    (void)state;
    kill_at_each_step(false, false);
    kill_at_each_step(false, true);
}

static void test_killed_append(void **state)
{
    (void)state;
    kill_at_each_step(true, false);
    kill_at_each_step(true, true);
}

#define TEST(name)                                                                       \
    static void test_##name(void **state)                                                \
    {                                                                                    \
        (void)state;                                                                     \
        help_run(name);                                                                  \
    }
TEST(found)
TEST(flagged)
TEST(appended)
TEST(pseudo)
TEST(folders)
TEST(heard)
#define ENTRY(name)                                                                      \
    cmocka_unit_test_setup_teardown(test_##name, help_set_up, help_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENTRY(found),
        ENTRY(flagged),
        ENTRY(appended),
        ENTRY(pseudo),
        ENTRY(folders),
        ENTRY(heard),
        cmocka_unit_test(test_killed_expunge),
        cmocka_unit_test(test_killed_append),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
