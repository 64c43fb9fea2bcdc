/* rewrite - opening the tables of one configuration, and what is local
 *
 * See form.c for the form of addresses, target.c and route.c for where they go.
 */
#include "rewrite/rewrite_private.h"

#include "base/memory.h"
#include "format/address.h"

/* Does the list in parameter P hold WORD? */
static bool list_has(const struct conf *c, enum parameter p, struct view word)
{
    struct view item, rest = conf_view(c, p);
    while (conf_list_next(&rest, &item))
        if (view_eq_case(item, word))
            return true;
    return false;
}

static struct maps *open_maps(const struct conf *c, enum parameter p)
{
    return maps_open(c, conf_view(c, p), TABLE_FOLD);
}

static void read_settings(struct rewrite *r, const struct conf *c)
{
    r->myorigin = conf_view(c, P_myorigin);
    r->mydomain = conf_view(c, P_mydomain);
    r->myhostname = conf_view(c, P_myhostname);
    r->remote_domain = conf_view(c, P_remote_header_rewrite_domain);
    r->empty_recipient = conf_view(c, P_empty_address_recipient);
    r->delimiters = conf_view(c, P_recipient_delimiter);
    r->error_service = conf_view(c, P_error_service_name);
    r->swap_bangpath = conf_bool(c, P_swap_bangpath);
    r->percent_hack = conf_bool(c, P_allow_percent_hack);
    r->append_origin = conf_bool(c, P_append_at_myorigin);
    r->append_domain = conf_bool(c, P_append_dot_mydomain);
    r->dequote = conf_bool(c, P_resolve_dequoted_address);
    r->null_domain = conf_bool(c, P_resolve_null_domain);
    r->numeric_domain = conf_bool(c, P_resolve_numeric_domain);
    r->allow_minus = conf_bool(c, P_allow_min_user);
    r->utf8 = conf_bool(c, P_smtputf8_enable);
    r->helpful = conf_bool(c, P_helpful_warnings);
    r->name_table = conf_bool(c, P_show_user_unknown_table_name);
    r->transport_parents =
        list_has(c, P_parent_domain_matches_subdomains, VIEW("transport_maps"));
}

struct rewrite *rewrite_new(const struct conf *c)
{
    struct rewrite *r = NEW(struct rewrite);
    r->conf = c;
    read_settings(r, c);
    r->interfaces = interfaces_new(c);
    r->local_domains = match_open(c, P_mydestination, TABLE_FOLD);
    r->alias_domains = match_open(c, P_virtual_alias_domains, TABLE_FOLD);
    r->mailbox_domains = match_open(c, P_virtual_mailbox_domains, TABLE_FOLD);
    r->relay_domains = match_open(c, P_relay_domains, TABLE_FOLD);
    r->relocated = open_maps(c, P_relocated_maps);
    r->mail = (struct routes){
        .local_transport = conf_view(c, P_local_transport),
        .virtual_transport = conf_view(c, P_virtual_transport),
        .relay_transport = conf_view(c, P_relay_transport),
        .default_transport = conf_view(c, P_default_transport),
        .relayhost = conf_view(c, P_relayhost),
        .relayhost_maps = open_maps(c, P_sender_dependent_relayhost_maps),
        .default_transport_maps = open_maps(c, P_sender_dependent_default_transport_maps),
        .transport_maps = open_maps(c, P_transport_maps),
    };
    r->probe = (struct routes){
        .local_transport = conf_view(c, P_address_verify_local_transport),
        .virtual_transport = conf_view(c, P_address_verify_virtual_transport),
        .relay_transport = conf_view(c, P_address_verify_relay_transport),
        .default_transport = conf_view(c, P_address_verify_default_transport),
        .relayhost = conf_view(c, P_address_verify_relayhost),
        .relayhost_maps = open_maps(c, P_address_verify_sender_dependent_relayhost_maps),
        .default_transport_maps =
            open_maps(c, P_address_verify_sender_dependent_default_transport_maps),
        .transport_maps = open_maps(c, P_address_verify_transport_maps),
    };
    return r;
}

static void close_routes(struct routes *routes)
{
    maps_close(routes->relayhost_maps);
    maps_close(routes->default_transport_maps);
    maps_close(routes->transport_maps);
}

void rewrite_free(struct rewrite *r)
{
    if (!r)
        return;
    interfaces_free(r->interfaces);
    match_close(r->local_domains);
    match_close(r->alias_domains);
    match_close(r->mailbox_domains);
    match_close(r->relay_domains);
    maps_close(r->relocated);
    close_routes(&r->mail);
    close_routes(&r->probe);
    memory_free(r);
}

bool rewrite_check(struct rewrite *r, struct error *e)
{
    return maps_check(r->relocated, e) && maps_check(r->mail.relayhost_maps, e) &&
           maps_check(r->mail.default_transport_maps, e) &&
           maps_check(r->mail.transport_maps, e) &&
           maps_check(r->probe.relayhost_maps, e) &&
           maps_check(r->probe.default_transport_maps, e) &&
           maps_check(r->probe.transport_maps, e);
}

enum match_result rewrite_is_local_domain(struct rewrite *r, struct view domain,
                                          struct error *e)
{
    if (domain.n >= 2 && domain.p[domain.n - 1] == '.' && domain.p[domain.n - 2] != '.')
        domain.n--;
    enum match_result found = match_string(r->local_domains, domain, e);
    if (found != MATCH_NO)
        return found;
    return interfaces_have_literal(r->interfaces, domain) ? MATCH_YES : MATCH_NO;
}

void rewrite_split_transport(struct view text, struct view *transport,
                             struct view *nexthop)
{
    text = view_trim_space(text);
    view_cut(text, ':', transport, nexthop);
}

enum table_result relocated_lookup(struct rewrite *r, struct view address,
                                   struct arena *a, struct view *moved, struct error *e)
{
    return rewrite_find_address(r, r->relocated, address, a, moved, NULL, e);
}
