/* starttls - encryption of a connection: the plan, the command, the handshake
 *
 * RFC 3207, RFC 7672; TLS_README "Client TLS security levels".  A server that must be
 * encrypted and is not, or that cannot prove what it must, gets no mail: the next host
 * is tried, and in the end mail waits.
 */
#include "client.h"

#include "base/log.h"

enum result starttls_plan(struct client *c, struct view destination, const struct host *t,
                          struct arena *a, struct tls_plan *p, struct error *e)
{
    struct tls_target target = {.destination = destination,
                                .name = t->name,
                                .canonical = t->canonical,
                                .port = net_address_port(&t->address),
                                .is_unix = net_address_family(&t->address) == AF_UNIX,
                                .is_secure = t->is_secure,
                                .by_mx = t->by_mx,
                                .mx_is_secure = t->mx_is_secure};
    return tls_plan_make(c->conf, c->lmtp, c->tls_policies, &target, a, p, e);
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
