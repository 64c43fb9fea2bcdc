/* proxymap - tables that one process asks for all others
 *
 * Other programs run on fibers and must not wait in a client library of a database; here
 * such libraries wait in worker threads.  It is also the place of proxy:type:name.  As
 * "proxywrite" it serves proxy_write_maps, and writes.  Runs as the mail owner, reads
 * what the tables need.  proxymap(8), docs/tables.md.
 */
#include "proxymap.h"

#include "base/memory.h"
#include "run/thread.h"
#include "table/paths.h"

/* Questions that wait for a server at a time. */
enum { WORKERS = 32 };

/* Libraries are loaded with the rights and the stack of the start. */
static void load_modules(const struct proxymap *p)
{
    struct view spec;
    size_t position = 0;
    void *value;

    while (hash_next(p->approved, &position, &spec, &value))
        table_load_modules(spec);
}

static bool prepare(struct service *s, struct error *e)
{
    struct proxymap *p = NEW(struct proxymap);
    struct view name = view_of(s->name);

    (void)e;
    table_proxy_directly();
    thread_set_workers(WORKERS);
    p->conf = s->conf;
    p->writes = view_eq(name, conf_view(s->conf, P_proxywrite_service_name));
    p->parameter = p->writes ? "proxy_write_maps" : "proxy_read_maps";
    p->open = hash_new();
    approval_read(p, conf_directory(s->conf));
    load_modules(p);
    s->state = p;
    return true;
}

static void sandbox(struct service *s, struct sandbox_profile *profile)
{
    profile->network = true;
    profile->readable = table_paths_of_servers(s->conf);
}

static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    (void)socket;
    (void)peer;
    proxymap_session(s->state, fd, conf_time(s->conf, P_ipc_timeout));
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
