/* client_name - the name of a client, and whether it leads back to the address
 *
 * The name counts only when it does (S048); else it is "unknown", and the PTR name is
 * kept apart as the reverse name.
 */
#include "access/access.h"
#include "base/log.h"
#include "net/dns.h"

#define NAME_TIMEOUT (20 * CLOCK_SECOND)

static enum access_name_status status_of(enum dns_result r)
{
    return r == DNS_OK         ? ACCESS_NAME_OK
           : r == DNS_TEMPFAIL ? ACCESS_NAME_TEMPFAIL
                               : ACCESS_NAME_PERMFAIL;
}

/* Does NAME have PEER among its addresses? */
static enum access_name_status verify(struct view name, const struct net_address *peer)
{
    struct dns_addresses found;
    struct error e = ERROR_INIT;
    char text[NET_ADDRESS_TEXT];
    unsigned want = net_address_family(peer) == AF_INET6 ? DNS_WANT_IPV6 : DNS_WANT_IPV4;
    struct arena *scratch = arena_new();
    enum dns_result result =
        dns_lookup_addresses(scratch, name, want, NAME_TIMEOUT, &found, &e);
    bool leads_back = false;
    for (size_t i = 0; result == DNS_OK && i < found.n; i++)
        leads_back = leads_back || net_address_eq(&found.items[i].address, peer);
    arena_free(scratch);
    if (leads_back)
        return ACCESS_NAME_OK;
    log_warning("hostname %.*s does not resolve to address %s%s%s", VIEW_FMT(name),
                net_address_text(peer, text), result == DNS_OK ? "" : ": ",
                result == DNS_OK ? "" : e.text);
    return result == DNS_TEMPFAIL ? ACCESS_NAME_TEMPFAIL : ACCESS_NAME_PERMFAIL;
}

void access_find_names(struct access_subject *f, struct arena *a,
                       const struct net_address *peer)
{
    struct view name;
    struct error e = ERROR_INIT;
    enum dns_result result = dns_lookup_ptr(a, peer, NAME_TIMEOUT, &name, &e);
    f->reverse_name_status = status_of(result);
    f->name_status = f->reverse_name_status;
    if (result != DNS_OK)
        return;
    f->reverse_name = name;
    f->name_status = verify(name, peer);
    if (f->name_status == ACCESS_NAME_OK)
        f->client_name = name;
}
