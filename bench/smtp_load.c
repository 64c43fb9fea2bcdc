/* smtp_load - send many messages over SMTP with little CPU of its own
 *
 * One fiber a session; each sends its share of messages over one connection (or
 * --per-session of them, then a new one), with --tls over TLS.  With --handshakes it
 * sends none: each "message" is a connection with STARTTLS.  Prints one line of JSON:
 * messages, seconds, own CPU, latency of the final reply.  For bench/ only.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "load_tls.h"
#include "net/dial.h"
#include "net/stream.h"
#include "run/loop.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static struct {
    struct net_address to;
    uint64_t sessions, messages, size, per_session, idle;
    const char *sender, *recipient;
    bool pipeline, tls, resume, handshakes;
} options = {.sessions = 1,
             .messages = 100,
             .size = 4096,
             .per_session = UINT64_MAX,
             .sender = "sender@load.example",
             .recipient = "user@gw1.maison.mrs"};

static struct {
    uint64_t next, accepted, failed, live;
    int64_t *latency; /* microseconds from the final dot to its reply */
    struct str content;
} state;

/* One reply line's code; 0 when the connection ended. */
static int read_code(struct stream *s)
{
    struct view line;
    int ending, code;
    for (;;) {
        if (stream_read_line(s, 2048, &line, &ending) != STREAM_OK || line.n < 4)
            return 0;
        if (line.p[3] == '-')
            continue;
        return number_parse_int(view_sub(line, 0, 3), 100, 599, &code) ? code : 0;
    }
}

static bool ask(struct stream *s, const char *command, int class)
{
    stream_printf(s, "%s\r\n", command);
    return read_code(s) / 100 == class;
}

/* "user%d@domain" gets the number of the message. */
static void write_recipient(struct stream *s, uint64_t number)
{
    struct view before, after, text = view_of(options.recipient);
    if (view_cut(text, '%', &before, &after))
        stream_printf(s, "RCPT TO:<%.*s%llu%.*s>\r\n", VIEW_FMT(before),
                      (unsigned long long)number, VIEW_FMT(after));
    else
        stream_printf(s, "RCPT TO:<%s>\r\n", options.recipient);
}

static bool send_one(struct stream *s, uint64_t number)
{
    stream_printf(s, "MAIL FROM:<%s>\r\n", options.sender);
    if (!options.pipeline && read_code(s) != 250)
        return false;
    write_recipient(s, number);
    if (!options.pipeline && read_code(s) != 250)
        return false;
    stream_printf(s, "DATA\r\n");
    if (options.pipeline && (read_code(s) != 250 || read_code(s) != 250))
        return false;
    if (read_code(s) != 354)
        return false;
    stream_write(s, str_view(&state.content));
    int64_t begin = clock_mono();
    bool good = read_code(s) == 250;
    state.latency[number] = clock_mono() - begin;
    return good;
}

static bool greet(struct stream *s)
{
    return read_code(s) == 220 && ask(s, "EHLO load.example", 2) &&
           (!options.tls || (ask(s, "STARTTLS", 2) && load_tls_start(s) &&
                             ask(s, "EHLO load.example", 2)));
}

static void session(void *arg)
{
    (void)arg;
    while (state.next < options.messages) {
        struct error e = ERROR_INIT;
        int fd = dial(&options.to, NULL, clock_in(30 * CLOCK_SECOND), &e);
        if (fd < 0) {
            log_error("%s", e.text);
            break;
        }
        struct stream *s = stream_open_fd(fd);
        bool good = greet(s);
        if (good && options.handshakes) {
            state.next++;
            state.accepted++;
        }
        for (uint64_t i = 0; good && !options.handshakes && i < options.per_session &&
                             state.next < options.messages;
             i++) {
            good = send_one(s, state.next++);
            if (good)
                state.accepted++;
            else
                state.failed++;
        }
        if (good)
            (void)ask(s, "QUIT", 2);
        stream_close(s);
        if (!good)
            break;
    }
    if (--state.live == 0)
        loop_stop();
}

/* --idle: hold a connection open after EHLO until standard input ends. */
static void idle_session(void *arg)
{
    (void)arg;
    struct error e = ERROR_INIT;
    int fd = dial(&options.to, NULL, clock_in(30 * CLOCK_SECOND), &e);
    if (fd < 0) {
        state.failed++;
    } else {
        struct stream *s = stream_open_fd(fd);
        if (read_code(s) == 220 && ask(s, "EHLO load.example", 2))
            state.accepted++;
        (void)stream_take_fd(s);
    }
    if (--state.live == 0)
        loop_stop();
}

