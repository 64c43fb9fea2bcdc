/* mailbox_maildir_test - sessions and other programs on one Maildir */
#include "store/store_test_help.h"

#include "base/clock.h"
#include "run/loop.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct account *account;
static struct mailbox *inbox;
static struct error e;

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

static void make_maildir(void)
{
    char path[HELP_PATH];
    static const char *const parts[] = {"", "/cur", "/new", "/tmp"};

    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/Maildir%s", help_root, parts[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
}

static void check_bytes(struct mailbox *b, uint32_t uid, const char *want)
{
    struct mailbox_bytes bytes;

    CHECK_OK(mailbox_bytes(b, uid, &bytes, &e));
    assert_int_equal(bytes.v.n, strlen(want));
    assert_memory_equal(bytes.v.p, want, bytes.v.n);
    mailbox_bytes_release(&bytes);
}

static void refresh(void)
{

    CHECK_OK(mailbox_refresh(inbox, &e));
}

/* Messages of others: order, flags, sizes, UIDs that stay. */
static void found(void)
{

    make_maildir();
    help_write("Maildir/new/1000000002.M5P1.h", "Subject: b\n\nb\n");
    help_write("Maildir/cur/1000000001.M5P1.h,S=14:2,FS", "Subject: a\n\na\n");
    help_write("Maildir/cur/1000000002.M4P1.h:2,PRT", "c\n");
    help_write("Maildir/cur/.hidden", "x");
    open_inbox();
    assert_int_equal(mailbox_count(inbox), 3);
    assert_int_equal(mailbox_at(inbox, 0)->uid, 1);
    assert_int_equal(mailbox_at(inbox, 0)->flags, MAILBOX_SEEN | MAILBOX_FLAGGED);
    assert_int_equal(mailbox_at(inbox, 1)->flags, MAILBOX_ANSWERED | MAILBOX_DELETED);
    assert_int_equal(mailbox_at(inbox, 2)->flags, 0);
    assert_null(mailbox_at(inbox, 3));
    assert_int_equal(mailbox_uidnext(inbox), 4);
    check_bytes(inbox, 1, "Subject: a\n\na\n");
    check_bytes(inbox, 3, "Subject: b\n\nb\n");
    struct mailbox_status st;
    CHECK_OK(mailbox_status(inbox, true, &st, &e));
    assert_int_equal(st.size, 17 + 3 + 17);
    assert_int_equal(st.unseen, 2);
    assert_int_equal(st.first_unseen, 2);
    assert_int_equal(st.deleted, 1);
    assert_int_equal(st.recent, 3);
    uint32_t first, last, validity = mailbox_uidvalidity(inbox);
    assert_true(mailbox_recent(inbox, true, &first, &last));
    assert_int_equal(first, 1);
    assert_int_equal(last, 3);
    assert_false(mailbox_recent(inbox, true, &first, &last));
    close_inbox();

    open_inbox();
    assert_int_equal(mailbox_count(inbox), 3);
    assert_int_equal(mailbox_uidvalidity(inbox), validity);
    assert_int_equal(mailbox_at(inbox, 2)->uid, 3);
    assert_int_equal(mailbox_at(inbox, 2)->size, 17);
    assert_false(mailbox_recent(inbox, true, &first, &last));
    close_inbox();
}

