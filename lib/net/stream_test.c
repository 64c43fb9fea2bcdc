/* stream_test - reading and writing over memory, sockets and pipes */
#include "net/stream.h"

#include "base/clock.h"
#include "net/stream_layer.h"
#include "run/loop.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ASSERT_VIEW(v, text) assert_true(view_eq((v), VIEW(text)))

/* Read one line; it must be so. */
static void expect_line(struct stream *s, size_t limit, enum stream_result result,
                        int ending, struct view text)
{
    struct view line;
    int ended;

    assert_int_equal(stream_read_line(s, limit, &line, &ended), result);
    assert_int_equal(ended, ending);
    assert_true(view_eq(line, text));
}

static void lines_in_pieces(size_t chunk)
{
    struct stream *s = stream_open_memory(
        VIEW("HELO "
             "a\r\n\nbare\nnul\0nul\r\ncr\rcr\r\r\n\r\n12345\r\n123456\r\n1234567890ab"),
        NULL);

    stream_set_chunk(s, chunk);
    expect_line(s, 100, STREAM_OK, 2, VIEW("HELO a"));
    expect_line(s, 100, STREAM_OK, 1, VIEW(""));
    expect_line(s, 100, STREAM_OK, 1, VIEW("bare"));
    expect_line(s, 100, STREAM_OK, 2, VIEW("nul\0nul"));
    expect_line(s, 100, STREAM_OK, 2, VIEW("cr\rcr\r"));
    expect_line(s, 100, STREAM_OK, 2, VIEW(""));
    expect_line(s, 5, STREAM_OK, 2, VIEW("12345"));
    expect_line(s, 5, STREAM_TOO_LONG, 0, VIEW("12345"));
    expect_line(s, 5, STREAM_OK, 2, VIEW("6"));
    expect_line(s, 5, STREAM_TOO_LONG, 0, VIEW("12345"));
    expect_line(s, 5, STREAM_TOO_LONG, 0, VIEW("67890"));
    expect_line(s, 5, STREAM_EOF, 0, VIEW("ab"));
    expect_line(s, 5, STREAM_EOF, 0, VIEW(""));
    stream_close(s);
}

static void test_lines(void **state)
{
    (void)state;
    for (size_t chunk = 0; chunk < 9; chunk++)
        lines_in_pieces(chunk);
}

static void test_limit_edges(void **state)
{
    (void)state;
    for (size_t chunk = 0; chunk < 3; chunk++) {
        struct stream *s = stream_open_memory(VIEW("abc\rd\nabc\nabcd\nab\rc\r"), NULL);
        stream_set_chunk(s, chunk);
        expect_line(s, 3, STREAM_TOO_LONG, 0, VIEW("abc"));
        expect_line(s, 3, STREAM_OK, 1, VIEW("\rd"));
        expect_line(s, 3, STREAM_OK, 1, VIEW("abc"));
        expect_line(s, 3, STREAM_TOO_LONG, 0, VIEW("abc"));
        expect_line(s, 3, STREAM_OK, 1, VIEW("d"));
        expect_line(s, 3, STREAM_TOO_LONG, 0, VIEW("ab\r"));
        expect_line(s, 3, STREAM_EOF, 0, VIEW("c\r"));
        stream_close(s);
        s = stream_open_memory(VIEW("abc\r"), NULL);
        stream_set_chunk(s, chunk);
        expect_line(s, 3, STREAM_TOO_LONG, 0, VIEW("abc"));
        expect_line(s, 3, STREAM_EOF, 0, VIEW("\r"));
        stream_close(s);
    }
}

static void test_mixed_reads(void **state)
{
    struct stream *s = stream_open_memory(VIEW("line\r\n0123456789rest\n"), NULL);
    struct str body = STR_INIT(20);
    struct view some;

    (void)state;
    stream_set_chunk(s, 3);
    expect_line(s, 10, STREAM_OK, 2, VIEW("line"));
    assert_int_equal(stream_read_exact(s, 6, &body), STREAM_OK);
    assert_true(view_eq(str_view(&body), VIEW("012345")));
    assert_int_equal(stream_read_exact(s, 15, &body), STREAM_TOO_LONG);
    assert_int_equal(stream_read_some(s, 2, &some), STREAM_OK);
    assert_true(some.n >= 1 && some.n <= 2 && some.p[0] == '6');
    stream_drop_input(s);
    assert_int_equal(stream_pending(s), 0);
    assert_true(stream_has_input(s));
    assert_int_equal(stream_read_exact(s, 14, &body), STREAM_EOF);
    assert_false(stream_has_input(s));
    stream_close(s);
    str_done(&body);
}

