/* qmgr_test - the real program between submitters and delivery agents of the test
 *
 * The world around it is in qmgr_world.c.  S033 S040 S084 S089 S092 S098 S099 S100
 * S102 S105 S106.
 */
#include "ipc/ipc.h"
#include "net/dial.h"
#include "qmgr_world.h"
#include "queue/queue_file.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void body_deliver(void *arg)
{
    struct queue_id id;
    (void)arg;
    assert_int_equal(send_to("ok@x.test", &id), OK);
    assert_true(wait_count(&w.delivered, 1));
    const char *line = arena_printf(w.arena,
                                    "postfix/qmgr[%d]: %s: from=<sender@x.test>, "
                                    "size=4096, nrcpt=1 (queue active)\n",
                                    (int)w.pid, id.text)
                           .p;
    assert_true(wait_log(line));
    assert_true(wait_log(arena_printf(w.arena, "%s: removed\n", id.text).p));
    assert_true(wait_empty());
}

/* S102, S105: only what was deferred is tried again; the reason shows. */
static void body_defer_and_retry(void *arg)
{
    static const char *const to[] = {"ok1@x.test", "defer@x.test", "ok2@x.test", NULL};
    struct queue_id id;
    uint64_t count;
    (void)arg;
    assert_int_equal(submit("sender@x.test", to, 100, NULL, &id), OK);
    assert_true(wait_count(&w.delivered, 2));
    (void)fiber_sleep(CLOCK_SECOND / 5);
    const char *list = listing(&count);
    assert_int_equal(count, 1);
    assert_non_null(strstr(list, "\"queue_name\": \"deferred\""));
    assert_non_null(strstr(list, id.text));
    assert_non_null(strstr(list, "\"sender\": \"sender@x.test\", \"recipients\": "
                                 "[{\"address\": \"defer@x.test\", \"delay_reason\": "
                                 "\"not now, please\"}]}"));
    assert_true(wait_count(&w.attempts, 2 + 1));
    assert_int_equal(w.delivered, 2);
    assert_int_equal(control(QUEUE_DELETE, id.text), 1);
    assert_true(wait_empty());
}

static bool count_entry(const struct queue_dir_entry *entry, void *arg)
{
    unsigned *n = arg;
    (void)entry;
    ++*n;
    return true;
}

/* S098, S106: what was acknowledged is delivered after a kill, what was delivered is not
 * repeated, IDs stay. */
static void body_kill(void *arg)
{
    enum { BEFORE = 20, STALLED = 20 };
    struct queue_id ids[STALLED];
    (void)arg;
    for (int i = 0; i < BEFORE; i++)
        assert_int_equal(send_to("ok@x.test", NULL), OK);
    assert_true(wait_count(&w.delivered, BEFORE));
    assert_true(wait_empty());
    w.is_stalled = true;
    for (int i = 0; i < STALLED; i++)
        assert_int_equal(send_to("ok@x.test", &ids[i]), OK);
    end_qmgr(SIGKILL);
    str_clear(&w.seen);
    w.delivered = 0;
    (void)fiber_sleep(CLOCK_SECOND / 5); /* old answers go nowhere */
    w.is_stalled = false;
    (void)fiber_sleep(CLOCK_SECOND / 5);
    w.delivered = 0;
    str_clear(&w.seen);
    start_qmgr();
    assert_true(wait_count(&w.delivered, STALLED));
    assert_true(wait_empty());
    assert_int_equal(w.delivered, STALLED);
    for (int i = 0; i < STALLED; i++)
        assert_non_null(strstr(str_cstr(&w.seen), ids[i].text));
    assert_int_equal(send_to("ok@x.test", NULL), OK); /* the link comes back */
}

/* More waits than the journal likes to keep: the oldest become files, and nothing is lost
 * or doubled by a kill in the middle of that. */
