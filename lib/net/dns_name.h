/* dns_name - names as people write them and as DNS wants them
 *
 * Pure.  RFC 1035 2.3.1, RFC 5890 (internationalized names), RFC 3596 2.5 (reverse
 * names).
 */
#ifndef NET_DNS_NAME_H
#define NET_DNS_NAME_H

#include "base/arena.h"
#include "base/str.h"
#include "net/address.h"

#define DNS_NAME_MAX  255
#define DNS_LABEL_MAX 63

/* Letters, digits, '-' and '_' in labels of 1 to 63 bytes that neither begin nor end
 * with '-', at most 255 bytes, not all digits and dots (Postfix's valid_hostname). */
bool dns_name_is_valid(struct view name) MUST_CHECK;
/* The form for a look-up: ACE (UTS 46) where NAME is UTF-8, lower case, without one
 * trailing dot; lives in A.  False when that is no valid name. */
bool dns_name_prepare(struct arena *a, struct view name, struct view *out) MUST_CHECK;
/* Append NAME to OUT as people read it: ACE labels ("xn--...") in UTF-8, where that can
 * be done, all else as it is. */
bool dns_name_show(struct view name, struct str *out);
/* "4.3.2.1.in-addr.arpa" or the nibbles under ip6.arpa; false for other families. */
bool dns_name_reverse(struct arena *a, const struct net_address *address,
                      struct view *out) MUST_CHECK;

#endif