static void test_memory_output(void **state)
{
    struct str out = STR_INIT(30);
    struct stream *s = stream_open_memory(VIEW("x"), &out);

    (void)state;
    stream_write(s, VIEW("220 "));
    stream_printf(s, "%s %d\r\n", "hello", 42);
    assert_int_equal(stream_flush(s), STREAM_OK);
    assert_true(view_eq(str_view(&out), VIEW("220 hello 42\r\n")));
    stream_write(s, VIEW("this does not fit any more"));
    assert_int_equal(stream_flush(s), STREAM_ERROR);
    assert_int_equal(stream_errno(s), ENOSPC);
    stream_close(s);
    str_done(&out);
}

/* --- over a socket pair --- */

static struct pair {
    struct stream *left, *right;
    int done;
} pair;

static void open_pair(void)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    pair = (struct pair){.left = stream_open_fd(fds[0]), .right = stream_open_fd(fds[1])};
    stream_set_timeout(pair.left, 5 * CLOCK_SECOND);
    stream_set_timeout(pair.right, 5 * CLOCK_SECOND);
}

static int set_up(void **state)
{
    (void)state;
    loop_init();
    open_pair();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (pair.left)
        stream_close(pair.left);
    if (pair.right)
        stream_close(pair.right);
    loop_done();
    return 0;
}

static void run_both(fiber_fn *left, fiber_fn *right)
{
    fiber_spawn("left", left, NULL);
    if (right)
        fiber_spawn("right", right, NULL);
    loop_run();
}

#define ROUNDS 200

static void echo_server(void *arg)
{
    struct view line;
    int ending;

    (void)arg;
    while (stream_read_line(pair.left, 100, &line, &ending) == STREAM_OK)
        stream_printf(pair.left, "you said %.*s\r\n", VIEW_FMT(line));
    pair.done++;
}

static void echo_client(void *arg)
{
    struct view line;
    int ending;

    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        stream_printf(pair.right, "number %d\r\n", i);
        assert_true(stream_unsent(pair.right) >
                    0); /* goes out when we wait for the answer */
        assert_int_equal(stream_read_line(pair.right, 100, &line, &ending), STREAM_OK);
        assert_int_equal(stream_unsent(pair.right), 0);
        assert_true(view_starts(line, VIEW("you said number ")));
    }
    stream_close(pair.right);
    pair.right = NULL;
    pair.done++;
}

static void test_dialogue(void **state)
{
    (void)state;
    run_both(echo_server, echo_client);
    assert_int_equal(pair.done, 2);
}

static void pipelining_client(void *arg)
{
    struct view line;
    int ending;

    (void)arg;
    for (int i = 0; i < ROUNDS; i++)
        stream_printf(pair.right, "number %d\n", i);
    for (int i = 0; i < ROUNDS; i++)
        assert_int_equal(stream_read_line(pair.right, 100, &line, &ending), STREAM_OK);
    assert_true(view_ends(line, VIEW("199")));
    stream_close(pair.right);
    pair.right = NULL;
    pair.done++;
}

static void test_pipelining(void **state)
{
    (void)state;
    run_both(echo_server, pipelining_client);
    assert_int_equal(pair.done, 2);
}

#define BIG ((size_t)3 * 1024 * 1024)

static char byte_at(size_t i)
{
    return (char)(i * 31 + i / 251);
}

static void big_writer(void *arg)
{
    static char block[200000];
    size_t sent = 0;

    (void)arg;
    while (sent < BIG) {
        size_t n = BIG - sent < 777 ? BIG - sent : 777;
        if (sent % 3 == 0 && BIG - sent >= sizeof(block))
            n = sizeof(block);
        for (size_t i = 0; i < n; i++)
            block[i] = byte_at(sent + i);
        stream_write(pair.left, (struct view){block, n});
        sent += n;
    }
    assert_int_equal(stream_flush(pair.left), STREAM_OK);
    stream_close(pair.left);
    pair.left = NULL;
    pair.done++;
}

