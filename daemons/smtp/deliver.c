/* deliver - one delivery: hosts in order, until every recipient has an outcome
 *
 * smtp(8): a recipient that a host refuses softly is offered to the next one; after
 * the hosts of the next hop (which may name several destinations) come those of
 * smtp_fallback_relay.  When the host tried last was of no use to anybody, qmgr is told
 * that the destination is dead.
 */
#include "deliver.h"

#include "agent/pass.h"
#include "base/log.h"

/* K outlives the delivery: of the plan it keeps what counts after the handshake. */
static void forget_plan(struct connection *k)
{
    struct tls_plan *p = &k->plan;
    p->domain = arena_dup(k->arena, p->domain);
    p->policy.exclude = p->policy.own_exclude = VIEW_NONE;
    p->policy.servername = p->policy.trust_anchors = VIEW_NONE;
    p->policy.match = NULL;
    p->policy.n_match = 0;
    p->has_dane = false;
    p->dane.records.n = 0;
}

/* Greet over K as PLAN asks.  True when the host may be tried once more, in clear. */
static bool greet(struct job *j, struct connection **k, struct tls_plan *plan,
                  struct error *e)
{
    (*k)->queue_id = j->delivery->id.text;
    (*k)->plan = *plan;
    enum hello said = hello_exchange(j, *k, e);
    forget_plan(*k);
    if (said == HELLO_OK)
        return false;
    bool again = said == HELLO_NO_TLS && starttls_may_fall_back(j, *k);
    if (again) {
        log_info("%s: %s", (*k)->queue_id, e->text);
        plan->policy.level = TLS_LEVEL_NONE;
    } else {
        failure_host(j, *k, e);
    }
    connection_quit(*k);
    *k = NULL;
    return again;
}

/* A new connection to T that fits the plan; NULL when this host is of no use. */
static struct connection *meet_anew(struct job *j, const struct host *t,
                                    struct view destination, struct tls_plan *plan,
                                    struct error *e)
{
    struct connection *k;
    do {
        k = connection_open(j->client, t, destination, e);
        if (!k) {
            log_info("%s", e->text);
            failure_host(j, NULL, e);
            return NULL;
        }
        k->identity = arena_dup(k->arena, auth_identity(j, destination));
    } while (greet(j, &k, plan, e));
    return k;
}

/* A connection that greeted us, new or kept; NULL when this host is of no use (the reason
 * is in JOB). */
static struct connection *meet(struct job *j, const struct host *t,
                               struct view destination)
{
    struct error e = ERROR_INIT;
    struct tls_plan *plan = ARENA_NEW(j->delivery->arena, struct tls_plan);
    if (starttls_plan(j->client, destination, t, j->delivery->arena, plan, &e) != OK) {
        failure_host(j, NULL, &e);
        return NULL;
    }
    struct connection *k = cache_take(j->client, VIEW_NONE, auth_identity(j, destination),
                                      &t->address, plan);
    if (!k)
        return meet_anew(j, t, destination, plan, &e);
    connection_name(k, t);
    k->queue_id = j->delivery->id.text;
    return k;
}

/* Offer the delivery over K and let K go. */
static void offer(struct job *j, struct connection *k)
{
    j->host_failed = false;
    j->stale = false;
    j->delivery->connection_done = clock_wall();
    j->delivery->connection_uses = k->uses;
    if (transaction_run(j, k))
        cache_give(k);
    else
        connection_quit(k);
}

/* One host, once more when a kept connection had gone stale.  False when it did not come
 * to a session. */
static bool try_host(struct job *j, const struct host *t, struct view destination)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        struct connection *k = meet(j, t, destination);
        if (!k)
            return false;
        offer(j, k);
        if (!j->stale)
            return true;
    }
    return true;
}

/* Was T tried already, over a kept connection? */
static bool was_kept(const struct job *j, const struct host *t)
{
    return j->is_kept && net_address_eq(&t->address, &j->kept) &&
           net_address_port(&t->address) == net_address_port(&j->kept);
}

/* All hosts of DESTINATION within the limits.  LAST: nothing comes behind them. */
static void try_hosts(struct job *j, struct view destination, const struct hosts *t,
                      bool last)
{
    const struct conf *c = j->client->conf;
    int64_t sessions = conf_int(c, PARAMETER(j->client, mx_session_limit));
    int64_t addresses = conf_int(c, PARAMETER(j->client, mx_address_limit));
    size_t n = addresses > 0 && t->n > (uint64_t)addresses ? (size_t)addresses : t->n;
    for (size_t i = 0; i < n && open_recipients(j) > 0; i++) {
        j->last_target = last && (i + 1 == n || sessions == 1);
        if (was_kept(j, &t->items[i]))
            continue;
        if (try_host(j, &t->items[i], destination) && sessions > 0 && --sessions == 0)
            return;
    }
}

