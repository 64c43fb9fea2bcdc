/* lookup - where mail for an address or domain would go, as the delivery itself finds it
 *
 * Usage: diligence lookup ADDRESS|DOMAIN...  Prints transport and next hop, then one line
 * a host: preference, name, address and port, in the order in which they are tried; below
 * it the TLS that is asked of the host, with the TLSA records or names that it must
 * match. Exit status 0, 1 when mail would be returned, 75 (EX_TEMPFAIL) when it would
 * wait.
 */
#include "base/log.h"
#include "conf/master_cf.h"
#include "diligence.h"
#include "net/dns.h"
#include "rewrite/hosts.h"
#include "tls/plan.h"

#include <stdio.h>
#include <sysexits.h>

struct lookup {
    const struct control *control;
    struct view name; /* as asked */
    struct arena *arena;
    struct error error;
    int status;
};

static int fail(struct view name, enum result result, const struct error *e)
{
    printf("%.*s: %s %s\n", VIEW_FMT(name), e->status, e->text);
    return result == TEMPFAIL ? EX_TEMPFAIL : 1;
}

/* The service of master.cf that is the transport NAME. */
static const struct master_service *find_transport(const struct control *c,
                                                   struct arena *a, struct view name,
                                                   struct error *e)
{
    struct master_cf services;

    if (!master_cf_load(conf_directory(c->conf), a, &services, e))
        return NULL;
    const struct master_service *found =
        master_cf_find(&services, arena_printf(a, "%.*s/unix", VIEW_FMT(name)));
    if (!found)
        error_set(e, "4.3.0", "no service %.*s in master.cf", VIEW_FMT(name));
    return found;
}

static void print_host(const struct host *h)
{
    char text[NET_ADDRESS_TEXT];

    if (net_address_family(&h->address) == AF_UNIX)
        printf("  %s\n", net_address_text(&h->address, text));
    else
        printf("  %u %.*s [%s]:%u\n", h->preference, VIEW_FMT(h->name),
               net_address_text(&h->address, text),
               (unsigned)net_address_port(&h->address));
}

static void print_tlsa(const struct tls_dane *dane)
{
    for (size_t i = 0; i < dane->records.n; i++) {
        const struct dns_tlsa_record *r = &dane->records.items[i];
        printf("      TLSA %u %u %u ", r->usage, r->selector, r->matching);
        for (size_t k = 0; k < r->data.n; k++)
            printf("%02x", (unsigned char)r->data.p[k]);
        printf(" of %.*s\n", VIEW_FMT(dane->base));
    }
}

/* What a connection to a host would have to be. */
static void print_plan(const struct tls_plan *p)
{
    printf("      TLS %s", tls_level_name(p->policy.level));
    for (size_t i = 0; i < p->policy.n_match; i++)
        printf("%s%.*s", i ? ":" : ", match ", VIEW_FMT(p->policy.match[i]));
    putchar('\n');
    if (p->has_dane)
        print_tlsa(&p->dane);
}

/* The hosts of DESTINATION, each with the TLS that C, the transport's configuration, asks
 * of it. */
static int print_hosts(struct lookup *l, const struct conf *c, bool lmtp,
                       struct view destination, const struct hosts *hosts)
{
    struct error *e = &l->error;
    struct tls_policies *policies = tls_policies_new(c, lmtp, e);
    size_t n_closed = 0; /* where no mail goes now */

    for (size_t i = 0; i < hosts->n; i++) {
        const struct host *h = &hosts->items[i];
        struct tls_plan plan;
        struct tls_target target = {.destination = destination,
                                    .name = h->name,
                                    .canonical = h->canonical,
                                    .port = net_address_port(&h->address),
                                    .is_unix = net_address_family(&h->address) == AF_UNIX,
                                    .is_secure = h->is_secure,
                                    .by_mx = h->by_mx,
                                    .mx_is_secure = h->mx_is_secure};
        print_host(h);
        if (policies &&
            tls_plan_make(c, lmtp, policies, &target, l->arena, &plan, e) == OK)
            print_plan(&plan);
        else {
            printf("      TLS: %s %s\n", e->status, e->text);
            n_closed++;
        }
    }
    tls_policies_free(policies);
    return n_closed < hosts->n ? 0 : EX_TEMPFAIL;
}

/* The hosts of NEXTHOP, found with the configuration that TRANSPORT runs with. */
static int lookup_hosts(struct lookup *l, const struct master_service *transport,
                        struct view nexthop)
{
    struct conf *conf;
    struct error *e = &l->error;
    struct host_search search;
    struct hosts hosts;
    bool may_loop, lmtp = view_eq(transport->command, VIEW("lmtp"));
    int status = 0;

    if (!conf_load(conf_directory(l->control->conf), transport->overrides,
                   transport->n_overrides, &conf, e))
        return fail(l->name, TEMPFAIL, e);
    struct rewrite *rewrite = rewrite_new(conf);
    host_search_init(&search, conf, rewrite, lmtp);
    enum result result = hosts_find(&search, nexthop, l->arena, &hosts, &may_loop, e);
    if (result == OK)
        status = print_hosts(l, conf, lmtp, nexthop, &hosts);
    rewrite_free(rewrite);
    conf_free(conf);
    return result == OK ? status : fail(l->name, result, e);
}

static bool has_hosts(const struct master_service *s)
{
    return view_eq(s->command, VIEW("smtp")) || view_eq(s->command, VIEW("lmtp"));
}

static int lookup_one(struct lookup *l)
{
    struct error *e = &l->error;
    struct resolved r;
    struct rewrite *rewrite = rewrite_new(l->control->conf);
    struct view address =
        view_has(l->name, '@')
            ? l->name
            : arena_printf(l->arena, "postmaster@%.*s", VIEW_FMT(l->name));

    enum result result = resolve_address(rewrite, VIEW_NONE, address, l->arena, &r, e);
    rewrite_free(rewrite);
    if (result != OK)
        return fail(l->name, result, e);
    printf("%.*s: transport %.*s, next hop %.*s\n", VIEW_FMT(l->name),
           VIEW_FMT(r.transport), VIEW_FMT(r.nexthop));
    if (r.is_error)
        return 1;
    const struct master_service *service =
        find_transport(l->control, l->arena, r.transport, e);
    if (!service)
        return fail(l->name, TEMPFAIL, e);
    return has_hosts(service) ? lookup_hosts(l, service, r.nexthop) : 0;
}

static void lookup_fiber(void *arg)
{
    struct lookup *l = arg;

    l->status = lookup_one(l);
}

int lookup(struct control *c)
{
    int status = 0;

    for (int i = 0; i < c->argc; i++) {
        struct lookup l = {.control = c,
                           .name = view_of(c->argv[i]),
                           .arena = arena_new(),
                           .error = ERROR_INIT};
        network_run(c, lookup_fiber, &l);
        if (status == 0 || l.status == 1)
            status = l.status;
        arena_free(l.arena);
    }
    return status;
}