static void make_content(void)
{
    str_init(&state.content, options.size + 1024);
    str_add(&state.content,
            VIEW("From: <sender@load.example>\r\nTo: <user@load.example>\r\n"
                 "Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n"
                 "Message-Id: <load@load.example>\r\n"
                 "Subject: load\r\n\r\n"));
    while (state.content.n + 66 < options.size)
        str_add(&state.content,
                VIEW("The quick brown fox jumps over the lazy dog, again and "
                     "again.....\r\n"));
    str_add(&state.content, VIEW(".\r\n"));
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void report(int64_t usec)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    double cpu = (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
                 (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
    qsort(state.latency, options.messages, sizeof *state.latency, compare);
    printf("{\"accepted\": %llu, \"failed\": %llu, \"seconds\": %.6f, \"own_cpu\": %.6f, "
           "\"latency_p50_us\": %lld, \"latency_p99_us\": %lld, \"resumed\": %llu}\n",
           (unsigned long long)state.accepted, (unsigned long long)state.failed,
           (double)usec / 1e6, cpu, (long long)state.latency[options.messages / 2],
           (long long)state.latency[options.messages * 99 / 100],
           (unsigned long long)load_tls_resumed());
    (void)fflush(stdout);
}

static bool number_option(uint64_t *out, uint64_t max)
{
    return number_parse_u64(view_of(optarg), 1, max, out);
}

static bool parse_to(void)
{
    struct net_endpoint to;
    return net_endpoint_parse(view_of(optarg), &to) &&
           net_address_parse(to.host, net_port_parse(to.port), &options.to);
}

static bool parse(int argc, char **argv)
{
    static const struct option names[] = {{"to", required_argument, NULL, 't'},
                                          {"sessions", required_argument, NULL, 's'},
                                          {"messages", required_argument, NULL, 'm'},
                                          {"size", required_argument, NULL, 'l'},
                                          {"per-session", required_argument, NULL, 'p'},
                                          {"sender", required_argument, NULL, 'f'},
                                          {"recipient", required_argument, NULL, 'r'},
                                          {"pipeline", no_argument, NULL, 'P'},
                                          {"idle", required_argument, NULL, 'i'},
                                          {"tls", no_argument, NULL, 'T'},
                                          {"resume", no_argument, NULL, 'R'},
                                          {"handshakes", no_argument, NULL, 'H'},
                                          {NULL, 0, NULL, 0}};
    int c;
    bool good = true;
    while (good && (c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 't':
            good = parse_to();
            break;
        case 's':
            good = number_option(&options.sessions, 100000);
            break;
        case 'm':
            good = number_option(&options.messages, 100000000);
            break;
        case 'l':
            good = number_option(&options.size, 1u << 30);
            break;
        case 'p':
            good = number_option(&options.per_session, UINT64_MAX);
            break;
        case 'i':
            good = number_option(&options.idle, 1000000);
            break;
        case 'f':
            options.sender = optarg;
            break;
        case 'r':
            options.recipient = optarg;
            break;
        case 'P':
            options.pipeline = true;
            break;
        case 'H':
            options.handshakes = options.tls = true;
            break;
        case 'R':
            options.resume = options.tls = true;
            break;
        case 'T':
            options.tls = true;
            break;
        default:
            good = false;
        }
    }
    return good && options.to.length > 0;
}

int main(int argc, char **argv)
{
    if (!parse(argc, argv)) {
        (void)fprintf(stderr,
                      "usage: smtp_load --to ADDRESS:PORT [--sessions N] [--messages N] "
                      "[--size BYTES] [--per-session N] [--sender A] [--recipient A] "
                      "[--pipeline] [--idle N] [--tls] [--resume] [--handshakes]\n");
        return 64;
    }
    struct rlimit files;
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    loop_init();
    if (!load_tls_init(options.resume))
        return 1;
    make_content();
    state.latency = memory_alloc_array(options.messages + 1, sizeof *state.latency);
    state.live = options.idle ? options.idle : options.sessions;
    for (uint64_t i = 0; i < state.live; i++)
        (void)fiber_spawn("session", options.idle ? idle_session : session, NULL);
    int64_t begin = clock_mono();
    loop_run();
    report(clock_mono() - begin);
    if (options.idle)
        while (getchar() != EOF)
            ;
    return state.failed == 0 ? 0 : 1;
}
