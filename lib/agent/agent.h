/* agent - the delivery side of the queue manager's protocol
 *
 * qmgr connects to a transport's socket (private/NAME) and sends DELIVER requests, many
 * at a time; each becomes a fiber that runs the program's deliver function and answers
 * per recipient. Content is a read-only descriptor, LF line ends, bytes 0 to
 * content_size.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "base/arena.h"
#include "queue/envelope.h"
#include "queue/queue_id.h"
#include "service/service.h"
#include "store/copy.h"

struct agent_policy; /* what the configuration says about outcomes; private to lib/agent
                      */

enum outcome {
    OUTCOME_NONE, /* not yet tried; counts as deferred if it stays so */
    OUTCOME_SENT,
    OUTCOME_DEFERRED,
    OUTCOME_BOUNCED,
    OUTCOME_EXPANDED, /* sent on as new messages (aliases): success, DSN action "expanded"
                       */
    OUTCOME_RELAYED, /* sent to a host that knows no DSN: success, DSN action "relayed" */
    OUTCOME_PASSED_ON /* sent to a host that reports success itself: no report from here
                       */
};

struct delivery_recipient {
    struct recipient in;
    unsigned index; /* qmgr's number for it */
    enum outcome outcome;
    char status[12];  /* enhanced status "2.0.0" */
    struct view text; /* log and DSN text: "delivered to mailbox", "host X said: ..." */
    struct view diagnostic;      /* remote reply for Diagnostic-Code; empty: text */
    struct view diagnostic_type; /* "smtp", "x-unix", "x-postfix"; empty: x-postfix */
    struct view remote_mta;      /* name for Remote-MTA; empty none */
    struct view relay;           /* relay= in the log */
};

struct delivery {
    struct arena *arena;
    struct queue_id id;
    int content_fd;
    uint64_t content_size;
    struct envelope envelope; /* sender, flags, ret, envid, client facts; no recipients */
    struct view transport, nexthop;
    struct delivery_recipient *recipients;
    size_t n_recipients;
    int64_t arrival, active;              /* wall clock: received; made active by qmgr */
    int64_t agent_start, connection_done; /* agents set the second for delays=a/b/c/d */
    unsigned connection_uses; /* earlier deliveries over this connection: conn_use= */
    bool not_yet_durable; /* set by agents whose delivery a later checkpoint makes durable
                           */
    char checkpoint_path[256]; /* a path on the file system that the checkpoint must sync
                                */
    bool must_be_durable;      /* who asks cannot wait for a later checkpoint */
    /* The message may have been delivered before, and the answer was lost by a crash. */
    bool maybe_repeated;
    bool destination_dead; /* the whole next hop does not answer: qmgr remembers it */
    char dead_status[12];
    struct view dead_text;
    const struct agent_policy *policy;
    struct copy_source content;        /* see delivery_content */
    struct delivered_to *delivered_to; /* see delivery_has_loop */
};

/* Which parameter filters texts and status codes of this program's outcomes
 * (P_local_delivery_status_filter); call before the first session. Without it:
 * default_delivery_status_filter. */
void agent_set_status_filter(enum parameter p);

/* Deliver to all recipients; returns when each has an outcome.  May suspend. */
typedef void agent_deliver_fn(struct service *s, struct delivery *d);

/* Use as service_program.session in agents: speaks the protocol and runs DELIVER. */
void agent_session(struct service *s, int fd, agent_deliver_fn *deliver);

/* Set one recipient's outcome and log Postfix's line
 * "ID: to=<..>, orig_to=<..>, relay=.., delay=.., delays=a/b/c/d, dsn=.., status=sent
 * (text)". STATUS and TEXT are copied. */
void delivery_sent(struct delivery *d, struct delivery_recipient *r, const char *status,
                   struct view relay, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void delivery_deferred(struct delivery *d, struct delivery_recipient *r,
                       struct view relay, const struct error *e);
void delivery_bounced(struct delivery *d, struct delivery_recipient *r, struct view relay,
                      const struct error *e);
/* soft_bounce and expired handling are qmgr's and these functions' matter, not the
 * caller's. By the status' first digit: deferred or bounced. */
void delivery_failed(struct delivery *d, struct delivery_recipient *r, struct view relay,
                     const struct error *e);

/* The header block put before the content for final delivery: Return-Path, X-Original-To,
 * Delivered-To as asked for. */
#define DELIVERY_RETURN_PATH  1
#define DELIVERY_ORIGINAL_TO  2
#define DELIVERY_DELIVERED_TO 4
bool delivery_headers(const struct delivery *d, const struct delivery_recipient *r,
                      unsigned which, struct view delivered_to, struct str *out);

/* The content; small content is read into the arena at the first call. False with *E
 * (4.3.0) when it cannot be read. */
bool delivery_content(struct delivery *d, struct copy_source *out,
                      struct error *e) MUST_CHECK;
/* Does a Delivered-To: header of the content name ADDRESS (internal form), in any case?
 * Sets *E to 5.4.6 "mail forwarding loop for ADDRESS" when so. */
bool delivery_has_loop(struct delivery *d, struct view address, struct error *e);
/* The sender for a From_ line: quoted; MAILER-DAEMON for the null sender. */
bool delivery_from_sender(struct view sender, struct str *out);
/* Only a test whether mail could be delivered (sendmail -bv, address probe)? */
static inline bool delivery_is_probe(const struct delivery *d)
{
    return (d->envelope.flags & (MESSAGE_VERIFY | MESSAGE_PROBE)) != 0;
}

#endif
