/* loop_test - descriptors, timers, signals, and the watchdog */
#include "run/loop.h"

#include "run/fiber_hooks.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct pair {
    struct watch a, b;
};

static struct pair pair;

static int set_up(void **state)
{
    int fds[2];

    (void)state;
    loop_init();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
        return -1;
    watch_add(&pair.a, fds[0]);
    watch_add(&pair.b, fds[1]);
    return 0;
}

static void close_end(struct watch *w)
{
    int fd = w->fd;

    if (fd < 0)
        return;
    watch_remove(w);
    close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    close_end(&pair.a);
    close_end(&pair.b);
    loop_done();
    return 0;
}

/* Read until N bytes or the end came; how many. */
static size_t read_all(struct watch *w, size_t n)
{
    char buffer[512];
    size_t got = 0;

    while (got < n) {
        ssize_t r = read(w->fd, buffer, sizeof buffer);
        if (r > 0)
            got += (size_t)r;
        else if (r == 0 || errno != EAGAIN ||
                 watch_wait_read(w, clock_in(5 * CLOCK_SECOND)) != WAKE_OK)
            break;
    }
    return got;
}

static size_t write_all(struct watch *w, size_t n)
{
    static const char bytes[4096];
    size_t put = 0;

    while (put < n) {
        size_t now = n - put < sizeof bytes ? n - put : sizeof bytes;
        ssize_t r = write(w->fd, bytes, now);
        if (r > 0)
            put += (size_t)r;
        else if (errno != EAGAIN ||
                 watch_wait_write(w, clock_in(5 * CLOCK_SECOND)) != WAKE_OK)
            break;
    }
    return put;
}

enum { MUCH = 4 * 1024 * 1024 };

static void read_much(void *arg)
{
    size_t *got = arg;

    *got = read_all(&pair.a, MUCH);
}

static void write_much(void *arg)
{
    size_t *put = arg;

    *put = write_all(&pair.b, MUCH);
}

static void bytes_pass_a_pair(void **state)
{
    size_t got = 0, put = 0;

    (void)state;
    fiber_spawn("reader", read_much, &got);
    fiber_spawn("writer", write_much, &put);
    loop_run();
    assert_int_equal(got, MUCH);
    assert_int_equal(put, MUCH);
}

static void ping(void *arg)
{
    unsigned *rounds = arg;
    char c = 'x';

    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(write(pair.b.fd, &c, 1), 1);
        assert_int_equal(read_all(&pair.b, 1), 1);
        ++*rounds;
    }
}

static void pong(void *arg)
{
    char c;

    (void)arg;
    for (unsigned i = 0; i < 1000; i++) {
        while (read(pair.a.fd, &c, 1) < 0)
            assert_int_equal(watch_wait_read(&pair.a, clock_in(5 * CLOCK_SECOND)),
                             WAKE_OK);
        assert_int_equal(write(pair.a.fd, &c, 1), 1);
    }
}

static void no_edge_is_lost(void **state)
{
    unsigned rounds = 0;

    (void)state;
    fiber_spawn("ping", ping, &rounds);
    fiber_spawn("pong", pong, NULL);
    loop_run();
    assert_int_equal(rounds, 1000);
}

/* The byte comes between the EAGAIN and the wait, while the reader sleeps. */
static void read_late(void *arg)
{
    enum wake *why = arg;
    char c;

    assert_int_equal(read(pair.a.fd, &c, 1), -1);
    assert_int_equal(errno, EAGAIN);
    fiber_sleep(5000);
    *why = watch_wait_read(&pair.a, clock_in(CLOCK_SECOND));
    assert_int_equal(read(pair.a.fd, &c, 1), 1);
}

static void write_early(void *arg)
{
    (void)arg;
    fiber_sleep(1000);
    assert_int_equal(write(pair.b.fd, "x", 1), 1);
}

static void an_event_before_the_wait_counts(void **state)
{
    enum wake why = WAKE_TIMEOUT;

    (void)state;
    fiber_spawn("late", read_late, &why);
    fiber_spawn("early", write_early, NULL);
    loop_run();
    assert_int_equal(why, WAKE_OK);
}

static void wait_in_vain(void *arg)
{
    enum wake *why = arg;

    /* The first event may be that of registering. */
    do
        *why = watch_wait_read(&pair.a, clock_in(10000));
    while (*why == WAKE_OK && !pair.a.hangup);
}

