/* route - the transport, next hop and recipient of an address
 *
 * Source: trivial-rewrite(8), transport(5), ADDRESS_CLASS_README.  The order: the class
 * of the domain gives a transport, relayhost or domain a next hop; "transport:nexthop" in
 * a parameter wins over that, transport_maps over all, and users that moved away over
 * transport_maps.
 */
#include "rewrite/rewrite_private.h"

#include "base/log.h"

#define UNDELIVERABLE VIEW("Address is undeliverable")

/* One resolution under way. */
struct route {
    struct rewrite *rewrite;
    const struct routes *routes;
    struct arena *arena;
    struct view sender;
    struct target target;
    struct resolved *out;
    struct error *error;
};

/* A table did not answer: WHAT goes to the log, the caller learns that it must try again.
 */
static enum result failed(struct route *t, const char *what)
{
    log_warning("%s lookup failure", what);
    error_set(t->error, "4.3.0", "address resolver failure");
    return TEMPFAIL;
}

static void warn_of_both(struct route *t, struct match_list *list, const char *one,
                         const char *other, bool subdomains)
{
    struct view domain = t->target.domain;
    if (!t->rewrite->helpful)
        return;
    if ((subdomains ? match_domain(list, domain, NULL)
                    : match_string(list, domain, NULL)) == MATCH_YES)
        log_warning("do not list domain %.*s in BOTH %s and %s", VIEW_FMT(domain), one,
                    other);
}

static bool is_dunno(struct view value)
{
    return view_eq_case(value, VIEW("DUNNO"));
}

/* What table M says of the sender: TABLE_NOT_FOUND also for DUNNO and for nothing at all.
 */
static enum table_result find_sender(struct route *t, struct maps *m, const char *title,
                                     enum parameter null_key, struct view *value,
                                     bool *dunno)
{
    *dunno = false;
    if (maps_is_empty(m))
        return TABLE_NOT_FOUND;
    struct view key = t->sender;
    if (view_is_empty(key))
        key = conf_view(t->rewrite->conf, null_key);
    enum table_result found =
        rewrite_find_address(t->rewrite, m, key, t->arena, value, NULL, t->error);
    if (found != TABLE_FOUND)
        return found;
    if (view_is_empty(*value))
        log_warning("%s: ignoring null lookup result for %.*s", title, VIEW_FMT(key));
    *dunno = view_is_empty(*value) || is_dunno(*value);
    return *dunno ? TABLE_NOT_FOUND : TABLE_FOUND;
}

/* The next hop of mail that leaves this host. */
static enum result choose_relay(struct route *t)
{
    bool dunno;
    enum table_result found =
        find_sender(t, t->routes->relayhost_maps, "sender_dependent_relayhost_maps",
                    P_empty_address_relayhost_maps_lookup_key, &t->out->nexthop, &dunno);
    if (found == TABLE_ERROR)
        return failed(t, "sender_dependent_relayhost_maps");
    if (found == TABLE_FOUND)
        return OK;
    bool use_relayhost = !dunno && !view_is_empty(t->routes->relayhost);
    t->out->nexthop = use_relayhost ? t->routes->relayhost : t->target.domain;
    return OK;
}

/* Neither ours nor a domain that we relay for. */
static enum result choose_default(struct route *t)
{
    bool dunno;
    t->out->class = CLASS_DEFAULT;
    enum table_result found = find_sender(
        t, t->routes->default_transport_maps, "sender_dependent_default_transport_maps",
        P_empty_address_default_transport_maps_lookup_key, &t->out->transport, &dunno);
    if (found == TABLE_ERROR)
        return failed(t, "sender_dependent_default_transport_maps");
    if (found == TABLE_NOT_FOUND)
        t->out->transport = t->routes->default_transport;
    return choose_relay(t);
}

static enum result choose_relay_domain(struct route *t)
{
    switch (match_domain(t->rewrite->relay_domains, t->target.domain, t->error)) {
    case MATCH_ERROR:
        return failed(t, "relay_domains");
    case MATCH_NO:
        return choose_default(t);
    case MATCH_YES:
        break;
    }
    t->out->class = CLASS_RELAY;
    t->out->transport = t->routes->relay_transport;
    return choose_relay(t);
}

static enum result choose_mailbox_domain(struct route *t)
{
    switch (match_string(t->rewrite->mailbox_domains, t->target.domain, t->error)) {
    case MATCH_ERROR:
        return failed(t, "virtual_mailbox_domains");
    case MATCH_NO:
        return choose_relay_domain(t);
    case MATCH_YES:
        break;
    }
    warn_of_both(t, t->rewrite->relay_domains, "virtual_mailbox_domains", "relay_domains",
                 true);
    t->out->class = CLASS_VIRTUAL_MAILBOX;
    t->out->transport = t->routes->virtual_transport;
    t->out->nexthop = t->target.domain;
    return OK;
}

/* A domain that is not local: its class, in the order of precedence. */
static enum result choose_class(struct route *t)
{
    switch (match_string(t->rewrite->alias_domains, t->target.domain, t->error)) {
    case MATCH_ERROR:
        return failed(t, "virtual_alias_domains");
    case MATCH_NO:
        return choose_mailbox_domain(t);
    case MATCH_YES:
        break;
    }
    warn_of_both(t, t->rewrite->mailbox_domains, "virtual_alias_domains",
                 "virtual_mailbox_domains", false);
    warn_of_both(t, t->rewrite->relay_domains, "virtual_alias_domains", "relay_domains",
                 true);
    t->out->class = CLASS_VIRTUAL_ALIAS;
    t->out->transport = t->rewrite->error_service;
    t->out->nexthop = t->rewrite->name_table
                          ? VIEW("5.1.1 User unknown in virtual alias table")
                          : VIEW("5.1.1 User unknown");
    return OK;
}

