/* hosts - the hosts of a next hop: look-ups
 *
 * MX by preference, addresses from the same answer used as they are (S044), one
 * address under two names tried once (S046), and nothing at or behind ourselves
 * (S047).  RFC 5321 5.1, smtp(8).
 */
#include "rewrite/hosts.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/dns.h"

#include <stdlib.h>

#define DNS_TIMEOUT (60 * CLOCK_SECOND)
/* One parameter under its two names. */
#define PARAMETER(rules, name) ((rules)->lmtp ? P_lmtp_##name : P_smtp_##name)

/* A search under way. */
struct search {
    const struct host_search *rules;
    struct arena *arena;
    struct hosts *out;
    uint16_t port;
    bool may_loop, by_mx, mx_is_secure;
    struct error *error;
};

/* What DNSSEC says of a new host, for DANE. */
static void mark_security(const struct search *s, struct host *new,
                          const struct dns_addresses *found)
{
    new->is_secure = found->secure;
    new->canonical = found->canonical;
    new->by_mx = s->by_mx;
    new->mx_is_secure = s->mx_is_secure;
}

/* Adds what is of a wanted family; false when nothing was. */
static bool add_addresses(struct search *s, struct view name,
                          const struct dns_addresses *found, unsigned preference)
{
    bool any = false;
    for (size_t i = 0; i < found->n; i++) {
        const struct net_address *address = &found->items[i].address;
        bool v6 = net_address_family(address) == AF_INET6;
        if (!(s->rules->want & (v6 ? DNS_WANT_IPV6 : DNS_WANT_IPV4)))
            continue;
        size_t before = s->out->n;
        hosts_add(s->out, s->arena, name, address, s->port, preference);
        if (s->out->n > before)
            mark_security(s, &s->out->items[before], found);
        any = true;
    }
    return any;
}

/* Without "native" in smtp_host_lookup the hosts file does not count. */
static unsigned wanted(const struct host_search *c, struct view name)
{
    struct view rest = conf_view(c->conf, PARAMETER(c, host_lookup)), word;
    if (conf_bool(c->conf, P_disable_dns_lookups) ||
        view_eq_case(name, VIEW("localhost"))) /* RFC 6761 6.3 */
        return c->want;
    while (view_token(&rest, VIEW(", \t\r\n"), &word)) {
        if (view_eq_case(word, VIEW("native")))
            return c->want;
    }
    return c->want | DNS_WANT_NO_HOSTS;
}

/* Look NAME up and add what it has. */
static enum dns_result add_host(struct search *s, struct view name, unsigned preference)
{
    struct dns_addresses found;
    struct net_address literal;
    if (net_address_parse(name, s->port, &literal)) {
        hosts_add(s->out, s->arena, name, &literal, s->port, preference);
        return DNS_OK;
    }
    enum dns_result result = dns_lookup_addresses(s->arena, name, wanted(s->rules, name),
                                                  DNS_TIMEOUT, &found, s->error);
    if (result == DNS_OK)
        (void)add_addresses(s, name, &found, preference);
    return result;
}

static bool is_own(const struct net_address *address, const void *arg)
{
    const struct host_search *c = arg;
    char text[NET_ADDRESS_TEXT], literal[NET_ADDRESS_TEXT + 8];
    struct error e = ERROR_INIT;
    bool v6 = net_address_family(address) == AF_INET6;
    (void)snprintf(literal, sizeof literal, "[%s%s]", v6 ? "IPv6:" : "",
                   net_address_text(address, text));
    return rewrite_is_local_domain(c->rewrite, view_of(literal), &e) == MATCH_YES;
}

static enum result failed(enum dns_result result)
{
    return result == DNS_TEMPFAIL ? TEMPFAIL : PERMFAIL;
}

static enum result loops_back(struct search *s, struct view domain)
{
    error_set(s->error, "5.4.6", "mail for %.*s loops back to myself", VIEW_FMT(domain));
    return PERMFAIL;
}

static bool wants_dnssec(const struct host_search *c)
{
    return view_eq_case(conf_view(c->conf, PARAMETER(c, dns_support_level)),
                        VIEW("dnssec"));
}

/* The addresses of all MX hosts.  What the same answer said counts (S044). */
static bool add_mx_hosts(struct search *s, const struct dns_mx *mx)
{
    bool temporary = false;
    for (size_t i = 0; i < mx->n; i++) {
        const struct dns_mx_host *host = &mx->hosts[i];
        /* What was added to an answer is not vouched for. */
        if ((wants_dnssec(s->rules) ||
             !add_addresses(s, host->name, &host->additional, host->preference)) &&
            add_host(s, host->name, host->preference) == DNS_TEMPFAIL)
            temporary = true;
    }
    return temporary;
}

