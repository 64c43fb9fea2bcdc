/* network - sub-commands that ask DNS run as a fiber of their own loop */
#include "diligence.h"
#include "net/dns.h"
#include "run/loop.h"

void network_run(const struct control *c, fiber_fn *work, void *arg)
{
    if (view_eq_case(conf_view(c->conf, P_smtp_dns_support_level), VIEW("dnssec")))
        dns_use_trust_anchor(conf_cstr(c->conf, P_resolver_trust_anchor_file));
    dns_init(conf_view(c->conf, P_resolver_nameservers));
    loop_init();
    fiber_spawn("command", work, arg);
    loop_run();
    loop_done();
    dns_done();
}
