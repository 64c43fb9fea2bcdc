/* smtp_sink - take mail over SMTP and throw it away, with little CPU of its own
 *
 * Speaks PIPELINING and 8BITMIME, answers 250 to all.  Prints its port, and at
 * SIGTERM the number of messages.  For bench/ only.
 */
#include "base/log.h"
#include "net/listen.h"
#include "net/stream.h"
#include "run/loop.h"
#include "smtp/dot.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t messages;

static bool swallow(struct stream *s)
{
    struct dot_reader reader;
    struct view input, text;
    dot_reader_init(&reader, DOT_NORMALIZE, 2048);
    bool good = true, ended = false;
    while (good && !ended) {
        good = stream_read_some(s, 65536, &input) == STREAM_OK;
        enum dot_status status = DOT_NEED;
        while (good && !ended &&
               (status = dot_reader_next(&reader, &input, &text)) != DOT_NEED)
            ended = status == DOT_END;
        if (ended)
            stream_unread(s, input.n);
    }
    dot_reader_done(&reader);
    messages += ended;
    return ended;
}

static void serve(int fd, const struct net_address *peer, void *arg)
{
    (void)peer;
    (void)arg;
    struct stream *s = stream_open_fd(fd);
    struct view line;
    int ending;
    stream_write(s, VIEW("220 sink.example ESMTP\r\n"));
    while (stream_read_line(s, 2048, &line, &ending) == STREAM_OK) {
        if (view_starts_case(line, VIEW("EHLO")))
            stream_write(s,
                         VIEW("250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n"));
        else if (view_starts_case(line, VIEW("DATA"))) {
            stream_write(s, VIEW("354 go on\r\n"));
            if (!swallow(s))
                break;
            stream_write(s, VIEW("250 2.0.0 Ok\r\n"));
        } else if (view_starts_case(line, VIEW("QUIT"))) {
            stream_write(s, VIEW("221 2.0.0 Bye\r\n"));
            break;
        } else
            stream_write(s, VIEW("250 2.1.0 Ok\r\n"));
    }
    (void)(stream_flush(s) == STREAM_OK);
    stream_close(s);
}

static void on_end(int signo, void *arg)
{
    (void)signo;
    (void)arg;
    printf("%llu\n", (unsigned long long)messages);
    (void)fflush(stdout);
    exit(0);
}

int main(int argc, char **argv)
{
    struct net_address at;
    struct net_endpoint to;
    struct error e = ERROR_INIT;
    if (argc != 2 || !net_endpoint_parse(view_of(argv[1]), &to) ||
        !net_address_parse(to.host, net_port_parse(to.port), &at)) {
        (void)fprintf(stderr, "usage: smtp_sink ADDRESS:PORT\n");
        return 64;
    }
    loop_init();
    int fd = listen_tcp(&at, 1000, &e);
    if (fd < 0)
        log_fatal("%s", e.text);
    struct listen_limits limits = {.max_sessions = 10000};
    loop_on_signal(SIGTERM, on_end, NULL);
    (void)listen_serve(fd, &limits, serve, NULL);
    printf("ready\n");
    (void)fflush(stdout);
    loop_run();
    return 0;
}