/* DOMAIN has MX records. */
static enum result from_mx(struct search *s, struct view domain, const struct dns_mx *mx)
{
    const struct host_search *c = s->rules;
    s->by_mx = true;
    s->mx_is_secure = mx->secure;
    bool temporary = add_mx_hosts(s, mx);
    if (s->out->n == 0) {
        log_warning("no MX host for %.*s has a valid address record", VIEW_FMT(domain));
        if (!temporary && !conf_bool(c->conf, P_smtp_defer_if_no_mx_address_found))
            return PERMFAIL;
        s->error->status[0] = '4';
        return TEMPFAIL;
    }
    hosts_sort(s->out);
    unsigned best = s->out->items[0].preference;
    if (!s->may_loop || hosts_cut_self(s->out, is_own, s->rules) != HOSTS_ONLY_SELF)
        return OK;
    if (mx->hosts[0].preference == best)
        return loops_back(s, domain);
    error_set(s->error, "4.4.4", "unable to find primary relay for %.*s",
              VIEW_FMT(domain));
    return TEMPFAIL;
}

/* HOST itself, without MX. */
static enum result by_host(struct search *s, struct view host)
{
    enum dns_result got = add_host(s, host, 0);
    if (got != DNS_OK)
        return failed(got);
    if (s->out->n == 0) {
        error_set(s->error, "5.4.4", "%.*s has no address of a family in inet_protocols",
                  VIEW_FMT(host));
        return PERMFAIL;
    }
    if (s->may_loop && hosts_cut_self(s->out, is_own, s->rules) == HOSTS_ONLY_SELF)
        return loops_back(s, host);
    return OK;
}

/* MX of DOMAIN, or its own address when it has none. */
static enum result by_domain(struct search *s, struct view domain)
{
    struct dns_mx mx;
    enum dns_result got = dns_lookup_mx(s->arena, domain, DNS_TIMEOUT, &mx, s->error);
    if (got == DNS_OK)
        return from_mx(s, domain, &mx);
    if (got == DNS_TEMPFAIL && conf_bool(s->rules->conf, P_ignore_mx_lookup_error))
        got = DNS_NODATA;
    if (got != DNS_NODATA && got != DNS_NXDOMAIN)
        return failed(got);
    error_clear(s->error);
    return by_host(s, domain);
}

/* May the DNS be asked for MX records? */
static bool asks_no_mx(const struct host_search *c, const struct net_endpoint *to)
{
    return c->lmtp || to->bracketed || conf_bool(c->conf, P_disable_dns_lookups) ||
           view_eq_case(conf_view(c->conf, PARAMETER(c, dns_support_level)),
                        VIEW("disabled"));
}

static size_t random_below(size_t n)
{
    return (size_t)random() % n;
}

/* --- SRV: RFC 2782 --- */

/* Is SERVICE in use_srv_lookup? */
static bool asks_srv(const struct host_search *c, const struct net_endpoint *to,
                     struct view service)
{
    struct view rest = conf_view(c->conf, P_use_srv_lookup), word;
    while (conf_list_next(&rest, &word))
        if (view_eq_case(word, service))
            return !asks_no_mx(c, to);
    return false;
}

/* Bring one of the first N, all of one priority, to the front: heavy ones more often. */
static void draw_by_weight(struct dns_srv_host *hosts, size_t n)
{
    size_t sum = 0, chosen = 0;
    for (size_t i = 0; i < n; i++)
        sum += hosts[i].weight;
    size_t mark = random_below(sum + 1);
    for (sum = hosts[0].weight; sum < mark; sum += hosts[chosen].weight)
        chosen++;
    struct dns_srv_host drawn = hosts[chosen];
    memmove(&hosts[1], &hosts[0], chosen * sizeof *hosts);
    hosts[0] = drawn;
}

static void order_by_weight(struct dns_srv *srv)
{
    for (size_t i = 0; i < srv->n; i++) {
        size_t end = i;
        while (end < srv->n && srv->hosts[end].priority == srv->hosts[i].priority)
            end++;
        draw_by_weight(srv->hosts + i, end - i);
    }
}

