/* client - what the files of the SMTP and LMTP client share
 *
 * deliver.c has the course of one delivery: read it first.  lib/rewrite/hosts.h finds
 * the hosts, connection.c connects and keeps connections for reuse, hello.c greets,
 * transaction.c speaks MAIL to the final dot, content.c converts and sends the
 * message, failure.c keeps the best error of each recipient.
 */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

#include "agent/agent.h"
#include "base/clock.h"
#include "base/list.h"
#include "net/dns.h"
#include "net/stream.h"
#include "rewrite/hosts.h"
#include "smtp/ehlo.h"
#include "smtp/reply.h"

/* One parameter under its two names: smtp_x, or lmtp_x when the process is lmtp. */
#define PARAMETER(client, name) ((client)->lmtp ? P_lmtp_##name : P_smtp_##name)

/* What a process shares. */
struct client {
    const struct conf *conf;
    struct service *service;
    bool lmtp;
    struct rewrite *rewrite; /* which addresses are our own */
    struct maps *generic;
    struct maps *header_checks, *mime_header_checks, *nested_header_checks, *body_checks;
    struct maps *discard_by_address;
    unsigned discard; /* EHLO keywords that we pretend not to see */
    struct host_search search;
    struct net_address bind4, bind6;
    bool has_bind4, has_bind6;
    struct list cached; /* connection.link, oldest first */
    bool idle_fiber_runs;
};

struct connection {
    struct list_link link; /* in client.cached while idle */
    struct stream *stream;
    struct view name;    /* in the arena */
    struct view display; /* "name[address]" */
    struct view relay;   /* "name[address]:port", for relay= */
    struct net_address address;
    struct arena *arena;
    struct smtp_reply reply;
    struct ehlo_reply features; /* keywords after our discards */
    struct str destination;     /* the next hop it was made for */
    unsigned uses;
    unsigned replies; /* since it was opened or taken from the cache */
    int64_t opened, expires;
    bool reused, broken, is_best;
};

/* What went wrong last for one recipient that has no outcome yet. */
struct soft_failure {
    bool set;
    struct error error;
    struct view diagnostic, remote_mta, relay; /* in the delivery's arena */
};

/* One delivery under way. */
struct job {
    struct client *client;
    struct delivery *delivery;
    struct soft_failure *failures; /* one per recipient */
    struct soft_failure last;      /* of the whole delivery: nobody answered */
    struct connection *connection;
    bool last_target; /* a soft failure here is final */
    bool any_session; /* some host greeted us */
    bool stale;       /* a kept connection turned out to be closed: try the host again */
    struct error content_error; /* why the content could not be sent, when not the
                                   connection's fault */
    struct view sender;         /* after generic mapping */
    const char *doing;          /* "sending MAIL FROM": for what was lost */
};

/* --- connection.c --- */
/* An idle connection to DESTINATION (any address) or to ADDRESS; NULL when there is none.
 */
struct connection *connection_take(struct client *c, struct view destination,
                                   const struct net_address *address);
/* Connect.  NULL with *E (4.4.1 "connect to name[address]:port: reason").  May suspend.
 */
struct connection *connection_open(struct client *c, const struct host *t,
                                   struct view destination, struct error *e);
/* Done with it: keep it for the next delivery, or say QUIT and close.  May suspend. */
void connection_release(struct client *c, struct connection *k);
/* Close at once, without QUIT. */
void connection_drop(struct connection *k);
/* Send a command (no line end); buffered.  Logs at debug. */
void connection_send(struct connection *k, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Read one reply within TIMEOUT; false with *E (4.4.2 "lost connection with x while
 * DOING").  May suspend. */
bool connection_read(struct connection *k, int64_t timeout, const char *doing,
                     struct error *e) MUST_CHECK;

/* --- hello.c --- */
enum hello { HELLO_OK, HELLO_REFUSED, HELLO_LOST };
/* Greeting and EHLO, HELO or LHLO.  REFUSED: *E has the peer's word, *SOFT whether
 * another host may do better. */
enum hello hello_exchange(struct job *j, struct connection *k, struct error *e);

/* --- transaction.c --- */
/* Offer the delivery's open recipients.  Sets outcomes and soft failures.  False: the
 * connection is of no further use.  May suspend. */
bool transaction_run(struct job *j, struct connection *k);

/* --- content.c --- */
/* Will the content be changed on its way (generic maps, checks, 8-bit to
 * quoted-printable)? */
struct content_plan {
    bool convert;   /* through the MIME machine */
    bool downgrade; /* 8-bit parts to quoted-printable */
};
struct content_plan content_plan_for(const struct job *j, const struct connection *k);
/* Send the content with dots stuffed and the final dot (DATA).  May suspend. */
enum stream_result content_send(struct job *j, struct connection *k,
                                struct content_plan plan);
/* The whole content with CRLF line ends for one BDAT chunk; false when it is longer than
 * OUT may be. */
bool content_render(struct job *j, struct content_plan plan, struct str *out);
/* Has the header block of the message itself bytes above 0x7f? */
bool content_header_is_8bit(const struct job *j);

/* --- generic.c --- */
/* ADDRESS through smtp_generic_maps, in the arena of the delivery.  TEMPFAIL with *E on
 * table errors. */
enum result generic_map(struct client *c, struct arena *a, struct view address,
                        struct view *out, struct error *e);

/* --- checks.c --- */
/* What smtp_header_checks and its kin do with TEXT: the line to send, in ARENA; several
 * lines with LF between when something is prepended; false when it is dropped.  *FAILED
 * on a table error. */
bool checks_apply(struct job *j, struct maps *maps, const char *what, struct view text,
                  struct arena *arena, struct view *out, bool *failed);

/* --- failure.c --- */
/* The peer refused R in reply to COMMAND: bounce it, or remember the soft failure for the
 * next host. */
void failure_reply(struct job *j, struct connection *k, struct delivery_recipient *r,
                   const char *command);
/* The same for all recipients that are still open. */
void failure_reply_all(struct job *j, struct connection *k, const char *command);
/* A failure of our own finding (connection lost, size, SMTPUTF8) for all open recipients.
 */
void failure_all(struct job *j, const struct connection *k, const struct error *e);
/* At the very end: what is still open is deferred with what was remembered. */
void failure_finish(struct job *j);
/* The number of recipients without outcome. */
size_t open_recipients(const struct job *j);

#endif
