/* host_list - add, sort, cut, shuffle and balance addresses; see rewrite/hosts.h */
#include "rewrite/hosts.h"

static bool has_address(const struct hosts *t, const struct net_address *a)
{
    for (size_t i = 0; i < t->n; i++) {
        if (net_address_eq(&t->items[i].address, a))
            return true;
    }
    return false;
}

void hosts_add(struct hosts *t, struct arena *a, struct view name,
               const struct net_address *address, uint16_t port, unsigned preference)
{
    if (has_address(t, address))
        return;
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 16;
        struct host *grown = arena_alloc_array(a, cap, sizeof *grown);
        if (t->n > 0)
            memcpy(grown, t->items, t->n * sizeof *grown);
        t->items = grown;
        t->cap = cap;
    }
    struct host *new = &t->items[t->n++];
    *new = (struct host){.name = name, .address = *address, .preference = preference};
    net_address_set_port(&new->address, port);
}

void hosts_sort(struct hosts *t)
{
    for (size_t i = 1; i < t->n; i++) {
        struct host moving = t->items[i];
        size_t at = i;
        for (; at > 0 && t->items[at - 1].preference > moving.preference; at--)
            t->items[at] = t->items[at - 1];
        t->items[at] = moving;
    }
}

enum hosts_self hosts_cut_self(struct hosts *t,
                               bool (*is_own)(const struct net_address *, const void *),
                               const void *arg)
{
    for (size_t i = 0; i < t->n; i++) {
        if (!is_own(&t->items[i].address, arg))
            continue;
        size_t keep = 0;
        while (t->items[keep].preference < t->items[i].preference)
            keep++;
        t->n = keep;
        return keep > 0 ? HOSTS_CUT : HOSTS_ONLY_SELF;
    }
    return HOSTS_NOT_SELF;
}

static void shuffle(struct host *items, size_t n, size_t (*random_below)(size_t))
{
    for (size_t i = n; i > 1; i--) {
        size_t k = random_below(i);
        struct host swap = items[i - 1];
        items[i - 1] = items[k];
        items[k] = swap;
    }
}

static void prefer_family(struct host *items, size_t n, int family)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (net_address_family(&items[i].address) != family)
            continue;
        struct host found = items[i];
        memmove(&items[at + 1], &items[at], (i - at) * sizeof *items);
        items[at++] = found;
    }
}

void hosts_order(struct hosts *t, size_t (*random_below)(size_t), int family)
{
    for (size_t i = 0; i < t->n;) {
        size_t end = i;
        while (end < t->n && t->items[end].preference == t->items[i].preference)
            t->items[end++].is_best = i == 0;
        if (random_below)
            shuffle(t->items + i, end - i, random_below);
        if (family != AF_UNSPEC)
            prefer_family(t->items + i, end - i, family);
        i = end;
    }
}

void hosts_balance(struct hosts *t, size_t limit)
{
    if (limit < 2 || t->n <= limit)
        return;
    int family = net_address_family(&t->items[0].address);
    size_t other = 1;
    while (other < t->n && net_address_family(&t->items[other].address) == family)
        other++;
    if (other < limit || other == t->n)
        return;
    struct host swap = t->items[limit - 1];
    t->items[limit - 1] = t->items[other];
    t->items[other] = swap;
}