static enum result from_srv(struct search *s, struct view domain, struct dns_srv *srv)
{
    bool temporary = false;
    if (srv->hosts[0].name.n == 0) { /* the only one: the service is not offered */
        error_set(s->error, "5.4.4", "%.*s does not offer this service",
                  VIEW_FMT(domain));
        return PERMFAIL;
    }
    if (conf_bool(s->rules->conf, PARAMETER(s->rules, randomize_addresses)))
        order_by_weight(srv);
    /* Each has a preference of its own, so that the order stays. */
    for (size_t i = 0; i < srv->n; i++) {
        const struct dns_srv_host *host = &srv->hosts[i];
        s->port = host->port;
        if ((wants_dnssec(s->rules) ||
             !add_addresses(s, host->name, &host->additional, (unsigned)i)) &&
            add_host(s, host->name, (unsigned)i) == DNS_TEMPFAIL)
            temporary = true;
    }
    if (s->out->n > 0)
        return OK;
    log_warning("no SRV host for %.*s has a valid address record", VIEW_FMT(domain));
    return temporary ? TEMPFAIL : PERMFAIL;
}

/* The hosts that DOMAIN names for SERVICE, or its mail hosts where that is allowed. */
static enum result by_service(struct search *s, struct view domain, struct view service)
{
    const struct conf *conf = s->rules->conf;
    struct dns_srv srv;
    uint16_t port = s->port;
    struct view name =
        arena_printf(s->arena, "_%.*s._tcp.%.*s", VIEW_FMT(service), VIEW_FMT(domain));
    enum dns_result got = dns_lookup_srv(s->arena, name, DNS_TIMEOUT, &srv, s->error);
    if (got == DNS_OK)
        return from_srv(s, domain, &srv);
    bool falls_back = conf_bool(conf, P_allow_srv_lookup_fallback) ||
                      (got == DNS_TEMPFAIL && conf_bool(conf, P_ignore_srv_lookup_error));
    if (!falls_back || port == 0)
        return failed(got);
    error_clear(s->error);
    return by_domain(s, domain);
}

static enum result unix_host(struct search *s, struct view path)
{
    struct net_address address;
    if (!net_address_unix(path, &address)) {
        error_set(s->error, "4.3.5", "unix-domain name too long: %.*s", VIEW_FMT(path));
        return TEMPFAIL;
    }
    hosts_add(s->out, s->arena, conf_view(s->rules->conf, P_myhostname), &address, 0, 0);
    return OK;
}

static void put_in_order(const struct host_search *c, struct hosts *t)
{
    struct view preferred = conf_view(c->conf, PARAMETER(c, address_preference));
    bool shuffle = conf_bool(c->conf, PARAMETER(c, randomize_addresses));
    int64_t limit = conf_int(c->conf, PARAMETER(c, mx_address_limit));
    int family = view_eq(preferred, VIEW("ipv6"))   ? AF_INET6
                 : view_eq(preferred, VIEW("ipv4")) ? AF_INET
                                                    : AF_UNSPEC;
    hosts_order(t, shuffle ? random_below : NULL, family);
    if (conf_bool(c->conf, PARAMETER(c, balance_inet_protocols)) && limit > 0)
        hosts_balance(t, (size_t)limit);
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

enum result hosts_find(const struct host_search *c, struct view nexthop, struct arena *a,
                       struct hosts *out, bool *may_loop, struct error *e)
{
    struct net_endpoint to;
    struct search s = {.rules = c, .arena = a, .out = out, .error = e};
    *out = (struct hosts){.n = 0};
    *may_loop = false;
    if (!net_endpoint_parse(nexthop, &to) || view_is_empty(to.host)) {
        error_set(e, "4.3.5", "bad destination \"%.*s\"", VIEW_FMT(nexthop));
        return TEMPFAIL;
    }
    if (to.unix_path)
        return unix_host(&s, to.host);
    struct view port_text =
        view_is_empty(to.port) ? conf_view(c->conf, PARAMETER(c, tcp_port)) : to.port;
    s.port = net_port_parse(port_text);
    bool by_srv = asks_srv(c, &to, port_text);
    if (s.port == 0 && !by_srv) {
        error_set(e, "4.3.5", "bad network port: %.*s for destination: %.*s",
                  VIEW_FMT(port_text), VIEW_FMT(nexthop));
        return TEMPFAIL;
    }
    s.may_loop = *may_loop =
        !c->lmtp && s.port == net_port_parse(conf_view(c->conf, P_smtp_tcp_port));
    enum result result = by_srv               ? by_service(&s, to.host, port_text)
                         : asks_no_mx(c, &to) ? by_host(&s, to.host)
                                              : by_domain(&s, to.host);
    if (result == OK)
        put_in_order(c, out);
    return result;
}