static void flagged(void)
{
    char name[256];
    unsigned bit;

    open_inbox();
    uint32_t uid = help_append(inbox, "a\r\nb\r\n", MAILBOX_DRAFT, "$Forwarded Work");
    assert_int_equal(uid, 1);
    assert_int_equal(mailbox_at(inbox, 0)->size, 6);
    assert_int_equal(mailbox_at(inbox, 0)->received, 1000000000);
    check_bytes(inbox, 1, "a\nb\n");
    help_name("Maildir/cur", "", name, sizeof name);
    assert_non_null(strstr(name, ",S=4,W=6:2,Dab"));
    CHECK_OK(mailbox_keyword(inbox, VIEW("work"), &bit, &e));
    assert_int_equal(bit, 1);
    assert_string_equal(mailbox_keyword_name(inbox, 1).p, "Work");

    struct mailbox_flag_change c = {.how = MAILBOX_FLAGS_ADD,
                                    .flags = MAILBOX_SEEN | MAILBOX_DELETED};
    uint64_t before = mailbox_modseq(inbox);
    CHECK_OK(mailbox_flag(inbox, &uid, 1, &c, &e));
    assert_true(c.modseq > before);
    assert_int_equal(c.modseq, mailbox_modseq(inbox));
    assert_int_equal(mailbox_find(inbox, 1)->modseq, c.modseq);
    help_name("Maildir/cur", "", name, sizeof name);
    assert_non_null(strstr(name, ":2,DSTab"));

    c = (struct mailbox_flag_change){
        .how = MAILBOX_FLAGS_REPLACE, .flags = MAILBOX_FLAGGED, .keywords = 2};
    CHECK_OK(mailbox_flag(inbox, &uid, 1, &c, &e));
    help_name("Maildir/cur", "", name, sizeof name);
    assert_non_null(strstr(name, ":2,Fb"));
    /* Nothing to do, no change. */
    CHECK_OK(mailbox_flag(inbox, &uid, 1, &c, &e));
    assert_int_equal(c.modseq, 0);

    struct arena *arena = arena_new();
    c = (struct mailbox_flag_change){.how = MAILBOX_FLAGS_ADD,
                                     .flags = MAILBOX_SEEN,
                                     .is_conditional = true,
                                     .unchanged_since = before,
                                     .arena = arena};
    CHECK_OK(mailbox_flag(inbox, &uid, 1, &c, &e));
    assert_int_equal(c.n_modified, 1);
    assert_int_equal(c.modified[0], 1);
    assert_int_equal(mailbox_find(inbox, 1)->flags, MAILBOX_FLAGGED);
    arena_free(arena);
    help_read("Maildir/dovecot-keywords", name, sizeof name);
    assert_string_equal(name, "0 $Forwarded\n1 Work\n");
    close_inbox();
    open_inbox();
    assert_int_equal(mailbox_find(inbox, 1)->keywords, 2);
    assert_true(mailbox_keyword_find(inbox, VIEW("$FORWARDED"), &bit));
    close_inbox();
}

/* mv, ln and rm by other programs. */
static void foreign(void)
{
    char a[HELP_PATH], b[HELP_PATH];
    struct uid_list *view;

    make_maildir();
    help_write("Maildir/new/1.a", "a\n");
    help_write("Maildir/new/2.b", "b\n");
    open_inbox();
    view = mailbox_uids(inbox);
    assert_ptr_equal(view, mailbox_uids(inbox));
    uid_list_release(view);
    snprintf(a, sizeof a, "%s/Maildir/new/1.a", help_root);
    snprintf(b, sizeof b, "%s/Maildir/cur/1.a:2,S", help_root);
    assert_int_equal(rename(a, b), 0);
    /* Not refreshed yet: the file is found under its new name. */
    check_bytes(inbox, 1, "a\n");
    assert_int_equal(mailbox_find(inbox, 1)->flags, MAILBOX_SEEN);
    assert_int_equal(mailbox_count(inbox), 2);

    snprintf(a, sizeof a, "%s/Maildir/cur/1.a:2,FS", help_root);
    assert_int_equal(rename(b, a), 0);
    struct mailbox_flag_change c = {.how = MAILBOX_FLAGS_ADD, .flags = MAILBOX_ANSWERED};
    uint32_t uid = 1;
    CHECK_OK(mailbox_flag(inbox, &uid, 1, &c, &e));
    assert_int_equal(mailbox_find(inbox, 1)->flags,
                     MAILBOX_SEEN | MAILBOX_FLAGGED | MAILBOX_ANSWERED);
    assert_true(help_exists("Maildir/cur/1.a:2,FRS"));

    uint64_t modseq = mailbox_modseq(inbox);
    snprintf(a, sizeof a, "%s/Maildir/new/2.b", help_root);
    assert_int_equal(unlink(a), 0);
    help_write("Maildir/new/3.c", "c\n");
    refresh();
    assert_int_equal(mailbox_count(inbox), 2);
    assert_int_equal(mailbox_at(inbox, 1)->uid, 3);
    assert_true(mailbox_modseq(inbox) > modseq);
    uid_list_release(view);

    struct arena *arena = arena_new();
    uint32_t *gone;
    size_t n;
    bool complete;
    CHECK_OK(mailbox_vanished(inbox, modseq, arena, &gone, &n, &complete, &e));
    assert_true(complete);
    assert_int_equal(n, 1);
    assert_int_equal(gone[0], 2);
    CHECK_OK(mailbox_vanished(inbox, 1, arena, &gone, &n, &complete, &e));
    assert_false(complete);
    arena_free(arena);

    uid = 3;
    snprintf(a, sizeof a, "%s/Maildir/new/3.c", help_root);
    assert_int_equal(unlink(a), 0);
    struct mailbox_bytes bytes;
    assert_int_equal(mailbox_bytes(inbox, 3, &bytes, &e), STORE_EXPUNGED);
    assert_int_equal(mailbox_count(inbox), 1);
    close_inbox();
}

