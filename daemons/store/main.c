/* store - the owner of mailboxes: IMAP and POP3 sessions after their login
 *
 * This process, root where the system was started by root, faces no client: it learns
 * from login who has logged in, finds out where that user's mail is, and hands the open
 * descriptor to a worker process that has the user's rights.  store(8).
 */
#include "store.h"

#include "base/log.h"
#include "base/memory.h"
#include "run/fiber.h"
#include "table/paths.h"

struct store store;

static bool prepare(struct service *s, struct error *e)
{
    store.service = s;
    store.conf = s->conf;
    list_init(&store.links);
    list_init(&store.workers);
    WAITQ_INIT(&store.changed);
    store.users = hash_new();
    store.handed = hash_new();
    store.places = places_open(s->conf, s->is_root, e);
    return store.places != NULL;
}

/* What it locks away is locked away for its workers, which may have to go anywhere; each
 * of them locks itself in more tightly. */
static void sandbox(struct service *s, struct sandbox_profile *profile)
{
    static const char *const everywhere[] = {"/", NULL};

    profile->readable = table_paths(s->conf);
    profile->writable = everywhere;
    profile->may_fork = true;
    profile->may_change_ids = s->is_root;
}

static bool start(struct service *s, struct error *e)
{
    (void)s;
    (void)e;
    fiber_spawn("workers", workers_care_fiber, NULL);
    return true;
}

/* --- links --- */

struct link *link_retain(struct link *l)
{
    l->references++;
    return l;
}

void link_release(struct link *l)
{
    if (--l->references > 0)
        return;
    memory_free(l);
}

void link_send(struct link *l, const struct ipc_message *m)
{
    enum { SEND_SECONDS = 10 };
    struct error e = ERROR_INIT;

    if (l->ipc && !ipc_send(l->ipc, m, clock_in(SEND_SECONDS * CLOCK_SECOND), &e))
        log_debug("login: %s", error_cstr(&e));
}

void link_refuse(struct link *l, uint64_t tag, const char *status, const char *text)
{
    struct arena *a = arena_new();
    struct ipc_message *m = ipc_message_new(a, IPC_REFUSED);

    ipc_put_u64(m, IPC_ATTR_TAG, tag);
    ipc_put_cstr(m, IPC_ATTR_STATUS, status);
    ipc_put_cstr(m, IPC_ATTR_TEXT, text);
    link_send(l, m);
    arena_free(a);
}

/* A program that gives sessions has connected. */
static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    struct error e = ERROR_INIT;
    struct link *l = NEW(struct link);
    struct ipc *ipc = ipc_open(fd);
    (void)s;
    (void)socket;
    (void)peer;

    l->ipc = ipc;
    l->references = 1;
    list_append(&store.links, &l->in_store);
    for (;;) {
        struct arena *a = arena_new();
        struct ipc_message *m = ipc_receive(ipc, a, CLOCK_NEVER, &e);
        if (!m) {
            arena_free(a);
            break;
        }
        if (ipc_message_type(m) == IPC_HELLO)
            arena_free(a);
        else
            dispatch_request(l, m, a);
    }
    log_debug("login: %s", error_cstr(&e));
    l->ipc = NULL;
    list_remove(&l->in_store);
    ipc_close(ipc);
    link_release(l);
}

/* --- life --- */

/* New sessions get workers that know the new configuration. */
static bool reload(struct service *s, const struct conf *fresh, struct error *e)
{
    struct places *places = places_open(fresh, s->is_root, e);

    if (!places)
        return false;
    /* The old tables may be in use by a look-up that waits: they stay, as conf does. */
    store.places = places;
    store.conf = fresh;
    workers_retire();
    return true;
}

static void stop(struct service *s)
{
    (void)s;
    store.is_stopping = true;
    workers_stop();
}

int main(int argc, char **argv)
{
    static const struct service_program program = {.name = "store",
                                                   .user = SERVICE_AS_ROOT,
                                                   .has_lasting_sessions = true,
                                                   .prepare = prepare,
                                                   .sandbox = sandbox,
                                                   .start = start,
                                                   .session = session,
                                                   .reload = reload,
                                                   .stop = stop};
    return service_main(argc, argv, &program);
}
