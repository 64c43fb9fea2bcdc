/* client - what the files of the SMTP and LMTP client share
 *
 * deliver.c has the course of one delivery: read it first.  rewrite/hosts.h finds
 * the hosts and puts them in order, connection.c connects and talks in
 * lines, cache.c keeps connections for reuse, hello.c greets, starttls.c encrypts, auth.c
 * logs in, xforward.c tells filters of the client, transaction.c speaks MAIL to the final
 * dot, content.c converts and sends the message, failure.c keeps the best error of each
 * recipient.
 */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

#include "agent/agent.h"
#include "base/clock.h"
#include "base/list.h"
#include "dsn/notice.h"
#include "net/dns.h"
#include "net/stream.h"
#include "rewrite/hosts.h"
#include "smtp/ehlo.h"
#include "smtp/reply.h"
#include "tls/plan.h"
#include "tls/tls.h"

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
    struct maps *discard_by_address, *reply_filter;
    struct match_list *always_cached; /* ..._connection_cache_destinations */
    struct match_list *debug_peers;
    struct match_list *policy_fallback; /* smtp_policy_fallback_destinations */
    unsigned discard;                   /* EHLO keywords that we pretend not to see */
    struct host_search search;
    unsigned flags;  /* FLAG_... of flags=DORX */
    unsigned notify; /* NOTICE_... of notify_classes that a client can meet */
    struct net_address bind4, bind6;
    bool has_bind4, has_bind6;
    struct list cached; /* connection.link, oldest first */
    bool idle_fiber_runs;
    struct tls_client *tls; /* NULL: nobody asks for it, or it cannot be had */
    struct tls_policies *tls_policies;
    struct maps *tls_loglevels;
    struct client_auth *auth; /* NULL: nobody logs in */
    /* For notices to postmaster; NULL when nobody wants them. */
    struct cleanup_setup *cleanup;
    struct queue_link *queue;
};

/* master.cf: smtp flags=DORX. */
#define FLAG_DELIVERED_TO 1
#define FLAG_ORIGINAL_TO  2
#define FLAG_RETURN_PATH  4
#define FLAG_FINAL        8

struct connection {
    struct list_link link; /* in client.cached while idle */
    struct client *client;
    struct stream *stream;
    struct view name;    /* in the arena */
    struct view display; /* "name[address]" */
    struct view relay;   /* "name[address]:port", for relay= */
    struct net_address address;
    struct arena *arena;
    struct smtp_reply reply;
    struct ehlo_reply features; /* keywords after our discards */
    struct str destination;     /* the next hop it was made for */
    struct view next_hop;       /* the same, as tables know it */
    struct view identity;       /* of auth_identity() */
    struct tls_plan plan;       /* whole until it has greeted us */
    struct tls_facts tls;       /* zeros: in clear */
    const char *queue_id;       /* of the delivery under way; for the log */
    unsigned uses;
    unsigned replies; /* since it was opened or taken from the cache */
    int64_t opened, expires;
    bool reused, broken, timed_out, is_best;
    bool debug;                    /* debug_peer_list */
    unsigned seen;                 /* NOTICE_... that happened */
    struct transcript *transcript; /* NULL when nobody wants it */
};

/* What went wrong last for one recipient that has no outcome yet. */
struct soft_failure {
    unsigned rank; /* 0: nothing yet; else how much it says about the recipient */
    char status[12];
    struct view text, diagnostic, remote_mta, relay; /* in the delivery's arena */
    bool is_of_us; /* our address or name is not welcome there: see failure_pass_on() */
};

/* One delivery under way. */
struct job {
    struct client *client;
    struct delivery *delivery;
    struct soft_failure *failures; /* one per recipient */
    struct soft_failure last;      /* of the host tried last: nobody in particular */
    bool last_target;              /* no host comes behind this one */
    bool host_failed; /* the host tried last was of no use at all, not just for us */
    bool may_loop;    /* the port is that on which we listen ourselves */
    bool stale;       /* a kept connection turned out to be closed: try the host again */
    bool is_kept;     /* the address below was tried over a kept connection */
    struct net_address kept;
    bool in_fallback;   /* the destination is one of smtp_fallback_relay */
    struct view sender; /* after generic mapping */
};

