/* dial_endpoint - connect to a server that the configuration names; see dial.h */
#include "net/dial.h"

#include "base/clock.h"
#include "base/str.h"
#include "net/dns.h"

static int dial_unix(struct view path, struct view directory, int64_t deadline,
                     struct error *e)
{
    struct net_address to;
    struct str full = STR_INIT(4096);
    if (path.n > 0 && path.p[0] != '/')
        str_addf(&full, "%.*s/", VIEW_FMT(directory));
    str_add(&full, path);
    bool fits = net_address_unix(str_view(&full), &to);
    str_done(&full);
    if (fits)
        return dial(&to, NULL, deadline, e);
    error_set(e, "4.3.5", "name too long for a socket");
    return -1;
}

/* The first address of the host that answers. */
static int dial_inet(const struct net_endpoint *to, int64_t timeout, struct error *e)
{
    struct arena *scratch = arena_new();
    struct dns_addresses found;
    int64_t deadline = clock_in(timeout);
    struct view host = view_is_empty(to->host) ? VIEW("localhost") : to->host;
    uint16_t port = net_port_parse(to->port);
    int fd = -1;
    if (port == 0) {
        error_set(e, "4.3.5", "unknown port \"%.*s\"", VIEW_FMT(to->port));
    } else if (dns_lookup_addresses(scratch, host, DNS_WANT_IPV4 | DNS_WANT_IPV6, timeout,
                                    &found, e) == DNS_OK) {
        for (size_t i = 0; i < found.n && fd < 0; i++) {
            net_address_set_port(&found.items[i].address, port);
            fd = dial(&found.items[i].address, NULL, deadline, e);
        }
    }
    arena_free(scratch);
    return fd;
}

int dial_endpoint(struct view text, struct view directory, int64_t timeout,
                  struct error *e)
{
    struct net_endpoint to;
    if (view_starts(text, VIEW("unix:")))
        return dial_unix(view_from(text, strlen("unix:")), directory, clock_in(timeout),
                         e);
    if (net_endpoint_parse(text, &to) && !view_is_empty(to.port))
        return dial_inet(&to, timeout, e);
    error_set(e, "4.3.5", "not an end point");
    return -1;
}
