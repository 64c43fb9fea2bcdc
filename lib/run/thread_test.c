/* thread_test - work in other threads while fibers go on */
#include "run/thread.h"

#include "run/fiber.h"
#include "run/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

static int set_up(void **state)
{
    (void)state;
    loop_init();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_done();
    return 0;
}

struct work {
    pthread_t thread;
    int value;
    struct fiber *fiber;
    bool was_cancelled;
};

static void nap_and_add(void *arg)
{
    struct work *w = arg;

    nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    w->thread = pthread_self();
    w->value++;
}

static void run_work(void *arg)
{
    struct work *w = arg;

    for (int i = 0; i < 2; i++)
        thread_run(nap_and_add, w);
    w->was_cancelled = fiber_is_cancelled();
}

static unsigned ticks;

static void tick(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        fiber_sleep(1000);
        ticks++;
    }
}

static void work_runs_beside_the_loop(void **state)
{
    struct work work[6] = {{.value = 0}};

    (void)state;
    ticks = 0;
    for (size_t i = 0; i < 6; i++)
        fiber_spawn("work", run_work, &work[i]);
    fiber_spawn("tick", tick, NULL);
    loop_run();
    assert_int_equal(ticks, 10);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(work[i].value, 2);
        assert_false(pthread_equal(work[i].thread, pthread_self()));
    }
}

static void cancel_worker(void *arg)
{
    struct work *w = arg;

    fiber_sleep(1000);
    fiber_cancel(w->fiber);
    assert_int_equal(w->value, 0);
}

static void cancelling_does_not_leave_work_behind(void **state)
{
    struct work w = {.value = 0};

    (void)state;
    w.fiber = fiber_spawn("work", run_work, &w);
    fiber_spawn("cancel", cancel_worker, &w);
    loop_run();
    assert_int_equal(w.value, 2);
    assert_true(w.was_cancelled);
}

static void without_a_fiber_it_runs_here(void **state)
{
    struct work w = {.value = 0};

    (void)state;
    thread_run(nap_and_add, &w);
    assert_int_equal(w.value, 1);
    assert_true(pthread_equal(w.thread, pthread_self()));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(work_runs_beside_the_loop),
        TEST(cancelling_does_not_leave_work_behind),
        TEST(without_a_fiber_it_runs_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
