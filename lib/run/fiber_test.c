/* fiber_test - starting, waiting, waking, cancelling; the stack itself */
#include "run/fiber.h"
#include "run/fiber_hooks.h"
#include "run/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static char trace[256];

/* Note one letter of what happened. */
static void note(char c)
{
    size_t n = strlen(trace);

    assert_true(n + 1 < sizeof trace);
    trace[n] = c;
    trace[n + 1] = '\0';
}

static int set_up(void **state)
{
    (void)state;
    trace[0] = '\0';
    loop_init();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_done();
    return 0;
}

static void turn_by_turn(void *arg)
{
    const char *letter = arg;

    for (int i = 0; i < 3; i++) {
        note(*letter);
        fiber_yield();
    }
}

static void fibers_take_turns(void **state)
{
    char a[] = "a", b[] = "b";

    (void)state;
    fiber_spawn("a", turn_by_turn, a);
    fiber_spawn("b", turn_by_turn, b);
    assert_int_equal(fiber_count(), 2);
    assert_string_equal(trace, "");
    loop_run();
    assert_string_equal(trace, "ababab");
    assert_int_equal(fiber_count(), 0);
    assert_null(fiber_self());
}

/* The calling conventions want the stack pointer 16-byte aligned at each call; on
 * both processors the frame address shows it. */
static void check_alignment(void *arg)
{
    bool *seen = arg;

    assert_int_equal((uintptr_t)__builtin_frame_address(0) % 16, 0);
    /* libc's printing of floating point numbers uses aligned stores. */
    char text[32];
    snprintf(text, sizeof text, "%.3f", 1.5);
    assert_string_equal(text, "1.500");
    *seen = true;
}

static void a_stack_is_aligned_at_entry(void **state)
{
    bool seen = false;

    (void)state;
    fiber_spawn("aligned", check_alignment, &seen);
    loop_run();
    assert_true(seen);
}

/* Go down, leaving bytes, and check on the way back that they are still there. */
static unsigned dig(unsigned depth)
{
    volatile unsigned char bytes[600];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(depth + i);
    if (depth % 8 == 0)
        fiber_yield();
    unsigned below = depth > 0 ? dig(depth - 1) : 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        assert_int_equal(bytes[i], (unsigned char)(depth + i));
    return below + 1;
}

static void dig_deep(void *arg)
{
    unsigned *depth = arg;

    *depth = dig(60);
}

static void stacks_hold_what_is_on_them(void **state)
{
    unsigned depths[10] = {0};

    (void)state;
    for (size_t i = 0; i < 10; i++)
        fiber_spawn("digger", dig_deep, &depths[i]);
    loop_run();
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(depths[i], 61);
}

static void sleep_and_note(void *arg)
{
    const char *letter = arg;

    assert_int_equal(fiber_sleep((*letter - 'a') * 10000), WAKE_TIMEOUT);
    note(*letter);
}

static void sleepers_wake_in_order(void **state)
{
    char c[] = "c", a[] = "a", b[] = "b";
    int64_t start = clock_mono();

    (void)state;
    fiber_spawn("c", sleep_and_note, c);
    fiber_spawn("a", sleep_and_note, a);
    fiber_spawn("b", sleep_and_note, b);
    loop_run();
    assert_string_equal(trace, "abc");
    assert_true(clock_mono() - start >= 20000);
}

struct queue_case {
    struct waitq q;
    struct fiber *target;
    enum wake expected;
    int64_t deadline;
    enum wake first, second;
};

static void wait_twice(void *arg)
{
    struct queue_case *c = arg;

    c->first = waitq_wait(&c->q, c->deadline);
    c->second = waitq_wait(&c->q, clock_in(1000));
    note('w');
}

static void wake_one(void *arg)
{
    struct queue_case *c = arg;

    waitq_wake_one(&c->q);
    assert_string_equal(trace, ""); /* runs later, not inside the call */
}

static void a_wait_ends_by_wake_or_deadline(void **state)
{
    struct queue_case c = {.deadline = CLOCK_NEVER};

    (void)state;
    WAITQ_INIT(&c.q);
    fiber_spawn("waiter", wait_twice, &c);
    fiber_spawn("waker", wake_one, &c);
    loop_run();
    assert_int_equal(c.first, WAKE_OK);
    assert_int_equal(c.second, WAKE_TIMEOUT);
    assert_true(list_is_empty(&c.q.waiting));
    assert_string_equal(trace, "w");
}

static void cancel_target(void *arg)
{
    struct queue_case *c = arg;

    fiber_cancel(c->target);
}

