/* policy_private - what policy.c and policy_text.c share */
#ifndef TLS_POLICY_PRIVATE_H
#define TLS_POLICY_PRIVATE_H

#include "tls/policy.h"

/* Where defaults come from, and whom warnings name. */
struct tls_policy_source {
    const struct conf *conf;
    const struct tls_role *role;
    const struct tls_client_role *client;
    struct view name; /* the destination */
};

/* The policy of LEVEL without attributes of its own, in A.  False: main.cf is at fault,
 * the log was told. */
bool tls_policy_defaults(const struct tls_policy_source *s, enum tls_level level,
                         struct arena *a, struct tls_policy *p) MUST_CHECK;
/* "LEVEL name=value ..." ; likewise. */
bool tls_policy_text(const struct tls_policy_source *s, struct view text, struct arena *a,
                     struct tls_policy *p) MUST_CHECK;

#endif
