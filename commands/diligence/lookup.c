/* lookup - where mail for an address or domain would go, as the delivery itself finds it
 *
 * Usage: diligence lookup ADDRESS|DOMAIN...  Prints transport and next hop, then one line
 * a host: preference, name, address and port, in the order in which they are tried.
 * Exit status 0, 1 when mail would be returned, 75 (EX_TEMPFAIL) when it would wait.
 */
#include "base/log.h"
#include "conf/master_cf.h"
#include "diligence.h"
#include "net/dns.h"
#include "rewrite/hosts.h"

#include <stdio.h>
#include <sysexits.h>

struct lookup {
    const struct control *control;
    struct view name; /* as asked */
    struct arena *arena;
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

static void print_hosts(const struct hosts *hosts)
{
    char text[NET_ADDRESS_TEXT];

    for (size_t i = 0; i < hosts->n; i++) {
        const struct host *h = &hosts->items[i];
        if (net_address_family(&h->address) == AF_UNIX)
            printf("  %s\n", net_address_text(&h->address, text));
        else
            printf("  %u %.*s [%s]:%u\n", h->preference, VIEW_FMT(h->name),
                   net_address_text(&h->address, text),
                   (unsigned)net_address_port(&h->address));
    }
}

/* The hosts of NEXTHOP, found with the configuration that TRANSPORT runs with. */
static int lookup_hosts(struct lookup *l, const struct master_service *transport,
                        struct view nexthop)
{
    struct conf *conf;
    struct error e = ERROR_INIT;
    struct host_search search;
    struct hosts hosts;
    bool may_loop;

    if (!conf_load(conf_directory(l->control->conf), transport->overrides,
                   transport->n_overrides, &conf, &e))
        return fail(l->name, TEMPFAIL, &e);
    struct rewrite *rewrite = rewrite_new(conf);
    host_search_init(&search, conf, rewrite, view_eq(transport->command, VIEW("lmtp")));
    enum result result = hosts_find(&search, nexthop, l->arena, &hosts, &may_loop, &e);
    if (result == OK)
        print_hosts(&hosts);
    rewrite_free(rewrite);
    conf_free(conf);
    return result == OK ? 0 : fail(l->name, result, &e);
}

static bool has_hosts(const struct master_service *s)
{
    return view_eq(s->command, VIEW("smtp")) || view_eq(s->command, VIEW("lmtp"));
}

static int lookup_one(struct lookup *l)
{
    struct error e = ERROR_INIT;
    struct resolved r;
    struct rewrite *rewrite = rewrite_new(l->control->conf);
    struct view address =
        view_has(l->name, '@')
            ? l->name
            : arena_printf(l->arena, "postmaster@%.*s", VIEW_FMT(l->name));

    enum result result = resolve_address(rewrite, VIEW_NONE, address, l->arena, &r, &e);
    rewrite_free(rewrite);
    if (result != OK)
        return fail(l->name, result, &e);
    printf("%.*s: transport %.*s, next hop %.*s\n", VIEW_FMT(l->name),
           VIEW_FMT(r.transport), VIEW_FMT(r.nexthop));
    if (r.is_error)
        return 1;
    const struct master_service *service =
        find_transport(l->control, l->arena, r.transport, &e);
    if (!service)
        return fail(l->name, TEMPFAIL, &e);
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
        struct lookup l = {
            .control = c, .name = view_of(c->argv[i]), .arena = arena_new()};
        network_run(c, lookup_fiber, &l);
        if (status == 0 || l.status == 1)
            status = l.status;
        arena_free(l.arena);
    }
    return status;
}
