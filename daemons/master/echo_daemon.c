/* echo_daemon - a program for tests of master and lib/service: tells its pid, then echoes
 * lines
 *
 * Started as any daemon.  The line "exit" ends the process with status 1, "retire"
 * retires it, "param NAME" prints a parameter.
 */
#include "base/log.h"
#include "base/memory.h"
#include "net/stream.h"
#include "service/service.h"

#include <unistd.h>

static bool take_line(struct service *s, struct stream *out, struct view line)
{
    struct view verb, rest;

    (void)view_cut(line, ' ', &verb, &rest);
    if (view_eq(verb, VIEW("exit")))
        _exit(1);
    if (view_eq(verb, VIEW("retire")))
        service_retire(s);
    if (view_eq(verb, VIEW("param")))
        stream_printf(out, "%.*s\n", VIEW_FMT(conf_named(s->conf, rest, NULL)));
    else
        stream_printf(out, "echo %.*s\n", VIEW_FMT(line));
    return !view_eq(verb, VIEW("quit"));
}

static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    struct stream *stream = stream_open_fd(fd);
    struct view line;
    int ending;

    (void)peer;
    log_info("session on %s", socket->name);
    stream_printf(stream, "hello from %d as %s limit %u\n", getpid(), s->process_name,
                  s->max_sessions);
    while (stream_flush(stream) == STREAM_OK &&
           stream_read_line(stream, 1000, &line, &ending) == STREAM_OK &&
           take_line(s, stream, line))
        ;
    (void)!stream_flush(stream);
    stream_close(stream);
}

int main(int argc, char **argv)
{
    static const struct service_program program = {.name = "echo", .session = session};
    return service_main(argc, argv, &program);
}