static void copied(void)
{
    struct mailbox *work;
    struct mailbox_copied done;
    struct arena *arena = arena_new();

    open_inbox();
    CHECK_OK(account_create(account, VIEW("Work/Öl"), SPECIAL_ARCHIVE, &e));
    assert_int_equal(account_create(account, VIEW("Work/Öl"), 0, &e), STORE_EXISTS);
    CHECK_OK(mailbox_open(account, VIEW("Work/Öl"), &work, &e));
    uint32_t one = help_append(work, "x\r\n", 0, "zero one");
    assert_int_equal(one, 1);
    uint32_t uids[3] = {0};
    uids[0] = help_append(inbox, "a\r\n", MAILBOX_SEEN, "one");
    uids[1] = help_append(inbox, "b\r\n", 0, "two");
    uids[2] = 77;
    CHECK_OK(mailbox_copy(inbox, uids, 3, work, arena, &done, &e));
    assert_int_equal(done.n, 2);
    assert_int_equal(done.from[1], 2);
    assert_int_equal(done.to[0], 2);
    assert_int_equal(done.to[1], 3);
    assert_int_equal(done.uidvalidity, mailbox_uidvalidity(work));
    const struct mailbox_message *m = mailbox_find(work, 2);
    assert_int_equal(m->flags, MAILBOX_SEEN);
    assert_int_equal(m->keywords, 2);
    assert_int_equal(m->received, 1000000000);
    assert_int_equal(m->email_id, mailbox_find(inbox, 1)->email_id);
    check_bytes(work, 3, "b\n");
    assert_int_equal(mailbox_count(inbox), 2);

    uint64_t id = mailbox_find(inbox, 2)->email_id;
    CHECK_OK(mailbox_move(inbox, uids, 2, work, arena, &done, &e));
    assert_int_equal(done.n, 2);
    assert_int_equal(done.to[1], 5);
    assert_int_equal(mailbox_count(inbox), 0);
    assert_int_equal(mailbox_count(work), 5);
    assert_int_equal(mailbox_find(work, 5)->email_id, id);
    assert_int_equal(help_count("Maildir/.Work.&ANY-l/cur"), 5);
    assert_int_equal(help_count("Maildir/cur"), 0);
    refresh();
    CHECK_OK(mailbox_refresh(work, &e));
    assert_int_equal(mailbox_count(work), 5);

    size_t removed;
    uint32_t some[] = {1, 3, 9};
    CHECK_OK(mailbox_expunge(work, some, 3, &removed, &e));
    assert_int_equal(removed, 2);
    assert_int_equal(mailbox_count(work), 3);
    assert_int_equal(mailbox_uidnext(work), 6);
    mailbox_close(work);
    close_inbox();
    open_inbox();
    CHECK_OK(mailbox_open(account, VIEW("Work/Öl"), &work, &e));
    assert_int_equal(mailbox_count(work), 3);
    assert_int_equal(mailbox_at(work, 0)->uid, 2);
    /* The ids are in the names: they outlive the index. */
    assert_int_equal(mailbox_find(work, 5)->email_id, id);
    mailbox_close(work);
    close_inbox();
    arena_free(arena);
}

