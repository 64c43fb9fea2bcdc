/* dns - look-ups by libunbound, waiting as a fiber
 *
 * Servers come from /etc/resolv.conf, or from the parameter resolver_nameservers
 * ("127.0.0.1@5353 ..."; ours, for tests and for split networks).
 */
#ifndef NET_DNS_H
#define NET_DNS_H

#include "base/arena.h"
#include "net/address.h"

enum dns_result {
    DNS_OK,
    DNS_NODATA,   /* the name exists, no such record */
    DNS_NXDOMAIN, /* the name does not exist */
    DNS_TEMPFAIL, /* no answer, SERVFAIL, time-out, invalid reply, no resolver */
    DNS_INVALID,  /* the name is not valid in DNS */
    DNS_POLICY    /* null MX (RFC 7505) */
};

/* NAMESERVERS "" means resolv.conf; else a list of "address" or "address@port".  Before
 * the first look-up, before the sandbox is closed: /etc/hosts and /etc/resolv.conf are
 * read here and nothing is opened later.  The first look-up starts a thread, so a child
 * made by fork must not look up. */
void dns_init(struct view nameservers);
/* Validate answers from now on, by the trust anchor in FILE (DS or DNSKEY records);
 * before dns_init().  A file that cannot be read is told in the log and nothing is
 * secure. */
void dns_use_trust_anchor(const char *file);
/* For tests: let all go; no look-up may be running. */
void dns_done(void);

struct dns_address {
    struct net_address address; /* port 0 */
};
struct dns_addresses {
    size_t n;
    struct dns_address *items;
    uint32_t ttl;          /* seconds, the least of the records; 0: not from DNS */
    bool secure;           /* DNSSEC validated; see dns_use_trust_anchor() */
    struct view canonical; /* what HOST stands for after CNAMEs; empty: it is numeric, or
                              known from /etc/hosts */
};
struct dns_mx_host {
    struct view name; /* without trailing dot, ACE form */
    unsigned preference;
    struct dns_addresses additional; /* what the same answer said; may be empty */
};
struct dns_mx {
    size_t n;
    struct dns_mx_host *hosts; /* by preference, ties in answer order */
    bool secure;
};
struct dns_srv_host {
    struct view name; /* as a dns_mx_host's; empty: there is no such service */
    unsigned priority, weight;
    uint16_t port;
    struct dns_addresses additional;
};
struct dns_srv {
    size_t n;
    struct dns_srv_host *hosts; /* by priority, ties in answer order */
};
#define DNS_WANT_IPV4 1
#define DNS_WANT_IPV6 2
/* Ask DNS even when /etc/hosts knows the name (smtp_host_lookup = dns). */
#define DNS_WANT_NO_HOSTS 4

/* Names may be UTF-8 and may end in a dot.  CNAMEs are followed.  All results live in
 * arena A.  *E gets a text in Postfix's words ("Host or domain name not found. Name
 * service error for name=x type=MX: Host not found") and a status 4.4.3/5.4.4/... All may
 * suspend; TIMEOUT in microseconds. */
enum dns_result dns_lookup_mx(struct arena *a, struct view domain, int64_t timeout,
                              struct dns_mx *out, struct error *e);
/* NAME is "_service._tcp.domain".  RFC 2782. */
enum dns_result dns_lookup_srv(struct arena *a, struct view name, int64_t timeout,
                               struct dns_srv *out, struct error *e);
/* HOST may be a numeric address, which needs no look-up.  IPv4 comes first. */
enum dns_result dns_lookup_addresses(struct arena *a, struct view host, unsigned want,
                                     int64_t timeout, struct dns_addresses *out,
                                     struct error *e);
/* The name that /etc/hosts or the PTR record of ADDRESS gives. */
enum dns_result dns_lookup_ptr(struct arena *a, const struct net_address *address,
                               int64_t timeout, struct view *name, struct error *e);
struct dns_texts {
    size_t n;
    struct view *items; /* character strings joined */
};
enum dns_result dns_lookup_txt(struct arena *a, struct view name, int64_t timeout,
                               struct dns_texts *out, struct error *e);
enum dns_result dns_lookup_ns(struct arena *a, struct view name, int64_t timeout,
                              struct dns_texts *out, struct error *e);
struct dns_tlsa_record {
    uint8_t usage, selector, matching;
    struct view data;
};
struct dns_tlsa {
    size_t n;
    struct dns_tlsa_record *items;
    bool secure;
};
/* NAME is "_25._tcp.host".  RFC 6698. */
enum dns_result dns_lookup_tlsa(struct arena *a, struct view name, int64_t timeout,
                                struct dns_tlsa *out, struct error *e);
const char *dns_strresult(enum dns_result r);

#endif
