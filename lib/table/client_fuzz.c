/* client_fuzz - any bytes as the answer of a tcp:, socketmap:, memcache: or redis: server
 *
 * The first byte chooses the type; a thread behind a UNIX socket sends the rest as soon
 * as it is asked, and hangs up.
 */
#include "table/client.h"

#include "base/clock.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
    int listener;
    char path[64], endpoint[80], map[96];
    struct view answer;
    pthread_t thread;
} server;

/* One connection: each input asks once. */
static void *serve(void *arg)
{
    char request[4096];
    int fd = accept(server.listener, NULL, NULL);

    (void)arg;
    if (read(fd, request, sizeof request) > 0 &&
        write(fd, server.answer.p, server.answer.n) < 0)
        (void)0; /* the client had enough */
    close(fd);
    return NULL;
}

static void start(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    snprintf(server.path, sizeof server.path, "/tmp/client_fuzz.%d", getpid());
    snprintf(server.endpoint, sizeof server.endpoint, "unix:%s", server.path);
    snprintf(server.map, sizeof server.map, "unix:%s:map", server.path);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", server.path);
    unlink(server.path);
    server.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server.listener, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(server.listener, 1) != 0)
        abort();
}

static const char *setting(const struct client_source *s, const char *name)
{
    (void)s;
    if (strcmp(name, "server") == 0 || strcmp(name, "memcache") == 0)
        return server.endpoint;
    return strcmp(name, "max_try") == 0 ? "1" : NULL;
}

__attribute__((format(printf, 2, 3))) static void warn(const struct client_source *s,
                                                       const char *format, ...)
{
    (void)s;
    (void)format;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct table_client *const clients[] = {&client_tcp, &client_socketmap,
                                                         &client_memcache, &client_redis};
    struct client_source source = {.title = "fuzz",
                                   .query_max = 1000,
                                   .reply_max = 1000,
                                   .idle_max = CLOCK_SECOND,
                                   .life_max = CLOCK_SECOND,
                                   .setting = setting,
                                   .warn = warn};
    struct error e = ERROR_INIT;
    struct str out = STR_INIT(CLIENT_VALUE_MAX);

    if (server.listener == 0)
        start();
    if (n == 0)
        return 0;
    const struct table_client *client = clients[data[0] % 4];
    source.name = client == &client_socketmap ? server.map : server.endpoint;
    server.answer = (struct view){(const char *)data + 1, n - 1};
    void *session = client->open(&source, &e);
    assert(session);
    if (pthread_create(&server.thread, NULL, serve, NULL) != 0)
        abort();
    enum table_result result = client->get(session, VIEW("key"), &out, &e);
    assert(result != TABLE_ERROR || error_is_set(&e));
    client->close(session);
    pthread_join(server.thread, NULL);
    str_done(&out);
    return 0;
}