/* A kept connection to this destination saves the look-up too. */
static void try_kept(struct job *j, struct view destination)
{
    j->is_kept = false;
    j->last_target = false;
    struct connection *k =
        cache_take(j->client, destination, auth_identity(j, destination), NULL, NULL);
    if (!k)
        return;
    k->queue_id = j->delivery->id.text;
    j->kept = k->address;
    offer(j, k);
    j->is_kept = !j->stale;
}

/* One destination.  False when the search for recipients' hosts must end here. */
static bool try_destination(struct job *j, struct view destination, bool last)
{
    struct hosts hosts;
    struct error e = ERROR_INIT;
    try_kept(j, destination);
    if (open_recipients(j) == 0)
        return false;
    if (hosts_find(&j->client->search, destination, j->delivery->arena, &hosts,
                   &j->may_loop, &e) == OK) {
        try_hosts(j, destination, &hosts, last);
        return open_recipients(j) > 0;
    }
    if (!last)
        log_info("%s: %s", j->delivery->id.text, e.text);
    failure_host(j, NULL, &e);
    return strcmp(e.status, "5.4.6") != 0; /* other hosts would only make it worse */
}

/* Mail that would come back to us goes to best_mx_transport, if there is one. */
static void pass_on(struct job *j, struct view transport)
{
    struct delivery *d = j->delivery;
    for (size_t i = 0; i < d->n_recipients; i++) {
        if (d->recipients[i].outcome == OUTCOME_NONE)
            delivery_pass(j->client->service, d, &d->recipients[i], transport,
                          VIEW("none"));
    }
}

static void configuration_problem(struct job *j, const char *parameter)
{
    log_warning("%s configuration problem", parameter);
    (void)snprintf(j->last.status, sizeof j->last.status, "4.3.5");
}

/* No address was found at all.  A mistake in our own configuration must not bounce all
 * mail. */
static void weigh_hard_failure(struct job *j)
{
    const struct client *c = j->client;
    struct view best_mx = conf_view(c->conf, P_best_mx_transport);
    if (!j->host_failed || j->last.status[0] != '5' || open_recipients(j) == 0)
        return;
    if (j->in_fallback)
        configuration_problem(j, c->lmtp ? "lmtp_fallback_relay" : "smtp_fallback_relay");
    else if (!c->lmtp && !view_is_empty(j->delivery->nexthop) &&
             view_eq_case(j->delivery->nexthop,
                          view_trim_space(conf_view(c->conf, P_relayhost))))
        configuration_problem(j, "relayhost");
    else if (strcmp(j->last.status, "5.4.6") == 0 && !view_is_empty(best_mx))
        pass_on(j, best_mx);
}

/* The headers that flags=DOR ask for are one recipient's. */
static bool flags_are_usable(struct job *j)
{
    const struct client *c = j->client;
    struct delivery *d = j->delivery;
    struct error e = ERROR_INIT;
    if (d->n_recipients > 1 && c->flags & (FLAG_DELIVERED_TO | FLAG_ORIGINAL_TO)) {
        log_warning("flag `%c' requires %s_destination_recipient_limit = 1",
                    c->flags & FLAG_DELIVERED_TO ? 'D' : 'O', c->service->transport);
        error_set(&e, "4.3.5", "mail system configuration error");
    } else if (c->flags & FLAG_DELIVERED_TO && !delivery_is_probe(d) &&
               delivery_has_loop(d, d->recipients[0].in.address, &e)) {
        /* *e says so */
    } else {
        return true;
    }
    failure_host(j, NULL, &e);
    j->host_failed = false; /* it is not the host's fault */
    return false;
}

static bool map_sender(struct job *j)
{
    struct error e = ERROR_INIT;
    if (generic_map(j->client, j->delivery->arena, j->delivery->envelope.sender,
                    &j->sender, &e) == OK)
        return true;
    failure_host(j, NULL, &e);
    j->host_failed = false;
    return false;
}

static void try_all(struct job *j)
{
    const struct client *c = j->client;
    struct view fallback =
        view_trim_space(conf_view(c->conf, PARAMETER(c, fallback_relay)));
    struct view rest = j->delivery->nexthop, next;
    bool go_on = true;
    while (go_on && view_token(&rest, VIEW(", \t\r\n"), &next))
        go_on = try_destination(
            j, next, view_is_empty(view_trim(rest, VIEW(", \t\r\n"))) && !fallback.n);
    j->in_fallback = go_on && fallback.n > 0;
    while (go_on && view_token(&fallback, VIEW(", \t\r\n"), &next))
        go_on = try_destination(j, next,
                                view_is_empty(view_trim(fallback, VIEW(", \t\r\n"))));
}

void smtp_deliver(struct service *s, struct delivery *d)
{
    struct job *j = ARENA_NEW(d->arena, struct job);
    j->client = s->state;
    j->delivery = d;
    j->failures = arena_alloc_array(d->arena, d->n_recipients + 1, sizeof *j->failures);
    if (flags_are_usable(j) && map_sender(j)) {
        try_all(j);
        failure_pass_on(j);
        weigh_hard_failure(j);
    }
    failure_finish(j);
}
