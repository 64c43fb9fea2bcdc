/* anvil - counts and rates of clients, kept for all sessions of the instance
 *
 * A session that is to be counted connects to the anvil program and keeps the connection
 * while it lasts: when it ends, however it ends, the count goes down.
 */
#ifndef ACCESS_ANVIL_H
#define ACCESS_ANVIL_H

#include "conf/conf.h"
#include "ipc/ipc.h"

enum anvil_event {
    ANVIL_CONNECTION, /* counted by ANVIL_CONNECT */
    ANVIL_MESSAGE,
    ANVIL_RECIPIENT,
    ANVIL_NEW_TLS,
    ANVIL_AUTH,
    ANVIL_NEW_TLS_REPORT, /* ask for the rate of new TLS sessions, count none */
    ANVIL_EVENTS
};

struct anvil_counts {
    uint64_t count; /* sessions of the client at this time */
    uint64_t rate;  /* of the event, in the running anvil_rate_time_unit */
};

/* Register a session of SERVICE from CLIENT (an address or a network); NULL when the
 * anvil program cannot be asked (logged): then nothing is limited.  May suspend. */
struct ipc *anvil_connect(const struct conf *c, struct view service, struct view client,
                          struct anvil_counts *out);
/* Count EVENT; false when it cannot be counted (logged).  May suspend. */
bool anvil_count(struct ipc *session, enum anvil_event event, struct anvil_counts *out);

/* What a logged-in user does, counted by login name in the last hour and the last day. */
enum anvil_user_event { ANVIL_USER_MESSAGE, ANVIL_USER_RECIPIENT, ANVIL_USER_EVENTS };
struct anvil_user_limits {
    uint64_t hour, day; /* most events; 0: no limit */
};
struct anvil_user_counts {
    uint64_t hour, day; /* with this event; over a limit: it was not counted */
};
/* A connection for anvil_count_user() that registers no session of a client; NULL
 * (logged) when there is no anvil program.  May suspend. */
struct ipc *anvil_dial(const struct conf *c);
/* Count EVENT of USER, a login name of which 255 bytes matter, unless it is over LIMITS;
 * false when it cannot be counted (logged).  SESSION comes from either call above.  May
 * suspend. */
bool anvil_count_user(struct ipc *session, struct view user, enum anvil_user_event event,
                      const struct anvil_user_limits *limits,
                      struct anvil_user_counts *out);

/* What makes one client: ADDRESS, or its network of IPV4_BITS or IPV6_BITS as
 * "192.0.2.0/24". */
struct view anvil_client(struct arena *a, struct view address, unsigned ipv4_bits,
                         unsigned ipv6_bits);

#endif
