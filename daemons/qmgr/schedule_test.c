/* schedule_test - windows, fairness, dead destinations, rate delays, retry times.  S040,
 * S092, S102. */
#include "retry.h"
#include "schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static struct schedule_limits plain(void)
{
    struct schedule_limits l = {.window = {.initial = 5, .limit = 20, .cohort_limit = 1},
                                .recipient_limit = 50,
                                .transport_limit = 100};
    assert_true(feedback_parse(VIEW("1"), &l.window.positive));
    assert_true(feedback_parse(VIEW("1"), &l.window.negative));
    return l;
}

static void test_feedback_forms(void **state)
{
    (void)state;
    struct feedback f;
    assert_true(feedback_parse(VIEW("1/concurrency"), &f));
    assert_int_equal(f.kind, FEEDBACK_PER_CONCURRENCY);
    assert_true(feedback_parse(VIEW("0.25 / sqrt_concurrency"), &f));
    assert_int_equal(f.kind, FEEDBACK_PER_SQRT);
    assert_true(f.value > 0.249 && f.value < 0.251);
    assert_true(feedback_parse(VIEW(".5"), &f));
    assert_false(feedback_parse(VIEW("2"), &f));
    assert_false(feedback_parse(VIEW("1/n"), &f));
    assert_false(feedback_parse(VIEW(""), &f));
}

static void test_window_grows_and_narrows(void **state)
{
    (void)state;
    struct schedule_limits l = plain();
    struct window w;
    window_init(&w, &l.window);
    assert_int_equal(w.concurrency, 5);
    window_success(&w, &l.window, 5);
    assert_int_equal(w.concurrency, 6);
    window_success(&w, &l.window, 1); /* not used: no wider */
    assert_int_equal(w.concurrency, 6);
    for (unsigned i = 0; i < 40; i++)
        window_success(&w, &l.window, 30);
    assert_int_equal(w.concurrency, 20);
    assert_true(window_failure(&w, &l.window));
    assert_int_equal(w.concurrency, 19);
    l.window.negative.kind = FEEDBACK_PER_CONCURRENCY;
    window_init(&w, &l.window);
    assert_true(window_failure(&w, &l.window)); /* narrows at the start of a series */
    assert_int_equal(w.concurrency, 4);
    assert_true(window_failure(&w, &l.window));
    assert_int_equal(w.concurrency, 4);
}

/* One window's worth of failures and the destination is dead. */
static void test_dead_after_a_cohort(void **state)
{
    (void)state;
    struct schedule_limits l = plain();
    struct window w;
    l.window.negative.value = 0;
    window_init(&w, &l.window);
    for (int i = 0; i < 4; i++)
        assert_true(window_failure(&w, &l.window));
    assert_false(window_failure(&w, &l.window));
    assert_int_equal(w.concurrency, 0);
    window_init(&w, &l.window);
    for (int i = 0; i < 4; i++)
        assert_true(window_failure(&w, &l.window));
    window_success(&w, &l.window, 0); /* forgives */
    assert_true(window_failure(&w, &l.window));
}

/* S092, S040: no more at a time than the destination's limit. */
static void test_destination_limit(void **state)
{
    (void)state;
    struct schedule_limits l = plain();
    struct schedule_transport t;
    struct schedule_entry e[6];
    struct schedule_job jobs[6] = {{0}};
    l.window.initial = l.window.limit = 2;
    schedule_init(&t, &l);
    memset(e, 0, sizeof e);
    for (int i = 0; i < 6; i++)
        schedule_add(schedule_destination(&t, i < 4 ? VIEW("one") : VIEW("two")),
                     &jobs[i], &e[i]);
    assert_ptr_equal(schedule_pick(&t, 0), &e[0]);
    assert_ptr_equal(schedule_pick(&t, 0), &e[1]);
    assert_ptr_equal(schedule_pick(&t, 0), &e[4]);
    assert_ptr_equal(schedule_pick(&t, 0), &e[5]);
    assert_null(schedule_pick(&t, 0));
    assert_true(schedule_end(&e[1], SCHEDULE_GOOD, 0));
    assert_ptr_equal(schedule_pick(&t, 0), &e[2]);
    assert_null(schedule_pick(&t, 0));
    assert_true(schedule_end(&e[0], SCHEDULE_GOOD, 0));
    assert_true(schedule_end(&e[2], SCHEDULE_GOOD, 0));
    assert_ptr_equal(schedule_pick(&t, 0), &e[3]);
    assert_true(schedule_end(&e[3], SCHEDULE_GOOD, 0));
    assert_true(schedule_end(&e[4], SCHEDULE_GOOD, 0));
    assert_true(schedule_end(&e[5], SCHEDULE_GOOD, 0));
    schedule_forget(e[0].destination);
    assert_int_equal(hash_count(t.destinations), 1);
    schedule_done(&t);
}

/* A single message overtakes a mailing, whether that has one destination or thousands. */
static void fairness(bool many_destinations)
{
    enum { MAILING = 2000 };
    static struct schedule_entry mailing[MAILING], single;
    struct schedule_limits l = plain();
    struct schedule_transport t;
    struct schedule_job big = {0}, small = {0};
    l.transport_limit = 1;
    l.window.initial = l.window.limit = 1;
    schedule_init(&t, &l);
    memset(mailing, 0, sizeof mailing);
    memset(&single, 0, sizeof single);
    for (unsigned i = 0; i < MAILING; i++) {
        char name[16];
        snprintf(name, sizeof name, "d%u", many_destinations ? i : 0);
        schedule_add(schedule_destination(&t, view_of(name)), &big, &mailing[i]);
    }
    for (int i = 0; i < 100; i++)
        assert_true(schedule_end(schedule_pick(&t, 0), SCHEDULE_GOOD, 0));
    schedule_add(schedule_destination(&t, VIEW("d0")), &small, &single);
    int waited = 0;
    struct schedule_entry *e;
    while ((e = schedule_pick(&t, 0)) != &single) {
        assert_true(schedule_end(e, SCHEDULE_GOOD, 0));
        assert_true(waited++ < 2);
    }
    assert_true(schedule_end(e, SCHEDULE_GOOD, 0));
    while ((e = schedule_pick(&t, 0)) != NULL)
        schedule_end(e, SCHEDULE_GOOD, 0);
    assert_int_equal(t.waiting, 0);
    schedule_done(&t);
}

