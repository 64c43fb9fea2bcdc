/* access - who may do what: the restriction lists of the SMTP server
 *
 * Eight stages, each a list of named restrictions asked in order until one
 * permits or refuses (SMTPD_ACCESS_README, access(5)).  Nothing here knows a
 * session: the facts come as a struct access_subject, so the same code can
 * explain a decision without a client.  Each restriction's verdict, and all that it
 * consults, is told to the trail of the running fiber (run/trail.h).  Restrictions are
 * compiled and checked when the program starts.
 */
#ifndef ACCESS_ACCESS_H
#define ACCESS_ACCESS_H

#include "net/address.h"
#include "rewrite/recipients.h"
#include "rewrite/rewrite.h"
#include "run/fiber.h"

enum access_stage {
    ACCESS_CLIENT,
    ACCESS_HELO,
    ACCESS_SENDER,
    ACCESS_RELAY,
    ACCESS_RECIPIENT,
    ACCESS_DATA,
    ACCESS_END_OF_DATA,
    ACCESS_ETRN,
    ACCESS_STAGES
};

enum access_name_status {
    ACCESS_NAME_OK,
    ACCESS_NAME_TEMPFAIL, /* the look-up may succeed later */
    ACCESS_NAME_PERMFAIL, /* no name, or a name that does not lead back */
};

/* What is known of the request.  Views are empty while unknown. */
struct access_subject {
    struct view client_name; /* "unknown" unless verified */
    struct view reverse_name;
    struct view client_address; /* "192.0.2.1", "2001:db8::1" */
    struct view client_display; /* "name[address]" */
    enum access_name_status name_status, reverse_name_status;
    struct view helo_name;
    struct view protocol; /* "SMTP", "ESMTP" */
    struct view sender;   /* internal form; meaningful when has_sender */
    bool has_sender;
    struct view recipient; /* internal form */
    unsigned recipients;   /* accepted so far */
    struct view etrn_domain;
    struct view queue_id; /* empty: NOQUEUE */
    struct view sasl_method, sasl_username, sasl_sender;
    struct view client_port, server_address, server_port;
    struct view instance; /* the same for all questions about one message */
    uint64_t size;        /* bytes: announced, then what came */
    bool tls;             /* the session is encrypted */
    bool ccert_trusted;   /* the client's certificate was verified */
    struct view tls_protocol, tls_cipher, tls_sni;
    unsigned tls_keysize; /* bits */
    struct view ccert_subject, ccert_issuer, ccert_fingerprint, ccert_pubkey_fingerprint;
    const char *where;     /* protocol state: "CONNECT", "RCPT", "END-OF-MESSAGE" */
    const char *command;   /* the SMTP command that is being answered: "RCPT" */
    bool pipelined;        /* the client sent on without waiting where it must wait */
    bool content_received; /* PREPEND comes too late */
    bool rehearsal;        /* only explained: no probe is sent, nobody is made to wait */
    bool debug;            /* tell of each restriction in the log (debug_peer_level) */
};

/* What access(5) actions ask to be done with the message. */
enum access_effect_kind {
    ACCESS_FILTER,
    ACCESS_REDIRECT,
    ACCESS_HOLD,
    ACCESS_DISCARD,
    ACCESS_PREPEND,
    ACCESS_BCC
};
struct access_effect {
    struct access_effect *next;
    enum access_effect_kind kind;
    struct view value;
};

/* The end of an evaluation. */
struct access_outcome {
    bool refused;
    int code;                      /* 554 */
    char status[12];               /* "5.7.1" */
    struct view reply;             /* "554 5.7.1 <x>: Relay access denied" */
    struct access_effect *effects; /* in order; also when not refused */
};

struct access; /* the compiled lists of one configuration */

/* What smtpd_relay_restrictions says.  A main.cf of before Postfix 2.10 has no such list:
 * where none is set and the compatibility level gives none, the list of that time rules
 * (docs/decisions/0014-older-configurations.md). */
struct view access_relay_list(const struct conf *c);

/* Compile all stages.  NULL with *E (parameter named) for an unknown restriction, a
 * missing argument, or when relay control is absent ("specify at least one working
 * instance of ..."). */
struct access *access_new(const struct conf *c, struct rewrite *r,
                          struct recipients *recipients, struct error *e);
void access_free(struct access *a);

/* Evaluate one stage; everything in OUT lives in ARENA.  Soft refusals that wait for the
 * outcome of later stages (defer_if_permit) are kept in MEMORY, which the caller clears
 * per recipient.  May suspend. */
struct access_memory {
    bool defer_if_permit, defer_if_reject;
    int64_t score; /* of score_if_reject */
    struct access_outcome permit_outcome, reject_outcome;
};
void access_evaluate(struct access *a, enum access_stage stage,
                     const struct access_subject *subject, struct access_memory *memory,
                     struct arena *arena, struct access_outcome *out);
/* As Postfix at RCPT: the delayed client, helo and sender stages (when
 * smtpd_delay_reject), then relay and recipient in the configured order, then unlisted
 * recipient.  May suspend. */
void access_evaluate_recipient(struct access *a, const struct access_subject *subject,
                               struct arena *arena, struct access_outcome *out);
/* smtpd_reject_unlisted_sender at MAIL; and the sender stages when not delayed. */
void access_evaluate_sender(struct access *a, const struct access_subject *subject,
                            struct arena *arena, struct access_outcome *out);
/* Is the client in $mynetworks? May suspend. */
bool access_client_is_trusted(struct access *a, const struct access_subject *subject);
/* Has the client one of this machine's own addresses? */
bool access_client_is_own(struct access *a, const struct access_subject *subject);

/* Log "QID: ACTION: COMMAND from client: TEXT; from=<..> to=<..> proto=.. helo=<..>". */
void access_log_event(const struct access_subject *s, const char *action,
                      struct view text);

/* Fill in the names of F for a client at PEER, in A: verified, reverse, and how sure they
 * are.  F's names are "unknown" before.  May suspend (DNS). */
void access_find_names(struct access_subject *f, struct arena *a,
                       const struct net_address *peer);

/* Log "ACTION: STATE: TEXT; from=<..> to=<..> ..." of a filter's verdict. */
void access_log_proxy(const struct access_subject *s, const char *action,
                      struct view text);

/* Every name that is known, for check and postconf; NULL at the end. */
const char *access_restriction_name(size_t i);

#endif
