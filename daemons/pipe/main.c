/* pipe - deliver to an external command
 *
 * Runs as root where it was started so, to become the user that master.cf names in each
 * child; faces no network.  Read deliver.c first.  Source: pipe(8).
 */
#include "pipe.h"

static bool prepare(struct service *s, struct error *e)
{
    static struct arena *arena; /* lives as long as the process */
    static struct pipe_setup setup;

    arena = arena_new();
    agent_set_status_filter(P_pipe_delivery_status_filter);
    s->state = &setup;
    return pipe_setup_read(s, arena, &setup, e);
}

static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    (void)socket;
    (void)peer;
    agent_session(s, fd, pipe_deliver);
}

int main(int argc, char **argv)
{
    static const struct service_program program = {.name = "pipe",
                                                   .user = SERVICE_AS_ROOT,
                                                   .has_lasting_sessions = true,
                                                   .prepare = prepare,
                                                   .session = session};

    return service_main(argc, argv, &program);
}
