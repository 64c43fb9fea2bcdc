/* network_test - what clients of servers do with servers that misbehave, and writing
 *
 * The server is a fiber-less thread on a UNIX socket that answers what the test says.
 */
#include "table/table_test_help.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* One connection: after each piece of input the next answer, to the NULL. */
struct server {
    int listener;
    const char *const *answers;
    char heard[500];
    size_t n;
    pthread_t thread;
};

static void *serve(void *arg)
{
    struct server *s = arg;
    int fd = accept(s->listener, NULL, NULL);

    for (const char *const *answer = s->answers; *answer; answer++) {
        ssize_t n = read(fd, s->heard + s->n, sizeof s->heard - s->n - 1);
        if (n <= 0)
            break;
        s->n += (size_t)n;
        if (write(fd, *answer, strlen(*answer)) < 0)
            break;
    }
    close(fd);
    return NULL;
}

static void server_start(struct server *s, struct room *r, const char *const *answers)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    *s = (struct server){.answers = answers};
    s->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", room_path(r, "socket"));
    unlink(at.sun_path);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(s->listener, 1), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_end(struct server *s)
{
    pthread_join(s->thread, NULL);
    close(s->listener);
}

/* What redis: makes of ANSWER. */
static const char *redis(struct room *r, const char *answer)
{
    const char *const answers[] = {answer, NULL};
    static struct server s;

    server_start(&s, r, answers);
    const char *value = room_get(r, "redis:@redis.cf", 0, "key");
    server_end(&s);
    return value;
}

static void test_redis_replies(void **state)
{
    struct room *r = room_open("");

    (void)state;
    table_network_directly();
    char text[200];
    snprintf(text, sizeof text, "server = unix:%s\ncommand = X %%s\n",
             room_path(r, "socket"));
    room_write(r, "redis.cf", text);
    assert_string_equal(redis(r, "$5\r\nvalue\r\n"), "value");
    assert_string_equal(redis(r, "$-1\r\n"), "-");
    assert_string_equal(redis(r, "*-1\r\n"), "-");
    assert_string_equal(redis(r, "*0\r\n"), "-");
    assert_string_equal(redis(r, "*3\r\n$1\r\na\r\n$-1\r\n$1\r\nb\r\n"), "a,b");
    assert_string_equal(redis(r, "+simple\r\n"), "simple");
    assert_string_equal(redis(r, ":7\r\n"), "7");
    assert_string_equal(redis(r, "-ERR no\r\n"), "!");
    assert_string_equal(redis(r, "$99999999999\r\n"), "!");
    assert_string_equal(redis(r, "$-7\r\n"), "!");
    assert_string_equal(redis(r, "*1\r\n*1\r\n$1\r\na\r\n"), "!");
    assert_string_equal(redis(r, "$5\r\nval"), "!");
    assert_string_equal(redis(r, "hello\r\n"), "!");
    assert_string_equal(redis(r, "\r\n"), "!");
    room_close(r);
}

/* Writing, and what the server hears. */
static void test_put(void **state)
{
    static const char *const stored[] = {"STORED\r\n", "DELETED\r\n", NULL};
    struct room *r = room_open("");
    struct error e = ERROR_INIT;
    static struct server s;
    char text[200];

    (void)state;
    snprintf(text, sizeof text,
             "memcache = unix:%s\nkey_format = k:%%s\nflags = 3\nttl = 9\n",
             room_path(r, "socket"));
    room_write(r, "cache.cf", text);
    server_start(&s, r, stored);
    struct table *t = table_open(r->conf, room_spec(r, "memcache:@cache.cf"), TABLE_FOLD);
    assert_true(table_put(t, VIEW("Key"), VIEW("some value"), &e));
    assert_true(table_delete(t, VIEW("key"), &e));
    server_end(&s);
    assert_string_equal(s.heard, "set k:key 3 9 10\r\nsome value\r\ndelete k:key\r\n");
    assert_true(table_put(t, VIEW("two words"), VIEW("x"), &e));
    assert_int_equal(room_logged("skipped: no usable key"), 1);
    table_close(t);
    t = table_open(r->conf, VIEW("static:x"), 0);
    assert_false(table_put(t, VIEW("a"), VIEW("b"), &e));
    assert_non_null(strstr(e.text, "not written"));
    table_close(t);
    room_close(r);
}

/* A definition that changed is taken up; one that is wrong is an error with its reason.
 */
static void test_definitions(void **state)
{
    struct room *r = room_open("");

    (void)state;
    room_write(r, "bad.cf", "server = unix:/nowhere\nexpansion_limit = many\n");
    assert_string_equal(room_get(r, "redis:@bad.cf", 0, "a"), "!");
    assert_int_equal(room_logged("bad expansion_limit: \"many\""), 1);
    assert_string_equal(room_get(r, "redis:@none.cf", 0, "a"), "!");
    assert_true(room_logged("none.cf: No such file") > 0);
    assert_string_equal(room_get(r, "mysql:@bad.cf", 0, "a"), "!");
    assert_string_equal(room_get(r, "memcache:@bad.cf", 0, "\xff"), "-");
    room_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redis_replies),
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_definitions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
