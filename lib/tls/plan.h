/* plan - what policy and DANE together ask of a connection to one host
 *
 * The client delivers by it, and `diligence lookup` shows it.
 */
#ifndef TLS_PLAN_H
#define TLS_PLAN_H

#include "tls/dane.h"
#include "tls/policy.h"

/* Whom a connection is for. */
struct tls_target {
    struct view destination;     /* the next hop, as routing gives it */
    struct view name, canonical; /* of the host; the name behind CNAMEs may be empty */
    uint16_t port;
    bool is_unix;
    bool is_secure, by_mx, mx_is_secure; /* what DNSSEC vouches for */
};

struct tls_plan {
    struct tls_policy policy;
    struct view domain; /* of the next hop */
    bool has_dane;
    struct tls_dane dane;
};

/* Plan the connection to T, with the parameters of LMTP or of SMTP; POLICIES may be NULL
 * (no TLS).  In A.  TEMPFAIL with *E: no mail goes there now.  May suspend. */
enum result tls_plan_make(const struct conf *c, bool lmtp, struct tls_policies *policies,
                          const struct tls_target *t, struct arena *a, struct tls_plan *p,
                          struct error *e) MUST_CHECK;

#endif