static void named(void)
{
    struct arena *arena = arena_new();
    struct account_folder *list;
    struct mailbox *b;
    size_t n;
    char id[24], again[24];
    struct str s = STR_INIT(1000);

    open_inbox();
    assert_true(account_name(account, VIEW("inbox"), &s));
    assert_string_equal(str_cstr(&s), "INBOX");
    assert_false(account_name(account, VIEW("a//b"), &s));
    assert_false(account_name(account, VIEW("/a"), &s));
    assert_false(account_name(account, VIEW("a.b"), &s));
    assert_false(account_name(account, VIEW("a\nb"), &s));
    assert_true(account_name(account, VIEW("Inbox/x"), &s));
    assert_string_equal(str_cstr(&s), "INBOX/x");
    str_done(&s);

    CHECK_OK(account_create(account, VIEW("A/B/C"), 0, &e));
    CHECK_OK(account_create(account, VIEW("A/B-x"), SPECIAL_JUNK, &e));
    CHECK_OK(account_subscribe(account, VIEW("Z"), true, &e));
    CHECK_OK(account_subscribe(account, VIEW("A/B/C"), true, &e));
    CHECK_OK(account_list(account, arena, &list, &n, &e));
    assert_int_equal(n, 6);
    static const char *const want[] = {"INBOX", "A", "A/B", "A/B/C", "A/B-x", "Z"};
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(list[i].name.p, want[i]);
    assert_false(list[1].exists);
    assert_true(list[1].has_children && list[2].has_children && !list[3].has_children);
    assert_true(list[3].exists && list[3].is_subscribed);
    assert_int_equal(list[4].special_use, SPECIAL_JUNK);
    assert_true(!list[5].exists && list[5].is_subscribed);

    CHECK_OK(account_mailbox_id(account, VIEW("A/B/C"), id, &e));
    CHECK_OK(mailbox_open(account, VIEW("A/B/C"), &b, &e));
    help_append(b, "x\r\n", 0, "");
    CHECK_OK(account_rename(account, VIEW("A/B"), VIEW("D"), &e));
    assert_string_equal(mailbox_name(b).p, "D/C");
    help_append(b, "y\r\n", 0, "");
    assert_int_equal(help_count("Maildir/.D.C/cur"), 2);
    CHECK_OK(account_mailbox_id(account, VIEW("D/C"), again, &e));
    assert_string_equal(id, again);
    assert_string_equal(id, mailbox_id(b));
    CHECK_OK(account_list(account, arena, &list, &n, &e));
    assert_int_equal(n, 8); /* INBOX, A, A/B, A/B/C (subscribed), A/B-x, D, D/C, Z */

    assert_int_equal(account_rename(account, VIEW("nope"), VIEW("E"), &e),
                     STORE_NONEXISTENT);
    assert_int_equal(account_rename(account, VIEW("D"), VIEW("D/x"), &e), STORE_CANNOT);
    CHECK_OK(account_delete(account, VIEW("D/C"), &e));
    assert_true(mailbox_is_gone(b));
    assert_int_equal(mailbox_refresh(b, &e), STORE_NONEXISTENT);
    mailbox_close(b);
    assert_false(help_exists("Maildir/.D.C"));
    assert_int_equal(account_delete(account, VIEW("INBOX"), &e), STORE_CANNOT);

    uint32_t validity = mailbox_uidvalidity(inbox);
    help_append(inbox, "z\r\n", 0, "");
    CHECK_OK(account_rename(account, VIEW("INBOX"), VIEW("Old"), &e));
    assert_int_equal(mailbox_count(inbox), 0);
    assert_int_equal(mailbox_uidvalidity(inbox), validity);
    assert_int_equal(help_count("Maildir/.Old/cur"), 1);
    close_inbox();
    arena_free(arena);
}

