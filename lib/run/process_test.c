/* process_test - children: what they get, how they end */
#include "run/process.h"

#include "run/loop.h"
#include "run/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

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

static const char *const environment[] = {"PATH=/usr/bin:/bin", "GREETING=hello", NULL};

struct run {
    struct process_setup setup;
    struct error error;
    char output[512];
    pid_t pid;
    int status;
    enum wake why;
    int64_t deadline;
};

/* Start with standard output into a pipe, read it to its end, wait. */
static void run_and_read(void *arg)
{
    struct run *r = arg;
    int fds[2];
    struct watch w;
    size_t used = 0;

    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    r->setup.env = environment;
    r->setup.fds[0] = r->setup.fds[2] = -1;
    r->setup.fds[1] = fds[1];
    r->pid = process_start(&r->setup, &r->error);
    close(fds[1]);
    watch_add(&w, fds[0]);
    while (r->pid > 0 && used < sizeof r->output - 1) {
        ssize_t n = read(fds[0], r->output + used, sizeof r->output - 1 - used);
        if (n == 0 ||
            (n < 0 && watch_wait_read(&w, clock_in(20 * CLOCK_SECOND)) != WAKE_OK))
            break;
        used += n > 0 ? (size_t)n : 0;
    }
    watch_remove(&w);
    close(fds[0]);
    if (r->pid > 0)
        r->why = process_wait(r->pid, clock_in(20 * CLOCK_SECOND), &r->status);
}

static void shell(struct run *r, const char *script)
{
    static const char *argv[] = {"sh", "-c", NULL, NULL};

    argv[2] = script;
    r->setup.argv = argv;
    r->status = -1;
    fiber_spawn("run", run_and_read, r);
    loop_run();
}

static void output_environment_and_status_come_through(void **state)
{
    struct run r = {.setup = {.directory = "/"}};

    (void)state;
    shell(&r, "echo $GREETING; pwd; read x || echo null; exit 7");
    assert_string_equal(r.output, "hello\n/\nnull\n");
    assert_int_equal(r.why, WAKE_OK);
    assert_true(WIFEXITED(r.status));
    assert_int_equal(WEXITSTATUS(r.status), 7);
}

static void nothing_else_is_open_in_the_child(void **state)
{
    struct run r = {.setup = {.directory = NULL}};
    int stray = open("/dev/null", O_RDONLY); /* no close-on-exec */

    (void)state;
    assert_true(stray >= 0);
    /* The shell opens the directory itself, as 3 at least. */
    shell(&r,
          "for i in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$i ] && echo $i; done; echo .");
    close(stray);
    assert_string_equal(r.output, ".\n");
}

static void signals_are_as_a_program_expects(void **state)
{
    struct run r = {.setup = {.directory = NULL}};

    (void)state;
    signal(SIGUSR2, SIG_IGN);
    shell(&r, "grep -E 'SigBlk|SigIgn' /proc/self/status");
    signal(SIGUSR2, SIG_DFL);
    assert_string_equal(r.output,
                        "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void a_missing_program_is_an_error(void **state)
{
    static const char *const argv[] = {"/nonexistent/program", NULL};
    struct run r = {.setup = {.argv = argv}};

    (void)state;
    fiber_spawn("run", run_and_read, &r);
    loop_run();
    assert_int_equal(r.pid, -1);
    assert_int_equal(r.error.saved_errno, ENOENT);
    assert_string_equal(r.error.text,
                        "/nonexistent/program: exec: No such file or directory");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void other_ids_can_be_had_by_root(void **state)
{
    struct run r = {.setup = {.set_ids = true, .uid = 65534, .gid = 65534}};

    (void)state;
    if (geteuid() != 0)
        skip();
    shell(&r, "id -u; id -g; id -G; kill -0 $PPID 2>/dev/null || echo powerless");
    assert_string_equal(r.output, "65534\n65534\n65534\npowerless\n");
}

static void become_session_leader(void **state)
{
    struct run r = {.setup = {.new_session = true}};

    (void)state;
    shell(&r, "set -- $(cat /proc/$$/stat); [ $1 = $5 ] && [ $1 = $6 ] && echo leader");
    assert_string_equal(r.output, "leader\n");
}

/* A child that ignores SIGTERM, and one more in its group. */
static void start_and_end(void *arg)
{
    struct run *r = arg;
    static const char *const argv[] = {"sh", "-c", "trap '' TERM; sleep 30 & sleep 30",
                                       NULL};

    r->setup =
        (struct process_setup){.argv = argv, .env = environment, .fds = {-1, -1, -1}};
    r->setup.new_session = true;
    r->pid = process_start(&r->setup, &r->error);
    assert_true(r->pid > 0);
    r->why = process_wait(r->pid, clock_in(100 * 1000), &r->status);
    fiber_cancel(fiber_self()); /* ending works for a cancelled session */
    process_end(r->pid, 50 * 1000);
}

static void a_group_is_ended(void **state)
{
    struct run r = {.pid = 0};

    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    fiber_spawn("end", start_and_end, &r);
    loop_run();
    assert_int_equal(r.why, WAKE_TIMEOUT);
    assert_int_equal(waitpid(r.pid, NULL, WNOHANG), -1);
    /* The other member was killed too, and is ours since its parent ended. */
    assert_true(waitpid(-r.pid, &r.status, 0) > 0);
    assert_true(WIFSIGNALED(r.status));
}

static void add_one(void *arg)
{
    ++*(int *)arg;
}

/* In the forked child: a loop, fibers and threads of its own. */
static void child_fiber(void *arg)
{
    int *value = arg;

    fiber_sleep(1000);
    thread_run(add_one, value);
}

static int child_main(void *arg)
{
    int value = *(int *)arg;

    if (fiber_self() != NULL || fiber_count() != 0)
        return 99;
    loop_init();
    fiber_spawn("child", child_fiber, &value);
    loop_run();
    loop_done();
    return value;
}

static void fork_and_wait(void *arg)
{
    struct run *r = arg;
    int value = 41;

    thread_run(add_one, &value); /* so that there are workers to forget */
    r->pid = process_fork(child_main, &value, &r->error);
    assert_true(r->pid > 0);
    r->why = process_wait(r->pid, clock_in(20 * CLOCK_SECOND), &r->status);
    thread_run(add_one, &value); /* the child has taken nothing from our loop */
    assert_int_equal(value, 43);
}

static void a_forked_child_goes_on_in_c(void **state)
{
    struct run r = {.pid = 0};

    (void)state;
    fiber_spawn("fork", fork_and_wait, &r);
    loop_run();
    assert_int_equal(r.why, WAKE_OK);
    assert_true(WIFEXITED(r.status));
    assert_int_equal(WEXITSTATUS(r.status), 43);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(output_environment_and_status_come_through),
        TEST(nothing_else_is_open_in_the_child),
        TEST(signals_are_as_a_program_expects),
        TEST(a_missing_program_is_an_error),
        TEST(other_ids_can_be_had_by_root),
        TEST(become_session_leader),
        TEST(a_group_is_ended),
        TEST(a_forked_child_goes_on_in_c),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