static void test_fairness(void **state)
{
    (void)state;
    fairness(false);
    fairness(true);
}

static void test_dead_destination(void **state)
{
    (void)state;
    struct schedule_limits l = plain();
    struct schedule_transport t;
    struct schedule_entry e[3];
    struct schedule_job job = {0};
    l.window.initial = 1;
    schedule_init(&t, &l);
    memset(e, 0, sizeof e);
    struct schedule_destination *d = schedule_destination(&t, VIEW("x"));
    for (int i = 0; i < 3; i++)
        schedule_add(d, &job, &e[i]);
    assert_ptr_equal(schedule_pick(&t, 10), &e[0]);
    assert_false(schedule_end(&e[0], SCHEDULE_BAD, 10));
    schedule_kill(d, 100, VIEW("4.4.1"), VIEW("connect to x: refused"));
    assert_null(schedule_pick(&t, 20));
    assert_true(schedule_is_dead(d, 99));
    assert_string_equal(d->dead_text, "connect to x: refused");
    assert_ptr_equal(schedule_take(d), &e[1]);
    assert_false(schedule_is_dead(d, 100));
    assert_ptr_equal(schedule_pick(&t, 100), &e[2]);
    schedule_end(&e[2], SCHEDULE_NEITHER, 100);
    schedule_kill(d, 200, VIEW("4.4.1"), VIEW("again"));
    assert_int_equal(t.n_dead, 1);
    schedule_revive_due(&t, 150, false);
    assert_int_equal(t.n_dead, 1);
    schedule_revive_due(&t, 150, true); /* a flush */
    assert_int_equal(t.n_dead, 0);
    assert_int_equal(hash_count(t.destinations), 0);
    schedule_done(&t);
}

static void test_rate_delay(void **state)
{
    (void)state;
    struct schedule_limits l = plain();
    struct schedule_transport t;
    struct schedule_entry e[3];
    struct schedule_job job = {0};
    l.rate_delay = 5;
    schedule_init(&t, &l);
    memset(e, 0, sizeof e);
    for (int i = 0; i < 3; i++)
        schedule_add(schedule_destination(&t, VIEW("x")), &job, &e[i]);
    assert_ptr_equal(schedule_pick(&t, 10), &e[0]);
    assert_null(schedule_pick(&t, 10)); /* one at a time */
    assert_true(schedule_end(&e[0], SCHEDULE_GOOD, 12));
    assert_null(schedule_pick(&t, 16));
    assert_int_equal(schedule_next_time(&t), 17);
    assert_ptr_equal(schedule_pick(&t, 17), &e[1]);
    assert_true(schedule_end(&e[1], SCHEDULE_GOOD, 17));
    l.rate_delay = 0;
    l.transport_rate_delay = 50;
    schedule_set_limits(&t, &l);
    assert_ptr_equal(schedule_pick(&t, 30), &e[2]);
    assert_true(schedule_end(&e[2], SCHEDULE_GOOD, 40));
    schedule_add(schedule_destination(&t, VIEW("y")), &job, &e[0]);
    assert_null(schedule_pick(&t, 60));
    assert_int_equal(schedule_next_time(&t), 90);
    assert_ptr_equal(schedule_pick(&t, 90), &e[0]);
    assert_true(schedule_end(&e[0], SCHEDULE_GOOD, 90));
    schedule_done(&t);
}

/* S102: the pause doubles between its bounds. */
static void test_retry_times(void **state)
{
    (void)state;
    struct retry_settings s = {300 * SECOND, 4000 * SECOND, 432000 * SECOND,
                               86400 * SECOND, 14400 * SECOND};
    int64_t t0 = INT64_C(1700000000) * SECOND, now = t0;
    static const int64_t pauses[] = {300, 300, 600, 1200, 2400, 4000, 4000};
    for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
        int64_t next = retry_next(&s, now, t0);
        assert_int_equal((next - now) / SECOND, pauses[i]);
        now = next;
    }
    assert_int_equal(retry_next(&s, t0 - SECOND, t0),
                     t0 + 299 * SECOND); /* clock went back */
    assert_false(retry_is_expired(&s, t0 + 431999 * SECOND, t0, false));
    assert_true(retry_is_expired(&s, t0 + 432000 * SECOND, t0, false));
    assert_true(retry_is_expired(&s, t0 + 86400 * SECOND, t0, true));
    assert_false(retry_wants_warning(&s, t0 + 14399 * SECOND, t0));
    assert_true(retry_wants_warning(&s, t0 + 14400 * SECOND, t0));
    s.delay_warning = 0;
    assert_false(retry_wants_warning(&s, t0 + 14400 * SECOND, t0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feedback_forms),
        cmocka_unit_test(test_window_grows_and_narrows),
        cmocka_unit_test(test_dead_after_a_cohort),
        cmocka_unit_test(test_destination_limit),
        cmocka_unit_test(test_fairness),
        cmocka_unit_test(test_dead_destination),
        cmocka_unit_test(test_rate_delay),
        cmocka_unit_test(test_retry_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
