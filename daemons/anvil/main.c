/* anvil - how many sessions a client has, and how often it does what
 *
 * Each SMTP session that is to be counted connects once and keeps the connection
 * (lib/access/anvil.h).  What logged-in users send is counted apart (users.h).  Runs as
 * the mail owner; knows no file and no network.  anvil(8).
 */
#include "counts.h"
#include "users.h"

#include "base/log.h"
#include "run/fiber.h"
#include "service/service.h"

static struct anvil {
    struct counts counts;
    struct users users;
    int64_t status_time;
} anvil;

static void read_settings(const struct conf *c)
{
    anvil.counts.time_unit = conf_time(c, P_anvil_rate_time_unit);
    anvil.status_time = conf_time(c, P_anvil_status_update_time);
}

static void sweep_fiber(void *arg)
{
    (void)arg;
    int64_t status_due = clock_in(anvil.status_time);
    for (;;) {
        (void)fiber_sleep(CLOCK_SECOND);
        counts_sweep(&anvil.counts, clock_mono());
        users_sweep(&anvil.users, clock_mono());
        if (clock_mono() < status_due)
            continue;
        counts_log(&anvil.counts);
        status_due = clock_in(anvil.status_time);
    }
}

static bool start(struct service *s, struct error *e)
{
    (void)e;
    counts_init(&anvil.counts, 0);
    users_init(&anvil.users, USERS_MAX);
    read_settings(s->conf);
    fiber_spawn("sweep", sweep_fiber, NULL);
    return true;
}

static bool send_counts(struct ipc *c, struct arena *a, const struct anvil_counts *counts,
                        struct error *e)
{
    struct ipc_message *m = ipc_message_new(a, IPC_ANVIL_IS);
    ipc_put_u64(m, IPC_ATTR_COUNT, counts->count);
    ipc_put_u64(m, IPC_ATTR_RATE, counts->rate);
    return ipc_send(c, m, clock_in(10 * CLOCK_SECOND), e);
}

/* A message or a recipient of a user. */
static bool count_user(struct ipc *c, struct arena *a, const struct ipc_message *m,
                       struct error *e)
{
    struct anvil_user_counts counts;
    const struct anvil_user_limits limits = {.hour = ipc_get_u64(m, IPC_ATTR_HOUR, 0),
                                             .day = ipc_get_u64(m, IPC_ATTR_DAY, 0)};
    users_event(&anvil.users, ipc_get_view(m, IPC_ATTR_USER),
                (enum anvil_user_event)ipc_get_u64(m, IPC_ATTR_USER_EVENT, 0), &limits,
                clock_mono(), &counts);
    struct ipc_message *answer = ipc_message_new(a, IPC_ANVIL_USER_IS);
    ipc_put_u64(answer, IPC_ATTR_HOUR, counts.hour);
    ipc_put_u64(answer, IPC_ATTR_DAY, counts.day);
    return ipc_send(c, answer, clock_in(10 * CLOCK_SECOND), e);
}

/* One request; *CLIENT is who the connection stands for.  False: it ends. */
static bool take(struct ipc *c, struct arena *a, const struct ipc_message *m,
                 struct client **client, struct error *e)
{
    struct anvil_counts counts;
    enum ipc_type type = ipc_message_type(m);
    if (type == IPC_HELLO)
        return ipc_get_u64(m, IPC_ATTR_VERSION, 0) == ipc_version();
    if (type == IPC_ANVIL_CONNECT && *client == NULL) {
        struct view ident =
            arena_printf(a, "%.*s:%.*s", VIEW_FMT(ipc_get_view(m, IPC_ATTR_SERVICE)),
                         VIEW_FMT(ipc_get_view(m, IPC_ATTR_CLIENT_ADDRESS)));
        *client = counts_enter(&anvil.counts, ident, clock_mono(), &counts);
        return send_counts(c, a, &counts, e);
    }
    if (type == IPC_ANVIL_EVENT && *client != NULL) {
        counts_event(&anvil.counts, *client,
                     (enum anvil_event)ipc_get_u64(m, IPC_ATTR_EVENT, 0), clock_mono(),
                     &counts);
        return send_counts(c, a, &counts, e);
    }
    if (type == IPC_ANVIL_USER)
        return count_user(c, a, m, e);
    log_warning("unexpected message %s", ipc_type_name(type));
    return false;
}

static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    struct ipc *c = ipc_open(fd);
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct client *client = NULL;
    struct ipc_message *m;
    (void)s;
    (void)socket;
    (void)peer;
    while ((m = ipc_receive(c, a, CLOCK_NEVER, &e)) != NULL) {
        ipc_message_close_fds(m);
        if (!take(c, a, m, &client, &e))
            break;
        arena_reset(a);
    }
    if (client)
        counts_leave(client);
    arena_free(a);
    ipc_close(c);
}

static bool reload(struct service *s, const struct conf *fresh, struct error *e)
{
    (void)s;
    (void)e;
    read_settings(fresh);
    return true;
}

static void stop(struct service *s)
{
    (void)s;
    counts_log(&anvil.counts);
}

static void sandbox(struct service *s, struct sandbox_profile *profile)
{
    (void)s;
    (void)profile;
}

int main(int argc, char **argv)
{
    static const struct service_program program = {
        .name = "anvil",
        .user = SERVICE_AS_MAIL_OWNER,
        .has_lasting_sessions = true,
        .sandbox = sandbox,
        .start = start,
        .session = session,
        .reload = reload,
        .stop = stop,
    };
    return service_main(argc, argv, &program);
}
