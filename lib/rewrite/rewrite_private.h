/* rewrite_private - the opened tables and settings behind rewrite.h
 *
 * Private to lib/rewrite.
 */
#ifndef REWRITE_REWRITE_PRIVATE_H
#define REWRITE_REWRITE_PRIVATE_H

#include "rewrite/interfaces.h"
#include "rewrite/rewrite.h"

/* Where mail goes: one set for mail, one (address_verify_*) for probes. */
struct routes {
    struct view local_transport, virtual_transport, relay_transport, default_transport;
    struct view relayhost;
    struct maps *relayhost_maps;         /* sender_dependent_relayhost_maps */
    struct maps *default_transport_maps; /* sender_dependent_default_transport_maps */
    struct maps *transport_maps;
};

struct rewrite {
    const struct conf *conf;
    struct view myorigin, mydomain, myhostname, remote_domain, empty_recipient,
        delimiters;
    struct view error_service; /* the transport that refuses, its next hop says why */
    bool swap_bangpath, percent_hack, append_origin, append_domain;
    bool dequote, null_domain, numeric_domain, allow_minus, utf8, helpful, name_table;
    bool transport_parents; /* transport_maps: "domain" matches subdomains as well */
    struct interfaces *interfaces;
    struct match_list *local_domains, *alias_domains, *mailbox_domains, *relay_domains;
    struct maps *relocated;
    struct routes mail, probe;
};

/* An address taken apart until no domain of ours is left on it. */
struct target {
    struct view recipient; /* local part @ domain */
    struct view domain;    /* of the recipient */
    bool is_local, is_invalid;
};
/* Strip local domains, source routes, percent and bang forms off ADDRESS.  May suspend.
 */
enum result target_find(struct rewrite *r, struct view address, struct arena *a,
                        struct target *out, struct error *e) MUST_CHECK;

/* HEAD, BETWEEN and TAIL in one. */
struct view rewrite_join(struct arena *a, struct view head, struct view between,
                         struct view tail);
/* Does TRANSPORT deliver nothing, with a text for next hop? */
bool rewrite_is_refusal(const struct rewrite *r, struct view transport);
/* May LOCAL stand in a header without quotes (RFC 5322 dot-atom; 8-bit bytes too)? */
bool rewrite_is_plain(struct view local);

#endif