static void body_crowded(void *arg)
{
    enum { MANY = 3000 };
    (void)arg;
    w.is_stalled = true;
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(send_to("ok@x.test", NULL), OK);
    uint64_t count;
    listing(&count);
    assert_int_equal(count, MANY);
    struct queue_dir d;
    struct error e = ERROR_INIT;
    unsigned files = 0;
    assert_true(queue_dir_open(&d, w.conf, &e));
    int64_t deadline = clock_in(PATIENCE);
    while (files < 100 && clock_mono() < deadline) {
        files = 0;
        assert_true(queue_dir_walk(&d, QUEUE_NAME_INCOMING, count_entry, &files, &e));
        (void)fiber_sleep(CLOCK_SECOND / 20);
    }
    assert_true(files >= 100);
    queue_dir_close(&d);
    end_qmgr(SIGKILL);
    w.is_stalled = false;
    (void)fiber_sleep(CLOCK_SECOND / 4);
    w.delivered = 0;
    str_clear(&w.seen);
    start_qmgr();
    assert_true(wait_count(&w.delivered, MANY));
    assert_true(wait_empty());
    assert_int_equal(w.delivered, MANY);
}

/* A permanent failure makes one report; without bounce the message stays. */
static void body_bounce(void *arg)
{
    static const char *const to[] = {"bounce1@x.test", "ok@x.test", "bounce2@x.test",
                                     NULL};
    struct queue_id id;
    (void)arg;
    assert_int_equal(submit("sender@x.test", to, 100, NULL, &id), OK);
    assert_true(wait_log("failure report"));
    uint64_t count;
    (void)fiber_sleep(CLOCK_SECOND / 5);
    assert_non_null(strstr(listing(&count), "bounce2@x.test"));
    start_bounce();
    w.bounce_commits = true;
    assert_true(wait_count(&w.reports, 1));
    assert_string_equal(w.last_report, "failure");
    assert_int_equal(w.reported_recipients, 2);
    assert_true(wait_empty());
    assert_int_equal(w.reports, 1);
    assert_non_null(strstr(str_cstr(&w.seen), "ok-sender@x.test"));
}

/* An agent that dies loses nothing. */
static void body_agent_dies(void *arg)
{
    (void)arg;
    w.crashes = 1;
    assert_int_equal(send_to("crash@x.test", NULL), OK);
    assert_true(wait_count(&w.delivered, 1)); /* another agent has it at once */
    w.crashes = 2;
    assert_int_equal(send_to("crash@x.test", NULL), OK);
    assert_true(wait_log("warning: transport fake failure"));
    assert_true(wait_log("postfix/error["));
    assert_true(wait_log("status=deferred (unknown mail transport error)"));
    assert_true(wait_count(&w.delivered, 2));
    assert_true(wait_empty());
}

/* S084, S099: the active window is bounded; hold, release, read, delete. */
static void body_window_and_control(void *arg)
{
    struct queue_id ids[8];
    uint64_t count;
    (void)arg;
    w.is_stalled = true;
    for (int i = 0; i < 8; i++)
        assert_int_equal(send_to("ok@x.test", &ids[i]), OK);
    assert_true(wait_count(&w.running, 3));
    (void)fiber_sleep(CLOCK_SECOND / 5);
    assert_int_equal(w.running, 3); /* qmgr_message_active_limit */
    const char *list = listing(&count);
    unsigned active = 0;
    for (const char *p = list; (p = strstr(p, "\"active\"")) != NULL; p++)
        active++;
    assert_int_equal(count, 8);
    assert_int_equal(active, 3);
    assert_int_equal(control(QUEUE_HOLD, ids[6].text), 1);
    assert_int_equal(control(QUEUE_DELETE, ids[7].text), 1);
    assert_int_equal(control(QUEUE_DELETE, "ABCDEF123456"), 0);
    assert_non_null(strstr(listing(&count), "\"hold\""));
    assert_int_equal(count, 7);
    int fd;
    char name[16];
    struct error e = ERROR_INIT;
    struct queue_message m;
    assert_int_equal(queue_admin_read(w.conf, queue_id_view(&ids[6]), &fd, name, &e), OK);
    assert_string_equal(name, "hold");
    assert_int_equal(
        queue_file_read(w.arena, fd, 0, (uint64_t)lseek(fd, 0, SEEK_END), &m, &e), OK);
    assert_int_equal(m.content_size, 4096);
    close(fd);
    assert_int_equal(queue_admin_read(w.conf, queue_id_view(&ids[0]), &fd, name, &e), OK);
    assert_string_equal(name, "active");
    close(fd);
    w.is_stalled = false;
    waitq_wake_all(&w.released);
    assert_true(wait_count(&w.delivered, 6));
    assert_int_equal(control(QUEUE_RELEASE, "ALL"), 1);
    assert_true(wait_count(&w.delivered, 7));
    assert_true(wait_empty());
    assert_true(log_has("postfix/postsuper["));
    assert_true(log_has("placed on hold"));
    assert_true(log_has("released from hold"));
}

