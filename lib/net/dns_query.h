/* dns_query - one question to libunbound, waiting as a fiber
 *
 * Used by dns.c alone.  docs/decisions/0003-dns.md says why libunbound works in a
 * thread of its own and what that asks of fork and sandbox.
 */
#ifndef NET_DNS_QUERY_H
#define NET_DNS_QUERY_H

#include "base/arena.h"
#include "net/dns.h"
#include "net/dns_packet.h"

struct dns_hosts;
/* What /etc/hosts said at dns_init(). */
const struct dns_hosts *dns_query_hosts(void);

struct dns_query;
/* Ask for NAME (prepared) and TYPE; lives in A.  Does not suspend. */
struct dns_query *dns_query_start(struct arena *a, struct view name, enum dns_type type);
/* Wait for the answer until DEADLINE.  DNS_OK: *PACKET holds it, and it says "no error";
 * DNS_NXDOMAIN: it says that; DNS_TEMPFAIL: anything else.  Must be called once for each
 * query that was started.  May suspend. */
enum dns_result dns_query_wait(struct dns_query *q, int64_t deadline,
                               struct dns_packet *packet, bool *secure);

#endif
