/* submission_test - what is written comes back; what is damaged or forged does not (S094)
 */
#include "queue/queue_file.h"
#include "submission/submission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define CONTENT "Subject: x\n\nbody\n"

static struct recipient two[2] = {{.address = {"chris", 5}},
                                  {.address = {"a b@maison.mrs", 14},
                                   .orcpt = {"rfc822;a@b", 10},
                                   .notify = NOTIFY_DELAY}};

/* A file with CONTENT and the tail of S. */
static int make_file(const struct submission *s, uint64_t *size)
{
    struct str tail = STR_INIT(1 << 20);
    int fd = memfd_create("submission", 0);

    assert_true(
        submission_write(s, sizeof CONTENT - 1, queue_checksum(0, VIEW(CONTENT)), &tail));
    assert_true(queue_write_full(fd, CONTENT, sizeof CONTENT - 1, 0));
    assert_true(queue_write_full(fd, tail.p, tail.n, sizeof CONTENT - 1));
    *size = sizeof CONTENT - 1 + tail.n;
    str_done(&tail);
    return fd;
}

static const struct submission sample = {.sender = {"root", 4},
                                         .full_name = {"Charlie Root", 12},
                                         .envid = {"x+y", 3},
                                         .ret = DSN_RET_HDRS,
                                         .flags = SUBMISSION_TRACE,
                                         .recipients = two,
                                         .n_recipients = 2};

static void test_round_trip(void **state)
{
    struct arena *a = arena_new();
    struct submission s;
    struct error e = ERROR_INIT;
    uint64_t size, content_size;
    int fd = make_file(&sample, &size);

    (void)state;
    assert_int_equal(submission_read(a, fd, size, &s, &content_size, &e), OK);
    assert_int_equal(content_size, sizeof CONTENT - 1);
    assert_true(view_eq(s.sender, VIEW("root")) &&
                view_eq(s.full_name, VIEW("Charlie Root")));
    assert_true(view_eq(s.envid, VIEW("x+y")) && s.ret == DSN_RET_HDRS);
    assert_int_equal(s.flags, SUBMISSION_TRACE);
    assert_int_equal(s.n_recipients, 2);
    assert_true(view_eq(s.recipients[1].address, VIEW("a b@maison.mrs")));
    assert_true(view_eq(s.recipients[1].orcpt, VIEW("rfc822;a@b")));
    assert_int_equal(s.recipients[1].notify, NOTIFY_DELAY);
    close(fd);
    arena_free(a);
}

/* Any change of one byte is noticed; so is any shorter length. */
static void test_damage(void **state)
{
    struct arena *a = arena_new();
    struct submission s;
    struct error e = ERROR_INIT;
    uint64_t size, content_size;
    int fd = make_file(&sample, &size);
    char byte, other;

    (void)state;
    for (uint64_t at = 0; at + QUEUE_FOOTER_SIZE < size; at++) {
        assert_true(queue_read_full(fd, &byte, 1, at));
        other = (char)(byte ^ 4);
        assert_true(queue_write_full(fd, &other, 1, at));
        assert_int_equal(submission_read(a, fd, size, &s, &content_size, &e), PERMFAIL);
        assert_true(queue_write_full(fd, &byte, 1, at));
    }
    for (uint64_t shorter = 0; shorter < size; shorter++)
        assert_int_equal(submission_read(a, fd, shorter, &s, &content_size, &e),
                         PERMFAIL);
    assert_int_equal(submission_read(a, fd, size, &s, &content_size, &e), OK);
    close(fd);
    arena_free(a);
}

static void test_refused(void **state)
{
    static const struct {
        const char *records;
        size_t n;
    } bad[] = {
        {"", 0},
        {"S\1\0\0\0a", 6},                               /* no recipient */
        {"R\1\0\0\0a", 6},                               /* no sender */
        {"S\1\0\0\0aR\0\0\0\0", 11},                     /* empty recipient */
        {"S\1\0\0\0\nR\1\0\0\0a", 12},                   /* line end */
        {"S\1\0\0\0aR\1\0\0\0aX\0\0\0\0", 17},           /* unknown record */
        {"S\1\0\0\0aN\4\0\0\0\1\0\0\0R\1\0\0\0a", 21},   /* detail before its recipient */
        {"S\1\0\0\0aR\1\0\0\0af\4\0\0\0\377\0\0\0", 21}, /* unknown flag */
        {"S\1\0\0\0aR\377\377\377\377a", 12},            /* length beyond the end */
    };
    struct arena *a = arena_new();
    struct submission s;
    struct error e = ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(
            submission_parse(a, (struct view){bad[i].records, bad[i].n}, &s, &e));
    assert_true(submission_parse(a, (struct view){"S\0\0\0\0R\1\0\0\0a", 11}, &s, &e));
    arena_free(a);
}

static void test_write_refuses(void **state)
{
    struct str out = STR_INIT(1 << 20);
    struct submission s = sample;

    (void)state;
    s.sender = VIEW("a\nb");
    assert_false(submission_write(&s, 0, 0, &out));
    s = sample;
    s.n_recipients = 0;
    assert_false(submission_write(&s, 0, 0, &out));
    str_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_write_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
