/* smtp - the SMTP and LMTP client
 *
 * One fiber a delivery; runs as the mail owner, locked into the network and
 * read-only tables.  As "lmtp" it speaks LMTP (RFC 2033) and reads the lmtp_
 * parameters.  smtp(8).
 */
#include "deliver.h"
#include "setup.h"
#include "table/paths.h"

#include <stdlib.h>

static bool prepare(struct service *s, struct error *e)
{
    struct client *c = client_new(s, e);
    if (!c)
        return false;
    s->state = c;
    agent_set_status_filter(PARAMETER(c, delivery_status_filter));
    srandom((unsigned)(clock_mono() ^ clock_wall()));
    if (view_eq_case(conf_view(c->conf, PARAMETER(c, dns_support_level)), VIEW("dnssec")))
        dns_use_trust_anchor(conf_cstr(c->conf, P_resolver_trust_anchor_file));
    dns_init(conf_view(c->conf, P_resolver_nameservers));
    return true;
}

static void sandbox(struct service *s, struct sandbox_profile *profile)
{
    profile->network = true;
    profile->readable = table_paths(s->conf);
}

static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    (void)socket;
    (void)peer;
    agent_session(s, fd, smtp_deliver);
}

static void stop(struct service *s)
{
    cache_empty(s->state);
}

/* Renewed client certificates; those that may not be read any more wait for a reload. */
static bool start(struct service *s, struct error *e)
{
    struct client *c = s->state;
    (void)e;
    if (c->tls)
        tls_client_watch(c->tls);
    return true;
}

int main(int argc, char **argv)
{
    static const struct service_program program = {
        .name = "smtp",
        .user = SERVICE_AS_MAIL_OWNER,
        .has_lasting_sessions = true,
        .prepare = prepare,
        .sandbox = sandbox,
        .start = start,
        .session = session,
        .stop = stop,
    };
    return service_main(argc, argv, &program);
}
