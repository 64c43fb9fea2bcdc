/* mailbox_crash_test - a session that is killed at any system call, and several at once
 *
 * A child does one operation under ptrace and is killed at its Nth system call, of
 * whichever thread; then the mailbox is opened again.  What the child reported as done
 * is there; nothing is lost or there twice; a UID never means another message.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "run/loop.h"
#include "run/process.h"
#include "store/store_test_help.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MESSAGES = 3, NEW = 2 };

static struct account *account;
static struct mailbox *inbox, *work;
static struct error e;
static struct arena *arena;
static int report; /* descriptor: a byte when the operation was acknowledged */

static void open_both(void)
{
    CHECK_OK(account_open(&help_place, &account, &e));
    CHECK_OK(mailbox_open(account, VIEW("INBOX"), &inbox, &e));
    enum store_result r = account_create(account, VIEW("Work"), 0, &e);
    assert_true(r == STORE_OK || r == STORE_EXISTS);
    CHECK_OK(mailbox_open(account, VIEW("Work"), &work, &e));
}

static void close_both(void)
{
    mailbox_close(work);
    mailbox_close(inbox);
    account_close(account);
    account_close_unused();
}

static void fill(void)
{
    char text[40];

    open_both();
    for (int i = 0; i < MESSAGES; i++) {
        snprintf(text, sizeof text, "message %d\r\n", i);
        help_append(inbox, text, 0, "");
    }
    close_both();
}

/* --- the operations --- */

static const uint32_t all[MESSAGES] = {1, 2, 3};

static void do_flag(void)
{
    struct mailbox_flag_change c = {.how = MAILBOX_FLAGS_ADD, .flags = MAILBOX_SEEN};

    CHECK_OK(mailbox_flag(inbox, all, MESSAGES, &c, &e));
}

static void do_expunge(void)
{
    CHECK_OK(mailbox_expunge(inbox, all, 2, NULL, &e));
}

static void do_copy(void)
{
    struct mailbox_copied done;

    CHECK_OK(mailbox_copy(inbox, all, MESSAGES, work, arena, &done, &e));
}

static void do_move(void)
{
    struct mailbox_copied done;

    CHECK_OK(mailbox_move(inbox, all, MESSAGES, work, arena, &done, &e));
}

static void do_append(void)
{
    struct mailbox_append *p;
    struct mailbox_append_message m = {.received = -1};
    uint32_t uid;
    size_t n;

    CHECK_OK(mailbox_append_begin(work, &p, &e));
    for (int i = 0; i < NEW; i++) {
        CHECK_OK(mailbox_append_message(p, &m, &e));
        CHECK_OK(mailbox_append_bytes(p, i ? VIEW("new 1\r\n") : VIEW("new 0\r\n"), &e));
    }
    CHECK_OK(mailbox_append_commit(p, &uid, &n, &e));
}

static void do_rename(void)
{
    CHECK_OK(account_rename(account, VIEW("Work"), VIEW("Play"), &e));
}

static void (*operation)(void);

static void child(void)
{
    arena = arena_new();
    open_both();
    raise(SIGSTOP);
    operation();
    (void)!write(report, "x", 1);
    raise(SIGSTOP);
    arena_free(arena);
    close_both();
}

/* --- what must be true afterwards --- */

static size_t count_text(struct mailbox *b, const char *text)
{
    struct mailbox_bytes bytes;
    size_t n = 0;

    for (size_t i = 0; i < mailbox_count(b); i++) {
        CHECK_OK(mailbox_bytes(b, mailbox_at(b, i)->uid, &bytes, &e));
        n += view_eq(bytes.v, view_of(text));
        mailbox_bytes_release(&bytes);
    }
    return n;
}

/* UIDs 1 to 3 of INBOX are what they were, where they are there. */
static void check_uids(void)
{
    struct mailbox_bytes bytes;
    char text[40];

    for (uint32_t uid = 1; uid <= MESSAGES; uid++) {
        if (!mailbox_find(inbox, uid))
            continue;
        snprintf(text, sizeof text, "message %u\n", uid - 1);
        CHECK_OK(mailbox_bytes(inbox, uid, &bytes, &e));
        assert_true(view_eq(bytes.v, view_of(text)));
        mailbox_bytes_release(&bytes);
    }
}

static bool acknowledged;