/* S040, S092: never more deliveries at a time than the destination's limit. */
static void body_concurrency(void *arg)
{
    (void)arg;
    for (int i = 0; i < 12; i++)
        assert_int_equal(send_to("slow@x.test", NULL), OK);
    assert_true(wait_count(&w.delivered, 12));
    assert_int_equal(w.most_running, 2);
    w.most_running = 0;
    for (int i = 0; i < 10; i++) /* other destinations run beside it */
        assert_int_equal(send_to(arena_printf(w.arena, "slow@d%d.test", i).p, NULL), OK);
    assert_true(wait_count(&w.delivered, 22));
    assert_true(w.most_running > 4);
}

static void body_large(void *arg)
{
    static const char *const to[] = {"ok@x.test", NULL};
    (void)arg;
    assert_int_equal(submit("sender@x.test", to, 300000, NULL, NULL), OK);
    assert_int_equal(submit("sender@x.test", to, 3 << 20, NULL, NULL), OK);
    assert_true(wait_count(&w.delivered, 2));
    assert_true(wait_empty());
}

/* A destination that does not answer: the others of its line are not tried. */
static void body_dead(void *arg)
{
    (void)arg;
    w.refuses_dead = true;
    for (int i = 0; i < 6; i++)
        assert_int_equal(send_to("dead@dead.test", NULL), OK);
    assert_true(wait_log("status=deferred (delivery temporarily suspended: connect to x: "
                         "Connection refused)"));
    (void)fiber_sleep(CLOCK_SECOND / 2);
    w.refuses_dead = false;
    assert_true(control(QUEUE_FLUSH, "") > 0);
    assert_true(wait_count(&w.delivered, 6));
    assert_true(wait_empty());
}

/* S089: too old goes back, with the reason of the last attempt. */
static void body_expire(void *arg)
{
    struct queue_id id;
    (void)arg;
    start_bounce();
    assert_int_equal(send_to("defer@x.test", &id), OK);
    assert_true(wait_log("status=expired, returned to sender"));
    assert_true(wait_count(&w.reports, 1));
    assert_string_equal(w.last_report, "failure");
    assert_true(wait_empty());
}

static void body_forced_expire(void *arg)
{
    struct queue_id id;
    (void)arg;
    start_bounce();
    assert_int_equal(send_to("defer@x.test", &id), OK);
    assert_true(wait_count(&w.attempts, 1));
    (void)fiber_sleep(CLOCK_SECOND / 10);
    assert_int_equal(control(QUEUE_EXPIRE, id.text), 1);
    assert_int_equal(control(QUEUE_FLUSH_ID, id.text), 1);
    assert_true(wait_log("status=force-expired, returned to sender"));
    assert_true(wait_count(&w.reports, 1));
    assert_true(wait_empty());
}

/* A delivery that waits for a checkpoint is gone from sight, and gone for good after it.
 */
static void body_checkpoint(void *arg)
{
    (void)arg;
    assert_int_equal(send_to("store@x.test", NULL), OK);
    assert_true(wait_count(&w.delivered, 1));
    assert_true(wait_empty());
    (void)fiber_sleep(3 * CLOCK_SECOND / 2);
    end_qmgr(SIGTERM);
    start_qmgr();
    (void)fiber_sleep(CLOCK_SECOND / 2);
    assert_int_equal(w.delivered, 1);
    assert_int_equal(send_to("store@x.test", NULL), OK);
    assert_true(wait_count(&w.delivered, 2));
    end_qmgr(SIGKILL); /* before the checkpoint: delivered again */
    start_qmgr();
    assert_true(wait_count(&w.delivered, 3));
}

