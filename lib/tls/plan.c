/* plan - what policy and DANE together ask of a connection; see plan.h
 *
 * RFC 7672; TLS_README "Client TLS security levels".
 */
#include "tls/plan.h"

#include "base/log.h"
#include "net/address.h"

/* One parameter under its two names: smtp_x, or lmtp_x for the role of LMTP. */
#define PARAMETER(lmtp, name) ((lmtp) ? P_lmtp_##name : P_smtp_##name)

/* The domain of DESTINATION, for names in certificates. */
static struct view domain_of(const struct conf *c, struct view destination)
{
    struct net_endpoint to;
    if (!net_endpoint_parse(destination, &to) || to.unix_path)
        return conf_view(c, P_myhostname);
    return to.host;
}

/* DANE cannot be had for this host: REASON. */
static enum result no_dane(struct tls_plan *p, const char *reason, struct error *e)
{
    bool is_needed = p->policy.level == TLS_LEVEL_DANE_ONLY;
    log_debug("%s TLS level: %s", tls_level_name(p->policy.level), reason);
    if (is_needed)
        error_set(e, "4.7.5", "%s", reason);
    p->policy.level = TLS_LEVEL_MAY;
    return is_needed ? TEMPFAIL : OK;
}

/* MX records that DNSSEC does not vouch for (smtp_tls_dane_insecure_mx_policy).  True
 * when TLSA records are still to be asked for. */
static bool weigh_insecure_mx(const struct conf *c, struct tls_plan *p)
{
    struct view word = view_trim_space(conf_view(c, P_smtp_tls_dane_insecure_mx_policy));
    if (p->policy.level == TLS_LEVEL_DANE_ONLY)
        return true;
    if (view_eq_case(word, VIEW("dane")))
        p->policy.level = TLS_LEVEL_HALF_DANE;
    else
        p->policy.level =
            view_eq_case(word, VIEW("encrypt")) ? TLS_LEVEL_ENCRYPT : TLS_LEVEL_MAY;
    return p->policy.level != TLS_LEVEL_MAY;
}

/* The records of the host's final name, else of the name that we know it by. */
static enum tls_dane_status find_records(const struct conf *c, const struct tls_target *t,
                                         struct tls_plan *p, struct arena *a,
                                         struct error *e)
{
    enum tls_dane_status found = TLS_DANE_NONE;
    if (t->canonical.n > 0 && !view_eq_case(t->canonical, t->name))
        found = tls_dane_find(c, t->canonical, t->port, a, &p->dane, e);
    if (found == TLS_DANE_NONE)
        found = tls_dane_find(c, t->name, t->port, a, &p->dane, e);
    return found;
}

static enum result plan_dane(const struct conf *c, bool lmtp, const struct tls_target *t,
                             struct tls_plan *p, struct arena *a, struct error *e)
{
    bool force = conf_bool(c, PARAMETER(lmtp, tls_force_insecure_host_tlsa_lookup));
    bool is_insecure_mx = t->by_mx && !t->mx_is_secure;
    if (!view_eq_case(conf_view(c, PARAMETER(lmtp, dns_support_level)), VIEW("dnssec")))
        return no_dane(p, "dane configured with dnssec lookups disabled", e);
    if (!t->is_secure && !force)
        return no_dane(p, "non DNSSEC destination", e);
    if (is_insecure_mx && p->policy.level == TLS_LEVEL_DANE_ONLY)
        return no_dane(p, "non DNSSEC destination", e);
    enum tls_dane_status found = find_records(c, t, p, a, e);
    if (found == TLS_DANE_TEMPFAIL)
        return TEMPFAIL;
    if (found == TLS_DANE_NONE)
        return no_dane(p, "no TLSA records found", e);
    if (is_insecure_mx && !weigh_insecure_mx(c, p))
        return OK;
    if (found == TLS_DANE_FOUND && tls_policy_by_dane(&p->policy)) {
        p->has_dane = true;
        return OK;
    }
    if (p->policy.level == TLS_LEVEL_DANE_ONLY)
        return no_dane(p, "TLSA records unusable", e);
    p->policy.level = TLS_LEVEL_ENCRYPT;
    return OK;
}

enum result tls_plan_make(const struct conf *c, bool lmtp, struct tls_policies *policies,
                          const struct tls_target *t, struct arena *a, struct tls_plan *p,
                          struct error *e)
{
    struct view key = t->destination;
    *p = (struct tls_plan){.domain = domain_of(c, t->destination)};
    if (!policies)
        return OK;
    if (view_starts(key, VIEW("inet:")) || view_starts(key, VIEW("unix:")))
        key = view_from(key, 5);
    if (tls_policy_find(policies, key, t->name, a, &p->policy, e) != OK)
        return TEMPFAIL;
    if (t->is_unix && p->policy.level == TLS_LEVEL_MAY) {
        log_warning("%.*s: opportunistic TLS encryption is not appropriate for "
                    "unix-domain destinations.",
                    VIEW_FMT(t->destination));
        p->policy.level = TLS_LEVEL_NONE;
    }
    if (!tls_policy_by_dane(&p->policy))
        return OK;
    if (t->is_unix) {
        log_warning("%.*s: the \"dane\" security level is invalid for delivery via "
                    "unix-domain sockets",
                    VIEW_FMT(t->destination));
        error_set(e, "4.7.5", "client TLS configuration problem");
        return TEMPFAIL;
    }
    return plan_dane(c, lmtp, t, p, a, e);
}
