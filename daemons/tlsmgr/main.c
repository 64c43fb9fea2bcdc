/* tlsmgr - keys of session tickets, the same for all SMTP servers of the instance
 *
 * A client that comes back may meet another process; with common keys that can still open
 * its ticket.  Keys live in this process's memory alone, are replaced after their period
 * and forgotten after one period more.  Runs as the mail owner; knows no file and no
 * network.  tlsmgr(8) of Postfix also keeps sessions and randomness: docs/decisions/0009.
 */
#include "base/clock.h"
#include "base/log.h"
#include "ipc/call.h"
#include "run/fiber.h"
#include "service/service.h"
#include "tls/tickets.h"

/* Services may have different periods; more than this many share the last one's keys. */
#define MOST_PERIODS 16

static struct keys {
    int64_t period;
    struct tls_ticket_key current, previous;
} list[MOST_PERIODS];

static struct keys *find(int64_t period)
{
    size_t i = 0;
    while (i + 1 < MOST_PERIODS && list[i].period != 0 && list[i].period != period)
        i++;
    list[i].period = period;
    return &list[i];
}

/* The keys for PERIOD, with a new one when the last is too old. */
static struct keys *keys_for(int64_t period)
{
    struct keys *k = find(period);
    int64_t age = clock_wall() - k->current.made;
    if (k->current.made != 0 && age >= 0 && age < period)
        return k;
    k->previous = k->current;
    if (!tls_ticket_key_make(&k->current))
        log_fatal("cannot make a key: no randomness");
    return k;
}

static bool answer(struct ipc *c, struct arena *a, const struct ipc_message *m,
                   struct error *e)
{
    char wire[TLS_TICKET_KEY_WIRE];
    enum ipc_type type = ipc_message_type(m);
    if (type == IPC_HELLO)
        return ipc_get_u64(m, IPC_ATTR_VERSION, 0) == ipc_version();
    uint64_t period = type == IPC_TICKET_KEYS ? ipc_get_u64(m, IPC_ATTR_PERIOD, 0) : 0;
    if (period == 0 || period > INT64_MAX / 4) {
        log_warning("unexpected message %s", ipc_type_name(type));
        return false;
    }
    const struct keys *k = keys_for((int64_t)period);
    struct ipc_message *reply = ipc_message_new(a, IPC_TICKET_KEYS_ARE);
    tls_ticket_key_pack(&k->current, wire);
    ipc_put_view(reply, IPC_ATTR_TICKET_KEY, (struct view){wire, sizeof wire});
    tls_ticket_key_pack(&k->previous, wire);
    ipc_put_view(reply, IPC_ATTR_TICKET_KEY, (struct view){wire, sizeof wire});
    return ipc_send(c, reply, clock_in(10 * CLOCK_SECOND), e);
}

static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    struct ipc *c = ipc_open(fd);
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct ipc_message *m;
    (void)s;
    (void)socket;
    (void)peer;
    while ((m = ipc_receive(c, a, CLOCK_NEVER, &e)) != NULL) {
        ipc_message_close_fds(m);
        if (!answer(c, a, m, &e))
            break;
        arena_reset(a);
    }
    arena_free(a);
    ipc_close(c);
}

/* Keys outlive a reload. */
static bool reload(struct service *s, const struct conf *fresh, struct error *e)
{
    (void)s;
    (void)fresh;
    (void)e;
    return true;
}

static void sandbox(struct service *s, struct sandbox_profile *profile)
{
    (void)s;
    (void)profile;
}

static bool prepare(struct service *s, struct error *e)
{
    struct tls_ticket_key scratch;
    (void)s;
    if (tls_ticket_key_make(&scratch)) /* the library opens what it needs now */
        return true;
    error_set(e, "4.3.5", "cannot make a key: no randomness");
    return false;
}

int main(int argc, char **argv)
{
    static const struct service_program program = {
        .name = "tlsmgr",
        .user = SERVICE_AS_MAIL_OWNER,
        .has_lasting_sessions = true,
        .prepare = prepare,
        .sandbox = sandbox,
        .session = session,
        .reload = reload,
    };
    return service_main(argc, argv, &program);
}
