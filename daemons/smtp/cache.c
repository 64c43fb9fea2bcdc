/* cache - idle connections, for the next message to the same place
 *
 * A connection stays open for smtp_connection_cache_time_limit after a delivery, so that
 * the next one needs no handshake (S086).
 */
#include "client.h"

#include "base/log.h"
#include "run/fiber.h"

#include <errno.h>
#include <sys/socket.h>

/* Is its destination one whose connections are always kept, or do we keep any? */
static bool is_wanted(const struct connection *k)
{
    const struct client *c = k->client;
    struct error e = ERROR_INIT;
    if (conf_bool(c->conf, PARAMETER(c, connection_cache_on_demand)))
        return true;
    return c->always_cached &&
           match_domain(c->always_cached, str_view(&k->destination), &e) == MATCH_YES;
}

/* How long an idle connection is kept: what the client wants, as far as
 * connection_cache_ttl_limit goes. */
static int64_t idle_time(const struct client *c)
{
    int64_t wanted = conf_time(c->conf, PARAMETER(c, connection_cache_time_limit));
    int64_t most = conf_time(c->conf, P_connection_cache_ttl_limit);
    return wanted < most ? wanted : most;
}

/* May this connection serve another delivery? */
static bool is_reusable(const struct connection *k)
{
    const struct client *c = k->client;
    int64_t uses = conf_int(c->conf, PARAMETER(c, connection_reuse_count_limit));
    int64_t age = conf_time(c->conf, PARAMETER(c, connection_reuse_time_limit));
    if (tls_is_on(&k->tls) && !k->plan.policy.reuse)
        return false;
    if (k->broken || idle_time(c) <= 0)
        return false;
    if (c->lmtp && !conf_bool(c->conf, P_lmtp_cache_connection))
        return false;
    if ((uses > 0 && k->uses >= (uint64_t)uses) ||
        (age > 0 && clock_mono() - k->opened > age))
        return false;
    return !c->service->is_retiring && is_wanted(k);
}

/* One fiber closes what has been idle for too long. */
static void idle_fiber(void *arg)
{
    struct client *c = arg;
    while (!list_is_empty(&c->cached)) {
        struct connection *k = LIST_FIRST(struct connection, &c->cached, link);
        int64_t left = k->expires - clock_mono();
        if (left > 0) {
            if (fiber_sleep(left) == WAKE_CANCELLED)
                break;
            continue;
        }
        connection_quit(k);
    }
    c->idle_fiber_runs = false;
}

void cache_give(struct connection *k)
{
    struct client *c = k->client;
    k->uses++;
    k->queue_id = "NOQUEUE";
    if (!is_reusable(k)) {
        connection_quit(k);
        return;
    }
    k->expires = clock_in(idle_time(c));
    list_append(&c->cached, &k->link);
    if (!c->idle_fiber_runs) {
        c->idle_fiber_runs = true;
        (void)fiber_spawn("idle connections", idle_fiber, c);
    }
}

/* A peer that said something, or hung up, while nobody listened is of no use. */
static bool is_quiet(const struct connection *k)
{
    char byte;
    ssize_t n = recv(stream_fd(k->stream), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) &&
           stream_pending(k->stream) == 0;
}

static bool is_for(const struct connection *k, struct view destination,
                   const struct net_address *address)
{
    if (!address)
        return view_eq_case(str_view(&k->destination), destination);
    return net_address_eq(&k->address, address) &&
           net_address_port(&k->address) == net_address_port(address);
}

struct connection *cache_take(struct client *c, struct view destination,
                              struct view identity, const struct net_address *address,
                              const struct tls_plan *plan)
{
    LIST_FOR_EACH_SAFE (struct connection, k, &c->cached, link) {
        if (!is_for(k, destination, address) || !view_eq(k->identity, identity) ||
            (plan &&
             !starttls_may_reuse(k, plan, view_eq_case(k->plan.domain, plan->domain))))
            continue;
        list_remove(&k->link);
        if (is_quiet(k)) {
            k->reused = true;
            k->replies = 0;
            return k;
        }
        k->broken = true;
        connection_quit(k);
    }
    return NULL;
}

void cache_empty(struct client *c)
{
    LIST_FOR_EACH_SAFE (struct connection, k, &c->cached, link)
        connection_quit(k);
    fiber_yield();
}
