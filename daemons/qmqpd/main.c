/* qmqpd - mail from qmail's QMQP clients
 *
 * For hosts of qmqpd_authorized_clients alone.  Runs as the mail owner, locked into the
 * network and read-only tables; one fiber a session.  qmqpd(8).
 */
#include "base/memory.h"
#include "net/dns.h"
#include "service/service.h"
#include "session.h"
#include "table/paths.h"

static bool prepare(struct service *service, struct error *e)
{
    const struct conf *c = service->conf;
    struct qmqpd *d = NEW(struct qmqpd);
    (void)e;
    d->conf = c;
    d->rewrite = rewrite_new(c);
    d->cleanup = cleanup_setup_new(c, d->rewrite);
    d->queue = queue_link_open(c);
    d->clients = match_open(c, P_qmqpd_authorized_clients, 0);
    d->hosts = hosts_access_open(c);
    service->state = d;
    dns_init(conf_view(c, P_resolver_nameservers));
    return true;
}

static void sandbox(struct service *service, struct sandbox_profile *profile)
{
    profile->network = true;
    profile->readable = table_paths(service->conf);
}

static void serve(struct service *service, const struct service_socket *socket, int fd,
                  const struct net_address *peer)
{
    struct stream *s = stream_open_fd(fd);
    (void)socket;
    qmqp_session(service->state, s, peer);
    stream_close(s);
}

int main(int argc, char **argv)
{
    static const struct service_program program = {
        .name = "qmqpd",
        .user = SERVICE_AS_MAIL_OWNER,
        .prepare = prepare,
        .sandbox = sandbox,
        .session = serve,
    };
    return service_main(argc, argv, &program);
}
