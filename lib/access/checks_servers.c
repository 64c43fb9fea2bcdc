/* checks_servers - check_XXX_a_access, check_XXX_mx_access, check_XXX_ns_access
 *
 * The table is asked for the hosts that DNS names for a domain (its mail hosts, its name
 * servers, or itself) and for their addresses.  Look-ups that fail change nothing:
 * postconf(5).
 */
#include "access/internal.h"

#include "base/log.h"
#include "format/address.h"
#include "net/dns.h"

#define DNS_TIMEOUT (60 * CLOCK_SECOND)

/* What one such restriction looks at. */
struct look {
    struct access_run *run;
    const struct restriction *r;
    struct view domain, reply_name;
    const char *class;
    enum access_stage about;
};

static bool try_found_address(const struct look *l, const struct net_address *address,
                              enum access_says *says)
{
    char text[NET_ADDRESS_TEXT];
    struct view key = arena_dup(l->run->arena, view_of(net_address_text(address, text)));
    return access_try_address(l->run, l->r, key, l->reply_name, l->class, l->about, says);
}

/* HOST by name, then by its addresses. */
static bool try_host(const struct look *l, struct view host, enum access_says *says)
{
    struct dns_addresses found;
    if (access_try_domain(l->run, l->r, host, l->reply_name, l->class, l->about, says))
        return true;
    if (dns_lookup_addresses(l->run->arena, host, DNS_WANT_IPV4 | DNS_WANT_IPV6,
                             DNS_TIMEOUT, &found, &l->run->error) != DNS_OK)
        return false;
    for (size_t i = 0; i < found.n; i++) {
        if (try_found_address(l, &found.items[i].address, says))
            return true;
    }
    return false;
}

static void log_failure(const struct look *l, const char *what)
{
    log_warning("Unable to look up %s host for %.*s: %s", what, VIEW_FMT(l->domain),
                l->run->error.text);
}

/* The mail hosts; without MX the domain is its own. */
static bool try_mx(const struct look *l, enum access_says *says)
{
    struct dns_mx mx;
    enum dns_result got =
        dns_lookup_mx(l->run->arena, l->domain, DNS_TIMEOUT, &mx, &l->run->error);
    if (got == DNS_NODATA || got == DNS_NXDOMAIN)
        return try_host(l, l->domain, says);
    if (got != DNS_OK) {
        log_failure(l, "MX");
        return false;
    }
    for (size_t i = 0; i < mx.n; i++) {
        if (try_host(l, mx.hosts[i].name, says))
            return true;
    }
    return false;
}

/* The name servers of the domain, or of the nearest parent that has some. */
static bool try_ns(const struct look *l, enum access_says *says)
{
    struct dns_texts servers;
    struct view zone = l->domain;
    enum dns_result got;
    while ((got = dns_lookup_ns(l->run->arena, zone, DNS_TIMEOUT, &servers,
                                &l->run->error)) == DNS_NODATA ||
           got == DNS_NXDOMAIN) {
        struct view label;
        if (!view_cut(zone, '.', &label, &zone) || !view_has(zone, '.'))
            return false;
    }
    if (got != DNS_OK) {
        log_failure(l, "NS");
        return false;
    }
    for (size_t i = 0; i < servers.n; i++) {
        if (try_host(l, servers.items[i], says))
            return true;
    }
    return false;
}

/* "[192.0.2.1]" stands for itself. */
static bool try_literal(const struct look *l, enum access_says *says)
{
    struct view inner;
    return host_literal_is_valid(l->domain, &inner) &&
           access_try_address(l->run, l->r, inner, l->reply_name, l->class, l->about,
                              says);
}

static struct view domain_of(struct view address)
{
    struct view local, domain;
    return address_split(address, &local, &domain) ? domain : VIEW_NONE;
}

/* The middle of the restriction's name says whose domain it is. */
static struct look look_for(struct access_run *run, const struct restriction *r)
{
    const struct access_subject *s = run->subject;
    struct view name = view_of(r->type->name);
    struct look l = {.run = run, .r = r};
    const char *class = NULL;
    if (view_starts(name, VIEW("check_sender_"))) {
        l.about = ACCESS_SENDER;
        l.domain = domain_of(s->sender);
        l.reply_name = s->sender;
    } else if (view_starts(name, VIEW("check_recipient_"))) {
        l.about = ACCESS_RECIPIENT;
        l.domain = domain_of(s->recipient);
        l.reply_name = s->recipient;
    } else if (view_starts(name, VIEW("check_helo_"))) {
        l.about = ACCESS_HELO;
        l.domain = l.reply_name = s->helo_name;
    } else if (view_starts(name, VIEW("check_reverse_"))) {
        l.about = ACCESS_CLIENT;
        l.domain = l.reply_name = s->reverse_name;
        class = ACCESS_UNVERIFIED_CLIENT;
    } else {
        l.about = ACCESS_CLIENT;
        l.domain = s->client_name;
        l.reply_name = s->client_display;
    }
    if (l.about == ACCESS_CLIENT && view_eq(l.domain, VIEW("unknown")))
        l.domain = VIEW_NONE;
    l.class = class ? class : access_reply_class(l.about);
    return l;
}

enum access_says ask_servers(struct access_run *run, const struct restriction *r)
{
    struct look l = look_for(run, r);
    struct view name = view_of(r->type->name);
    enum access_says says;
    bool found;
    if (view_is_empty(l.domain))
        return SAYS_DUNNO;
    if (l.domain.p[0] == '[')
        found = try_literal(&l, &says);
    else if (view_ends(name, VIEW("_mx_access")))
        found = try_mx(&l, &says);
    else if (view_ends(name, VIEW("_ns_access")))
        found = try_ns(&l, &says);
    else
        found = try_host(&l, l.domain, &says);
    return found ? says : SAYS_DUNNO;
}
