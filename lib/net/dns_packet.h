/* dns_packet - the answer of a name server as records
 *
 * Pure: no descriptor, no clock.  The packet is hostile: every length and every
 * compression pointer is checked.  RFC 1035 4.1.
 */
#ifndef NET_DNS_PACKET_H
#define NET_DNS_PACKET_H

#include "base/arena.h"
#include "net/address.h"

enum dns_type {
    DNS_TYPE_A = 1,
    DNS_TYPE_NS = 2,
    DNS_TYPE_CNAME = 5,
    DNS_TYPE_PTR = 12,
    DNS_TYPE_MX = 15,
    DNS_TYPE_TXT = 16,
    DNS_TYPE_AAAA = 28,
    DNS_TYPE_SRV = 33,
    DNS_TYPE_TLSA = 52
};
enum dns_rcode { DNS_RCODE_OK = 0, DNS_RCODE_SERVFAIL = 2, DNS_RCODE_NXDOMAIN = 3 };
enum dns_section { DNS_SECTION_ANSWER, DNS_SECTION_AUTHORITY, DNS_SECTION_ADDITIONAL };

struct dns_record {
    enum dns_section section;
    unsigned type;
    uint32_t ttl;               /* seconds */
    struct view owner;          /* lower case, no trailing dot; "" is the root */
    struct view target;         /* MX NS CNAME PTR SRV: likewise */
    unsigned preference;        /* MX; SRV: its priority */
    uint16_t weight, port;      /* SRV */
    struct view text;           /* TXT: its character strings joined; TLSA: as it is */
    struct net_address address; /* A AAAA: port 0 */
};

struct dns_packet {
    unsigned rcode;
    bool is_truncated;
    size_t n;
    struct dns_record *records; /* of the types above; others are left out */
};

/* Records beyond this number make a packet malformed. */
#define DNS_PACKET_RECORDS 2000

/* False when malformed.  Everything lives in A. */
bool dns_packet_parse(struct arena *a, struct view packet,
                      struct dns_packet *out) MUST_CHECK;
/* The name that NAME (lower case) stands for after all CNAMEs of the answer section;
 * false when they run in a circle. */
bool dns_packet_canonical(const struct dns_packet *p, struct view name,
                          struct view *canonical) MUST_CHECK;
/* The next record of TYPE that SECTION holds for OWNER (lower case); NULL at the end.
 * Start with *POSITION = 0. */
const struct dns_record *dns_packet_next(const struct dns_packet *p, size_t *position,
                                         enum dns_section section, unsigned type,
                                         struct view owner);

#endif