static void big_reader(void *arg)
{
    struct view v;
    size_t got = 0;
    enum stream_result r;

    (void)arg;
    while ((r = stream_read_some(pair.right, 5000, &v)) == STREAM_OK) {
        for (size_t i = 0; i < v.n; i++) {
            if (v.p[i] != byte_at(got + i))
                fail_msg("wrong byte at %zu", got + i);
        }
        got += v.n;
    }
    assert_int_equal(r, STREAM_EOF);
    assert_int_equal(got, BIG);
    pair.done++;
}

static void test_bulk(void **state)
{
    (void)state;
    run_both(big_writer, big_reader);
    assert_int_equal(pair.done, 2);
}

static void long_line_writer(void *arg)
{
    (void)arg;
    for (int i = 0; i < 30000; i++)
        stream_write(pair.left, VIEW("0123456789"));
    stream_write(pair.left, VIEW("\r\nnext\r\n"));
    assert_int_equal(stream_flush(pair.left), STREAM_OK);
    pair.done++;
}

static void long_line_reader(void *arg)
{
    (void)arg;
    struct view line;
    int ending;

    assert_int_equal(stream_read_line(pair.right, 400000, &line, &ending), STREAM_OK);
    assert_int_equal(line.n, 300000);
    expect_line(pair.right, 10, STREAM_OK, 2, VIEW("next"));
    pair.done++;
}

/* A limit above the usual buffer: the buffer grows for this line. */
static void test_long_line(void **state)
{
    (void)state;
    run_both(long_line_writer, long_line_reader);
    assert_int_equal(pair.done, 2);
}

static void timeout_fiber(void *arg)
{
    struct view line;
    int ending;

    (void)arg;
    stream_set_timeout(pair.left, CLOCK_SECOND / 20);
    stream_write(pair.right, VIEW("hal"));
    assert_int_equal(stream_flush(pair.right), STREAM_OK);
    assert_int_equal(stream_read_line(pair.left, 9, &line, &ending), STREAM_TIMEOUT);
    assert_string_equal(stream_strerror(pair.left, STREAM_TIMEOUT), "timed out");
    stream_write(pair.right, VIEW("f\n"));
    assert_int_equal(stream_flush(pair.right), STREAM_OK);
    expect_line(pair.left, 9, STREAM_OK, 1, VIEW("half"));
    stream_set_timeout(pair.left, 60 * CLOCK_SECOND);
    stream_set_deadline(pair.left, clock_in(CLOCK_SECOND / 20));
    assert_int_equal(stream_read_line(pair.left, 9, &line, &ending), STREAM_TIMEOUT);
    pair.done++;
}

static void test_timeout(void **state)
{
    (void)state;
    run_both(timeout_fiber, NULL);
    assert_int_equal(pair.done, 1);
}

static void slow_writer(void *arg)
{
    static char block[1 << 20];

    (void)arg;
    stream_set_timeout(pair.left, CLOCK_SECOND / 20);
    for (int i = 0; i < 8; i++)
        stream_write(pair.left, (struct view){block, sizeof(block)});
    assert_int_equal(stream_flush(pair.left),
                     STREAM_TIMEOUT); /* nobody reads; it sticks */
    pair.done++;
}

static void test_write_timeout(void **state)
{
    (void)state;
    run_both(slow_writer, NULL);
    assert_int_equal(pair.done, 1);
}

static void gone_fiber(void *arg)
{
    (void)arg;
    stream_close(pair.right);
    pair.right = NULL;
    stream_write(pair.left, VIEW("anybody?\r\n"));
    assert_int_equal(stream_flush(pair.left), STREAM_ERROR);
    assert_string_equal(stream_strerror(pair.left, STREAM_ERROR), "lost connection");
    expect_line(pair.left, 9, STREAM_ERROR, 0,
                VIEW("")); /* its output can never be sent */
    pair.done++;
}

static void test_gone(void **state)
{
    (void)state;
    run_both(gone_fiber, NULL);
    assert_int_equal(pair.done, 1);
}

static void waiting_reader(void *arg)
{
    struct view line;
    int ending;

    (void)arg;
    assert_int_equal(stream_read_line(pair.left, 9, &line, &ending), STREAM_ERROR);
    assert_int_equal(stream_errno(pair.left), ECANCELED);
    pair.done++;
}