/* With qmgr down the same requests work on journal and files. */
static void body_offline(void *arg)
{
    struct queue_id held, deferred, journaled;
    uint64_t count;
    (void)arg;
    assert_int_equal(send_to("defer@x.test", &deferred), OK);
    assert_int_equal(send_to("defer@x.test", &held), OK);
    assert_true(wait_count(&w.attempts, 2));
    (void)fiber_sleep(CLOCK_SECOND / 5);
    assert_int_equal(control(QUEUE_HOLD, held.text), 1);
    w.is_stalled = true;
    assert_int_equal(send_to("ok@x.test", &journaled), OK);
    end_qmgr(SIGTERM);
    close(w.listener);
    w.is_stalled = false;
    const char *list = listing(&count);
    assert_int_equal(count, 3);
    assert_non_null(strstr(list, "\"incoming\""));
    assert_non_null(strstr(list, "\"hold\""));
    assert_non_null(strstr(list, "not now, please"));
    assert_int_equal(control(QUEUE_DELETE, deferred.text), 1);
    assert_int_equal(control(QUEUE_RELEASE, held.text), 1);
    assert_int_equal(control(QUEUE_HOLD, journaled.text), 1);
    list = listing(&count);
    assert_int_equal(count, 2);
    assert_null(strstr(list, deferred.text));
    assert_int_equal(control(QUEUE_DELETE, "ALL"), 2);
    listing(&count);
    assert_int_equal(count, 0);
    struct error e = ERROR_INIT;
    struct queue_selection all = {.id = VIEW("ALL")};
    assert_int_equal(queue_admin_control(w.conf, QUEUE_FLUSH, &all, &count, &e),
                     TEMPFAIL);
    assert_int_equal(queue_admin_repair(w.conf, &count, &e), OK);
    listen_qmgr();
    start_qmgr();
    assert_int_equal(send_to("ok@x.test", NULL), OK);
    assert_true(wait_count(&w.delivered, 1));
}

/* --- a hostile submitter --- */

static struct ipc_message *offer(struct ipc *c, const char *id, int fd, uint64_t content,
                                 uint64_t envelope)
{
    struct error e = ERROR_INIT;
    struct ipc_message *m = ipc_message_new(w.arena, IPC_COMMIT);
    ipc_put_u64(m, IPC_ATTR_TAG, 7);
    ipc_put_cstr(m, IPC_ATTR_QUEUE_ID, id);
    ipc_put_u64(m, IPC_ATTR_CONTENT_SIZE, content);
    ipc_put_u64(m, IPC_ATTR_ENVELOPE_SIZE, envelope);
    ipc_put_fd(m, fd);
    assert_true(ipc_send(c, m, clock_in(PATIENCE), &e));
    do
        m = ipc_receive(c, w.arena, clock_in(PATIENCE), &e);
    while (m && ipc_message_type(m) == IPC_QUEUE_STATE);
    return m;
}

static void assert_refused(struct ipc_message *m)
{
    assert_non_null(m);
    assert_int_equal(ipc_message_type(m), IPC_REFUSED);
}

