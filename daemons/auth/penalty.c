/* penalty - each failure of a network makes the answer to its next one slower
 *
 * Counted by the client's network, so that a herd of addresses in one of them counts as
 * one.  A success forgives; time forgets.  Only failures are held back: who knows the
 * password never waits.
 */
#include "auth.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"

#include <arpa/inet.h>

enum { NETWORKS_MAX = 100000, SHIFT_MAX = 10 };

struct network {
    unsigned failures;
    int64_t last;
};

static struct hash *networks;

struct view penalty_network(const struct auth *a, struct view client, char out[64])
{
    unsigned char raw[16] = {0};
    char text[64] = "";
    memcpy(text, client.p ? client.p : "", client.n < sizeof text ? client.n : 0);
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(family, text, raw) != 1)
        return VIEW("unknown");
    size_t bits =
        (size_t)conf_int(a->conf, family == AF_INET6 ? P_auth_client_ipv6_prefix_length
                                                     : P_auth_client_ipv4_prefix_length);
    size_t size = family == AF_INET6 ? 16 : 4;
    for (size_t i = 0; i < size * 8; i++)
        if (i >= bits)
            raw[i / 8] &= (unsigned char)~(0x80 >> i % 8);
    return inet_ntop(family, raw, out, 64) ? view_of(out) : VIEW("unknown");
}

static void forget_old(int64_t forgotten_before)
{
    struct view key;
    void *value;
    size_t position = 0;
    while (hash_next(networks, &position, &key, &value))
        if (((struct network *)value)->last < forgotten_before)
            memory_free(hash_remove(networks, key));
}

/* The record of CLIENT's network that is not too old, or NULL. */
static struct network *find(const struct auth *a, struct view client)
{
    char text[64];
    int64_t memory = conf_time(a->conf, P_auth_failure_memory);
    if (networks == NULL)
        return NULL;
    struct network *n = hash_get(networks, penalty_network(a, client, text));
    return n != NULL && n->last + memory > clock_mono() ? n : NULL;
}

int64_t penalty_of(const struct auth *a, struct view client)
{
    int64_t delay = conf_time(a->conf, P_auth_failure_delay);
    int64_t most = conf_time(a->conf, P_auth_failure_delay_limit);
    const struct network *n = find(a, client);
    unsigned doublings = n == NULL                 ? 0
                         : n->failures < SHIFT_MAX ? n->failures
                                                   : SHIFT_MAX;
    delay <<= doublings;
    return delay < most ? delay : most;
}

void penalty_add(const struct auth *a, struct view client)
{
    char text[64];
    if (networks == NULL)
        networks = hash_new();
    if (hash_count(networks) >= NETWORKS_MAX)
        forget_old(clock_mono() - conf_time(a->conf, P_auth_failure_memory));
    struct network *n = find(a, client);
    if (n == NULL && hash_count(networks) < NETWORKS_MAX) {
        n = NEW(struct network);
        memory_free(hash_put(networks, penalty_network(a, client, text), n));
    }
    if (n == NULL)
        return; /* full of fresh ones: an attack from everywhere is not told apart */
    n->failures++;
    n->last = clock_mono();
}

void penalty_clear(const struct auth *a, struct view client)
{
    char text[64];
    if (networks != NULL)
        memory_free(hash_remove(networks, penalty_network(a, client, text)));
}

size_t penalty_count(void)
{
    return networks ? hash_count(networks) : 0;
}
