/* dane - TLSA records of a server (RFC 6698, RFC 7671, RFC 7672)
 */
#ifndef TLS_DANE_H
#define TLS_DANE_H

#include "conf/conf.h"
#include "net/dns.h"

struct tls_dane {
    struct view base; /* the name that the records are for: reference name and SNI */
    struct dns_tlsa records;
    bool half; /* the MX records that led here were not secure */
};

enum tls_dane_status {
    TLS_DANE_FOUND,
    TLS_DANE_NONE,     /* no records, or none that DNSSEC vouches for */
    TLS_DANE_UNUSABLE, /* records, but of no use: encrypt without authentication */
    TLS_DANE_TEMPFAIL  /* an answer that may be withheld: no delivery through this host */
};
/* The records of HOST at PORT: of its final name after CNAMEs when that is secure, else
 * of the name itself.  A look-up of addresses must have said that HOST is secure (or
 * FORCE).  In A; *E for TEMPFAIL.  May suspend. */
enum tls_dane_status tls_dane_find(const struct conf *c, struct view host, uint16_t port,
                                   struct arena *a, struct tls_dane *out,
                                   struct error *e);
/* Usages 2 and 3, selectors 0 and 1, digests of tls_dane_digests or none. */
bool tls_dane_is_usable(const struct conf *c, const struct dns_tlsa_record *r);

#endif
