/* listen - listening sockets, and the accept loop of a program */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include "net/address.h"

/* Open a listening TCP socket (SO_REUSEADDR, IPV6_V6ONLY); -1 with *E set. */
int listen_tcp(const struct net_address *at, int backlog, struct error *e);
/* A UNIX socket of TYPE (SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM) at PATH with MODE;
 * replaces a stale one. */
int listen_unix(const char *path, int type, unsigned mode, int backlog, struct error *e);

struct listen_limits {
    unsigned max_sessions; /* accept stops at that many live sessions */
};
/* Accept on FD for ever, each connection a new fiber that runs SESSION(fd, peer, arg);
 * SESSION owns its fd, the listener owns FD.  Uses EPOLLEXCLUSIVE.  EMFILE and the like
 * wait a second and log.  Spawns a fiber; returns at once. */
struct listener;
typedef void listen_session_fn(int fd, const struct net_address *peer, void *arg);
struct listener *listen_serve(int fd, const struct listen_limits *limits,
                              listen_session_fn *session, void *arg);
/* Stop accepting (reload, stop) and close FD; live sessions go on, and L still counts
 * them. */
void listener_stop(struct listener *l);
/* Stop, and let L go: the caller must not use it again.  Live sessions go on. */
void listener_free(struct listener *l);
unsigned listener_sessions(const struct listener *l); /* live ones */
uint64_t listener_total(const struct listener *l);    /* accepted so far */

#endif
