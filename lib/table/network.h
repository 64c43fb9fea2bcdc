/* network - tables whose servers are elsewhere: mysql, pgsql, ldap, memcache, redis,
 * tcp, socketmap; not for others
 */
#ifndef TABLE_NETWORK_H
#define TABLE_NETWORK_H

#include "table/client.h"
#include "table/table_private.h"

/* Does this process ask proxymap? */
bool network_goes_by_proxy(void);
/* The client of TYPE: built in, or from its loadable module; NULL with *E. */
const struct table_client *network_client(struct view type, struct error *e);
/* The loadable module for TYPE; NULL with *E.  Loaded once, never unloaded. */
const struct table_client *module_load(const char *type, struct error *e);

/* Ask proxymap (proxywrite when WRITES) about table SPEC.  On a fiber: may suspend; else
 * it blocks. */
enum table_result proxy_get(const struct conf *c, struct view spec, unsigned flags,
                            struct view key, struct arena *a, struct view *value,
                            struct error *e) MUST_CHECK;
/* VALUE NULL: delete. */
bool proxy_put(const struct conf *c, struct view spec, unsigned flags, struct view key,
               const struct view *value, struct error *e) MUST_CHECK;

#endif
