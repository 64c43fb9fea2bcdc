/* rewrite - the form of addresses, and where they go (trivial-rewrite as a library)
 *
 * Source: trivial-rewrite(8), ADDRESS_REWRITING_README, ADDRESS_CLASS_README.
 */
#ifndef REWRITE_REWRITE_H
#define REWRITE_REWRITE_H

#include "table/match.h"
#include "table/table.h"

struct rewrite; /* opened tables and lists of one configuration */
struct rewrite *rewrite_new(const struct conf *c);
void rewrite_free(struct rewrite *r);
bool rewrite_check(struct rewrite *r, struct error *e); /* all tables usable? */

enum rewrite_context {
    REWRITE_LOCAL,  /* append_at_myorigin, append_dot_mydomain with our names */
    REWRITE_REMOTE, /* remote_header_rewrite_domain; when that is empty nothing is done */
    REWRITE_NONE
};
/* Standard form of ADDRESS (internal form): swap_bangpath, allow_percent_hack, source
 * route removed, bare name -> name@myorigin, user@host -> user@host.mydomain, trailing
 * dot removed.  The null address and what does not apply stay as they are.  Pure. */
struct view rewrite_address(const struct rewrite *r, enum rewrite_context context,
                            struct view address, struct arena *a);

enum address_class {
    CLASS_LOCAL,
    CLASS_VIRTUAL_ALIAS,
    CLASS_VIRTUAL_MAILBOX,
    CLASS_RELAY,
    CLASS_DEFAULT
};
struct resolved {
    struct view transport; /* "local", "smtp", "error" ... */
    struct view nexthop;
    struct view recipient; /* what the agent gets */
    enum address_class class;
    bool is_routed; /* the local part holds another routing operator (@, %, !) */
    bool is_error;  /* unresolvable: the error service, nexthop has the text */
};
/* Where does ADDRESS go: mydestination, virtual_alias_domains, virtual_mailbox_domains,
 * relay_domains, the *_transport parameters, relayhost, sender_dependent_relayhost_maps,
 * sender_dependent_default_transport_maps, transport_maps (order of transport(5)),
 * relocated_maps, empty_address_recipient.  TEMPFAIL with *E on a table error.  May
 * suspend. */
enum result resolve_address(struct rewrite *r, struct view sender, struct view address,
                            struct arena *a, struct resolved *out,
                            struct error *e) MUST_CHECK;
/* The same for address verification probes, by the address_verify_* parameters. */
enum result resolve_probe(struct rewrite *r, struct view sender, struct view address,
                          struct arena *a, struct resolved *out,
                          struct error *e) MUST_CHECK;
/* relocated_maps: TABLE_FOUND with the new address (or whatever stands there) in *MOVED.
 * May suspend. */
enum table_result relocated_lookup(struct rewrite *r, struct view address,
                                   struct arena *a, struct view *moved,
                                   struct error *e) MUST_CHECK;
/* The look-ups of canonical(5), virtual(5), generic(5) and relocated(5): user+ext@domain,
 * user@domain, user+ext and user where the domain is ours, @domain.  *EXTENSION (may be
 * NULL) gets what was stripped to match.  M may be empty.  May suspend. */
enum table_result rewrite_find_address(struct rewrite *r, struct maps *m,
                                       struct view address, struct arena *a,
                                       struct view *value, struct view *extension,
                                       struct error *e) MUST_CHECK;
/* The same, and the result taken as a list of addresses, each in standard form: a result
 * "@domain" keeps the local part; with PROPAGATE an unmatched extension goes on.  Not
 * recursive.  A result without any address is an error (TITLE names the parameter).  May
 * suspend. */
struct address_results {
    struct view *items; /* internal form */
    size_t n;
};
enum table_result rewrite_map_address(struct rewrite *r, struct maps *m,
                                      const char *title, struct view address,
                                      bool propagate, struct arena *a,
                                      struct address_results *out,
                                      struct error *e) MUST_CHECK;
/* Is DOMAIN local ($mydestination or [literal] of inet_interfaces/proxy_interfaces)? */
enum match_result rewrite_is_local_domain(struct rewrite *r, struct view domain,
                                          struct error *e);
/* Split "transport:nexthop". */
void rewrite_split_transport(struct view text, struct view *transport,
                             struct view *nexthop);

#endif