static void cancellation_ends_all_waits(void **state)
{
    struct queue_case c = {.deadline = CLOCK_NEVER};

    (void)state;
    WAITQ_INIT(&c.q);
    c.target = fiber_spawn("waiter", wait_twice, &c);
    fiber_spawn("canceller", cancel_target, &c);
    loop_run();
    assert_int_equal(c.first, WAKE_CANCELLED);
    assert_int_equal(c.second, WAKE_CANCELLED);
    assert_true(list_is_empty(&c.q.waiting));
}

static struct waitq shared;

static void wait_briefly(void *arg)
{
    enum wake *why = arg;

    *why = waitq_wait(&shared, clock_in(2000));
}

/* Those who wait already time out in the same turn; the wake must reach the one
 * who still waits. */
static void wake_after_timeouts(void *arg)
{
    (void)arg;
    fiber_sleep(2000);
    waitq_wake_one(&shared);
}

static void wait_long(void *arg)
{
    enum wake *why = arg;

    *why = waitq_wait(&shared, clock_in(CLOCK_SECOND * 10));
}

static void a_wake_is_not_lost_on_a_fiber_that_timed_out(void **state)
{
    enum wake brief = WAKE_OK, patient = WAKE_TIMEOUT;

    (void)state;
    WAITQ_INIT(&shared);
    fiber_spawn("brief", wait_briefly, &brief);
    fiber_spawn("patient", wait_long, &patient);
    fiber_spawn("waker", wake_after_timeouts, NULL);
    loop_run();
    assert_int_equal(patient == WAKE_OK || brief == WAKE_OK, 1);
    if (brief == WAKE_TIMEOUT)
        assert_int_equal(patient, WAKE_OK);
    waitq_wake_all(&shared);
}

/* A deadline that moves away and comes near again between waits. */
static void wait_with_moving_deadlines(void *arg)
{
    int64_t *took = arg;
    int64_t start = clock_mono();
    struct waitq q;

    WAITQ_INIT(&q);
    assert_int_equal(waitq_wait(&q, clock_in(3000)), WAKE_TIMEOUT);
    assert_int_equal(waitq_wait(&q, clock_in(30000)), WAKE_TIMEOUT);
    assert_int_equal(waitq_wait(&q, clock_in(1000)), WAKE_TIMEOUT);
    *took = clock_mono() - start;
}

static void wake_early(void *arg)
{
    struct waitq *q = arg;

    for (int i = 0; i < 5; i++) {
        fiber_sleep(1000);
        waitq_wake_all(q);
    }
}

struct woken_case {
    struct waitq q;
    unsigned woken;
    int64_t slept;
};

/* Woken five times with an early deadline armed; then a longer sleep must not end
 * at that earlier deadline. */
static void sleep_past_an_old_timer(void *arg)
{
    struct woken_case *c = arg;

    while (c->woken < 5 && waitq_wait(&c->q, clock_in(20000)) == WAKE_OK)
        c->woken++;
    int64_t start = clock_mono();
    assert_int_equal(fiber_sleep(60000), WAKE_TIMEOUT);
    c->slept = clock_mono() - start;
}

static void deadlines_may_move_both_ways(void **state)
{
    struct woken_case c = {.woken = 0};
    int64_t took = 0;

    (void)state;
    WAITQ_INIT(&c.q);
    fiber_spawn("moving", wait_with_moving_deadlines, &took);
    fiber_spawn("woken", sleep_past_an_old_timer, &c);
    fiber_spawn("waker", wake_early, &c.q);
    loop_run();
    assert_in_range(took, 34000, 10 * CLOCK_SECOND);
    assert_int_equal(c.woken, 5);
    assert_true(c.slept >= 59000);
}

static struct slots slots;
static unsigned inside, most_inside;

static void pass_through(void *arg)
{
    unsigned *passed = arg;

    assert_int_equal(slots_take(&slots, CLOCK_NEVER), WAKE_OK);
    if (++inside > most_inside)
        most_inside = inside;
    fiber_yield();
    fiber_yield();
    inside--;
    slots_give(&slots);
    ++*passed;
}

static void give_up_on_a_slot(void *arg)
{
    enum wake *why = arg;

    *why = slots_take(&slots, clock_in(0));
}

static void slots_let_a_number_in(void **state)
{
    unsigned passed = 0;
    enum wake why = WAKE_OK;

    (void)state;
    slots_init(&slots, 2);
    most_inside = 0;
    for (int i = 0; i < 7; i++)
        fiber_spawn("passer", pass_through, &passed);
    fiber_spawn("impatient", give_up_on_a_slot, &why);
    loop_run();
    assert_int_equal(passed, 7);
    assert_int_equal(most_inside, 2);
    assert_int_equal(slots.free, 2);
    assert_int_equal(why, WAKE_TIMEOUT);
}

static bool gate_open;
static struct waitq gate;

static void wait_at_gate(void *arg)
{
    unsigned *through = arg;

    while (!gate_open)
        if (waitq_wait(&gate, clock_in(60 * CLOCK_SECOND)) != WAKE_OK)
            return;
    ++*through;
}

