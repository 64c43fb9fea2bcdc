/* dial - connect to one address, within a deadline */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "net/address.h"

/* A connected, non-blocking, close-on-exec stream socket to TO; bound to FROM first when
 * not NULL.  -1 with *E set: the text is the meaning of errno alone ("Connection
 * refused", "Connection timed out"), so that the caller can put "connect to
 * host[address]:port: " before it; status 4.4.1.  May suspend. */
int dial(const struct net_address *to, const struct net_address *from, int64_t deadline,
         struct error *e);
/* As dial, to "inet:host:port", "host:port" or "unix:path": names are looked up and their
 * addresses tried in turn; a relative path counts from DIRECTORY. */
int dial_endpoint(struct view text, struct view directory, int64_t timeout,
                  struct error *e);
/* As dial, for SOCK_SEQPACKET on a UNIX path, which the text names. */
int dial_seqpacket(const char *path, int64_t deadline, struct error *e);

#endif