/* --- connection.c --- */
/* Connect.  NULL with *E (4.4.1 "connect to name[address]:port: reason").  May suspend.
 */
struct connection *connection_open(struct client *c, const struct host *t,
                                   struct view destination, struct error *e);
/* A connection over STREAM, which it takes over; for connection_open and for tests. */
struct connection *connection_new(struct client *c, const struct host *t,
                                  struct view destination, struct stream *stream);
/* K is to be called by the name of T, which has its address. */
void connection_name(struct connection *k, const struct host *t);
/* Let K go: a fiber of its own says QUIT, when the peer still listens, and closes, since
 * the peer's answer may take its time.  Does not suspend. */
void connection_quit(struct connection *k);
/* Send a command (no line end); buffered.  Shown as it is in debug lines. */
void connection_send(struct connection *k, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Send LINE, of which logs and transcripts get SHOWN, and "..." for the rest. */
void connection_send_secret(struct connection *k, struct view line, struct view shown);
/* Read one reply within TIMEOUT; false with *E (4.4.2 "lost connection with x while
 * DOING").  May suspend. */
bool connection_read(struct connection *k, int64_t timeout, const char *doing,
                     struct error *e) MUST_CHECK;
/* Words for a connection that failed under us while DOING; it is broken then. */
void connection_lost(struct connection *k, enum stream_result result, const char *doing,
                     struct error *e);
/* A line for debug_peer_list or -v. */
void connection_debug(const struct connection *k, const char *arrow, struct view text);

/* --- cache.c --- */
/* An idle connection to DESTINATION (any address) or to ADDRESS, made under IDENTITY, as
 * PLAN asks for when it is not NULL; NULL when there is none. */
struct connection *cache_take(struct client *c, struct view destination,
                              struct view identity, const struct net_address *address,
                              const struct tls_plan *plan);
/* Done with it for now: keep it for the next delivery, or let it go. */
void cache_give(struct connection *k);
/* The process ends: say QUIT to all.  May suspend. */
void cache_empty(struct client *c);

/* --- hello.c --- */
enum hello { HELLO_OK, HELLO_REFUSED, HELLO_LOST, HELLO_NO_TLS };
/* Greeting and EHLO, HELO or LHLO, and STARTTLS.  REFUSED, LOST, NO_TLS (the handshake
 * failed): *E says why; its status is what counts for this host. */
enum hello hello_exchange(struct job *j, struct connection *k, struct error *e);

/* --- starttls.c --- */
/* What policy and DANE ask of the connection to T for DESTINATION; in A.  TEMPFAIL with
 * *E: no mail goes there now.  May suspend. */
enum result starttls_plan(struct client *c, struct view destination, const struct host *t,
                          struct arena *a, struct tls_plan *p,
                          struct error *e) MUST_CHECK;
/* May a kept connection serve the plan? */
bool starttls_may_reuse(const struct connection *k, const struct tls_plan *p,
                        bool same_destination);
/* smtp_tls_wrappermode: the handshake before the greeting.  May suspend. */
enum hello starttls_wrap(struct connection *k, struct error *e);
/* After EHLO: STARTTLS and the handshake as far as offered and wanted; OK also when it
 * goes on in clear.  May suspend. */
enum hello starttls_run(struct connection *k, struct error *e);
/* After a failed handshake: may the host be tried again in clear? */
bool starttls_may_fall_back(const struct job *j, const struct connection *k);

/* --- auth.c --- */
/* Tables and options of smtp_sasl_...; false with *E for a mistake in them. */
bool client_auth_setup(struct client *c, struct error *e) MUST_CHECK;
void client_auth_free(struct client *c);
/* As whom a connection for J to DESTINATION would log in: connections with equal
 * identities may stand for each other.  In the delivery's arena. */
struct view auth_identity(const struct job *j, struct view destination);
/* After EHLO: log in, where the server offers AUTH and a password is known.  OK also when
 * we remain strangers.  May suspend. */
enum hello auth_run(struct job *j, struct connection *k, struct error *e);

/* --- transaction.c --- */
/* Offer the delivery's open recipients.  Sets outcomes and soft failures.  False: the
 * connection is of no further use.  May suspend. */
bool transaction_run(struct job *j, struct connection *k);

/* --- xforward.c --- */
/* In front of MAIL: who brought the message, to a filter that wants to know.  False with
 * *E: the connection was lost.  May suspend. */
bool xforward_run(const struct job *j, struct connection *k, struct error *e) MUST_CHECK;

/* --- envelope.c --- */
/* The lines of MAIL and RCPT for what the peer offers; ADDRESS is in external form. */
void envelope_mail(const struct job *j, const struct connection *k, struct view address,
                   struct str *out);
void envelope_rcpt(const struct job *j, const struct connection *k,
                   const struct recipient *r, struct view address, struct str *out);
/* ADDRESS in external form, in the delivery's arena.  False with *E when it cannot stand
 * in a command: it is too long or has a line end in it. */
bool envelope_quote(const struct job *j, struct view address, struct view *out,
                    struct error *e);
/* Does the message itself, not only the client that sent it, need SMTPUTF8? */
bool envelope_needs_utf8(const struct job *j);

/* --- content.c --- */
/* Will the content be changed on its way (generic maps, checks, 8-bit to
 * quoted-printable)? */
struct content_plan {
    bool convert;   /* through the MIME machine */
    bool downgrade; /* 8-bit parts to quoted-printable */
};
struct content_plan content_plan_for(const struct job *j, const struct connection *k);
/* Send the content with dots stuffed and the final dot (DATA).  False with *E, and the
 * connection is broken.  May suspend. */
bool content_send(struct job *j, struct connection *k, struct content_plan plan,
                  struct error *e) MUST_CHECK;
/* The whole content with CRLF line ends for one BDAT chunk; false when it is longer than
 * OUT may be, or cannot be had. */
bool content_render(struct job *j, struct content_plan plan, struct str *out) MUST_CHECK;
/* Has the header block of the message itself bytes above 0x7f? */
bool content_header_is_8bit(const struct job *j);

/* --- generic.c --- */
/* ADDRESS through smtp_generic_maps, in arena A.  TEMPFAIL with *E on table errors.  May
 * suspend. */
enum result generic_map(struct client *c, struct arena *a, struct view address,
                        struct view *out, struct error *e) MUST_CHECK;

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
/* The same for all N open recipients of LIST, told once. */
void failure_reply_all(struct job *j, struct connection *k,
                       struct delivery_recipient *const *list, size_t n,
                       const char *command);
/* A failure of the message with this host that is our own finding (size, SMTPUTF8). */
void failure_message(struct job *j, const struct connection *k, const struct error *e);
/* A failure of one recipient that is our own finding. */
void failure_recipient(struct job *j, struct delivery_recipient *r,
                       const struct error *e);
/* The host is of no use: refused us, connection lost, nobody there (K is NULL). */
void failure_host(struct job *j, const struct connection *k, const struct error *e);
/* Recipients at smtp_policy_fallback_destinations whose host refused us, not the message:
 * by smtp_policy_fallback_transport.  May suspend. */
void failure_pass_on(struct job *j);
/* At the very end: what is still open is deferred, or bounced, with what was remembered;
 * qmgr is told of a dead destination. */
void failure_finish(struct job *j);
/* The number of recipients without outcome. */
size_t open_recipients(const struct job *j);

#endif
