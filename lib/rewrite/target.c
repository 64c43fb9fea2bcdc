/* target - strip what is ours off an address until its destination shows
 *
 * user%other@ours, other!user@ours and "user@other"@ours all go to other, so that nobody
 * relays through quotes; source: trivial-rewrite(8) "resolve", postconf(5)
 * resolve_dequoted_address, resolve_null_domain, resolve_numeric_domain.
 */
#include "rewrite/rewrite_private.h"

#include "base/log.h"
#include "format/address.h"

/* Each turn takes at least a byte off the address; this is for what we did not think of.
 */
#define EXTRA_TURNS 100

struct parts {
    struct view local, domain;
    bool has_domain;
};

static struct parts parts_of(struct view address)
{
    struct parts p;
    p.has_domain = address_split(address, &p.local, &p.domain);
    return p;
}

static void drop_last_dot(struct parts *p)
{
    size_t n = p->domain.n;
    if (n >= 2 && p->domain.p[n - 1] == '.' && p->domain.p[n - 2] != '.')
        p->domain.n--;
}

/* LOCAL, which carries no domain, hides a destination: *NEXT is the address with it. */
static bool find_hidden(const struct rewrite *r, struct view local, struct arena *a,
                        struct view *next)
{
    bool plain = rewrite_is_plain(local);
    struct view head, tail;
    if (!plain && !r->dequote)
        return false;
    if (view_has(local, '@')) {
        *next = rewrite_address(r, REWRITE_LOCAL, local, a);
        return true;
    }
    if (r->swap_bangpath && plain && view_cut(local, '!', &head, &tail))
        *next = rewrite_join(a, tail, VIEW("@"), head);
    else if (r->percent_hack && view_rcut(local, '%', &head, &tail))
        *next = rewrite_join(a, head, VIEW("@"), tail);
    else if (r->swap_bangpath && view_cut(local, '!', &head, &tail))
        *next = rewrite_join(a, tail, VIEW("@"), head);
    else
        return false;
    *next = rewrite_address(r, REWRITE_LOCAL, *next, a);
    return true;
}

/* May the domain of OUT stand in an envelope?  A bare network address becomes a
 * literal where the configuration says so. */
static enum result check_domain(struct rewrite *r, struct arena *a, struct target *out,
                                struct error *e)
{
    struct view local;
    if (!r->allow_minus && view_starts(out->recipient, VIEW("-")))
        out->is_invalid = true;
    if (!view_is_empty(out->domain) && out->domain.p[0] == '[') {
        if (!host_literal_is_valid(out->domain, NULL))
            out->is_invalid = true;
        return OK;
    }
    if (r->utf8 && !view_is_utf8(out->recipient)) {
        out->is_invalid = true;
        return OK;
    }
    if (r->utf8 ? hostname_is_valid_utf8(out->domain) : hostname_is_valid(out->domain))
        return OK;
    if (!r->numeric_domain ||
        (!ipv4_is_valid(out->domain) && !ipv6_is_valid(out->domain))) {
        out->is_invalid = true;
        return OK;
    }
    struct view tag = ipv6_is_valid(out->domain) ? VIEW("@[IPv6:") : VIEW("@[");
    address_split(out->recipient, &local, &out->domain);
    out->recipient = rewrite_join(a, local, tag, out->domain);
    out->recipient = rewrite_join(a, out->recipient, VIEW("]"), VIEW_NONE);
    address_split(out->recipient, &local, &out->domain);
    enum match_result is_ours = rewrite_is_local_domain(r, out->domain, e);
    out->is_local = is_ours == MATCH_YES;
    return is_ours == MATCH_ERROR ? TEMPFAIL : OK;
}

enum result target_find(struct rewrite *r, struct view address, struct arena *a,
                        struct target *out, struct error *e)
{
    struct parts p = parts_of(address);
    struct view ours = r->myhostname, next;
    *out = (struct target){.is_local = true};
    for (size_t turns = 0;; turns++) {
        if (turns > address.n + EXTRA_TURNS) {
            log_warning("resolve_addr: <%.*s>: giving up after %zu iterations",
                        VIEW_FMT(address), turns);
            error_set(e, "4.3.0", "address resolver failure");
            return TEMPFAIL;
        }
        drop_last_dot(&p);
        if (p.has_domain && r->null_domain && view_is_empty(p.domain))
            p.has_domain = false;
        if (p.has_domain && !view_is_empty(p.domain)) {
            enum match_result is_ours = rewrite_is_local_domain(r, p.domain, e);
            if (is_ours == MATCH_ERROR)
                return TEMPFAIL;
            if (is_ours == MATCH_NO) {
                out->is_local = false;
                ours = p.domain;
                break;
            }
        }
        if (p.has_domain)
            ours = p.domain;
        if (find_hidden(r, p.local, a, &next))
            p = parts_of(next);
        else if (view_is_empty(p.local))
            p = parts_of(r->empty_recipient);
        else
            break;
    }
    out->recipient = rewrite_join(a, p.local, VIEW("@"), ours);
    out->domain = view_from(out->recipient, p.local.n + 1);
    return check_domain(r, a, out, e);
}