static void canceller(void *arg)
{
    fiber_sleep(1000);
    fiber_cancel(arg);
}

static void test_cancel(void **state)
{
    (void)state;
    struct fiber *f = fiber_spawn("reader", waiting_reader, NULL);
    fiber_spawn("canceller", canceller, f);
    loop_run();
    assert_int_equal(pair.done, 1);
}

/* Bytes and the end of input may come in one event. */
static void last_words(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        stream_write(pair.right, VIEW("a\n"));
        assert_int_equal(stream_flush(pair.right), STREAM_OK);
        expect_line(pair.left, 9, STREAM_OK, 1, VIEW("a"));
    }
    stream_write(pair.right, VIEW("b\n"));
    assert_int_equal(stream_flush(pair.right), STREAM_OK);
    stream_close(pair.right);
    pair.right = NULL;
    fiber_sleep(1000);
    expect_line(pair.left, 9, STREAM_OK, 1, VIEW("b"));
    expect_line(pair.left, 9, STREAM_EOF, 0, VIEW(""));
    pair.done++;
}

static void test_last_words(void **state)
{
    (void)state;
    run_both(last_words, NULL);
    assert_int_equal(pair.done, 1);
}

static void peek_fiber(void *arg)
{
    struct view line;
    int ending;

    (void)arg;
    assert_false(stream_has_input(pair.left));
    stream_write(pair.right, VIEW("one\r\ntwo\r\n"));
    assert_int_equal(stream_flush(pair.right), STREAM_OK);
    assert_true(stream_has_input(pair.left));
    assert_int_equal(stream_pending(pair.left), 0);
    assert_int_equal(stream_read_line(pair.left, 9, &line, &ending), STREAM_OK);
    ASSERT_VIEW(stream_peek(pair.left), "two\r\n");
    assert_true(stream_has_input(pair.left));
    ASSERT_VIEW(line, "one"); /* still there */
    stream_drop_input(pair.left);
    assert_false(stream_has_input(pair.left));
    pair.done++;
}

static void test_peek(void **state)
{
    (void)state;
    run_both(peek_fiber, NULL);
    assert_int_equal(pair.done, 1);
}

/* --- files, pipes, layers --- */

#define FILE_BYTES 500000

static int make_file(void)
{
    static char block[FILE_BYTES];
    int fd = memfd_create("stream_test", MFD_CLOEXEC);

    assert_true(fd >= 0);
    for (size_t i = 0; i < FILE_BYTES; i++)
        block[i] = byte_at(i);
    assert_int_equal(write(fd, block, FILE_BYTES), FILE_BYTES);
    return fd;
}

static void file_sender(void *arg)
{
    int fd = make_file();

    (void)arg;
    stream_write(pair.left, VIEW("head\n"));
    assert_int_equal(stream_send_file(pair.left, fd, 10, FILE_BYTES - 10), STREAM_OK);
    stream_write(pair.left, VIEW("tail\n"));
    assert_int_equal(stream_flush(pair.left), STREAM_OK);
    assert_int_equal(stream_send_file(pair.left, fd, FILE_BYTES - 1, 2), STREAM_ERROR);
    assert_int_equal(stream_errno(pair.left), ENODATA);
    close(fd);
    pair.done++;
}

static void file_receiver(void *arg)
{
    struct str body = STR_INIT(FILE_BYTES);

    (void)arg;
    expect_line(pair.right, 9, STREAM_OK, 1, VIEW("head"));
    assert_int_equal(stream_read_exact(pair.right, FILE_BYTES - 10, &body), STREAM_OK);
    for (size_t i = 0; i < body.n; i++) {
        if (body.p[i] != byte_at(i + 10))
            fail_msg("wrong byte at %zu", i);
    }
    expect_line(pair.right, 9, STREAM_OK, 1, VIEW("tail"));
    str_done(&body);
    pair.done++;
}

static void test_send_file(void **state)
{
    (void)state;
    run_both(file_sender, file_receiver);
    assert_int_equal(pair.done, 2);
}

static void test_send_file_to_memory(void **state)
{
    struct str out = STR_INIT(FILE_BYTES + 5);
    struct stream *s = stream_open_memory(VIEW(""), &out);
    int fd = make_file();

    (void)state;
    stream_write(s, VIEW("head\n"));
    assert_int_equal(stream_send_file(s, fd, 0, FILE_BYTES), STREAM_OK);
    assert_int_equal(out.n, FILE_BYTES + 5);
    assert_int_equal(out.p[5 + 4711], byte_at(4711));
    close(fd);
    stream_close(s);
    str_done(&out);
}

