/* journal_test - group commit, replay, torn tails, recycling, a full disk.  S098, S106.
 */
#include "base/log.h"
#include "base/memory.h"
#include "queue/journal_private.h"
#include "run/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>

#define SEGMENT 65536u

/* What the callbacks saw. */
static struct world {
    char path[64];
    struct queue_dir dir;
    struct journal *j;
    unsigned found, found_done, n_marks, crowded;
    char found_ids[64][QUEUE_ID_MAX];
    struct journal_hold holds[64];
    uint64_t good_ticket, bad_ticket;
    struct error refused;
    uint64_t segment_size;
    unsigned soft, hard;
} w;

static void on_found(const struct journal_found *f, void *arg)
{
    (void)arg;
    w.found_done += f->is_done;
    w.n_marks += (unsigned)f->n_marks;
    if (!f->is_message || w.found >= 64)
        return;
    memcpy(w.found_ids[w.found], f->id.p, f->id.n + 1);
    journal_hold_found(f, &w.holds[w.found]);
    w.found++;
}

static void on_flushed(uint64_t ticket, bool good, const struct error *e, void *arg)
{
    (void)arg;
    if (good) {
        w.good_ticket = ticket;
    } else {
        w.bad_ticket = ticket;
        w.refused = *e;
    }
}

static void on_crowded(void *arg)
{
    (void)arg;
    w.crowded++;
}

static void open_journal(void)
{
    struct error e = ERROR_INIT;
    struct journal_setup setup = {
        &w.dir, w.segment_size, w.soft, w.hard, on_found, on_flushed, on_crowded, NULL,
    };
    w.found = w.found_done = w.n_marks = 0;
    memset(w.holds, 0, sizeof w.holds);
    w.j = journal_open(&setup, &e);
    if (w.j == NULL)
        fail_msg("%s", error_cstr(&e));
}

static struct queue_id id_of(unsigned i)
{
    struct queue_id id;
    queue_id_make(&id, false, 0x12345, 0x100000 + i);
    return id;
}

/* Append message I of SIZE bytes; its ticket, 0 when there was no room. */
static uint64_t put(unsigned i, size_t size, struct journal_hold *hold)
{
    struct queue_id id = id_of(i);
    char *p = journal_message_begin(w.j, queue_id_view(&id), size);
    if (p == NULL)
        return 0;
    memset(p, (int)i, size);
    return journal_message_keep(w.j, hold);
}

/* Wait until TICKET is decided. */
static bool decided(uint64_t ticket)
{
    int64_t deadline = clock_in(20 * CLOCK_SECOND);
    while (w.good_ticket < ticket && w.bad_ticket < ticket && clock_mono() < deadline)
        journal_wait_room(w.j);
    assert_true(w.good_ticket >= ticket || w.bad_ticket >= ticket);
    return w.bad_ticket != ticket;
}

static unsigned files_of_journal(void)
{
    unsigned n = 0;
    for (unsigned i = 1; i < 200; i++) {
        char path[QUEUE_PATH_MAX];
        journal_segment_path(i, path);
        n += faccessat(w.dir.fd, path, F_OK, 0) == 0;
    }
    return n;
}

/* --- the tests run on a fiber --- */

static void body_commit_and_replay(void *arg)
{
    (void)arg;
    struct journal_hold holds[8] = {{.segment = NULL}};
    open_journal();
    uint64_t ticket = 0;
    for (unsigned i = 0; i < 8; i++)
        ticket = put(i, 1000 + i, &holds[i]);
    assert_true(decided(ticket));
    assert_int_equal(journal_counts(w.j).syncs, 1); /* one flush for all */
    struct queue_id id = id_of(3);
    assert_true(journal_image_is(journal_hold_fd(&holds[3]), holds[3].offset,
                                 queue_id_view(&id)));
    journal_done(w.j, queue_id_view(&id));
    id = id_of(5);
    uint32_t marks[] = {0, 7, JOURNAL_MARK_DELAY_SENT};
    journal_mark(w.j, queue_id_view(&id), marks, 3);
    id = id_of(6);
    journal_wait(w.j, journal_moved(w.j, queue_id_view(&id)));
    id = id_of(40); /* not in this journal: a queue file that was finished */
    journal_done(w.j, queue_id_view(&id));
    journal_close(w.j);

    open_journal();
    assert_int_equal(w.found, 6);
    assert_int_equal(w.found_done, 1);
    assert_int_equal(w.n_marks, 3);
    static const unsigned left[] = {0, 1, 2, 4, 5, 7};
    for (unsigned i = 0; i < 6; i++) {
        char byte;
        id = id_of(left[i]);
        assert_string_equal(w.found_ids[i], id.text);
        assert_int_equal(w.holds[i].size, 1000 + left[i]);
        assert_true(queue_read_full(journal_hold_fd(&w.holds[i]), &byte, 1,
                                    w.holds[i].offset + w.holds[i].size - 1));
        assert_int_equal(byte, left[i]);
    }
    journal_close(w.j);
}