/* Two files of one name are two messages. */
static void doubled(void)
{
    make_maildir();
    help_write("Maildir/cur/1.a:2,S", "a\n");
    help_write("Maildir/new/1.a", "b\n");
    open_inbox();
    refresh();
    assert_int_equal(mailbox_count(inbox), 2);
    help_write("Maildir/cur/1.a:2,F", "c\n");
    refresh();
    refresh();
    assert_int_equal(mailbox_count(inbox), 3);
    assert_int_equal(mailbox_uidnext(inbox), 4);
    close_inbox();
}

/* rm -r, or another process. */
static void deleted(void)
{
    struct mailbox *b;
    char from[HELP_PATH], to[HELP_PATH];

    open_inbox();
    CHECK_OK(account_create(account, VIEW("A"), 0, &e));
    CHECK_OK(mailbox_open(account, VIEW("A"), &b, &e));
    help_append(b, "a\r\n", 0, "");
    snprintf(from, sizeof from, "%s/Maildir/.A", help_root);
    snprintf(to, sizeof to, "%s/elsewhere", help_root);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(mailbox_refresh(b, &e), STORE_NONEXISTENT);
    assert_true(mailbox_is_gone(b));
    assert_false(help_exists("Maildir/.A"));
    assert_int_equal(mailbox_open(account, VIEW("A"), &b, &e), STORE_NONEXISTENT);
    mailbox_close(b);
    close_inbox();
}

/* An index that nobody asks is closed, and opened again when somebody does. */
static void idle(void)
{
    uint32_t uid;

    open_inbox();
    uid = help_append(inbox, "a\r\n", 0, "");
    mailbox_cache_put(inbox, CACHE_BODY, uid, VIEW("x"));
    mailbox_cache_flush(inbox);
    fiber_sleep(3400 * CLOCK_SECOND / 1000);
    struct str s = STR_INIT(10);
    char path[HELP_PATH];
    struct stat st;
    snprintf(path, sizeof path, "%s/Maildir/diligence.index-wal", help_root);
    assert_true(stat(path, &st) < 0 || st.st_size == 0);
    assert_true(mailbox_cache_get(inbox, CACHE_BODY, uid, &s));
    refresh();
    assert_int_equal(mailbox_count(inbox), 1);
    str_done(&s);
    close_inbox();
}

struct heard {
    struct mailbox_listener l;
    unsigned n;
};

static void hear(struct mailbox_listener *l)
{
    CONTAINER_OF(l, struct heard, l)->n++;
}

static void heard(void)
{
    struct heard h = {.l.changed = hear};

    open_inbox();
    mailbox_listen(inbox, &h.l);
    help_write("Maildir/new/1.a", "a\n");
    int64_t deadline = clock_in(CLOCK_SECOND);
    while (h.n == 0 && clock_mono() < deadline)
        fiber_sleep(10000);
    assert_int_equal(h.n > 0, 1);
    assert_int_equal(mailbox_count(inbox), 1);
    mailbox_unlisten(inbox, &h.l);
    close_inbox();
}

static bool take_piece(uint32_t uid, struct view bytes, void *arg)
{
    struct str *out = arg;

    str_addf(out, "%u=%.*s ", (unsigned)uid, VIEW_FMT(bytes));
    return uid != 2;
}

