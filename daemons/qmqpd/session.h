/* session - one QMQP connection brings one message */
#ifndef QMQPD_SESSION_H
#define QMQPD_SESSION_H

#include "access/hosts_access.h"
#include "cleanup/cleanup.h"
#include "net/stream.h"
#include "table/match.h"

/* What the sessions of a process share. */
struct qmqpd {
    const struct conf *conf;
    struct rewrite *rewrite;
    struct cleanup_setup *cleanup;
    struct queue_link *queue;
    struct match_list *clients; /* qmqpd_authorized_clients */
    struct hosts_access *hosts; /* NULL: not obeyed */
};

/* Serve the client at PEER on S to its end.  May suspend. */
void qmqp_session(struct qmqpd *d, struct stream *s, const struct net_address *peer);

#endif
