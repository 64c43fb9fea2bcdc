/* login - IMAP, POP3 and poppassd clients until they have logged in
 *
 * Faces the network, so it runs as the mail owner, locked in, and opens no files but the
 * tables that say who the client is.  Passwords are the auth service's matter, mailboxes
 * the store's.  Started as "imap-login" or "pop3-login".  login(8).
 */
#include "base/log.h"
#include "login.h"
#include "net/dns.h"
#include "table/paths.h"

static bool prepare(struct service *service, struct error *e)
{
    struct login *l = login_new(service, e);
    service->state = l;
    if (l && !l->is_standalone)
        dns_init(conf_view(l->conf, P_resolver_nameservers));
    return l != NULL;
}

static void sandbox(struct service *service, struct sandbox_profile *profile)
{
    profile->network = true;
    profile->readable = table_paths(service->conf);
}

static void serve(struct service *service, const struct service_socket *socket, int fd,
                  const struct net_address *peer)
{
    (void)socket;
    session_serve(service->state, stream_open_fd(fd), peer);
}

/* A certificate was renewed, and only a new process may read it. */
static void retire(void *arg)
{
    service_retire(arg);
}

static bool start(struct service *service, struct error *e)
{
    struct login *l = service->state;
    (void)e;
    if (l->tls)
        tls_server_watch(l->tls, retire, service);
    return true;
}

int main(int argc, char **argv)
{
    static const struct service_program program = {.name = "login",
                                                   .user = SERVICE_AS_MAIL_OWNER,
                                                   .prepare = prepare,
                                                   .sandbox = sandbox,
                                                   .start = start,
                                                   .session = serve};
    return service_main(argc, argv, &program);
}
