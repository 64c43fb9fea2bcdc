/* tlsmgr - private keys, and keys of session tickets, for all who speak TLS
 *
 * The one program that holds private keys: others get the certificates, and ask for each
 * signature (key_store.h).  It reads the key files as root, keeps of root's rights the
 * one to read them again when they were renewed, and runs as the mail owner otherwise;
 * its memory is closed to others of that user.  Keys of session tickets: a client that
 * comes back may meet another process; with common keys that can still open its ticket.
 * They live in this process's memory alone, are replaced after their period and forgotten
 * after one period more.  Knows no network.  tlsmgr(8); docs/decisions/0009, 0015.
 */
#include "base/clock.h"
#include "base/log.h"
#include "ipc/call.h"
#include "run/fiber.h"
#include "sandbox/privileges.h"
#include "service/service.h"
#include "tls/tickets.h"
#include "tls/tls.h"

#include "key_store.h"

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

/* --- private keys --- */

/* Connections that asked for keys. */
struct asker {
    struct list_link link;
    struct ipc *c;
};

static struct {
    struct key_store *now, *before;
    struct list askers;
    struct service *service;
} store;

static void tell_fiber(void *arg)
{
    struct arena *a = arg;
    struct ipc_message *m = ipc_message_new(a, IPC_KEYS_CHANGED);
    struct error e = ERROR_INIT;
    /* A record so small is sent at once, or to nobody. */
    LIST_FOR_EACH (struct asker, x, &store.askers, link)
        (void)!ipc_send(x->c, m, clock_mono(), &e);
    arena_free(a);
}

static void files_changed(void *arg);

/* What FRESH has from here on; certificates of the store before may still be in use. */
static void take_over(struct key_store *fresh)
{
    key_store_free(store.before);
    store.before = store.now;
    store.now = fresh;
    tls_files_watch(key_store_files(fresh), files_changed, NULL);
}

static void read_again(const struct conf *c)
{
    struct key_store *fresh = key_store_new(c);
    if (key_store_has_new_places(fresh, store.now)) {
        key_store_free(fresh); /* behind the lock: a new process may look there */
        service_retire(store.service);
        return;
    }
    if (key_store_is_worse(fresh, store.now)) {
        key_store_free(fresh);
        return;
    }
    take_over(fresh);
    (void)fiber_spawn("tell of keys", tell_fiber, arena_new());
}

static void files_changed(void *arg)
{
    (void)arg;
    log_info("certificates were read anew");
    read_again(store.service->conf);
}

/* --- requests --- */

static struct ipc_message *ticket_keys(struct arena *a, uint64_t period)
{
    char wire[TLS_TICKET_KEY_WIRE];
    if (period == 0 || period > INT64_MAX / 4)
        return NULL;
    const struct keys *k = keys_for((int64_t)period);
    struct ipc_message *reply = ipc_message_new(a, IPC_TICKET_KEYS_ARE);
    tls_ticket_key_pack(&k->current, wire);
    ipc_put_view(reply, IPC_ATTR_TICKET_KEY, (struct view){wire, sizeof wire});
    tls_ticket_key_pack(&k->previous, wire);
    ipc_put_view(reply, IPC_ATTR_TICKET_KEY, (struct view){wire, sizeof wire});
    return reply;
}

static struct ipc_message *reply_to(struct asker *who, struct arena *a,
                                    const struct ipc_message *m)
{
    enum ipc_type type = ipc_message_type(m);
    if (type == IPC_TICKET_KEYS)
        return ticket_keys(a, ipc_get_u64(m, IPC_ATTR_PERIOD, 0));
    if (type == IPC_KEY_USE)
        return key_store_use(store.now, store.before, a, m);
    if (type != IPC_KEYS_OF)
        return NULL;
    if (!list_is_linked(&who->link))
        list_append(&store.askers, &who->link);
    return key_store_keys(store.now, a, m);
}

static bool answer(struct asker *who, struct arena *a, const struct ipc_message *m,
                   struct error *e)
{
    if (ipc_message_type(m) == IPC_HELLO)
        return ipc_get_u64(m, IPC_ATTR_VERSION, 0) == ipc_version();
    struct ipc_message *reply = reply_to(who, a, m);
    if (reply)
        return ipc_send(who->c, reply, clock_in(10 * CLOCK_SECOND), e);
    log_warning("unexpected message %s", ipc_type_name(ipc_message_type(m)));
    return false;
}

static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    struct asker who = {.c = ipc_open(fd)};
    struct arena *a = arena_new();
    struct error e = ERROR_INIT;
    struct ipc_message *m;
    (void)s;
    (void)socket;
    (void)peer;
    while ((m = ipc_receive(who.c, a, CLOCK_NEVER, &e)) != NULL) {
        ipc_message_close_fds(m);
        if (!answer(&who, a, m, &e))
            break;
        arena_reset(a);
    }
    list_remove(&who.link);
    arena_free(a);
    ipc_close(who.c);
}

/* Keys outlive a reload. */
static bool reload(struct service *s, const struct conf *fresh, struct error *e)
{
    (void)s;
    (void)e;
    read_again(fresh);
    return true;
}

static void sandbox(struct service *s, struct sandbox_profile *profile)
{
    static const char *writable[2];
    struct error e = ERROR_INIT;
    if (!privileges_keep_only_reading(&e))
        service_fail(&e);
    privileges_hide_memory();
    profile->readable = key_store_directories(store.now);
    writable[0] = conf_cstr(s->conf, P_data_directory); /* the self-signed certificate */
    profile->writable = writable;
}

static bool prepare(struct service *s, struct error *e)
{
    struct tls_ticket_key scratch;
    store.service = s;
    list_init(&store.askers);
    if (!privileges_keep_reading(e) || !tls_library_init(s->conf, e))
        return false;
    store.now = key_store_new(s->conf);
    if (tls_ticket_key_make(&scratch)) /* the library opens what it needs now */
        return true;
    error_set(e, "4.3.5", "cannot make a key: no randomness");
    return false;
}

static bool start(struct service *s, struct error *e)
{
    (void)s;
    (void)e;
    tls_files_watch(key_store_files(store.now), files_changed, NULL);
    return true;
}

int main(int argc, char **argv)
{
    static const struct service_program program = {
        .name = "tlsmgr",
        .user = SERVICE_AS_MAIL_OWNER,
        .has_lasting_sessions = true,
        .prepare = prepare,
        .sandbox = sandbox,
        .start = start,
        .session = session,
        .reload = reload,
    };
    return service_main(argc, argv, &program);
}
