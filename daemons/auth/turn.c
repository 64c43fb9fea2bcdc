/* turn - a network that guesses does so one after the other
 *
 * A refusal is held back (penalty.c), but who guesses need not wait for it: it hangs up
 * and tries again, or asks on a thousand connections at once.  So no more than
 * auth_client_login_concurrency_limit passwords of a network are checked or held back at
 * a time, whether anybody waits for the answer or not; the next ones wait for their turn.
 */
#include "auth.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "run/fiber.h"

/* Programs that ask give up soon after. */
#define PATIENCE (60 * CLOCK_SECOND)

struct turn {
    struct slots slots;
    unsigned users; /* that have a turn, or wait for one */
    char network[64];
};

static struct hash *networks;

static struct turn *find_or_add(struct view network, unsigned most)
{
    if (networks == NULL)
        networks = hash_new();
    struct turn *t = hash_get(networks, network);
    if (t == NULL) {
        t = NEW(struct turn);
        slots_init(&t->slots, most);
        memcpy(t->network, network.p, network.n);
        (void)hash_put(networks, network, t);
    }
    return t;
}

static void let_go(struct turn *t)
{
    if (--t->users > 0)
        return;
    (void)hash_remove(networks, view_of(t->network));
    memory_free(t);
}

bool turn_take(const struct auth *a, struct view client, struct turn **turn)
{
    char text[64];
    unsigned most = (unsigned)conf_int(a->conf, P_auth_client_login_concurrency_limit);
    *turn = NULL;
    if (most == 0)
        return true;
    struct turn *t = find_or_add(penalty_network(a, client, text), most);
    t->users++;
    if (slots_take(&t->slots, clock_in(PATIENCE)) != WAKE_OK) {
        let_go(t);
        return false;
    }
    *turn = t;
    return true;
}

void turn_end(struct turn *t)
{
    if (t == NULL)
        return;
    slots_give(&t->slots);
    let_go(t);
}

size_t turn_count(void)
{
    return networks ? hash_count(networks) : 0;
}
