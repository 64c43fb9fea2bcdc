/* expand - the %-formats of query, query_filter, key_format and result_format
 *
 * %s the whole text, %u the part before its last '@', %d the part behind it, %1 ... %9
 * the components of the key's domain from its end; %S %U %D speak of the key where %s %u
 * %d speak of a result.  A format that wants a part which is not there gives nothing: the
 * query is not sent, the result is left out.  Used by the table types and by their
 * loadable modules: needs lib/base only.  Source: mysql_table(5), ldap_table(5).
 */
#ifndef TABLE_EXPAND_H
#define TABLE_EXPAND_H

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

/* Append V to OUT so that it is a plain value where it stands (SQL text, LDAP filter). */
typedef void expand_quote_fn(struct view v, struct str *out, void *arg);

/* Only letters that expand() knows; else false with *E, which names NAME. */
bool expand_check(struct view format, const char *name, struct error *e) MUST_CHECK;
/* Append FORMAT filled in from KEY, each part through QUOTE (NULL: as it is).  False when
 * a part that it wants is missing, or when OUT is full (out->overflow). */
bool expand_query(struct view format, struct view key, expand_quote_fn *quote, void *arg,
                  struct str *out) MUST_CHECK;
/* As expand_query, with %s %u %d from VALUE; nothing is quoted. */
bool expand_result(struct view format, struct view key, struct view value,
                   struct str *out) MUST_CHECK;

/* Results put together with commas. */
struct expand_list {
    struct view format; /* result_format */
    struct view key;
    int64_t limit; /* expansion_limit; 0: none */
    int64_t n;     /* results so far */
    struct str *out;
};
/* Add one result; an empty VALUE and one without what the format wants are left out.
 * False with *E when there are too many or the list is too long. */
bool expand_list_add(struct expand_list *l, struct view value,
                     struct error *e) MUST_CHECK;

/* Backslash before the bytes that RFC 4515 section 3 (filters: as \xx) reserves. */
expand_quote_fn expand_quote_ldap_filter;
/* RFC 4514 section 2.4: for a part of a distinguished name. */
expand_quote_fn expand_quote_ldap_name;
/* SQL without backslashes: ' doubled. */
expand_quote_fn expand_quote_sql;

#endif
