/* dns_filter - answers that the administrator does not want
 *
 * One filter a process; it sees each record that answers a question as a line of text,
 * "name. ttl IN MX 10 host.", and may drop it.
 */
#ifndef NET_DNS_FILTER_H
#define NET_DNS_FILTER_H

#include "base/str.h"
#include "net/dns_packet.h"

/* False: leave the record out.  May suspend. */
typedef bool dns_filter_fn(struct view record, void *arg);
/* NULL: no filter. */
void dns_set_filter(dns_filter_fn *fn, void *arg);
/* Drop what the filter does not want among the answers of TYPE for OWNER; the number that
 * is left.  May suspend. */
size_t dns_filter_apply(struct dns_packet *p, unsigned type, struct view owner);
/* R as the filter sees it. */
void dns_record_write(const struct dns_record *r, struct str *out);

#endif