static void cached(void)
{
    struct str s = STR_INIT(1000);

    open_inbox();
    for (int i = 0; i < 3; i++)
        help_append(inbox, "a\r\n", 0, "");
    mailbox_cache_put(inbox, CACHE_ENVELOPE, 1, VIEW("one"));
    mailbox_cache_put(inbox, CACHE_ENVELOPE, 2, VIEW("two"));
    mailbox_cache_put(inbox, CACHE_ENVELOPE, 3, VIEW("three"));
    mailbox_cache_put(inbox, CACHE_BODY, 2, VIEW("body"));
    mailbox_cache_put(inbox, CACHE_BODY, 99, VIEW("nobody"));
    assert_true(mailbox_cache_get(inbox, CACHE_BODY, 2, &s));
    assert_string_equal(str_cstr(&s), "body");
    str_clear(&s);
    mailbox_cache_walk(inbox, CACHE_ENVELOPE, 1, UINT32_MAX, take_piece, &s);
    assert_string_equal(str_cstr(&s), "1=one 2=two ");
    close_inbox();
    open_inbox();
    str_clear(&s);
    assert_true(mailbox_cache_get(inbox, CACHE_ENVELOPE, 3, &s));
    assert_string_equal(str_cstr(&s), "three");
    assert_false(mailbox_cache_get(inbox, CACHE_BODY, 99, &s));
    uint32_t uid = 3;
    CHECK_OK(mailbox_expunge(inbox, &uid, 1, NULL, &e));
    assert_false(mailbox_cache_get(inbox, CACHE_ENVELOPE, 3, &s));
    close_inbox();
    str_done(&s);
}

static void full(void)
{
    struct mailbox_append *p;
    struct account_quota q;
    uint32_t uid;
    size_t n;
    char text[200];

    help_place.quota_bytes = 100;
    help_place.quota_messages = 2;
    open_inbox();
    help_append(inbox, "12345678\r\n", 0, "");
    CHECK_OK(account_quota(account, &q, &e));
    assert_int_equal(q.bytes, 9);
    assert_int_equal(q.messages, 1);
    assert_int_equal(account_quota_check(account, 92, 1, &e), STORE_OVERQUOTA);
    CHECK_OK(account_quota_check(account, 91, 1, &e));
    help_append(inbox, "x\r\n", 0, "");
    CHECK_OK(mailbox_append_begin(inbox, &p, &e));
    struct mailbox_append_message m = {.received = -1};
    CHECK_OK(mailbox_append_message(p, &m, &e));
    CHECK_OK(mailbox_append_bytes(p, VIEW("y\r\n"), &e));
    assert_int_equal(mailbox_append_commit(p, &uid, &n, &e), STORE_OVERQUOTA);
    assert_int_equal(help_count("Maildir/tmp"), 0);
    uid = 1;
    CHECK_OK(mailbox_expunge(inbox, &uid, 1, NULL, &e));
    CHECK_OK(account_quota(account, &q, &e));
    assert_int_equal(q.messages, 1);
    assert_int_equal(q.bytes, 2);
    help_read("Maildir/maildirsize", text, sizeof text);
    assert_true(view_starts(view_of(text), VIEW("100S,2C\n")));
    assert_non_null(strstr(text, "-9 -1\n"));
    close_inbox();
}

#define TEST(name)                                                                       \
    static void test_##name(void **state)                                                \
    {                                                                                    \
        (void)state;                                                                     \
        help_run(name);                                                                  \
    }
TEST(found)
TEST(flagged)
TEST(foreign)
TEST(copied)
TEST(named)
TEST(doubled)
TEST(deleted)
TEST(idle)
TEST(heard)
TEST(cached)
TEST(full)
#define ENTRY(name)                                                                      \
    cmocka_unit_test_setup_teardown(test_##name, help_set_up, help_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENTRY(found), ENTRY(flagged), ENTRY(foreign), ENTRY(copied),
        ENTRY(named), ENTRY(heard),   ENTRY(doubled), ENTRY(deleted),
        ENTRY(idle),  ENTRY(cached),  ENTRY(full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