static void body_hostile(void *arg)
{
    struct error e = ERROR_INIT;
    (void)arg;
    int s = dial_seqpacket(path_of("queue/public/qmgr"), clock_in(PATIENCE), &e);
    assert_true(s >= 0);
    struct ipc *c = ipc_open(s);
    int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    char *zeros = arena_alloc(w.arena, 1000);
    assert_true(queue_write_full(fd, zeros, 1000, 0));
    assert_refused(offer(c, "ABCDE99999", fd, 100, 100));        /* no footer */
    assert_refused(offer(c, "ABCDE99999", fd, 1 << 20, 100));    /* short */
    assert_refused(offer(c, "ABCDE99999", fd, UINT64_MAX, 100)); /* overflow */
    assert_refused(offer(c, "../../etc/x", fd, 100, 100));       /* not an ID */
    close(fd);
    fd = open(path_of("etc/main.cf"), O_RDONLY | O_CLOEXEC);
    assert_refused(offer(c, "ABCDE99999", fd, 100, 100)); /* not sealable, not ours */
    close(fd);
    fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(fd, 8192), 0);
    void *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_refused(
        offer(c, "ABCDE99999", fd, 100, 100)); /* still writable by a mapping */
    munmap(map, 8192);
    close(fd);
    /* Garbage ends the connection, not the program. */
    assert_int_equal(send(s, "garbage", 7, 0), 7);
    assert_null(ipc_receive(c, w.arena, clock_in(PATIENCE), &e));
    ipc_close(c);
    assert_int_equal(send_to("ok@x.test", NULL), OK);
    assert_true(wait_count(&w.delivered, 1));
}

/* Files that the test makes in the queue belong to the queue's owner. */
static void become_owner(bool on)
{
    const struct passwd *p = getpwnam(OWNER);
    if (getuid() == 0 && p)
        assert_int_equal(seteuid(on ? p->pw_uid : 0), 0);
}

/* A new file in incoming/ for ok@x.test, in the place of the first recipient of ORIGIN.
 */
static void plant_replacement(const struct queue_id *origin)
{
    struct queue_dir d;
    struct error e = ERROR_INIT;
    struct str bytes = STR_INIT(4096);
    char replaces[48];
    struct recipient to = {.address = VIEW("ok@x.test"), .status = RECIPIENT_PENDING};
    snprintf(replaces, sizeof replaces, "%s 0", origin->text);
    struct queue_message m = {.content_size = 2,
                              .content_checksum = queue_checksum(0, VIEW("x\n")),
                              .envelope = {.arrival = clock_wall(),
                                           .sender = VIEW("a@x.test"),
                                           .replaces = view_of(replaces),
                                           .recipients = &to,
                                           .n_recipients = 1}};
    assert_true(envelope_write(&m.envelope, &bytes));
    m.envelope_bytes = str_view(&bytes);
    assert_true(queue_dir_open(&d, w.conf, &e));
    become_owner(true);
    int content = memfd_create("content", MFD_CLOEXEC);
    assert_true(queue_write_full(content, "x\n", 2, 0));
    if (!queue_file_store(&d, QUEUE_NAME_INCOMING, VIEW("5D1A2104C3F"), content, 0, &m,
                          clock_wall(), &e))
        fail_msg("%s", error_cstr(&e));
    become_owner(false);
    close(content);
    queue_dir_close(&d);
    str_done(&bytes);
}

/* Killed between the file that takes a recipient's place and the mark that says so: the
 * file says it. */
static void body_replaced(void *arg)
{
    struct queue_id origin;
    (void)arg;
    assert_int_equal(send_to("defer@x.test", &origin), OK);
    assert_true(wait_count(&w.attempts, 1));
    end_qmgr(SIGKILL);
    plant_replacement(&origin);
    start_qmgr();
    assert_true(wait_empty());
    assert_int_equal(w.attempts, 2);
    assert_non_null(strstr(str_cstr(&w.seen), "5D1A2104C3F:ok@x.test "));
}

