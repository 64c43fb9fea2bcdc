/* hosts - the hosts of a next hop, in the order to try
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
/* The addresses of NEXTHOP in the order to try.  TEMPFAIL / PERMFAIL with *E when there
 * are none.  After dns_init().  May suspend. */
enum result hosts_find(const struct host_search *s, struct view nexthop, struct arena *a,
                       struct hosts *out, struct error *e) MUST_CHECK;

#endif
