/* hosts - the hosts of a next hop, in the order to try
 *
 * MX by preference, equal preferences shuffled, addresses from the same answer
 * used as they are (S044), one address under two names tried once (S046), and
 * nothing at or behind ourselves (S047).  RFC 5321 5.1, smtp(8).
 */
#include "rewrite/hosts.h"

#include "base/clock.h"
#include "net/dns.h"

#include <stdlib.h>

#define DNS_TIMEOUT (60 * CLOCK_SECOND)
/* One parameter under its two names. */
#define PARAMETER(client, name) ((client)->lmtp ? P_lmtp_##name : P_smtp_##name)

static bool has_address(const struct hosts *t, const struct net_address *a)
{
    for (size_t i = 0; i < t->n; i++) {
        if (net_address_eq(&t->items[i].address, a))
            return true;
    }
    return false;
}

static void add_one(struct hosts *t, struct arena *arena, struct view name,
                    struct net_address address, uint16_t port, unsigned preference)
{
    if (has_address(t, &address))
        return;
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 16;
        struct host *grown = arena_alloc_array(arena, cap, sizeof *grown);
        if (t->n > 0)
            memcpy(grown, t->items, t->n * sizeof *grown);
        t->items = grown;
        t->cap = cap;
    }
    net_address_set_port(&address, port);
    t->items[t->n++] =
        (struct host){.name = name, .address = address, .preference = preference};
}

static void add_addresses(const struct host_search *s, struct hosts *t,
                          struct arena *arena, struct view name,
                          const struct dns_addresses *found, uint16_t port,
                          unsigned preference)
{
    for (size_t i = 0; i < found->n; i++) {
        bool v6 = net_address_family(&found->items[i].address) == AF_INET6;
        if (s->want & (v6 ? DNS_WANT_IPV6 : DNS_WANT_IPV4))
            add_one(t, arena, name, found->items[i].address, port, preference);
    }
}

/* Look NAME up and add what it has. */
static enum dns_result add_host(const struct host_search *s, struct hosts *t,
                                struct arena *arena, struct view name, uint16_t port,
                                unsigned preference, struct error *e)
{
    struct dns_addresses found;
    struct net_address literal;
    if (net_address_parse(name, port, &literal)) {
        add_one(t, arena, name, literal, port, preference);
        return DNS_OK;
    }
    enum dns_result result =
        dns_lookup_addresses(arena, name, s->want, DNS_TIMEOUT, &found, e);
    if (result == DNS_OK)
        add_addresses(s, t, arena, name, &found, port, preference);
    return result;
}

static bool is_own(const struct host_search *s, const struct host *t)
{
    char text[NET_ADDRESS_TEXT], literal[NET_ADDRESS_TEXT + 8];
    struct error e = ERROR_INIT;
    bool v6 = net_address_family(&t->address) == AF_INET6;
    (void)snprintf(literal, sizeof literal, "[%s%s]", v6 ? "IPv6:" : "",
                   net_address_text(&t->address, text));
    return rewrite_is_local_domain(s->rewrite, view_of(literal), &e) == MATCH_YES;
}

/* If we are listed ourselves, only hosts of better preference than ours may get the mail.
 */
static bool cut_at_self(const struct host_search *s, struct hosts *t)
{
    for (size_t i = 0; i < t->n; i++) {
        if (!is_own(s, &t->items[i]))
            continue;
        unsigned own = t->items[i].preference;
        size_t keep = 0;
        while (keep < t->n && t->items[keep].preference < own)
            keep++;
        t->n = keep;
        return true;
    }
    return false;
}

/* Shuffle inside each preference; then, within it, the preferred family first
 * (smtp_address_preference). */
static void shuffle(struct host *items, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = (size_t)random() % i;
        struct host swap = items[i - 1];
        items[i - 1] = items[k];
        items[k] = swap;
    }
}

static void prefer_family(struct host *items, size_t n, int family)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (net_address_family(&items[i].address) != family)
            continue;
        struct host found = items[i];
        memmove(&items[at + 1], &items[at], (i - at) * sizeof *items);
        items[at++] = found;
    }
}

static void order(const struct host_search *s, struct hosts *t)
{
    struct view preference = conf_view(s->conf, PARAMETER(s, address_preference));
    bool randomize = conf_bool(s->conf, PARAMETER(s, randomize_addresses));
    for (size_t i = 0; i < t->n;) {
        size_t end = i;
        while (end < t->n && t->items[end].preference == t->items[i].preference)
            t->items[end++].is_best = i == 0;
        if (randomize)
            shuffle(t->items + i, end - i);
        if (view_eq(preference, VIEW("ipv6")))
            prefer_family(t->items + i, end - i, AF_INET6);
        else if (view_eq(preference, VIEW("ipv4")))
            prefer_family(t->items + i, end - i, AF_INET);
        i = end;
    }
}

/* Keep some of each family near the front (smtp_balance_inet_protocols): when the address
 * limit would cut off one family whole, its first address takes the last place. */
static void balance(const struct host_search *s, struct hosts *t)
{
    int64_t limit = conf_int(s->conf, PARAMETER(s, mx_address_limit));
    if (!conf_bool(s->conf, PARAMETER(s, balance_inet_protocols)) || limit < 2 ||
        t->n <= (uint64_t)limit)
        return;
    int family = net_address_family(&t->items[0].address);
    for (size_t i = 1; i < t->n; i++) {
        if (net_address_family(&t->items[i].address) == family)
            continue;
        if (i >= (uint64_t)limit) {
            struct host swap = t->items[limit - 1];
            t->items[limit - 1] = t->items[i];
            t->items[i] = swap;
        }
        return;
    }
}

