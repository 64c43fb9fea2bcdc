/* proxy_header - the PROXY protocol: who is behind a load balancer
 *
 * Version 1 (a line of text) and 2 (binary) of HAProxy's "The PROXY protocol".  Pure but
 * for proxy_header_receive(), which reads from a stream.
 */
#ifndef NET_PROXY_HEADER_H
#define NET_PROXY_HEADER_H

#include "net/address.h"
#include "net/stream.h"

#define PROXY_V1_MAX     107 /* bytes with the line end */
#define PROXY_V2_MAX     536 /* bytes that are read; more is refused */
#define PROXY_V2_HEAD    16
#define PROXY_V2_START   "\r\n\r\n\0\r\nQUIT\n"
#define PROXY_V2_START_N 12

struct proxy_header {
    bool is_local; /* the proxy itself (health check), or it does not know */
    struct net_address client, server;
};

/* LINE without its line end.  False with *E. */
bool proxy_header_parse_line(struct view line, struct proxy_header *out,
                             struct error *e) MUST_CHECK;
/* The fixed head of version 2: *REST bytes follow it.  False with *E. */
bool proxy_header_parse_head(struct view head, size_t *rest, struct error *e) MUST_CHECK;
/* Head and rest.  False with *E. */
bool proxy_header_parse_binary(struct view bytes, struct proxy_header *out,
                               struct error *e) MUST_CHECK;
/* Take the header, of either version, from the front of S.  False with *E.  May suspend.
 */
bool proxy_header_receive(struct stream *s, struct proxy_header *out,
                          struct error *e) MUST_CHECK;

#endif
