/* pickup - start, triggers, reload
 *
 * Owned by the mail owner, who owns maildrop/; faces no network.  Woken by postdrop, by
 * master every minute, and at its start.  pickup(8).
 */
#include "base/log.h"
#include "base/memory.h"
#include "ipc/ipc.h"
#include "pickup.h"
#include "run/loop.h"
#include "table/paths.h"

#include <sys/socket.h>

enum { PARALLEL = 50, TRIGGER_SECONDS = 10 };

static struct pickup pickup;

/* What receive_override_options leaves of the filter's work. */
static unsigned cleanup_flags(const struct conf *c)
{
    unsigned flags = CLEANUP_EXTERNAL | CLEANUP_MILTERS | CLEANUP_ADD_MISSING |
                     cleanup_auto_utf8(c, "sendmail");
    struct view rest = conf_view(c, P_receive_override_options), word;

    while (view_token(&rest, VIEW(", \t\r\n"), &word)) {
        if (view_eq_case(word, VIEW("no_header_body_checks")))
            flags &= ~(unsigned)CLEANUP_FILTER;
        else if (view_eq_case(word, VIEW("no_address_mappings")))
            flags &= ~(unsigned)(CLEANUP_BCC | CLEANUP_MAP);
        else if (view_eq_case(word, VIEW("no_milters")))
            flags &= ~(unsigned)CLEANUP_MILTERS;
    }
    return flags;
}

struct setup *setup_open(const struct conf *c)
{
    struct setup *s = NEW(struct setup);

    s->conf = c;
    s->rewrite = rewrite_new(c);
    s->cleanup = cleanup_setup_new(c, s->rewrite);
    s->cleanup_flags = cleanup_flags(c);
    s->references = 1;
    return s;
}

void setup_unref(struct setup *s)
{
    if (--s->references > 0)
        return;
    cleanup_setup_free(s->cleanup);
    rewrite_free(s->rewrite);
    memory_free(s);
}

static void fill_sandbox(struct service *s, struct sandbox_profile *profile)
{
    static const char *const writable[] = {MAILDROP, "corrupt", NULL};

    profile->readable = table_paths(s->conf);
    profile->writable = writable;
    profile->network = !view_is_empty(conf_view(s->conf, P_non_smtpd_milters));
}

static bool is_datagram(const struct service_socket *socket)
{
    int type = 0;
    socklen_t n = sizeof type;

    return getsockopt(socket->fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 &&
           type == SOCK_DGRAM;
}

static bool start(struct service *s, struct error *e)
{
    (void)e;
    s->state = &pickup;
    pickup.setup = setup_open(s->conf);
    pickup.link = queue_link_open(s->conf);
    pickup.under_way = hash_new();
    slots_init(&pickup.slots, PARALLEL);
    WAITQ_INIT(&pickup.kicked);
    for (size_t i = 0; i < s->n_sockets; i++) {
        if (is_datagram(&s->sockets[i]))
            fiber_spawn("postlog", postlog_fiber, &s->sockets[i]);
    }
    fiber_spawn("scan", scan_fiber, &pickup);
    return true;
}

/* A trigger: whatever it says, there may be something in maildrop/. */
static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    struct ipc *c = ipc_open(fd);
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;

    (void)socket;
    (void)peer;
    struct ipc_message *m =
        ipc_receive(c, a, clock_in(TRIGGER_SECONDS * CLOCK_SECOND), &e);
    if (m && ipc_message_type(m) == IPC_TRIGGER)
        scan_kick(s->state);
    else if (m)
        log_warning("unexpected %s on the trigger socket",
                    ipc_type_name(ipc_message_type(m)));
    if (m)
        ipc_message_close_fds(m);
    arena_free(a);
    ipc_close(c);
}

static bool reload(struct service *s, const struct conf *fresh, struct error *e)
{
    (void)s;
    (void)e;
    struct setup *old = pickup.setup;
    pickup.setup = setup_open(fresh);
    setup_unref(old);
    scan_kick(&pickup);
    return true;
}

/* What is under way was not acknowledged to anybody: its file is still there. */
static void stop(struct service *s)
{
    (void)s;
    pickup.is_stopping = true;
}

int main(int argc, char **argv)
{
    static const struct service_program program = {.name = "pickup",
                                                   .user = SERVICE_AS_MAIL_OWNER,
                                                   .sandbox = fill_sandbox,
                                                   .start = start,
                                                   .session = session,
                                                   .reload = reload,
                                                   .stop = stop};
    return service_main(argc, argv, &program);
}