/* S100: a large deferred queue does not slow new mail; it is found in the background. */
static void body_backlog(void *arg)
{
    enum { BACKLOG = 20000 };
    struct queue_id id;
    struct queue_dir d;
    struct error e = ERROR_INIT;
    (void)arg;
    assert_int_equal(send_to("defer@x.test", &id), OK);
    assert_true(wait_count(&w.attempts, 1));
    (void)fiber_sleep(CLOCK_SECOND / 5);
    end_qmgr(SIGTERM);
    assert_true(queue_dir_open(&d, w.conf, &e));
    int from = queue_dir_open_file(&d, QUEUE_NAME_DEFERRED, queue_id_view(&id), O_RDONLY);
    assert_true(from >= 0);
    size_t size = (size_t)lseek(from, 0, SEEK_END);
    char *image = arena_alloc(w.arena, size);
    assert_true(queue_read_full(from, image, size, 0));
    close(from);
    int64_t due = clock_wall() + 3600 * CLOCK_SECOND;
    become_owner(true);
    for (unsigned i = 0; i < BACKLOG; i++) {
        struct queue_id copy;
        queue_id_make(&copy, false, i * 37, 0x5000000 + i);
        int fd = queue_dir_open_file(&d, QUEUE_NAME_DEFERRED, queue_id_view(&copy),
                                     O_WRONLY | O_CREAT);
        assert_true(fd >= 0 && queue_write_full(fd, image, size, 0));
        close(fd);
        assert_true(
            queue_dir_set_time(&d, QUEUE_NAME_DEFERRED, queue_id_view(&copy), due));
    }
    queue_dir_close(&d);
    become_owner(false);
    start_qmgr();
    int64_t start = clock_mono(), worst = 0;
    w.delivered = 0;
    for (unsigned i = 0; i < 30; i++) {
        int64_t before = clock_mono();
        assert_int_equal(send_to("ok@x.test", NULL), OK);
        assert_true(wait_count(&w.delivered, i + 1));
        if (i > 0 && clock_mono() - before > worst) /* the first waits for the start */
            worst = clock_mono() - before;
    }
    print_message("30 messages in %lld ms, worst %lld ms\n",
                  (long long)(clock_mono() - start) / 1000, (long long)worst / 1000);
    assert_true(worst < CLOCK_SECOND);
    uint64_t count;
    int64_t deadline = clock_in(PATIENCE);
    while (listing(&count), count <= BACKLOG && clock_mono() < deadline)
        (void)fiber_sleep(CLOCK_SECOND / 10);
    assert_int_equal(count, BACKLOG + 1);
    assert_int_equal(control(QUEUE_DELETE, "ALL"), BACKLOG + 1);
}

#define TEST(name, more)                                                                 \
    static void test_##name(void **state)                                                \
    {                                                                                    \
        (void)state;                                                                     \
        in_world(body_##name, more);                                                     \
    }

#define FAST_RETRY "minimal_backoff_time = 1s\n"
TEST(deliver, "")
TEST(defer_and_retry, FAST_RETRY)
TEST(kill, "")
/* The same with less memory than the waiting messages need: content comes from the
 * journal. */
static void test_low_memory(void **state)
{
    (void)state;
    in_world(body_kill, "queue_memory_limit = 9000\n");
}
TEST(crowded, "qmgr_message_active_limit = 50\nin_flow_delay = 0\n")
TEST(bounce, FAST_RETRY)
TEST(agent_dies, FAST_RETRY)
TEST(window_and_control, "qmgr_message_active_limit = 3\n")
TEST(concurrency, "fake_destination_concurrency_limit = 2\n")
TEST(large, "queue_file_threshold = 1000000\n")
TEST(dead, "fake_destination_concurrency_limit = 1\n")
TEST(expire, "maximal_queue_lifetime = 0\n")
TEST(forced_expire, "")
TEST(checkpoint, "")
TEST(offline, "")
TEST(hostile, "")
TEST(backlog, "queue_run_delay = 300s\n")
TEST(replaced, FAST_RETRY)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deliver),       cmocka_unit_test(test_defer_and_retry),
        cmocka_unit_test(test_kill),          cmocka_unit_test(test_crowded),
        cmocka_unit_test(test_low_memory),    cmocka_unit_test(test_bounce),
        cmocka_unit_test(test_agent_dies),    cmocka_unit_test(test_window_and_control),
        cmocka_unit_test(test_concurrency),   cmocka_unit_test(test_large),
        cmocka_unit_test(test_dead),          cmocka_unit_test(test_expire),
        cmocka_unit_test(test_forced_expire), cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_offline),       cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_backlog),       cmocka_unit_test(test_replaced),
    };
    assert_true(argc > 1 && realpath(argv[1], program_path) != NULL);
    if (argc > 2)
        cmocka_set_test_filter(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
