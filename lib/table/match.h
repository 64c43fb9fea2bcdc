/* match - lists of domains, hosts and networks (mydestination, mynetworks ...)
 *
 * Elements: names, .names or names that match subdomains
 * (parent_domain_matches_subdomains), networks, addresses, "/file/name", "type:table",
 * "!negation".  Source: postconf(5), match_list of Postfix.
 */
#ifndef TABLE_MATCH_H
#define TABLE_MATCH_H

#include "table/table.h"

struct match_list;
enum match_result { MATCH_NO, MATCH_YES, MATCH_ERROR };

/* LIST expanded from parameter P (its name appears in errors).  Names are taken as
 * domains; P's mention in parent_domain_matches_subdomains decides on subdomains. */
struct match_list *match_open(const struct conf *c, enum parameter p, unsigned flags);
struct match_list *match_open_view(const struct conf *c, const char *title,
                                   struct view list, bool subdomains);
void match_close(struct match_list *m);
bool match_is_empty(const struct match_list *m);
/* Whole strings (namadr: domain names; case-blind). May suspend. */
enum match_result match_domain(struct match_list *m, struct view domain, struct error *e);
/* A client: NAME (may be "unknown") or numeric ADDRESS. */
enum match_result match_client(struct match_list *m, struct view name,
                               struct view address, struct error *e);
/* Plain strings (no subdomain meaning). */
enum match_result match_string(struct match_list *m, struct view text, struct error *e);
/* The "domain" setting of SQL, LDAP and other tables: may KEY be looked up there?  With a
 * list M (NULL: none) only user@domain with a listed domain may. */
enum match_result match_eligible(struct match_list *m, struct view key, struct error *e);

#endif
