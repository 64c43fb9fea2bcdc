/* starttls - encryption of a connection: the policy, DANE, the command, the handshake
 *
 * RFC 3207, RFC 7672; TLS_README "Client TLS security levels".  A server that must be
 * encrypted and is not, or that cannot prove what it must, gets no mail: the next host
 * is tried, and in the end mail waits.
 */
#include "client.h"

#include "base/log.h"
#include "tls/dane.h"

/* --- the policy --- */

/* The domain of DESTINATION, for names in certificates. */
static struct view domain_of(const struct client *c, struct view destination)
{
    struct net_endpoint to;
    if (!net_endpoint_parse(destination, &to) || to.unix_path)
        return conf_view(c->conf, P_myhostname);
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
static bool weigh_insecure_mx(const struct client *c, struct tls_plan *p)
{
    struct view word =
        view_trim_space(conf_view(c->conf, P_smtp_tls_dane_insecure_mx_policy));
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
static enum tls_dane_status find_records(const struct client *c, const struct host *t,
                                         struct tls_plan *p, struct arena *a,
                                         struct error *e)
{
    uint16_t port = net_address_port(&t->address);
    enum tls_dane_status found = TLS_DANE_NONE;
    if (t->canonical.n > 0 && !view_eq_case(t->canonical, t->name))
        found = tls_dane_find(c->conf, t->canonical, port, a, &p->dane, e);
    if (found == TLS_DANE_NONE)
        found = tls_dane_find(c->conf, t->name, port, a, &p->dane, e);
    return found;
}

static enum result plan_dane(const struct client *c, const struct host *t,
                             struct tls_plan *p, struct arena *a, struct error *e)
{
    bool force = conf_bool(c->conf, PARAMETER(c, tls_force_insecure_host_tlsa_lookup));
    if (!view_eq_case(conf_view(c->conf, PARAMETER(c, dns_support_level)),
                      VIEW("dnssec")))
        return no_dane(p, "dane configured with dnssec lookups disabled", e);
    if (!t->is_secure && !force)
        return no_dane(p, "non DNSSEC destination", e);
    if (t->by_mx && !t->mx_is_secure && p->policy.level == TLS_LEVEL_DANE_ONLY)
        return no_dane(p, "non DNSSEC destination", e);
    enum tls_dane_status found = find_records(c, t, p, a, e);
    if (found == TLS_DANE_TEMPFAIL)
        return TEMPFAIL;
    if (found == TLS_DANE_NONE)
        return no_dane(p, "no TLSA records found", e);
    if (t->by_mx && !t->mx_is_secure && !weigh_insecure_mx(c, p))
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

enum result starttls_plan(struct client *c, struct view destination, const struct host *t,
                          struct arena *a, struct tls_plan *p, struct error *e)
{
    bool is_unix = net_address_family(&t->address) == AF_UNIX;
    struct view key = destination;
    *p = (struct tls_plan){.domain = domain_of(c, destination)};
    if (!c->tls_policies)
        return OK;
    if (view_starts(key, VIEW("inet:")) || view_starts(key, VIEW("unix:")))
        key = view_from(key, 5);
    if (tls_policy_find(c->tls_policies, key, t->name, a, &p->policy, e) != OK)
        return TEMPFAIL;
    if (is_unix && p->policy.level == TLS_LEVEL_MAY) {
        log_warning("%.*s: opportunistic TLS encryption is not appropriate for "
                    "unix-domain destinations.",
                    VIEW_FMT(destination));
        p->policy.level = TLS_LEVEL_NONE;
    }
    if (!tls_policy_by_dane(&p->policy))
        return OK;
    if (is_unix) {
        log_warning("%.*s: the \"dane\" security level is invalid for delivery via "
                    "unix-domain sockets",
                    VIEW_FMT(destination));
        error_set(e, "4.7.5", "client TLS configuration problem");
        return TEMPFAIL;
    }
    return plan_dane(c, t, p, a, e);
}

bool starttls_may_reuse(const struct connection *k, const struct tls_plan *p,
                        bool same_destination)
{
    switch (p->policy.level) {
    case TLS_LEVEL_NONE:
        return !tls_is_on(&k->tls);
    case TLS_LEVEL_MAY:
        return true;
    case TLS_LEVEL_ENCRYPT:
        return tls_is_on(&k->tls);
    case TLS_LEVEL_FINGERPRINT:
    case TLS_LEVEL_HALF_DANE:
    case TLS_LEVEL_DANE:
    case TLS_LEVEL_DANE_ONLY:
    case TLS_LEVEL_VERIFY:
    case TLS_LEVEL_SECURE:
        break;
    }
    /* What it has proven, it has proven to this destination. */
    return tls_is_on(&k->tls) && same_destination;
}

/* --- the handshake --- */

static bool is_required(const struct connection *k)
{
    return tls_policy_is_mandatory(&k->plan.policy);
}

static int64_t timeout(const struct client *c)
{
    return conf_time(c->conf, PARAMETER(c, starttls_timeout));
}

static enum hello handshake(struct connection *k, struct error *e)
{
    struct client *c = k->client;
    const struct tls_connect how = {
        .peer = k->relay,
        .host = k->name,
        .nexthop = k->plan.domain,
        .helo = k->features.name,
        .policy = &k->plan.policy,
        .dane = k->plan.has_dane ? &k->plan.dane : NULL,
        .loglevel = tls_loglevel(c->conf, c->lmtp ? &tls_role_lmtp : &tls_role_smtp,
                                 c->tls_loglevels, k->plan.domain, k->name)};
    stream_drop_input(k->stream); /* what was said in clear before counts for nothing */
    stream_set_timeout(k->stream, timeout(c));
    stream_set_deadline(k->stream, CLOCK_NEVER);
    if (!tls_connect(c->tls, k->stream, &how, k->arena, &k->tls)) {
        k->tls = (struct tls_facts){.asked = false};
        k->broken = true;
        error_set(e, "4.7.5", "Cannot start TLS: handshake failure");
        return HELLO_NO_TLS;
    }
    k->features = (struct ehlo_reply){.keywords = 0};
    if (tls_policy_accepts(&k->plan.policy, &k->tls, e))
        return HELLO_OK;
    tls_forget_session(k->stream);
    return HELLO_REFUSED;
}

enum hello starttls_wrap(struct connection *k, struct error *e)
{
    if (!is_required(k)) {
        log_warning("%s requires \"%s = encrypt\" (or stronger)",
                    k->client->lmtp ? "lmtp_tls_wrappermode" : "smtp_tls_wrappermode",
                    k->client->lmtp ? "lmtp_tls_security_level"
                                    : "smtp_tls_security_level");
        error_set(e, "4.7.5", "client TLS configuration problem");
        return HELLO_REFUSED;
    }
    if (k->client->tls)
        return handshake(k, e);
    error_set(e, "4.7.5", "TLS is required, but our TLS engine is unavailable");
    return HELLO_REFUSED;
}

/* The server said no to STARTTLS. */
static enum hello refused(struct connection *k, struct error *e)
{
    struct str said = STR_INIT(SMTP_REPLY_TEXT_MAX);
    k->features.keywords &= ~(unsigned)EHLO_STARTTLS;
    if (!is_required(k))
        return HELLO_OK; /* in clear, then */
    (void)smtp_reply_join(str_view(&k->reply.text), &said);
    error_set(e, "4.7.4", "TLS is required, but host %.*s refused to start TLS: %s",
              VIEW_FMT(k->display), str_cstr(&said));
    str_done(&said);
    return HELLO_REFUSED;
}

/* Why there will be no TLS with this server. */
static enum hello without(struct connection *k, bool is_offered, struct error *e)
{
    struct client *c = k->client;
    if (k->plan.policy.level == TLS_LEVEL_NONE) {
        if (is_offered && conf_bool(c->conf, PARAMETER(c, tls_note_starttls_offer)))
            log_info("Host offered STARTTLS: [%.*s]", VIEW_FMT(k->name));
        return HELLO_OK;
    }
    if (!is_required(k))
        return HELLO_OK;
    if (is_offered)
        error_set(e, "4.7.5", "TLS is required, but our TLS engine is unavailable");
    else
        error_set(e, "4.7.4", "TLS is required, but was not offered by host %.*s",
                  VIEW_FMT(k->display));
    return HELLO_REFUSED;
}

enum hello starttls_run(struct connection *k, struct error *e)
{
    bool is_offered = (k->features.keywords & EHLO_STARTTLS) != 0;
    if (tls_is_on(&k->tls))
        return HELLO_OK;
    if (!is_offered || k->plan.policy.level == TLS_LEVEL_NONE || !k->client->tls)
        return without(k, is_offered, e);
    connection_send(k, "STARTTLS");
    if (!connection_read(k, timeout(k->client), "receiving the STARTTLS response", e))
        return HELLO_LOST;
    if (smtp_reply_class(&k->reply) != 2)
        return refused(k, e);
    return handshake(k, e);
}

bool starttls_may_fall_back(const struct job *j, const struct connection *k)
{
    /* A broken handshake may be an accident, or somebody's work: at first mail waits. */
    int64_t age = clock_wall() - j->delivery->arrival;
    return k->plan.policy.level == TLS_LEVEL_MAY &&
           age >= conf_time(j->client->conf, P_minimal_backoff_time);
}
