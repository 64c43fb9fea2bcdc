/* address_lookup - the order in which an address is looked up
 *
 * canonical(5), virtual(5), access(5), transport(5): the whole address, the address
 * without its extension, the user alone when the domain is ours, @domain, the domain and
 * its parents.  Keys are tried in quoted form first, as tables write them, then
 * without quotes.  Pattern tables see the whole address only.
 */
#include "table/maps_private.h"

#include "base/log.h"

struct search {
    struct maps *maps;
    const struct address_lookup *how;
    struct arena *arena;
    struct view *value;
    struct error *e;
    struct view local;     /* with extension */
    struct view domain;    /* empty when there is none */
    struct view user;      /* without extension */
    struct view extension; /* with delimiter; empty when there is none */
};

/* May LOCAL stand without quotes (RFC 5321 dot-string; bytes above 0x7f as in RFC 6531)?
 */
static bool is_plain(struct view local)
{
    static const struct view special = {"!#$%&'*+-/=?^_`{|}~", 19};

    if (local.n == 0 || local.p[0] == '.' || local.p[local.n - 1] == '.' ||
        view_find_view(local, VIEW("..")) != VIEW_NPOS)
        return false;
    for (size_t i = 0; i < local.n; i++) {
        unsigned char c = (unsigned char)local.p[i];
        if (!ascii_is_alnum(c) && c < 0x80 && c != '.' && !view_has(special, (char)c))
            return false;
    }
    return true;
}

/* LOCAL as it stands in an address in a table. */
static struct view quote(struct arena *a, struct view local)
{
    char *to = arena_alloc(a, local.n * 2 + 3);
    size_t n = 0;

    to[n++] = '"';
    for (size_t i = 0; i < local.n; i++) {
        if (local.p[i] == '"' || local.p[i] == '\\')
            to[n++] = '\\';
        to[n++] = local.p[i];
    }
    to[n++] = '"';
    return (struct view){to, n};
}

/* Look up LOCAL AT DOMAIN, where any of the three may be empty. */
static enum table_result look_up(struct search *s, struct view local, bool at,
                                 struct view domain, bool whole_key)
{
    enum table_result result = TABLE_NOT_FOUND;
    const char *sign = at ? "@" : "";
    struct view key;

    if (local.n > 0 && !is_plain(local)) {
        struct view quoted = quote(s->arena, local);
        key = arena_printf(s->arena, "%.*s%s%.*s", VIEW_FMT(quoted), sign,
                           VIEW_FMT(domain));
        result = maps_get_some(s->maps, key, whole_key, s->arena, s->value, s->e);
    }
    if (result != TABLE_NOT_FOUND)
        return result;
    key = arena_printf(s->arena, "%.*s%s%.*s", VIEW_FMT(local), sign, VIEW_FMT(domain));
    return maps_get_some(s->maps, key, whole_key, s->arena, s->value, s->e);
}

/* user+extension@domain, user@domain */
static enum table_result find_full(struct search *s, bool *kept)
{
    bool at = s->domain.n > 0;
    enum table_result result = look_up(s, s->local, at, s->domain, true);

    *kept = result == TABLE_FOUND;
    if (result == TABLE_NOT_FOUND && s->extension.n > 0)
        result = look_up(s, s->user, at, s->domain, false);
    return result;
}

/* user+extension, user: with "@" behind it or not */
static enum table_result find_local(struct search *s, bool at, bool *kept)
{
    enum table_result result = look_up(s, s->local, at, VIEW_NONE, false);

    *kept = result == TABLE_FOUND;
    if (result == TABLE_NOT_FOUND && s->extension.n > 0)
        result = look_up(s, s->user, at, VIEW_NONE, false);
    return result;
}

/* domain, then its parents as "parent" or ".parent" */
static enum table_result find_domain(struct search *s)
{
    struct view name = s->domain;
    enum table_result result = look_up(s, VIEW_NONE, false, name, false);

    while (result == TABLE_NOT_FOUND && name.p[0] != '[') {
        size_t dot = view_find(view_from(name, 1), '.');
        if (dot == VIEW_NPOS)
            break;
        name = view_from(name, dot + (s->how->parents_match_subdomains ? 2 : 1));
        if (name.n == 0)
            break;
        result = look_up(s, VIEW_NONE, false, name, false);
    }
    return result;
}

/* A name that keeps its "-": owner-list, list-request. */
static bool is_owner_or_request(struct view local)
{
    return view_starts_case(local, VIEW("owner-")) ||
           view_ends_case(local, VIEW("-request"));
}

/* Split s->local at the first delimiter. */
static void split_extension(struct search *s)
{
    const struct conf *c = maps_conf(s->maps);
    struct view delimiters = s->how->delimiters;
    size_t at = view_find_any(s->local, delimiters);

    s->user = s->local;
    s->extension = VIEW_NONE;
    if (delimiters.n == 0 || at == VIEW_NPOS || at == 0 ||
        view_eq_case(s->local, VIEW("mailer-daemon")) ||
        view_eq_case(s->local, conf_view(c, P_double_bounce_sender)))
        return;
    if (s->local.p[at] == '-' && conf_bool(c, P_owner_request_special) &&
        is_owner_or_request(s->local))
        return;
    s->user = view_sub(s->local, 0, at);
    s->extension = view_from(s->local, at);
}

/* All steps in order.  *KEPT: the key still had the extension. */
static enum table_result run(struct search *s, bool *kept)
{
    const struct address_lookup *how = s->how;
    enum table_result result = TABLE_NOT_FOUND;
    bool ours = s->domain.n == 0 || (how->is_local && how->is_local(s->domain, how->arg));

    *kept = false;
    if (how->steps & ADDRESS_FULL)
        result = find_full(s, kept);
    if (result == TABLE_NOT_FOUND && (how->steps & ADDRESS_LOCALPART) && ours &&
        s->domain.n > 0)
        result = find_local(s, false, kept);
    if (result == TABLE_NOT_FOUND && (how->steps & ADDRESS_AT_DOMAIN) && s->domain.n > 0)
        result = look_up(s, VIEW_NONE, true, s->domain, false);
    if (result == TABLE_NOT_FOUND && (how->steps & ADDRESS_DOMAIN) && s->domain.n > 0)
        result = find_domain(s);
    if (result == TABLE_NOT_FOUND && (how->steps & ADDRESS_LOCALPART_AT) && ours)
        result = find_local(s, true, kept);
    return result;
}

enum table_result maps_get_address(struct maps *m, const struct address_lookup *how,
                                   struct view address, struct arena *a,
                                   struct view *value, struct view *extension,
                                   struct error *e)
{
    struct search s = {.maps = m, .how = how, .arena = a, .value = value, .e = e};
    enum table_result result;
    bool kept;

    *value = VIEW_NONE;
    if (extension)
        *extension = VIEW_NONE;
    if (!view_rcut(address, '@', &s.local, &s.domain)) {
        s.local = address;
        s.domain = VIEW_NONE;
    }
    split_extension(&s);
    result = run(&s, &kept);
    if (extension && result == TABLE_FOUND && !kept)
        *extension = s.extension;
    return result;
}
