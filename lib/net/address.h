/* net/address - socket addresses and their texts
 *
 * Pure of waiting and of DNS.  Text forms as Postfix prints them: IPv4 dotted,
 * IPv6 without brackets, "[ipv6:...]" only where SMTP wants it.
 */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "base/error.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct net_address {
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_storage storage;
        struct sockaddr_un un;
    };
    socklen_t length;
};
#define NET_ADDRESS_TEXT 64

/* Parse "1.2.3.4", "::1", "IPv6:::1", with or without [ ]; no names. */
bool net_address_parse(struct view text, uint16_t port,
                       struct net_address *out) MUST_CHECK;
/* From a socket call's result; IPv4-mapped IPv6 becomes IPv4. */
void net_address_set(struct net_address *a, const struct sockaddr *sa, socklen_t n);
bool net_address_unix(struct view path, struct net_address *out) MUST_CHECK;
/* Numeric text without port: "192.0.2.1", "2001:db8::1", path for unix. */
const char *net_address_text(const struct net_address *a, char buf[NET_ADDRESS_TEXT]);
uint16_t net_address_port(const struct net_address *a);
void net_address_set_port(struct net_address *a, uint16_t port);
int net_address_family(const struct net_address *a);
bool net_address_eq(const struct net_address *a,
                    const struct net_address *b); /* ports apart */
bool net_address_is_loopback(const struct net_address *a);

/* A network "192.168.0.0/16", "[2001:db8::]/32", or a single address. */
struct net_network {
    int family;
    unsigned bits;
    uint8_t bytes[16];
};
/* E tells of host bits that are set ("non-null host address bits"). */
bool net_network_parse(struct view text, struct net_network *out,
                       struct error *e) MUST_CHECK;
bool net_network_has(const struct net_network *n, const struct net_address *a);

/* "host:port", "[host]:port", "host", ":port", "inet:host:port", "unix:path" split into
 * parts, without looking anything up. */
struct net_endpoint {
    struct view host; /* empty when none */
    struct view port; /* empty when none; a number or a service name */
    bool bracketed;   /* host was in [ ]: no MX look-up */
    bool unix_path;   /* host is a path */
};
bool net_endpoint_parse(struct view text, struct net_endpoint *out) MUST_CHECK;
/* Port number of "25" or "smtp" (getservbyname tcp); 0 when unknown. */
uint16_t net_port_parse(struct view port);

#endif
