/* proxymap - tables that one process asks for all others
 *
 * Other programs run on fibers and must not wait in a client library of a database; here
 * such libraries wait in worker threads.  It is also the place of proxy:type:name.  On
 * the socket proxywrite it serves proxy_write_maps, and writes.  Runs as the mail owner,
 * reads what the tables need.  proxymap(8), docs/tables.md.
 */
#include "proxymap.h"

#include "run/thread.h"
#include "table/paths.h"

/* Questions that wait for a server at a time. */
enum { WORKERS = 32 };

/* The two services; one process serves both. */
static struct {
    struct proxymap reads, writes;
} services;

/* Libraries are loaded with the rights and the stack of the start. */
static void load_modules(const struct proxymap *p)
{
    struct view spec;
    size_t position = 0;
    void *value;

    while (hash_next(p->approved, &position, &spec, &value))
        table_load_modules(spec);
}

static void open_service(struct proxymap *p, const struct conf *c, bool writes)
{
    *p = (struct proxymap){.conf = c,
                           .writes = writes,
                           .parameter = writes ? "proxy_write_maps" : "proxy_read_maps",
                           .open = hash_new(),
                           .files = hash_new()};
    approval_read(p, conf_directory(c));
    load_modules(p);
}

static bool prepare(struct service *s, struct error *e)
{
    (void)e;
    table_proxy_directly();
    thread_set_workers(WORKERS);
    open_service(&services.reads, s->conf, false);
    open_service(&services.writes, s->conf, true);
    return true;
}

static void sandbox(struct service *s, struct sandbox_profile *profile)
{
    profile->network = true;
    profile->readable = table_paths_of_servers(s->conf);
    profile->writable = proxymap_directories(&services.writes);
}

static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    bool writes =
        view_eq(view_of(socket->name), conf_view(s->conf, P_proxywrite_service_name));

    (void)peer;
    proxymap_session(writes ? &services.writes : &services.reads, fd,
                     conf_time(s->conf, P_ipc_timeout));
}

int main(int argc, char **argv)
{
    static const struct service_program program = {
        .name = "proxymap",
        .user = SERVICE_AS_MAIL_OWNER,
        .has_lasting_sessions = true,
        .prepare = prepare,
        .sandbox = sandbox,
        .session = session,
    };
    return service_main(argc, argv, &program);
}
