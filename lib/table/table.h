/* table - look-up tables behind one interface
 *
 * "type:name" opens a table; a look-up gives a text, nothing, or an error, which is
 * never the same as nothing: an error defers mail (DATABASE_README, "lookup errors").
 * A file that changes is taken up without reload (checked at most once a second).
 * A missing file is an error at each look-up, logged once, and not the end of the
 * program.
 */
#ifndef TABLE_TABLE_H
#define TABLE_TABLE_H

#include "base/arena.h"
#include "base/error.h"
#include "conf/conf.h"
#include "table/result.h"

struct table; /* one table, shared by reference count */

/* Keys are folded to lower case before look-up (not for regexp, pcre). */
#define TABLE_FOLD 1
/* Rules with $number in their result are left out (aliases and the like). */
#define TABLE_NO_REGEXP_SUBST 2
/* It will be written too: proxy: asks proxywrite, also to read. */
#define TABLE_READ_WRITE 4

/* Open SPEC ("hash:/etc/aliases", "static:x", "inline:{a=b}"); relative paths count from
 * the configuration directory.  Never fails: a table that cannot be opened answers
 * TABLE_ERROR.  Call table_check to learn at once.  C must outlive the table. */
struct table *table_open(const struct conf *c, struct view spec, unsigned flags);
void table_close(struct table *t);
bool table_check(struct table *t, struct error *e); /* can it be used now? */
struct view table_spec(const struct table *t);
/* Is it a pattern table (regexp, pcre, cidr ...): only whole keys are asked. */
bool table_is_pattern(const struct table *t);
/* Look KEY up; *VALUE in arena A.  May suspend (network tables). */
enum table_result table_get(struct table *t, struct view key, struct arena *a,
                            struct view *value, struct error *e) MUST_CHECK;

/* Call FN for every entry; false with *E set when the type cannot list or reading fails.
 * FN returning false ends the walk early. */
typedef bool table_entry_fn(struct view key, struct view value, void *arg);
bool table_walk(struct table *t, table_entry_fn *fn, void *arg,
                struct error *e) MUST_CHECK;
/* Names of all types that work here, in order; NULL after the last. */
const char *table_type_name(size_t i);
/* What to say instead of a type of Postfix's that does not work here; NULL for others. */
const char *table_type_instead(struct view name);
/* Store, delete: memcache and redis, directly or through proxywrite.  False with *E when
 * the type cannot be written or writing failed.  May suspend. */
bool table_put(struct table *t, struct view key, struct view value,
               struct error *e) MUST_CHECK;
bool table_delete(struct table *t, struct view key, struct error *e) MUST_CHECK;

/* Both before the first table is opened.  This process asks the servers of network tables
 * (mysql, ldap, tcp ...) itself: commands.  Any other asks proxymap. */
void table_network_directly(void);
/* Likewise, and proxy:type:name is type:name itself: proxymap. */
void table_proxy_directly(void);
/* Is it a network type (mysql, tcp ...)? */
bool table_is_network_type(struct view type);
/* Load the modules for the network tables in SPEC, before the sandbox closes and while
 * there is a large stack.  One that is not installed is told of when the table is asked.
 */
void table_load_modules(struct view spec);

/* A list of tables, asked in order until one answers ("hash:/a, regexp:/b"; Postfix's
 * maps_find). */
struct maps;
struct maps *maps_open(const struct conf *c, struct view list, unsigned flags);
void maps_close(struct maps *m);
bool maps_is_empty(const struct maps *m);
bool maps_check(struct maps *m, struct error *e);
enum table_result maps_get(struct maps *m, struct view key, struct arena *a,
                           struct view *value, struct error *e) MUST_CHECK;
/* The table that gave the last answer, for logs and explain ("hash:/etc/aliases"). */
struct view maps_last(const struct maps *m);

/* Address look-up in the order of Postfix's manuals (mail_addr_find): user+ext@domain,
 * user@domain, user+ext, user (when the domain is one of ours: IS_LOCAL says), @domain;
 * with parent domains when WITH_PARENTS ("domain", then
 * ".domain" or parents: access(5), transport(5) style look-ups have their own helpers
 * below). */
#define ADDRESS_FULL         1  /* user@domain, with and without extension */
#define ADDRESS_LOCALPART    2  /* user alone, when the domain is local or origin */
#define ADDRESS_AT_DOMAIN    4  /* @domain */
#define ADDRESS_DOMAIN       8  /* domain, parents */
#define ADDRESS_LOCALPART_AT 16 /* user@ */
struct address_lookup {
    unsigned steps;         /* ADDRESS_... */
    struct view delimiters; /* recipient_delimiter */
    bool (*is_local)(struct view domain, void *arg);
    void *arg;
    bool parents_match_subdomains; /* ADDRESS_DOMAIN: "domain" matches subdomains, else
                                      ".domain" */
};
/* ADDRESS in internal form.  *EXTENSION gets the part (with its delimiter) that was
 * stripped to match. */
enum table_result maps_get_address(struct maps *m, const struct address_lookup *how,
                                   struct view address, struct arena *a,
                                   struct view *value, struct view *extension,
                                   struct error *e) MUST_CHECK;

#endif
