/* policy - what a client asks of the TLS of one destination
 *
 * smtp_tls_policy_maps, the older smtp_tls_per_site, and the defaults of main.cf become
 * one struct tls_policy.  postconf(5), TLS_README "Client TLS security levels".
 */
#ifndef TLS_POLICY_H
#define TLS_POLICY_H

#include "table/table.h"
#include "tls/facts.h"
#include "tls/protocols.h"
#include "tls/role.h"

enum tls_level {
    TLS_LEVEL_NONE,
    TLS_LEVEL_MAY,
    TLS_LEVEL_ENCRYPT,
    TLS_LEVEL_FINGERPRINT,
    TLS_LEVEL_HALF_DANE, /* DANE by MX records that are not secure */
    TLS_LEVEL_DANE,
    TLS_LEVEL_DANE_ONLY,
    TLS_LEVEL_VERIFY,
    TLS_LEVEL_SECURE
};
/* By name, case-blind; HALF_DANE has one, but administrators cannot ask for it. */
bool tls_level_parse(struct view word, enum tls_level *out)
    __attribute__((warn_unused_result));
const char *tls_level_name(enum tls_level level);

#define TLS_MATCH_MAX 100

struct tls_policy {
    enum tls_level level;
    struct tls_protocols protocols;
    enum tls_grade grade;
    struct view exclude;     /* ciphers */
    struct view own_exclude; /* mandatory_exclude or the attribute */
    struct view *match;      /* patterns, or fingerprints */
    size_t n_match;
    struct view trust_anchors; /* file names */
    struct view servername;    /* "", a name, "hostname", "nexthop" */
    bool reuse;                /* connections with TLS may be kept */
};

static inline bool tls_policy_is_mandatory(const struct tls_policy *p)
{
    return p->level > TLS_LEVEL_MAY;
}
/* Must the peer prove who it is? */
static inline bool tls_policy_must_match(const struct tls_policy *p)
{
    return p->level > TLS_LEVEL_ENCRYPT;
}
/* By the names in its certificate, under an authority. */
static inline bool tls_policy_by_name(const struct tls_policy *p)
{
    return p->level == TLS_LEVEL_VERIFY || p->level == TLS_LEVEL_SECURE;
}
static inline bool tls_policy_by_dane(const struct tls_policy *p)
{
    return p->level >= TLS_LEVEL_HALF_DANE && p->level <= TLS_LEVEL_DANE_ONLY;
}

/* The tables and defaults of a role. */
struct tls_policies;
/* NULL with *E for a level in main.cf that does not exist. */
struct tls_policies *tls_policies_new(const struct conf *c, bool lmtp, struct error *e);
/* Can any destination come to a level above none? */
bool tls_policies_want_tls(const struct tls_policies *t);
void tls_policies_free(struct tls_policies *t);
/* The policy for NEXTHOP, as routing gives it ("example.com", "[mx.example.com]:587"),
 * and the server HOST (empty while unknown; per-site policies need it).  Lives in A.
 * TEMPFAIL with *E when a table fails or says what makes no sense.  May suspend. */
enum result tls_policy_find(struct tls_policies *t, struct view nexthop, struct view host,
                            struct arena *a, struct tls_policy *out,
                            struct error *e) MUST_CHECK;
/* The text of a policy table for NAME ("secure match=nexthop protocols=>=TLSv1.2") over
 * the defaults.  Does not suspend. */
enum result tls_policy_parse(const struct conf *c, bool lmtp, struct view name,
                             struct view text, struct arena *a, struct tls_policy *out,
                             struct error *e) MUST_CHECK;
/* Did the peer prove what P asks for?  False with *E (4.7.5). */
bool tls_policy_accepts(const struct tls_policy *p, const struct tls_facts *f,
                        struct error *e) MUST_CHECK;

#endif
