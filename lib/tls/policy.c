/* policy - which policy holds for a destination; see policy.h */
#include "tls/policy.h"

#include "base/log.h"
#include "base/memory.h"
#include "tls/policy_private.h"

struct tls_policies {
    struct tls_policy_source source;
    enum tls_level level; /* of main.cf */
    struct maps *policies, *per_site;
};

static const char *const level_names[] = {
    [TLS_LEVEL_NONE] = "none",           [TLS_LEVEL_MAY] = "may",
    [TLS_LEVEL_ENCRYPT] = "encrypt",     [TLS_LEVEL_FINGERPRINT] = "fingerprint",
    [TLS_LEVEL_HALF_DANE] = "half-dane", [TLS_LEVEL_DANE] = "dane",
    [TLS_LEVEL_DANE_ONLY] = "dane-only", [TLS_LEVEL_VERIFY] = "verify",
    [TLS_LEVEL_SECURE] = "secure",
};

bool tls_level_parse(struct view word, enum tls_level *out)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (!view_eq_case(word, view_of(level_names[i])))
            continue;
        *out = (enum tls_level)i;
        return true;
    }
    return false;
}

const char *tls_level_name(enum tls_level level)
{
    return level_names[level];
}

/* The level that main.cf gives when no table does. */
static bool main_level(const struct conf *c, const struct tls_client_role *r,
                       enum tls_level *out, struct error *e)
{
    struct view word = view_trim_space(conf_view(c, r->security_level));
    if (word.n > 0) {
        if (tls_level_parse(word, out) && *out != TLS_LEVEL_HALF_DANE)
            return true;
        error_set(e, "4.3.5", "invalid tls security level: \"%.*s\"", VIEW_FMT(word));
        return false;
    }
    *out = TLS_LEVEL_NONE;
    if (conf_bool(c, r->enforce_tls))
        *out = conf_bool(c, r->enforce_peername) ? TLS_LEVEL_VERIFY : TLS_LEVEL_ENCRYPT;
    else if (conf_bool(c, r->use_tls))
        *out = TLS_LEVEL_MAY;
    return true;
}

static struct tls_policy_source source_of(const struct conf *c, bool lmtp)
{
    return (struct tls_policy_source){.conf = c,
                                      .role = lmtp ? &tls_role_lmtp : &tls_role_smtp,
                                      .client = lmtp ? &tls_client_role_lmtp
                                                     : &tls_client_role_smtp};
}

struct tls_policies *tls_policies_new(const struct conf *c, bool lmtp, struct error *e)
{
    struct tls_policies *t = NEW(struct tls_policies);
    t->source = source_of(c, lmtp);
    t->policies = maps_open(c, conf_view(c, t->source.client->policy_maps), TABLE_FOLD);
    t->per_site = maps_open(c, conf_view(c, t->source.client->per_site), TABLE_FOLD);
    if (main_level(c, t->source.client, &t->level, e))
        return t;
    tls_policies_free(t);
    return NULL;
}

bool tls_policies_want_tls(const struct tls_policies *t)
{
    return t->level > TLS_LEVEL_NONE || !maps_is_empty(t->policies) ||
           !maps_is_empty(t->per_site);
}

void tls_policies_free(struct tls_policies *t)
{
    maps_close(t->per_site);
    maps_close(t->policies);
    memory_free(t);
}

/* NEXTHOP itself; and, for a bare domain, its parents as ".parent". */
static enum table_result find_text(struct tls_policies *t, struct view nexthop,
                                   struct arena *a, struct view *text, struct error *e)
{
    bool is_bare = nexthop.n > 0 && nexthop.p[0] != '[' && !view_has(nexthop, ':');
    struct view key = nexthop;
    for (;;) {
        enum table_result found = maps_get(t->policies, key, a, text, e);
        size_t dot = view_find(view_from(key, 1), '.');
        if (found != TABLE_NOT_FOUND || !is_bare || dot == VIEW_NPOS)
            return found;
        key = view_from(key, dot + 1);
    }
}

static enum result void_policy(struct error *e)
{
    error_set(e, "4.7.5", "client TLS configuration problem");
    return TEMPFAIL;
}

/* A level that asks for fingerprints needs some. */
static enum result complete(bool good, struct view nexthop, const struct tls_policy *p,
                            struct error *e)
{
    if (!good)
        return void_policy(e);
    if (p->level != TLS_LEVEL_FINGERPRINT || p->n_match > 0)
        return OK;
    log_warning("nexthop domain %.*s: configured at fingerprint security level, but with "
                "no fingerprints to match.",
                VIEW_FMT(nexthop));
    return void_policy(e);
}

/* --- smtp_tls_per_site --- */

