/* screen_dnsbl - the DNS lists of postscreen_dnsbl_sites, all asked at once
 *
 * Each zone is asked by a fiber of its own; the sum is taken when the client has waited
 * long enough, whoever has not answered by then.
 */
#include "screen_private.h"

#include "access/rbl_pattern.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/dns.h"

struct screen_score {
    struct screen *screen;
    struct arena *arena;
    struct view address, reversed;
    unsigned holders; /* the client and each fiber */
    int64_t sum, heaviest, ttl;
    struct view where;
};

struct zone_job {
    struct screen_score *score;
    struct view zone;
};

static void let_go(struct screen_score *x)
{
    if (--x->holders > 0)
        return;
    arena_free(x->arena);
    memory_free(x);
}

static bool counts(const struct screen_site *site, const struct dns_addresses *found)
{
    char text[NET_ADDRESS_TEXT];
    for (size_t i = 0; i < found->n; i++) {
        if (site->filter.n == 0 ||
            rbl_pattern_matches(
                site->filter, view_of(net_address_text(&found->items[i].address, text))))
            return true;
    }
    return false;
}

/* Add what the zone's entries weigh. */
static void add_up(struct screen_score *x, struct view zone,
                   const struct dns_addresses *found)
{
    for (size_t i = 0; i < x->screen->n_sites; i++) {
        const struct screen_site *site = &x->screen->sites[i];
        if (!view_eq_case(site->zone, zone) || !counts(site, found))
            continue;
        x->sum += site->weight;
        if (site->weight <= x->heaviest)
            continue;
        x->heaviest = site->weight;
        x->where = site->zone;
    }
}

static void ask_zone(void *arg)
{
    struct zone_job *job = arg;
    struct screen_score *x = job->score;
    const struct conf *c = x->screen->conf;
    struct dns_addresses found;
    static const int64_t none = 0;
    struct error *e = ARENA_NEW(x->arena, struct error);
    char text[NET_ADDRESS_TEXT];
    struct view name =
        arena_printf(x->arena, "%.*s%.*s", VIEW_FMT(x->reversed), VIEW_FMT(job->zone));
    if (conf_time(c, P_dnsblog_reply_delay) > none)
        (void)fiber_sleep(conf_time(c, P_dnsblog_reply_delay));
    enum dns_result got =
        dns_lookup_addresses(x->arena, name, DNS_WANT_IPV4 | DNS_WANT_NO_HOSTS,
                             conf_time(c, P_postscreen_dnsbl_timeout), &found, e);
    if (got == DNS_TEMPFAIL)
        log_warning_as(x->screen->dnsblog_tag,
                       "dnsblog_query: lookup error for DNS query "
                       "%.*s: %s",
                       VIEW_FMT(name), e->text);
    for (size_t i = 0; got == DNS_OK && i < found.n; i++)
        log_info_as(x->screen->dnsblog_tag, "addr %.*s listed by domain %.*s as %s",
                    VIEW_FMT(x->address), VIEW_FMT(job->zone),
                    net_address_text(&found.items[i].address, text));
    if (got == DNS_OK) {
        add_up(x, job->zone, &found);
        if (x->ttl < 0 || found.ttl < x->ttl)
            x->ttl = found.ttl;
    }
    let_go(x);
}

static struct view reversed(struct arena *a, const struct net_address *address)
{
    struct str out = STR_INIT(128);
    if (net_address_family(address) == AF_INET) {
        const uint8_t *p = (const uint8_t *)&address->in.sin_addr;
        str_addf(&out, "%u.%u.%u.%u.", p[3], p[2], p[1], p[0]);
    } else {
        for (int i = 15; i >= 0; i--) {
            unsigned byte = address->in6.sin6_addr.s6_addr[i];
            str_addf(&out, "%x.%x.", byte & 15, byte >> 4);
        }
    }
    struct view result = arena_dup(a, str_view(&out));
    str_done(&out);
    return result;
}

/* Is this the first entry of its zone? */
static bool is_first(const struct screen *s, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (view_eq_case(s->sites[k].zone, s->sites[i].zone))
            return false;
    return true;
}

struct screen_score *screen_ask_lists(struct screen *s, struct view address)
{
    struct net_address parsed;
    struct screen_score *x = NEW(struct screen_score);
    x->screen = s;
    x->arena = arena_new();
    x->address = arena_dup(x->arena, address);
    x->holders = 1;
    x->ttl = -1;
    if (!net_address_parse(address, 0, &parsed))
        return x;
    x->reversed = reversed(x->arena, &parsed);
    for (size_t i = 0; i < s->n_sites; i++) {
        if (!is_first(s, i))
            continue;
        struct zone_job *job = ARENA_NEW(x->arena, struct zone_job);
        *job = (struct zone_job){x, s->sites[i].zone};
        x->holders++;
        (void)fiber_spawn("dnsbl", ask_zone, job);
    }
    return x;
}

bool screen_score_is_whole(const struct screen_score *x, int64_t *sum)
{
    *sum = x->sum;
    return x->holders == 1;
}

int64_t screen_take_score(struct screen *s, struct screen_score *x, struct arena *a,
                          struct view *where, int64_t *ttl)
{
    const struct conf *c = s->conf;
    struct error e = ERROR_INIT;
    int64_t most = conf_time(c, P_postscreen_dnsbl_max_ttl) / CLOCK_SECOND;
    int64_t least = conf_time(c, P_postscreen_dnsbl_min_ttl) / CLOCK_SECOND;
    int64_t sum = x->sum;
    *ttl = x->ttl < 0 || x->ttl > most ? most : x->ttl;
    *ttl = *ttl < least ? least : *ttl;
    *where = arena_dup(a, x->where);
    struct view shown;
    if (x->where.n && !maps_is_empty(s->reply_map) &&
        maps_get(s->reply_map, x->where, a, &shown, &e) == TABLE_FOUND)
        *where = shown;
    let_go(x);
    return sum;
}
