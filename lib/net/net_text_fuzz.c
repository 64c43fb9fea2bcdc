/* net_text_fuzz - any text as address, network, endpoint, name, hosts file */
#include "net/address.h"
#include "net/dns_files.h"
#include "net/dns_name.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What parses prints, and what was printed parses to the same. */
static void check_address(struct view text)
{
    struct net_address one, two;
    char buf[NET_ADDRESS_TEXT];

    if (!net_address_parse(text, 25, &one))
        return;
    bool ok = net_address_parse(view_of(net_address_text(&one, buf)), 25, &two);
    assert(ok && net_address_eq(&one, &two));
}

static void check_network(struct view text)
{
    struct net_network network;
    struct net_address address;
    struct error e = ERROR_INIT;
    struct view head, tail;

    if (!net_network_parse(text, &network, &e))
        return;
    view_cut(text, '/', &head, &tail);
    if (net_address_parse(head, 0, &address))
        assert(net_network_has(&network, &address));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view text = {(const char *)data, size}, out;
    struct net_endpoint endpoint;
    struct net_address address;
    struct arena *a = arena_new();
    size_t position = 0;

    check_address(text);
    check_network(text);
    if (net_endpoint_parse(text, &endpoint))
        assert(endpoint.host.n + endpoint.port.n <= size);
    if (dns_name_prepare(a, text, &out))
        assert(dns_name_is_valid(out));
    struct dns_hosts *hosts = dns_hosts_parse(text);
    while (dns_hosts_next(hosts, &position, VIEW("a"), &address))
        assert(dns_hosts_name(hosts, &address).n > 0);
    dns_hosts_free(hosts);
    for (struct view rest = text; dns_resolv_conf_next(&rest, &out);)
        assert(out.n > 0);
    arena_free(a);
    return 0;
}