/* S033: no number twice, also after a crash (nothing is written at the end). */
static void body_serials(void *arg)
{
    (void)arg;
    uint64_t last = 0, first;
    for (int life = 0; life < 3; life++) {
        open_journal();
        for (int i = 0; i < 3; i++) {
            while (!journal_serials(w.j, 1000, &first))
                journal_wait_room(w.j);
            assert_true(first >= last);
            last = first + 1000;
        }
        journal_close(w.j);
    }
}

/* Live messages keep their segments, finished ones give them back. */
static void body_recycling(void *arg)
{
    (void)arg;
    struct journal_hold first = {.segment = NULL};
    open_journal();
    assert_true(decided(put(1, 5000, &first)));
    for (unsigned i = 2; i < 100; i++) {
        struct journal_hold hold = {.segment = NULL};
        struct queue_id id = id_of(i);
        assert_true(decided(put(i, 5000, &hold)));
        journal_done(w.j, queue_id_view(&id));
        journal_release(w.j, &hold);
        if (i == 60) {
            assert_true(w.crowded > 0);
            assert_ptr_equal(journal_oldest_holds(w.j), &first.segment->holds);
            id = id_of(1);
            journal_done(w.j, queue_id_view(&id));
            journal_release(w.j, &first);
        }
    }
    assert_true(journal_counts(w.j).segments <= 7);
    assert_true(files_of_journal() <= 7);
    assert_true(decided(put(100, 5000, &first)));
    journal_close(w.j);
    open_journal();
    assert_int_equal(w.found, 1);
    assert_string_equal(w.found_ids[0], id_of(100).text);
    journal_close(w.j);
}