enum site { SITE_UNKNOWN = -1, SITE_NONE, SITE_MAY, SITE_MUST_NOPEERMATCH, SITE_MUST };

/* Let what the table says of KEY override *SITE where it is stronger, or more specific.
 */
static enum table_result ask_site(struct tls_policies *t, struct view key,
                                  const char *what, struct arena *a, enum site *site,
                                  struct error *e)
{
    struct view text;
    enum table_result found = maps_get(t->per_site, key, a, &text, e);
    if (found != TABLE_FOUND)
        return found;
    if (view_eq_case(text, VIEW("NONE"))) {
        if (*site <= SITE_MAY)
            *site = SITE_NONE;
    } else if (view_eq_case(text, VIEW("MAY"))) {
        if (*site == SITE_UNKNOWN)
            *site = SITE_MAY;
    } else if (view_eq_case(text, VIEW("MUST_NOPEERMATCH"))) {
        if (*site < SITE_MUST_NOPEERMATCH)
            *site = SITE_MUST_NOPEERMATCH;
    } else if (view_eq_case(text, VIEW("MUST"))) {
        *site = SITE_MUST;
    } else {
        log_warning("%.*s: unknown TLS policy '%.*s' for %s %.*s",
                    VIEW_FMT(maps_last(t->per_site)), VIEW_FMT(text), what,
                    VIEW_FMT(key));
        return TABLE_ERROR;
    }
    return TABLE_FOUND;
}

static enum tls_level site_level(const struct tls_policies *t, enum site site)
{
    switch (site) {
    case SITE_NONE:
        return TLS_LEVEL_NONE;
    case SITE_MUST_NOPEERMATCH:
        return TLS_LEVEL_ENCRYPT;
    case SITE_MUST:
        return TLS_LEVEL_VERIFY;
    case SITE_MAY: /* yields to a stronger level of main.cf */
        return t->level > TLS_LEVEL_MAY ? t->level : TLS_LEVEL_MAY;
    case SITE_UNKNOWN:
        break;
    }
    return t->level;
}

static enum result find_site(struct tls_policies *t, struct view nexthop,
                             struct view host, struct arena *a, struct tls_policy *out,
                             struct error *e)
{
    enum site site = SITE_UNKNOWN;
    if (ask_site(t, nexthop, "next-hop destination", a, &site, e) == TABLE_ERROR ||
        (host.n > 0 && !view_eq_case(host, nexthop) &&
         ask_site(t, host, "server hostname", a, &site, e) == TABLE_ERROR))
        return void_policy(e);
    return complete(tls_policy_defaults(&t->source, site_level(t, site), a, out), nexthop,
                    out, e);
}

enum result tls_policy_find(struct tls_policies *t, struct view nexthop, struct view host,
                            struct arena *a, struct tls_policy *out, struct error *e)
{
    struct view text;
    t->source.name = nexthop;
    if (maps_is_empty(t->policies) && !maps_is_empty(t->per_site))
        return find_site(t, nexthop, host, a, out, e);
    switch (maps_is_empty(t->policies) ? TABLE_NOT_FOUND
                                       : find_text(t, nexthop, a, &text, e)) {
    case TABLE_FOUND:
        t->source.name =
            arena_printf(a, "%.*s, entry \"%.*s\"", VIEW_FMT(maps_last(t->policies)),
                         VIEW_FMT(nexthop));
        return complete(tls_policy_text(&t->source, text, a, out), nexthop, out, e);
    case TABLE_ERROR:
        log_warning("TLS policy lookup error for %.*s/%.*s: %s", VIEW_FMT(nexthop),
                    VIEW_FMT(host), e->text);
        error_set(e, "4.7.5", "Temporary lookup error");
        return TEMPFAIL;
    case TABLE_NOT_FOUND:
        break;
    }
    return complete(tls_policy_defaults(&t->source, t->level, a, out), nexthop, out, e);
}

enum result tls_policy_parse(const struct conf *c, bool lmtp, struct view name,
                             struct view text, struct arena *a, struct tls_policy *out,
                             struct error *e)
{
    struct tls_policy_source source = source_of(c, lmtp);
    source.name = name;
    return complete(tls_policy_text(&source, text, a, out), name, out, e);
}

bool tls_policy_accepts(const struct tls_policy *p, const struct tls_facts *f,
                        struct error *e)
{
    if (!tls_policy_must_match(p) || f->peer == TLS_PEER_VERIFIED)
        return true;
    /* Names that come from MX records without DNSSEC prove nothing: half of DANE. */
    if (p->level == TLS_LEVEL_HALF_DANE && f->peer == TLS_PEER_TRUSTED)
        return true;
    error_set(e, "4.7.5", "Server certificate not verified");
    return false;
}
