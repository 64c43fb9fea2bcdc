/* type_cidr - cidr: tables, addresses and networks
 *
 * Keys that are no address match nothing, not even "!network".  Source: cidr_table(5).
 */
#include "table/rules.h"

static bool take_network(struct view *rest, struct arena *a, void **compiled,
                         size_t *groups, struct error *e)
{
    struct net_network *network = ARENA_NEW(a, struct net_network);
    struct view pattern;

    if (!view_token(rest, VIEW(" \t\r\n\f\v"), &pattern)) {
        error_set(e, "4.3.5", "no network address");
        return false;
    }
    if (!net_network_parse(pattern, network, e))
        return false;
    *compiled = network;
    *groups = 0;
    return true;
}

static void prepare_address(struct rules_subject *s, struct arena *a)
{
    (void)a;
    s->has_address = net_address_parse(s->text, 0, &s->address);
}

static bool match_network(const void *compiled, struct rules_subject *s)
{
    return s->has_address && net_network_has(compiled, &s->address);
}

const struct rules_engine rules_engine_cidr = {
    .name = "cidr map",
    .take = take_network,
    .prepare = prepare_address,
    .match = match_network,
};

static bool open_cidr(struct table *t, struct error *e)
{
    return rules_open(t, &rules_engine_cidr, e);
}

static enum table_result get_cidr(struct table *t, struct view key, struct arena *a,
                                  struct view *value, struct error *e)
{
    struct net_address address;

    if (!net_address_parse(key, 0, &address))
        return TABLE_NOT_FOUND;
    return rules_table_get(t, key, a, value, e);
}

const struct table_type table_type_cidr = {
    .name = "cidr",
    .is_pattern = true,
    .open = open_cidr,
    .close = rules_close,
    .get = get_cidr,
};
