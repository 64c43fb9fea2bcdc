/* targets - addresses to try, and the order among them
 *
 * Pure: no look-up, no clock; chance comes from the caller.  RFC 5321 5.1, smtp(8).
 */
#ifndef SMTP_TARGETS_H
#define SMTP_TARGETS_H

#include "base/arena.h"
#include "net/address.h"

/* One address to try. */
struct target {
    struct view name; /* host name, or the literal */
    struct net_address address;
    unsigned preference;
    bool is_best; /* shares the best preference: a greeting with our name is a loop */
};
struct targets {
    struct target *items;
    size_t n, cap;
};

/* Add ADDRESS at PORT unless it is there already: a dead host is not tried twice under
 * two names. */
void targets_add(struct targets *t, struct arena *a, struct view name,
                 const struct net_address *address, uint16_t port, unsigned preference);
/* By preference, equals in the order in which they came. */
void targets_sort(struct targets *t);

enum targets_self {
    TARGETS_NOT_SELF,
    TARGETS_CUT,       /* hosts of better preference than ours are left */
    TARGETS_ONLY_SELF, /* nobody is better than we are */
};
/* When one is our own (IS_OWN says), drop it and all that are not better.  Sorted. */
enum targets_self targets_cut_self(struct targets *t,
                                   bool (*is_own)(const struct net_address *, void *),
                                   void *arg);
/* Order within each preference: shuffled when RANDOM is not NULL (a number below its
 * argument), then addresses of FAMILY first (AF_UNSPEC: as they are).  Marks the best.
 * Sorted before. */
void targets_order(struct targets *t, size_t (*random_below)(size_t), int family);
/* When the first LIMIT addresses are all of one family, the first of the other takes the
 * last place among them (smtp_balance_inet_protocols). */
void targets_balance(struct targets *t, size_t limit);

#endif