/* Resident memory of this process in KiB. */
static long resident(void)
{
    long pages = 0, resident_pages = 0;
    char text[128] = "";
    FILE *f = fopen("/proc/self/statm", "r");

    assert_non_null(f);
    assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    char *end;
    pages = strtol(text, &end, 10);
    resident_pages = strtol(end, NULL, 10);
    assert_true(pages > 0);
    return resident_pages * sysconf(_SC_PAGESIZE) / 1024;
}

static long resident_while_waiting;

static void open_gate(void *arg)
{
    (void)arg;
    fiber_sleep(1000);
    resident_while_waiting = resident();
    gate_open = true;
    waitq_wake_all(&gate);
}

static void twenty_thousand_fibers_live_at_once(void **state)
{
    unsigned through = 0;
    long before = resident();
    int many = RUNNING_ON_VALGRIND ? 2000 : 20000; /* valgrind counts mappings */

    (void)state;
    gate_open = false;
    WAITQ_INIT(&gate);
    for (int i = 0; i < many; i++)
        fiber_spawn("sleeper", wait_at_gate, &through);
    fiber_spawn("gate", open_gate, NULL);
    assert_int_equal(fiber_count(), many + 1);
    loop_run();
    assert_int_equal(through, many);
    if (hooks_tool_is_watching())
        return;
    long each = (resident_while_waiting - before) * 1024 / many;
    print_message("%ld bytes of memory for each sleeping fiber\n", each);
    assert_in_range(each, 1000, 9000);
}

/* Touch the stack some pages further down; where that was. */
static __attribute__((noinline)) uintptr_t touch_below(unsigned depth)
{
    volatile char bytes[2048];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = 1;
    uintptr_t deepest = depth > 0 ? touch_below(depth - 1) : (uintptr_t)&bytes[0];
    bytes[0] = 2; /* not a tail call */
    return deepest;
}

static bool is_resident(uintptr_t p)
{
    unsigned char there = 0;
    uintptr_t page = p & ~(uintptr_t)(sysconf(_SC_PAGESIZE) - 1);

    assert_int_equal(mincore((void *)page, 1, &there), 0);
    return there & 1;
}

static void go_deep_and_sleep(void *arg)
{
    bool *trimmed = arg;
    uintptr_t deep = touch_below(15);

    assert_true(is_resident(deep));
    fiber_sleep(2500 * 1000);
    *trimmed = !is_resident(deep);
}

static void deep_stacks_of_long_sleepers_are_trimmed(void **state)
{
    bool trimmed = false;

    (void)state;
    fiber_spawn("deep", go_deep_and_sleep, &trimmed);
    loop_run();
    assert_int_equal(trimmed, !hooks_tool_is_watching());
}

static void churn(void *arg)
{
    unsigned *left = arg;

    fiber_yield();
    if (*left > 0) {
        --*left;
        fiber_spawn("churn", churn, left);
    }
}

static void stacks_are_used_again(void **state)
{
    unsigned left = 50000;

    (void)state;
    for (int i = 0; i < 10; i++)
        fiber_spawn("churn", churn, &left);
    loop_run();
    assert_int_equal(left, 0);
}

/* A dropped fiber is gone with loop_done(), and the loop can start again. */
static void never_ending(void *arg)
{
    struct waitq q;

    (void)arg;
    WAITQ_INIT(&q);
    (void)waitq_wait(&q, CLOCK_NEVER);
    note('!');
}

static void stop_loop(void *arg)
{
    (void)arg;
    loop_stop();
}

static void the_loop_can_be_stopped_and_started(void **state)
{
    unsigned left = 10;

    (void)state;
    fiber_spawn("never", never_ending, NULL);
    fiber_spawn("stop", stop_loop, NULL);
    loop_run();
    assert_int_equal(fiber_count(), 1);
    loop_done();
    loop_init();
    assert_int_equal(fiber_count(), 0);
    fiber_spawn("churn", churn, &left);
    loop_run();
    assert_int_equal(left, 0);
    assert_string_equal(trace, "");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(fibers_take_turns),
        TEST(a_stack_is_aligned_at_entry),
        TEST(stacks_hold_what_is_on_them),
        TEST(sleepers_wake_in_order),
        TEST(a_wait_ends_by_wake_or_deadline),
        TEST(cancellation_ends_all_waits),
        TEST(a_wake_is_not_lost_on_a_fiber_that_timed_out),
        TEST(deadlines_may_move_both_ways),
        TEST(slots_let_a_number_in),
        TEST(twenty_thousand_fibers_live_at_once),
        TEST(deep_stacks_of_long_sleepers_are_trimmed),
        TEST(stacks_are_used_again),
        TEST(the_loop_can_be_stopped_and_started),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