static void check_places(void)
{
    size_t in_work = 0;
    char text[40];

    for (int i = 0; i < MESSAGES; i++) {
        snprintf(text, sizeof text, "message %d\n", i);
        size_t here = count_text(inbox, text), there = count_text(work, text);
        in_work += there;
        if (operation == do_copy) {
            assert_int_equal(here, 1);
            assert_true(there <= 1);
        } else if (operation == do_expunge && i < 2) {
            assert_true(here <= !acknowledged && there == 0);
        } else {
            assert_int_equal(here + there, 1);
        }
        if (operation == do_move && acknowledged)
            assert_int_equal(there, 1);
    }
    if (operation == do_copy)
        assert_true(in_work == (acknowledged ? MESSAGES : in_work) &&
                    (in_work == 0 || in_work == MESSAGES));
}

static void check(void)
{
    open_both();
    check_uids();
    check_places();
    size_t new = count_text(work, "new 0\n");
    assert_int_equal(new, count_text(work, "new 1\n"));
    assert_true(new == 0 || (new == 1 && operation == do_append));
    assert_true(!acknowledged || operation != do_append || new == 1);
    if (acknowledged && operation == do_flag)
        for (size_t i = 0; i < MESSAGES; i++)
            assert_int_equal(mailbox_at(inbox, i)->flags, MAILBOX_SEEN);
    if (operation == do_rename) {
        struct mailbox *b;
        enum store_result r = mailbox_open(account, VIEW("Play"), &b, &e);
        assert_true(r == STORE_OK || !acknowledged);
        if (r == STORE_OK)
            mailbox_close(b);
    }
    uint32_t next = mailbox_uidnext(inbox);
    assert_true(help_append(inbox, "later\r\n", 0, "") >= next);
    close_both();
}

/* --- killing --- */

/* Let the traced process go on until its Nth system call, or the end of the operation;
 * false when it came to the end. */
static bool run_until(pid_t pid, unsigned n)
{
    int status;
    bool started = false;

    for (unsigned calls = 0;;) {
        pid_t who = waitpid(-1, &status, __WALL);
        assert_true(who > 0);
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (who == pid)
                return false;
            continue;
        }
        int sig = WSTOPSIG(status);
        bool is_call = sig == (SIGTRAP | 0x80);
        if (sig == SIGSTOP && who == pid) {
            if (started)
                return false;
            started = true;
            ptrace(PTRACE_SETOPTIONS, pid, NULL,
                   (void *)(uintptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
                                       PTRACE_O_EXITKILL));
        }
        if (started && is_call && ++calls == n)
            return true;
        uintptr_t pass = is_call || sig == SIGSTOP || sig == SIGTRAP ? 0 : (uintptr_t)sig;
        ptrace(started ? PTRACE_SYSCALL : PTRACE_CONT, who, NULL, (void *)pass);
    }
}

static void kill_and_wait(pid_t pid)
{
    int status;

    kill(pid, SIGKILL);
    while (waitpid(-1, &status, __WALL) > 0)
        ;
}

static int traced(void *arg)
{
    (void)arg;
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    loop_init();
    help_run(child);
    return 0;
}

/* The operation, killed at system call N; false when it ended before. */
static bool killed_at(unsigned n)
{
    int ends[2];
    char byte;

    assert_int_equal(pipe(ends), 0);
    help_run(fill);
    report = ends[1];
    pid_t pid = process_fork(traced, NULL, &e);
    assert_true(pid > 0);
    close(ends[1]);
    bool was_killed = run_until(pid, n);
    kill_and_wait(pid);
    acknowledged = read(ends[0], &byte, 1) == 1;
    close(ends[0]);
    help_run(check);
    return was_killed;
}

static void kill_everywhere(void (*op)(void))
{
    unsigned n = 1;

    operation = op;
    for (;; n += 1 + n / 5) {
        help_set_up(NULL);
        bool was_killed = killed_at(n);
        help_tear_down(NULL);
        if (!was_killed)
            break;
    }
    assert_true(n > 10);
}