static enum result failed(enum dns_result result)
{
    return result == DNS_TEMPFAIL ? TEMPFAIL : PERMFAIL;
}

/* DOMAIN has MX records: find the addresses of all its hosts. */
static enum result from_mx(const struct host_search *s, struct hosts *t, struct arena *a,
                           struct view domain, uint16_t port, const struct dns_mx *mx,
                           struct error *e)
{
    bool temporary = false;
    for (size_t i = 0; i < mx->n; i++) {
        const struct dns_mx_host *host = &mx->hosts[i];
        if (host->additional.n > 0) {
            add_addresses(s, t, a, host->name, &host->additional, port, host->preference);
            continue;
        }
        if (add_host(s, t, a, host->name, port, host->preference, e) == DNS_TEMPFAIL)
            temporary = true;
    }
    if (t->n > 0)
        return OK;
    bool defer =
        temporary || conf_bool(s->conf, PARAMETER(s, defer_if_no_mx_address_found));
    error_set(e, defer ? "4.4.4" : "5.4.4",
              "no MX host for %.*s has a valid address record", VIEW_FMT(domain));
    return defer ? TEMPFAIL : PERMFAIL;
}

/* MX of DOMAIN, or its own address when it has none. */
static enum result by_domain(const struct host_search *s, struct hosts *t,
                             struct arena *a, struct view domain, uint16_t port,
                             struct error *e)
{
    struct dns_mx mx;
    enum dns_result got = dns_lookup_mx(a, domain, DNS_TIMEOUT, &mx, e);
    if (got == DNS_OK)
        return from_mx(s, t, a, domain, port, &mx, e);
    if (got == DNS_TEMPFAIL && conf_bool(s->conf, P_ignore_mx_lookup_error))
        got = DNS_NODATA;
    if (got != DNS_NODATA && got != DNS_NXDOMAIN)
        return failed(got);
    error_clear(e);
    got = add_host(s, t, a, domain, port, 0, e);
    return got == DNS_OK && t->n > 0 ? OK : failed(got);
}

static enum result unix_host(const struct host_search *s, struct hosts *t,
                             struct arena *a, struct view path, struct error *e)
{
    struct net_address address;
    if (!net_address_unix(path, &address)) {
        error_set(e, "4.3.5", "unix-domain name too long: %.*s", VIEW_FMT(path));
        return TEMPFAIL;
    }
    add_one(t, a, conf_view(s->conf, P_myhostname), address, 0, 0);
    return OK;
}

/* Families that inet_protocols allows. */
static unsigned wanted_families(const struct conf *c)
{
    struct view rest = conf_view(c, P_inet_protocols), word;
    unsigned want = 0;
    while (view_token(&rest, VIEW(", \t\r\n"), &word)) {
        if (view_eq(word, VIEW("all")))
            want |= DNS_WANT_IPV4 | DNS_WANT_IPV6;
        else if (view_eq(word, VIEW("ipv4")))
            want |= DNS_WANT_IPV4;
        else if (view_eq(word, VIEW("ipv6")))
            want |= DNS_WANT_IPV6;
    }
    return want ? want : DNS_WANT_IPV4;
}

void host_search_init(struct host_search *s, const struct conf *c, struct rewrite *r,
                      bool lmtp)
{
    *s = (struct host_search){
        .conf = c, .rewrite = r, .lmtp = lmtp, .want = wanted_families(c)};
}

/* Is this the port where a message could come back to ourselves? */
static bool may_loop(const struct host_search *s, uint16_t port)
{
    return !s->lmtp && port == net_port_parse(conf_view(s->conf, P_smtp_tcp_port));
}

enum result hosts_find(const struct host_search *s, struct view nexthop, struct arena *a,
                       struct hosts *out, struct error *e)
{
    struct net_endpoint to;
    *out = (struct hosts){.n = 0};
    if (!net_endpoint_parse(nexthop, &to) || view_is_empty(to.host)) {
        error_set(e, "4.3.5", "bad destination \"%.*s\"", VIEW_FMT(nexthop));
        return TEMPFAIL;
    }
    if (to.unix_path)
        return unix_host(s, out, a, to.host, e);
    struct view port_text =
        view_is_empty(to.port) ? conf_view(s->conf, PARAMETER(s, tcp_port)) : to.port;
    uint16_t port = net_port_parse(port_text);
    if (port == 0) {
        error_set(e, "4.3.5", "bad network port: %.*s for destination: %.*s",
                  VIEW_FMT(port_text), VIEW_FMT(nexthop));
        return TEMPFAIL;
    }
    bool direct = s->lmtp || to.bracketed || conf_bool(s->conf, P_disable_dns_lookups);
    enum result result;
    if (direct) {
        enum dns_result got = add_host(s, out, a, to.host, port, 0, e);
        result = got == DNS_OK && out->n > 0 ? OK : failed(got);
    } else {
        result = by_domain(s, out, a, to.host, port, e);
    }
    if (result != OK)
        return result;
    if (!direct && may_loop(s, port) && cut_at_self(s, out) && out->n == 0) {
        error_set(e, "5.4.6", "mail for %.*s loops back to myself", VIEW_FMT(nexthop));
        return PERMFAIL;
    }
    order(s, out);
    balance(s, out);
    return OK;
}