static void set_file_limit(rlim_t limit)
{
    struct rlimit r;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
    r.rlim_cur = limit;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* No room: commits are refused with 4.3.1, small records wait, and it recovers by itself.
 */
static void body_disk_full(void *arg)
{
    (void)arg;
    struct journal_hold hold = {.segment = NULL}, other = {.segment = NULL};
    open_journal();
    assert_true(decided(put(1, 3000, &hold)));
    (void)fiber_sleep(CLOCK_SECOND / 20);
    set_file_limit(JOURNAL_PAGE); /* the segments cannot be written any more */
    assert_false(decided(put(2, 3000, &other)));
    assert_null(other.segment);
    struct queue_id id = id_of(1);
    uint64_t done = journal_done(w.j, queue_id_view(&id));
    unsigned refused = 0;
    for (unsigned i = 3; i < 6; i++)
        refused += !decided(put(i, 3000, &other));
    assert_int_equal(refused, 3);
    set_file_limit(RLIM_INFINITY);
    journal_wait(w.j, done);
    int64_t deadline = clock_in(10 * CLOCK_SECOND);
    while (!decided(put(7, 3000, &other)) && clock_mono() < deadline)
        (void)fiber_sleep(CLOCK_SECOND / 20);
    assert_non_null(other.segment);
    journal_close(w.j);
    open_journal();
    assert_int_equal(w.found, 1); /* neither the refused ones nor the finished one */
    assert_string_equal(w.found_ids[0], id_of(7).text);
    journal_close(w.j);
}

/* More small records than a segment holds, gathered while there was no room. */
static void body_many_small(void *arg)
{
    (void)arg;
    open_journal();
    uint64_t ticket = 0;
    for (unsigned i = 0; i < 4000; i++) {
        struct queue_id id = id_of(1000 + i);
        ticket = journal_done(w.j, queue_id_view(&id));
    }
    struct queue_id id = id_of(1);
    ticket = journal_moved(w.j, queue_id_view(&id));
    journal_wait(w.j, ticket);
    journal_close(w.j);
    open_journal();
    assert_true(w.found_done > 0);
    journal_close(w.j);
}

/* --- frame --- */

static void in_world(fiber_fn *body, uint64_t segment, unsigned soft, unsigned hard)
{
    w = (struct world){.segment_size = segment, .soft = soft, .hard = hard};
    snprintf(w.path, sizeof w.path, "/tmp/journal_test.XXXXXX");
    assert_non_null(mkdtemp(w.path));
    w.dir.fd = open(w.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(w.dir.fd, "incoming", 0700), 0);
    loop_init();
    fiber_spawn("test", body, NULL);
    loop_run();
    loop_done();
    for (unsigned i = 1; i < 200; i++) {
        char path[QUEUE_PATH_MAX];
        journal_segment_path(i, path);
        unlinkat(w.dir.fd, path, 0);
    }
    unlinkat(w.dir.fd, "incoming", AT_REMOVEDIR);
    rmdir(w.path);
    close(w.dir.fd);
}

static void test_commit_and_replay(void **state)
{
    (void)state;
    in_world(body_commit_and_replay, SEGMENT, 4, 8);
}
static void test_serials(void **state)
{
    (void)state;
    in_world(body_serials, SEGMENT, 4, 8);
}
static void test_recycling(void **state)
{
    (void)state;
    in_world(body_recycling, SEGMENT, 3, 16);
}
static void test_disk_full(void **state)
{
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    in_world(body_disk_full, SEGMENT, 4, 8);
}
static void test_many_small(void **state)
{
    (void)state;
    in_world(body_many_small, SEGMENT, 4, 16);
}

/* --- the pure scan --- */

struct seen {
    unsigned n, messages;
};

static void count_record(const struct journal_record *r, struct view payload,
                         uint32_t offset, void *arg)
{
    struct seen *s = arg;
    (void)payload;
    (void)offset;
    s->n++;
    s->messages += r->type == JOURNAL_MESSAGE;
}

/* Build a segment by hand: RECORDS messages of 100 bytes. */
static size_t build(char *p, unsigned records, uint64_t sequence)
{
    size_t at = JOURNAL_PAGE;
    for (unsigned i = 0; i < records; i++) {
        struct journal_record r = {.length = 100, .type = JOURNAL_MESSAGE};
        struct queue_id id = id_of(i);
        memcpy(r.id, id.text, sizeof id.text);
        memset(p + at, 0, journal_record_size(100));
        memcpy(p + at, &r, sizeof r);
        memset(p + at + sizeof r, 'x', 100);
        uint32_t c = journal_record_checksum(sequence, p + at, journal_record_size(100));
        memcpy(p + at, &c, sizeof c);
        at += journal_record_size(100);
    }
    return at;
}

/* A tail torn or damaged at any byte hides the record it is in and those behind, no more.
 */
static void test_torn_tail(void **state)
{
    (void)state;
    enum { RECORDS = 6, SIZE = 3 * JOURNAL_PAGE };
    char *whole = memory_alloc(SIZE), *torn = memory_alloc(SIZE);
    size_t end = build(whole, RECORDS, 7), each = journal_record_size(100);
    for (size_t cut = JOURNAL_PAGE; cut <= end; cut++) {
        unsigned intact = (unsigned)((cut - JOURNAL_PAGE) / each);
        struct seen s = {0, 0};
        memcpy(torn, whole, cut);
        memset(torn + cut, 0xa5, SIZE - cut);
        journal_scan((struct view){torn, SIZE}, 7, count_record, &s);
        assert_int_equal(s.messages, intact);
        s = (struct seen){0, 0};
        journal_scan((struct view){whole, cut}, 7, count_record, &s);
        assert_int_equal(s.messages, intact);
        if (cut == end)
            break;
        memcpy(torn, whole, SIZE);
        torn[cut] ^= 0x10;
        s = (struct seen){0, 0};
        journal_scan((struct view){torn, SIZE}, 7, count_record, &s);
        assert_int_equal(s.messages, intact);
    }
    /* What an earlier life of the file left behind is nothing. */
    struct seen s = {0, 0};
    journal_scan((struct view){whole, SIZE}, 8, count_record, &s);
    assert_int_equal(s.n, 0);
    memory_free(whole);
    memory_free(torn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit_and_replay), cmocka_unit_test(test_serials),
        cmocka_unit_test(test_recycling),         cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_many_small),        cmocka_unit_test(test_torn_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
