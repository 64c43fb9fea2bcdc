/* interfaces - this host's own addresses, and the default of mynetworks
 *
 * inet_interfaces picks among the system's addresses, inet_protocols among the families.
 * Source: postconf(5), inet_interfaces, mynetworks_style.
 */
#include "base/memory.h"
#include "conf/conf_private.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>

enum { INTERFACES_MAX = 1024 };

/* Does inet_protocols want FAMILY? */
static bool wants_family(struct view protocols, int family)
{
    struct view word;

    while (conf_list_next(&protocols, &word)) {
        if (view_eq_case(word, VIEW("all")) ||
            view_eq_case(word, family == AF_INET ? VIEW("ipv4") : VIEW("ipv6")))
            return true;
    }
    return false;
}

/* Is ADDRESS one that the host name or address NAME stands for? */
static bool is_address_of(const struct net_address *address, struct view name)
{
    struct net_address literal;
    struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_STREAM};
    char host[NI_MAXHOST];
    bool is = false;

    if (net_address_parse(name, 0, &literal))
        return net_address_eq(address, &literal);
    if (name.n >= sizeof host)
        return false;
    snprintf(host, sizeof host, "%.*s", VIEW_FMT(name));
    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return false;
    for (struct addrinfo *a = found; a && !is; a = a->ai_next) {
        net_address_set(&literal, a->ai_addr, a->ai_addrlen);
        is = net_address_eq(address, &literal);
    }
    freeaddrinfo(found);
    return is;
}

/* Does inet_interfaces name ADDRESS? */
static bool is_listed(struct view interfaces, const struct net_address *address)
{
    struct view word;

    while (conf_list_next(&interfaces, &word)) {
        if (view_eq_case(word, VIEW("all")))
            return true;
        if (view_eq_case(word, VIEW("loopback-only"))) {
            if (net_address_is_loopback(address))
                return true;
        } else if (is_address_of(address, word)) {
            return true;
        }
    }
    return false;
}

static unsigned count_bits(const uint8_t *bytes, size_t n)
{
    unsigned bits = 0;

    for (size_t i = 0; i < n; i++)
        bits += (unsigned)__builtin_popcount(bytes[i]);
    return bits;
}

/* The prefix length of a netmask; the whole address when there is none. */
static unsigned mask_bits(const struct sockaddr *mask, int family)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (mask == NULL)
        return family == AF_INET ? 32 : 128;
    if (family == AF_INET) {
        memcpy(&in, mask, sizeof in);
        return count_bits((const uint8_t *)&in.sin_addr, 4);
    }
    memcpy(&in6, mask, sizeof in6);
    return count_bits((const uint8_t *)&in6.sin6_addr, 16);
}

/* Is I's address among the N first of LIST already? */
static bool is_known(const struct conf_interface *list, size_t n,
                     const struct conf_interface *i)
{
    for (size_t k = 0; k < n; k++)
        if (net_address_eq(&list[k].address, &i->address))
            return true;
    return false;
}

/* All of 127/8 is this host's, whatever the loopback interface says: an address of it
 * that inet_interfaces names is one of ours. */
static void add_loopbacks(struct view interfaces, struct view protocols,
                          struct conf_interface *list, size_t *n)
{
    struct view word;

    while (*n < INTERFACES_MAX && conf_list_next(&interfaces, &word)) {
        struct conf_interface *to = &list[*n];
        if (!net_address_parse(word, 0, &to->address) ||
            net_address_family(&to->address) != AF_INET ||
            !net_address_is_loopback(&to->address) || !wants_family(protocols, AF_INET))
            continue;
        to->bits = 8;
        if (!is_known(list, *n, to))
            ++*n;
    }
}

static struct conf_interface *collect(struct view interfaces, struct view protocols,
                                      size_t *n)
{
    struct conf_interface *list = memory_alloc_array(INTERFACES_MAX, sizeof *list);
    struct ifaddrs *all = NULL;

    *n = 0;
    if (getifaddrs(&all) != 0)
        return list;
    for (struct ifaddrs *i = all; i && *n < INTERFACES_MAX; i = i->ifa_next) {
        struct conf_interface *to = &list[*n];
        if (i->ifa_addr == NULL || (i->ifa_flags & IFF_UP) == 0)
            continue;
        int family = i->ifa_addr->sa_family;
        if ((family != AF_INET && family != AF_INET6) || !wants_family(protocols, family))
            continue;
        net_address_set(&to->address, i->ifa_addr,
                        family == AF_INET ? sizeof to->address.in
                                          : sizeof to->address.in6);
        to->bits = mask_bits(i->ifa_netmask, family);
        if (is_listed(interfaces, &to->address) && !is_known(list, *n, to))
            ++*n;
    }
    freeifaddrs(all);
    add_loopbacks(interfaces, protocols, list, n);
    return memory_resize(list, (*n + 1) * sizeof *list);
}

const struct conf_interface *conf_interfaces(const struct conf *c, size_t *n)
{
    /* The one thing that is found out later; nothing else changes after loading. */
    struct conf *own = (struct conf *)(uintptr_t)c;

    if (own->interfaces == NULL)
        own->interfaces = collect(c->values[P_inet_interfaces].text,
                                  c->values[P_inet_protocols].text, &own->n_interfaces);
    *n = c->n_interfaces;
    return c->interfaces;
}

/* Classes A, B, C, D of old. */
static unsigned class_bits(uint8_t first)
{
    if (first < 128)
        return 8;
    if (first < 192)
        return 16;
    return first < 224 ? 24 : 28;
}

/* The network of I in the way of STYLE: "192.0.2.0/24", "[fd00::]/64". */
static struct view network_text(struct conf *c, const struct conf_interface *i,
                                struct view style)
{
    struct net_address a = i->address;
    bool v6 = net_address_family(&a) == AF_INET6;
    uint8_t *bytes = v6 ? a.in6.sin6_addr.s6_addr : (uint8_t *)&a.in.sin_addr;
    unsigned all = v6 ? 128 : 32, bits = i->bits;
    char text[NET_ADDRESS_TEXT];

    if (view_eq_case(style, VIEW("host")))
        bits = all;
    else if (view_eq_case(style, VIEW("class")) && !v6)
        bits = class_bits(bytes[0]);
    for (unsigned b = bits; b < all; b++)
        bytes[b / 8] &= (uint8_t) ~(0x80u >> (b % 8));
    if (v6)
        a.in6.sin6_scope_id = 0;
    return arena_printf(c->arena, v6 ? "[%s]/%u" : "%s/%u", net_address_text(&a, text),
                        bits);
}

bool conf_default_networks(struct conf *c, struct conf_value *v, struct error *e)
{
    struct conf_value *style = &c->values[P_mynetworks_style];
    const struct conf_interface *list;
    struct view previous = VIEW_NONE;
    struct str text = STR_INIT(CONF_VALUE_MAX);
    size_t n;

    if (!conf_resolve(c, style, e) ||
        !conf_resolve(c, &c->values[P_inet_interfaces], e) ||
        !conf_resolve(c, &c->values[P_inet_protocols], e))
        return false;
    list = conf_interfaces(c, &n);
    for (size_t i = 0; i < n; i++) {
        struct view network = network_text(c, &list[i], style->text);
        if (view_eq(network, previous))
            continue;
        previous = network;
        str_addf(&text, "%s%.*s", text.n > 0 ? " " : "", VIEW_FMT(network));
    }
    v->raw = arena_dup(c->arena, str_view(&text));
    str_done(&text);
    return true;
}