#define KILLED(name)                                                                     \
    static void test_killed_##name(void **state)                                         \
    {                                                                                    \
        (void)state;                                                                     \
        kill_everywhere(do_##name);                                                      \
    }
KILLED(flag)
KILLED(expunge)
KILLED(copy)
KILLED(move)
KILLED(append)
KILLED(rename)

/* --- several at once --- */

#define HOW_LONG (CLOCK_SECOND * 6 / 10)

static void note(FILE *log, struct mailbox *b, const struct mailbox_message *m)
{
    struct mailbox_bytes bytes;
    uint32_t uid = m->uid;

    if (mailbox_bytes(b, uid, &bytes, &e) != STORE_OK)
        return;
    fprintf(log, "%u %.*s", uid, VIEW_FMT(bytes.v));
    mailbox_bytes_release(&bytes);
}

static int who;

/* One session process: appends, marks, expunges, and notes which UID is which message. */
static void session(void)
{
    char path[HELP_PATH], text[60];
    int64_t deadline = clock_in(HOW_LONG);

    snprintf(path, sizeof path, "%s/log.%d", help_root, who);
    FILE *log = fopen(path, "w");
    assert_non_null(log);
    open_both();
    for (unsigned i = 0; clock_mono() < deadline; i++) {
        snprintf(text, sizeof text, "session %d.%u\r\n", who, i);
        uint32_t uid = help_append(inbox, text, 0, "");
        struct mailbox_flag_change c = {.how = MAILBOX_FLAGS_ADD,
                                        .flags = MAILBOX_FLAGGED};
        CHECK_OK(mailbox_flag(inbox, &uid, 1, &c, &e));
        CHECK_OK(mailbox_refresh(inbox, &e));
        if (mailbox_count(inbox) > 0)
            note(log, inbox, mailbox_at(inbox, i % mailbox_count(inbox)));
        if (mailbox_find(inbox, uid))
            note(log, inbox, mailbox_find(inbox, uid));
        if (i % 4 == 3)
            CHECK_OK(mailbox_expunge(inbox, &uid, 1, NULL, &e));
    }
    fclose(log);
    close_both();
}

/* Deliveries, and a mail program that moves files about. */
static void foreign_program(void)
{
    int64_t deadline = clock_in(HOW_LONG);
    char name[100], to[HELP_PATH], from[HELP_PATH];

    for (unsigned i = 0; clock_mono() < deadline; i++) {
        snprintf(name, sizeof name, "Maildir/tmp/%u.f", 1000 + i);
        snprintf(from, sizeof from, "%s/Maildir/new/%u.f", help_root, 1000 + i);
        snprintf(to, sizeof to, "foreign %u\n", i);
        help_write(name, to);
        snprintf(to, sizeof to, "%s/%s", help_root, name);
        assert_int_equal(rename(to, from), 0);
        usleep(2000);
        snprintf(to, sizeof to, "%s/Maildir/cur/%u.f:2,S", help_root, 1000 + i);
        if (i % 2)
            (void)!rename(from, to);
        if (i % 4 == 3)
            (void)!unlink(to);
    }
}

/* Over all logs: one UID, one message; one message, one UID. */
static void check_logs(int n)
{
    struct hash *by_uid = hash_new(), *by_text = hash_new();
    char path[HELP_PATH], line[100];
    size_t lines = 0;

    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/log.%d", help_root, i);
        FILE *log = fopen(path, "r");
        assert_non_null(log);
        while (fgets(line, sizeof line, log)) {
            struct view uid, text;
            assert_true(view_cut(view_of(line), ' ', &uid, &text));
            char *copy = strdup(line);
            char *other = hash_get(by_uid, uid);
            if (other && strcmp(other, copy) != 0)
                fail_msg("one UID for: %s and %s", other, copy);
            char *twin = hash_get(by_text, text);
            if (twin && strcmp(twin, copy) != 0)
                fail_msg("two UIDs: %s and %s", twin, copy);
            free(hash_put(by_uid, uid, copy));
            (void)hash_put(by_text, text, copy);
            lines++;
        }
        fclose(log);
    }
    assert_true(lines > 20);
    hash_free(by_text, NULL);
    hash_free(by_uid, free);
}

static void final_state(void)
{
    open_both();
    size_t n = mailbox_count(inbox);
    assert_int_equal(n, help_count("Maildir/cur") + help_count("Maildir/new"));
    for (size_t i = 1; i < n; i++)
        assert_true(mailbox_at(inbox, i)->uid > mailbox_at(inbox, i - 1)->uid);
    close_both();
}

static int run_session(void *arg)
{
    (void)arg;
    loop_init();
    if (who == 2)
        foreign_program();
    else
        help_run(session);
    return 0;
}

static void test_together(void **state)
{
    pid_t pids[3];
    int status;

    (void)state;
    help_set_up(NULL);
    help_run(fill);
    for (who = 0; who < 3; who++) {
        pids[who] = process_fork(run_session, NULL, &e);
        assert_true(pids[who] > 0);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    help_run(final_state);
    check_logs(2);
    help_tear_down(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_flag),   cmocka_unit_test(test_killed_expunge),
        cmocka_unit_test(test_killed_copy),   cmocka_unit_test(test_killed_move),
        cmocka_unit_test(test_killed_append), cmocka_unit_test(test_killed_rename),
        cmocka_unit_test(test_together),
    };
    cmocka_set_test_filter(getenv("CMOCKA_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
