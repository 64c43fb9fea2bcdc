/* form - the standard form of addresses: user@fully.qualified.domain
 *
 * Source: trivial-rewrite(8), ADDRESS_REWRITING_README "Rewrite addresses to standard
 * form". Works on the internal form: what a header would have to quote holds no
 * operators.
 */
#include "rewrite/rewrite_private.h"

#include "format/address.h"

bool rewrite_is_plain(struct view local)
{
    if (view_is_empty(local) || local.p[local.n - 1] == '.')
        return false;
    bool after_dot = true;
    for (size_t i = 0; i < local.n; i++) {
        unsigned char c = (unsigned char)local.p[i];
        if (c <= ' ' || c == 0x7f || strchr("()<>@,;:\\\"[]", c) ||
            (c == '.' && after_dot))
            return false;
        after_dot = c == '.';
    }
    return true;
}

struct view rewrite_join(struct arena *a, struct view head, struct view between,
                         struct view tail)
{
    char *p = arena_alloc(a, head.n + between.n + tail.n + 1);
    if (head.n)
        memcpy(p, head.p, head.n);
    if (between.n)
        memcpy(p + head.n, between.p, between.n);
    if (tail.n)
        memcpy(p + head.n + between.n, tail.p, tail.n);
    return (struct view){p, head.n + between.n + tail.n};
}

/* "@a,@b:user@c" to "user@c" (RFC 5321 appendix C). */
static struct view without_route(struct view address)
{
    size_t colon = view_find(address, ':'), bracket = view_find(address, '[');
    bool is_route = address.n > 1 && address.p[0] == '@' && colon != VIEW_NPOS &&
                    colon + 1 < address.n && bracket > colon;
    return is_route ? view_from(address, colon + 1) : address;
}

/* An address without "@" gets one: host!user, user%host, or our origin. */
static struct view with_domain(const struct rewrite *r, struct view local,
                               struct view origin, struct arena *a)
{
    struct view head, tail;
    if (rewrite_is_plain(local)) {
        if (r->swap_bangpath && view_cut(local, '!', &head, &tail))
            return rewrite_join(a, tail, VIEW("@"), head);
        if (r->percent_hack && view_rcut(local, '%', &head, &tail))
            return rewrite_join(a, head, VIEW("@"), tail);
    }
    if (r->append_origin && !view_is_empty(origin))
        return rewrite_join(a, local, VIEW("@"), origin);
    return local;
}

/* Without the dot at the end of its domain; "..", "@." and a lone part stay. */
static struct view without_last_dot(struct view address)
{
    if (address.n < 2 || address.p[address.n - 1] != '.')
        return address;
    char before = address.p[address.n - 2];
    return before == '.' || before == '@' ? address : view_sub(address, 0, address.n - 1);
}

struct view rewrite_address(const struct rewrite *r, enum rewrite_context context,
                            struct view address, struct arena *a)
{
    if (context == REWRITE_NONE || view_is_empty(address))
        return address;
    if (context == REWRITE_REMOTE && view_is_empty(r->remote_domain))
        return address;
    bool is_remote = context == REWRITE_REMOTE;
    struct view local, domain;
    address = without_route(address);
    if (!view_has(address, '@'))
        address = with_domain(r, address, is_remote ? r->remote_domain : r->myorigin, a);
    if (!address_split(address, &local, &domain))
        return address;
    struct view ours = is_remote ? r->remote_domain : r->mydomain;
    if (r->append_domain && !view_is_empty(ours) && !view_is_empty(domain) &&
        domain.p[0] != '[' && !view_has(domain, '.'))
        return rewrite_join(a, address, VIEW("."), ours);
    return without_last_dot(address);
}
