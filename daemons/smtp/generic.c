/* generic - smtp_generic_maps: inside addresses become outside ones (generic(5))
 *
 * Applied to envelope and header addresses of mail that leaves by SMTP, so mail
 * inside keeps its own addresses (S293).
 */
#include "client.h"

#include "format/address.h"

static bool is_local(struct view domain, void *arg)
{
    struct client *c = arg;
    struct error e = ERROR_INIT;
    return view_eq_case(domain, conf_view(c->conf, P_myorigin)) ||
           rewrite_is_local_domain(c->rewrite, domain, &e) == MATCH_YES;
}

static bool propagates_extension(const struct conf *c)
{
    struct view rest = conf_view(c, P_propagate_unmatched_extensions), word;
    while (view_token(&rest, VIEW(", \t\r\n"), &word)) {
        if (view_eq(word, VIEW("generic")))
            return true;
    }
    return false;
}

/* The right-hand side: "@domain" keeps the local part; the extension may follow. */
static struct view apply(struct client *c, struct arena *a, struct view address,
                         struct view value, struct view extension)
{
    struct view local, domain;
    if (value.n > 1 && value.p[0] == '@' && address_split(address, &local, &domain))
        return arena_printf(a, "%.*s%.*s", VIEW_FMT(local), VIEW_FMT(value));
    if (!view_has(value, '@'))
        value = arena_printf(a, "%.*s@%.*s", VIEW_FMT(value),
                             VIEW_FMT(conf_view(c->conf, P_myorigin)));
    if (view_is_empty(extension) || !propagates_extension(c->conf))
        return value;
    struct str out = STR_INIT(ADDRESS_MAX);
    (void)address_add_extension(value, extension, &out);
    struct view result = arena_dup(a, str_view(&out));
    str_done(&out);
    return result;
}

enum result generic_map(struct client *c, struct arena *a, struct view address,
                        struct view *out, struct error *e)
{
    const struct address_lookup how = {
        .steps = ADDRESS_FULL | ADDRESS_LOCALPART | ADDRESS_AT_DOMAIN,
        .delimiters = conf_view(c->conf, P_recipient_delimiter),
        .is_local = is_local,
        .arg = c,
    };
    struct view value, extension = VIEW_NONE;
    *out = address;
    if (maps_is_empty(c->generic) || view_is_empty(address))
        return OK;
    switch (maps_get_address(c->generic, &how, address, a, &value, &extension, e)) {
    case TABLE_FOUND:
        *out = apply(c, a, address, view_trim_space(value), extension);
        return OK;
    case TABLE_ERROR:
        error_prefix(e, "%.*s map lookup problem: ", VIEW_FMT(maps_last(c->generic)));
        return TEMPFAIL;
    case TABLE_NOT_FOUND:
    default:
        return OK;
    }
}