static void pipe_fiber(void *arg)
{
    int fds[2];

    (void)arg;
    assert_int_equal(pipe(fds), 0);
    struct stream *in = stream_open_fd(fds[0]), *out = stream_open_fd(fds[1]);
    stream_write(out, VIEW("through a pipe\n"));
    assert_int_equal(stream_flush(out), STREAM_OK);
    expect_line(in, 99, STREAM_OK, 1, VIEW("through a pipe"));
    stream_close(out);
    expect_line(in, 99, STREAM_EOF, 0, VIEW(""));
    stream_close(in);
    int fd = make_file();
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    struct stream *file = stream_open_fd(fd);
    struct str body = STR_INIT(FILE_BYTES);
    assert_int_equal(stream_read_exact(file, FILE_BYTES, &body), STREAM_OK);
    expect_line(file, 99, STREAM_EOF, 0, VIEW(""));
    stream_close(file);
    str_done(&body);
    pair.done++;
}

static void test_pipe_and_file(void **state)
{
    (void)state;
    run_both(pipe_fiber, NULL);
    assert_int_equal(pair.done, 1);
}

/* A layer that turns every bit around, and takes at most 7 bytes at a time. */
struct flip {
    struct stream_layer layer;
    int fd;
    bool is_closed;
};

static ssize_t flip_read(struct stream_layer *l, char *p, size_t n,
                         enum stream_want *want)
{
    ssize_t got = read(((struct flip *)(void *)l)->fd, p, n < 7 ? n : 7);

    *want = STREAM_WANT_READ;
    for (ssize_t i = 0; i < got; i++)
        p[i] = (char)~p[i];
    return got;
}

static ssize_t flip_write(struct stream_layer *l, const char *p, size_t n,
                          enum stream_want *want)
{
    char piece[7];

    n = n < sizeof(piece) ? n : sizeof(piece);
    for (size_t i = 0; i < n; i++)
        piece[i] = (char)~p[i];
    *want = STREAM_WANT_WRITE;
    return write(((struct flip *)(void *)l)->fd, piece, n);
}

static size_t flip_pending(struct stream_layer *l)
{
    (void)l;
    return 0;
}

static void flip_close(struct stream_layer *l)
{
    ((struct flip *)(void *)l)->is_closed = true;
}

static void test_layer(void **state)
{
    static struct flip flips[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct stream *s = i ? pair.right : pair.left;
        flips[i] =
            (struct flip){.layer = {flip_read, flip_write, flip_pending, flip_close},
                          .fd = stream_fd(s)};
        stream_set_layer(s, &flips[i].layer);
    }
    run_both(echo_server, echo_client);
    assert_int_equal(pair.done, 2);
    assert_true(flips[1].is_closed);
    assert_false(flips[0].is_closed);
}

#define NET(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* What another process had read comes first, then the socket's own bytes. */
static void given_input_fiber(void *arg)
{
    int *fds = arg;
    struct stream *s = stream_open_fd(fds[0]);

    stream_give_input(s, VIEW("a1 NOOP\r\na2 LOG"));
    assert_int_equal(write(fds[1], "OUT\r\n", 5), 5);
    expect_line(s, 100, STREAM_OK, 2, VIEW("a1 NOOP"));
    expect_line(s, 100, STREAM_OK, 2, VIEW("a2 LOGOUT"));
    stream_close(s);
}

static void test_given_input(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    fiber_spawn("given", given_input_fiber, fds);
    loop_run();
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        NET(test_given_input),
        cmocka_unit_test(test_limit_edges),
        cmocka_unit_test(test_mixed_reads),
        cmocka_unit_test(test_memory_output),
        cmocka_unit_test(test_send_file_to_memory),
        NET(test_dialogue),
        NET(test_pipelining),
        NET(test_bulk),
        NET(test_long_line),
        NET(test_timeout),
        NET(test_write_timeout),
        NET(test_gone),
        NET(test_cancel),
        NET(test_last_words),
        NET(test_peek),
        NET(test_send_file),
        NET(test_pipe_and_file),
        NET(test_layer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