static void a_wait_has_a_deadline(void **state)
{
    enum wake why = WAKE_OK;

    (void)state;
    fiber_spawn("vain", wait_in_vain, &why);
    loop_run();
    assert_int_equal(why, WAKE_TIMEOUT);
    assert_null(pair.a.reader);
}

static void hang_up(void *arg)
{
    (void)arg;
    close_end(&pair.b);
}

static void a_hangup_wakes_the_reader(void **state)
{
    enum wake why = WAKE_TIMEOUT;

    (void)state;
    fiber_spawn("vain", wait_in_vain, &why);
    fiber_spawn("hangup", hang_up, NULL);
    loop_run();
    assert_int_equal(why, WAKE_OK);
    assert_true(pair.a.hangup);
}

static char order[16];

struct lettered {
    struct timer timer;
    char letter;
};

static void note_letter(struct timer *t)
{
    const struct lettered *l = CONTAINER_OF(t, struct lettered, timer);
    size_t n = strlen(order);

    assert_null(fiber_self());
    order[n] = l->letter;
    order[n + 1] = '\0';
}

static void sleep_a_while(void *arg)
{
    (void)arg;
    fiber_sleep(20000);
}

static void timers_ring_in_order(void **state)
{
    struct lettered a = {.letter = 'a'}, b = {.letter = 'b'}, c = {.letter = 'c'};

    (void)state;
    order[0] = '\0';
    timer_set(&b.timer, clock_in(4000), note_letter);
    timer_set(&a.timer, clock_in(12000), note_letter);
    timer_set(&a.timer, clock_in(1000), note_letter); /* moved */
    timer_set(&c.timer, clock_in(5000), note_letter);
    timer_cancel(&c.timer);
    timer_cancel(&c.timer);
    fiber_spawn("sleeper", sleep_a_while, NULL);
    loop_run();
    assert_string_equal(order, "ab");
}

static int seen_signal;
static unsigned signal_count;

static void note_signal(int signo, void *arg)
{
    unsigned *count = arg;

    seen_signal = signo;
    ++*count;
    if (signo == SIGHUP)
        loop_stop();
}

static void raise_signals(void *arg)
{
    (void)arg;
    raise(SIGUSR1);
    fiber_sleep(1000);
    raise(SIGHUP);
    fiber_sleep(CLOCK_SECOND);
}

static void signals_are_events(void **state)
{
    sigset_t mask;

    (void)state;
    signal_count = 0;
    loop_on_signal(SIGUSR1, note_signal, &signal_count);
    loop_on_signal(SIGHUP, note_signal, &signal_count);
    fiber_spawn("raiser", raise_signals, NULL);
    loop_run();
    assert_int_equal(signal_count, 2);
    assert_int_equal(seen_signal, SIGHUP);
    loop_on_signal(SIGHUP, NULL, NULL);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    assert_false(sigismember(&mask, SIGHUP));
    assert_true(sigismember(&mask, SIGUSR1));
}

static char logged[256];

static void keep_log(enum log_level level, const char *text)
{
    (void)level;
    snprintf(logged, sizeof logged, "%s", text);
}

static void hog(void *arg)
{
    int64_t end = clock_in(70000);

    (void)arg;
    while (clock_mono() < end)
        continue;
}

static void the_watchdog_names_a_hog(void **state)
{
    (void)state;
    logged[0] = '\0';
    log_set_hook(keep_log);
    fiber_spawn("hog", hog, NULL);
    loop_run();
    log_set_hook(NULL);
    if (hooks_tool_is_watching())
        assert_string_equal(logged, "");
    else
        assert_non_null(strstr(logged, "watchdog: fiber=hog ran "));
}

/* Regular files are not for epoll; waiting for them ends at once. */
static void wait_for_file(void *arg)
{
    struct watch *w = arg;

    assert_int_equal(watch_wait_read(w, CLOCK_NEVER), WAKE_OK);
    assert_int_equal(watch_wait_write(w, CLOCK_NEVER), WAKE_OK);
}

static void a_regular_file_is_always_ready(void **state)
{
    struct watch w;
    int fd = memfd_create("loop_test", MFD_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    watch_add(&w, fd);
    fiber_spawn("file", wait_for_file, &w);
    loop_run();
    watch_remove(&w);
    close(fd);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(bytes_pass_a_pair),
        TEST(no_edge_is_lost),
        TEST(an_event_before_the_wait_counts),
        TEST(a_wait_has_a_deadline),
        TEST(a_hangup_wakes_the_reader),
        TEST(timers_ring_in_order),
        TEST(signals_are_events),
        TEST(the_watchdog_names_a_hog),
        TEST(a_regular_file_is_always_ready),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
