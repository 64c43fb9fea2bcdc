/* hosts - from a next hop to the addresses to try, in their order
 *
 * The step behind resolve_address(): what the SMTP and LMTP client connects to, and what
 * `diligence lookup` shows.  RFC 5321 5.1, smtp(8).
 */
#ifndef REWRITE_HOSTS_H
#define REWRITE_HOSTS_H

#include "rewrite/rewrite.h"

/* One address to try. */
struct host {
    struct view name; /* host name, or the literal */
    struct net_address address;
    unsigned preference;
    /* What DNSSEC vouches for; and the name behind CNAMEs, empty without DNS. */
    bool is_secure, by_mx, mx_is_secure;
    struct view canonical;
    bool is_best; /* shares the best preference: a greeting with our name is a loop */
};
struct hosts {
    struct host *items;
    size_t n, cap;
};

/* By whose rules hosts are looked for. */
struct host_search {
    const struct conf *conf;
    struct rewrite *rewrite; /* which addresses are our own */
    bool lmtp;               /* lmtp_ parameters, and never MX */
    unsigned want;           /* DNS_WANT_... by inet_protocols */
};
void host_search_init(struct host_search *s, const struct conf *c, struct rewrite *r,
                      bool lmtp);
/* The addresses of NEXTHOP in the order to try, and whether mail could come back to us
 * there.  TEMPFAIL / PERMFAIL with *E when there are none.  After dns_init().  May
 * suspend. */
enum result hosts_find(const struct host_search *s, struct view nexthop, struct arena *a,
                       struct hosts *out, bool *may_loop, struct error *e) MUST_CHECK;

/* --- host_list.c: the list.  Pure; chance comes from the caller. --- */
/* Add ADDRESS at PORT unless it is there already: a dead host is not tried twice under
 * two names. */
void hosts_add(struct hosts *t, struct arena *a, struct view name,
               const struct net_address *address, uint16_t port, unsigned preference);
/* By preference, equals in the order in which they came. */
void hosts_sort(struct hosts *t);

enum hosts_self {
    HOSTS_NOT_SELF,
    HOSTS_CUT,       /* hosts of better preference than ours are left */
    HOSTS_ONLY_SELF, /* nobody is better than we are */
};
/* When one is our own (IS_OWN says), drop it and all that are not better.  Sorted. */
enum hosts_self hosts_cut_self(struct hosts *t,
                               bool (*is_own)(const struct net_address *, const void *),
                               const void *arg);
/* Order within each preference: shuffled when RANDOM is not NULL (a number below its
 * argument), then addresses of FAMILY first (AF_UNSPEC: as they are).  Marks the best.
 * Sorted before. */
void hosts_order(struct hosts *t, size_t (*random_below)(size_t), int family);
/* When the first LIMIT addresses are all of one family, the first of the other takes the
 * last place among them (smtp_balance_inet_protocols). */
void hosts_balance(struct hosts *t, size_t limit);

#endif
