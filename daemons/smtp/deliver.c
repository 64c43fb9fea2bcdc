/* deliver - one delivery: hosts in order, until every recipient has an outcome
 *
 * smtp(8): a recipient that a host refuses softly is offered to the next one;
 * after the hosts of the next hop come those of smtp_fallback_relay.  When not
 * one host could be talked to, qmgr is told that the destination is dead.
 */
#include "deliver.h"

#include "base/log.h"
#include "base/memory.h"

/* A connection that greeted us, new or kept; NULL when this host is of no use (the reason
 * is in JOB). */
static struct connection *meet(struct job *j, const struct host *t,
                               struct view destination)
{
    struct error e = ERROR_INIT;
    struct connection *k = connection_take(j->client, VIEW_NONE, &t->address);
    if (k)
        return k;
    k = connection_open(j->client, t, destination, &e);
    if (!k) {
        log_info("%s", e.text);
        j->last = (struct soft_failure){.set = true, .error = e, .relay = VIEW("none")};
        return NULL;
    }
    enum hello hello = hello_exchange(j, k, &e);
    if (hello == HELLO_OK)
        return k;
    struct view relay = arena_dup(j->delivery->arena, k->relay);
    bool hard = hello == HELLO_REFUSED && error_result(&e) == PERMFAIL;
    bool skip = conf_bool(j->client->conf, PARAMETER(j->client, skip_5xx_greeting));
    if (hello == HELLO_REFUSED && hard && (!skip || strcmp(e.status, "5.4.6") == 0)) {
        failure_all(j, k, &e);
    } else {
        if (hard) /* another host may do better: not final */
            e.status[0] = '4';
        log_info("%s: %s", j->delivery->id.text, e.text);
        j->last = (struct soft_failure){.set = true, .error = e, .relay = relay};
    }
    connection_drop(k);
    return NULL;
}

/* Offer the delivery over K and let K go. */
static void offer(struct job *j, struct connection *k)
{
    j->any_session = true;
    j->delivery->connection_done = clock_wall();
    if (transaction_run(j, k))
        connection_release(j->client, k);
    else
        connection_drop(k);
}

/* One host, once more when a kept connection had gone stale. */
static bool try_host(struct job *j, const struct host *t, struct view destination)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        struct connection *k = meet(j, t, destination);
        if (!k)
            return false;
        j->stale = false;
        offer(j, k);
        if (!j->stale)
            return true;
    }
    return true;
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
        if (try_host(j, &t->items[i], destination) && sessions > 0 && --sessions == 0)
            return;
    }
}

/* A kept connection to this next hop saves the look-up too. */
static void try_kept(struct job *j, struct view destination)
{
    struct connection *k = connection_take(j->client, destination, NULL);
    if (!k)
        return;
    j->last_target = false;
    offer(j, k);
}

/* One destination: the next hop, or a fallback relay. */
static void try_destination(struct job *j, struct view destination, bool last)
{
    struct hosts hosts;
    struct error e = ERROR_INIT;
    try_kept(j, destination);
    if (open_recipients(j) == 0)
        return;
    j->last_target = last;
    if (hosts_find(&j->client->search, destination, j->delivery->arena, &hosts, &e) ==
        OK) {
        try_hosts(j, destination, &hosts, last);
        return;
    }
    if (!last && strcmp(e.status, "5.4.6") != 0) {
        log_info("%s: %s", j->delivery->id.text, e.text);
        j->last = (struct soft_failure){.set = true, .error = e, .relay = VIEW("none")};
        return;
    }
    failure_all(j, NULL, &e);
}

/* Tell qmgr when nobody could be reached at all. */
static void note_dead_destination(struct job *j)
{
    struct delivery *d = j->delivery;
    if (j->any_session || !j->last.set || open_recipients(j) == 0)
        return;
    d->destination_dead = true;
    (void)snprintf(d->dead_status, sizeof d->dead_status, "%s", j->last.error.status);
    d->dead_text = arena_dup(d->arena, view_of(j->last.error.text));
}

static bool map_sender(struct job *j)
{
    struct error e = ERROR_INIT;
    if (generic_map(j->client, j->delivery->arena, j->delivery->envelope.sender,
                    &j->sender, &e) == OK)
        return true;
    j->last_target = true;
    failure_all(j, NULL, &e);
    return false;
}

void smtp_deliver(struct service *s, struct delivery *d)
{
    struct client *c = s->state;
    struct job *j = ARENA_NEW(d->arena, struct job);
    j->client = c;
    j->delivery = d;
    j->doing = "connecting";
    j->failures = arena_alloc_array(d->arena, d->n_recipients + 1, sizeof *j->failures);
    if (!map_sender(j))
        return;
    struct view fallback =
        c->lmtp ? VIEW_NONE : view_trim_space(conf_view(c->conf, P_smtp_fallback_relay));
    struct view next, rest = fallback;
    try_destination(j, d->nexthop, view_is_empty(fallback));
    while (open_recipients(j) > 0 && view_token(&rest, VIEW(", \t\r\n"), &next))
        try_destination(j, next, view_is_empty(view_trim_space(rest)));
    note_dead_destination(j);
    failure_finish(j);
}
