/* network - sub-commands that ask DNS run as a fiber of their own loop; and what they ask
 * about: the addresses of this host
 */
#include "diligence.h"
#include "net/dns.h"
#include "run/loop.h"

#include <arpa/inet.h>

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

const struct net_address *own_address(const struct control *c, size_t i)
{
    size_t n;
    const struct conf_interface *interfaces = conf_interfaces(c->conf, &n);

    for (size_t at = 0; at < n; at++) {
        char text[NET_ADDRESS_TEXT];
        const char *shown = net_address_text(&interfaces[at].address, text);
        if (strcmp(shown, "127.0.0.1") != 0 && strcmp(shown, "::1") != 0 && i-- == 0)
            return &interfaces[at].address;
    }
    return NULL;
}

struct view reverse_name(struct arena *a, const struct net_address *address,
                         struct view zone)
{
    char text[NET_ADDRESS_TEXT];
    unsigned char bytes[16];
    struct str out = STR_INIT(512);
    bool v6 = net_address_family(address) == AF_INET6;

    if (inet_pton(v6 ? AF_INET6 : AF_INET, net_address_text(address, text), bytes) != 1)
        return VIEW_NONE;
    for (int i = v6 ? 15 : 3; i >= 0; i--) {
        if (v6)
            str_addf(&out, "%x.%x.", bytes[i] & 15U, bytes[i] >> 4);
        else
            str_addf(&out, "%u.", (unsigned)bytes[i]);
    }
    str_add(&out, zone);
    struct view name = arena_dup(a, str_view(&out));
    str_done(&out);
    return name;
}
