/* relay_test - bytes carried both ways, ends passed on, and the relay stopped */
#include "net/relay.h"

#include "base/clock.h"
#include "run/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MUCH ((size_t)3 * 1024 * 1024)

struct world {
    int client, inner; /* the far ends */
    struct relay relay;
    struct stream *near_client, *near_inner;
    bool could_go_on, is_over;
};

static void pair(int *a, int *b)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    *a = fds[0];
    *b = fds[1];
}

static void relay_fiber(void *arg)
{
    struct world *w = arg;

    w->could_go_on = relay_run(&w->relay);
    w->is_over = true;
}

static void open_world(struct world *w)
{
    int client, inner;

    pair(&w->client, &client);
    pair(&w->inner, &inner);
    w->near_client = stream_open_fd(client);
    w->near_inner = stream_open_fd(inner);
    stream_give_input(w->near_client, VIEW("first "));
    relay_init(&w->relay, w->near_client, w->near_inner);
    fiber_spawn("relay", relay_fiber, w);
}

static void close_world(struct world *w)
{
    relay_done(&w->relay);
    stream_close(w->near_client);
    stream_close(w->near_inner);
}

/* Send much one way and read it the other side. */
static void write_fiber(void *arg)
{
    struct stream *s = arg;
    struct str piece = STR_INIT(1000);

    while (piece.n < 1000)
        str_add(&piece, VIEW("0123456789"));
    for (size_t n = 0; n < MUCH; n += piece.n)
        stream_write(s, str_view(&piece));
    assert_int_equal(stream_flush(s), STREAM_OK);
    (void)shutdown(stream_fd(s), SHUT_WR);
    str_done(&piece);
}

static size_t read_all(struct stream *s)
{
    struct view v;
    size_t n = 0;

    while (stream_read_some(s, 65536, &v) == STREAM_OK)
        n += v.n;
    return n;
}

static void both_ways_fiber(void *arg)
{
    struct world w = {.is_over = false};
    (void)arg;

    open_world(&w);
    struct stream *client = stream_open_fd(w.client), *inner = stream_open_fd(w.inner);
    fiber_spawn("writer", write_fiber, client);
    assert_int_equal(read_all(inner), MUCH + (MUCH % 1000 ? 1000 - MUCH % 1000 : 0) + 6);
    stream_write(inner, VIEW("bye"));
    assert_int_equal(stream_flush(inner), STREAM_OK);
    stream_close(inner);
    struct view v;
    assert_int_equal(stream_read_some(client, 100, &v), STREAM_OK);
    assert_true(view_eq(v, VIEW("bye")));
    while (!w.is_over)
        fiber_yield();
    assert_true(w.could_go_on);
    stream_close(client);
    close_world(&w);
}

static void gone_fiber(void *arg)
{
    struct world w = {.is_over = false};
    (void)arg;

    open_world(&w);
    close(w.client);
    struct stream *inner = stream_open_fd(w.inner);
    assert_int_equal(read_all(inner), 6);
    for (int i = 0; i < 10 && !w.is_over; i++) {
        stream_write(inner, VIEW("anybody there?"));
        if (stream_flush(inner) != STREAM_OK)
            break;
        (void)fiber_sleep(CLOCK_SECOND / 100);
    }
    while (!w.is_over)
        fiber_yield();
    assert_false(w.could_go_on);
    stream_close(inner);
    close_world(&w);
}

/* Nothing more is taken from the client; the last words of the other side still go out,
 * and the client's stream can be used again. */
static void stopped_fiber(void *arg)
{
    struct world w = {.is_over = false};
    struct view v;
    int ending;
    (void)arg;

    open_world(&w);
    struct stream *inner = stream_open_fd(w.inner);
    assert_int_equal(stream_read_some(inner, 100, &v), STREAM_OK);
    assert_int_equal(relay_stop(&w.relay).n, 0);
    assert_int_equal(write(w.client, "later\r\n", 7), 7);
    stream_write(inner, VIEW("last words"));
    assert_int_equal(stream_flush(inner), STREAM_OK);
    stream_close(inner);
    while (!w.is_over)
        fiber_yield();
    assert_true(w.could_go_on);
    char got[16];
    assert_int_equal(read(w.client, got, sizeof got), 10);
    assert_int_equal(stream_read_line(w.near_client, 100, &v, &ending), STREAM_OK);
    assert_true(view_eq(v, VIEW("later")));
    close(w.client);
    close_world(&w);
}

static void in_loop(fiber_fn *fn)
{
    fiber_spawn("test", fn, NULL);
    loop_run();
}

static void test_both_ways(void **state)
{
    (void)state;
    in_loop(both_ways_fiber);
}

static void test_gone(void **state)
{
    (void)state;
    in_loop(gone_fiber);
}

static void test_stopped(void **state)
{
    (void)state;
    in_loop(stopped_fiber);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_both_ways, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stopped, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