static enum result choose_local(struct route *t)
{
    warn_of_both(t, t->rewrite->alias_domains, "mydestination", "virtual_alias_domains",
                 false);
    warn_of_both(t, t->rewrite->mailbox_domains, "mydestination",
                 "virtual_mailbox_domains", false);
    t->out->class = CLASS_LOCAL;
    t->out->transport = t->routes->local_transport;
    t->out->nexthop = t->target.domain;
    return OK;
}

/* "transport:nexthop" in a parameter or a sender-dependent table. */
static enum result split_transport(struct route *t)
{
    struct view nexthop;
    rewrite_split_transport(t->out->transport, &t->out->transport, &nexthop);
    if (!view_is_empty(nexthop))
        t->out->nexthop = nexthop;
    if (!view_is_empty(t->out->transport))
        return OK;
    log_warning("null transport is not allowed for the destination of <%.*s>",
                VIEW_FMT(t->target.recipient));
    error_set(t->error, "4.3.0", "address resolver failure");
    return TEMPFAIL;
}

bool rewrite_is_refusal(const struct rewrite *r, struct view transport)
{
    return view_eq(transport, VIEW("error")) || view_eq(transport, VIEW("retry")) ||
           view_eq(transport, r->error_service);
}

/* What transport(5) says of a result: ":" changes nothing, ":hop" the next hop,
 * "transport:" resets the next hop to the recipient's domain. */
static void apply_entry(struct route *t, struct view value)
{
    struct view transport, nexthop;
    rewrite_split_transport(value, &transport, &nexthop);
    if (view_is_empty(transport)) {
        if (!view_is_empty(nexthop))
            t->out->nexthop = nexthop;
        return;
    }
    t->out->transport = transport;
    if (!view_is_empty(nexthop))
        t->out->nexthop = nexthop;
    else if (rewrite_is_refusal(t->rewrite, transport))
        t->out->nexthop = UNDELIVERABLE;
    else
        t->out->nexthop = t->target.domain;
}

/* transport_maps: address, address without extension, domain, its parents, "*". */
static enum result apply_transport_maps(struct route *t)
{
    struct maps *m = t->routes->transport_maps;
    struct address_lookup how = {
        .steps = ADDRESS_FULL | ADDRESS_DOMAIN,
        .delimiters = t->rewrite->delimiters,
        .parents_match_subdomains = t->rewrite->transport_parents,
    };
    struct view value, extension;
    if (maps_is_empty(m) || t->out->class == CLASS_VIRTUAL_ALIAS)
        return OK;
    enum table_result found = maps_get_address(m, &how, t->target.recipient, t->arena,
                                               &value, &extension, t->error);
    if (found == TABLE_NOT_FOUND)
        found = maps_get(m, VIEW("*"), t->arena, &value, t->error);
    if (found == TABLE_ERROR)
        return failed(t, "transport_maps");
    if (found == TABLE_FOUND)
        apply_entry(t, value);
    return OK;
}

static enum result apply_relocated(struct route *t)
{
    struct view moved;
    switch (
        relocated_lookup(t->rewrite, t->target.recipient, t->arena, &moved, t->error)) {
    case TABLE_ERROR:
        return failed(t, "relocated_maps");
    case TABLE_NOT_FOUND:
        return OK;
    case TABLE_FOUND:
        break;
    }
    t->out->transport = t->rewrite->error_service;
    bool with_prefix = conf_bool(t->rewrite->conf, P_relocated_prefix_enable);
    t->out->nexthop =
        with_prefix
            ? rewrite_join(t->arena, VIEW("5.1.6 User has moved to "), moved, VIEW_NONE)
            : moved;
    return OK;
}

/* An operator in the local part? */
static bool is_routed(const struct target *target)
{
    struct view local =
        view_sub(target->recipient, 0, target->recipient.n - target->domain.n - 1);
    return view_find_any(local, VIEW("@!%")) != VIEW_NPOS;
}

static enum result resolve_with(struct rewrite *r, const struct routes *routes,
                                struct view sender, struct view address, struct arena *a,
                                struct resolved *out, struct error *e)
{
    struct route t = {.rewrite = r,
                      .routes = routes,
                      .arena = a,
                      .sender = sender,
                      .out = out,
                      .error = e};
    *out = (struct resolved){.class = CLASS_DEFAULT};
    enum result result = target_find(r, address, a, &t.target, e);
    if (result != OK)
        return result;
    out->recipient = t.target.recipient;
    out->is_routed = is_routed(&t.target);
    if (t.target.is_invalid) {
        out->is_error = true;
        out->transport = r->error_service;
        out->nexthop = VIEW("5.1.3 bad address syntax");
        return OK;
    }
    result = t.target.is_local ? choose_local(&t) : choose_class(&t);
    if (result == OK)
        result = split_transport(&t);
    if (result == OK)
        result = apply_transport_maps(&t);
    if (result == OK)
        result = apply_relocated(&t);
    return result;
}

enum result resolve_address(struct rewrite *r, struct view sender, struct view address,
                            struct arena *a, struct resolved *out, struct error *e)
{
    return resolve_with(r, &r->mail, sender, address, a, out, e);
}

enum result resolve_probe(struct rewrite *r, struct view sender, struct view address,
                          struct arena *a, struct resolved *out, struct error *e)
{
    return resolve_with(r, &r->probe, sender, address, a, out, e);
}
