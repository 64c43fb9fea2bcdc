/* session - the state of one SMTP session
 *
 * session.c has the dialogue: read it first.  One file per verb or pair of
 * verbs; transaction.c is the way of the message into the queue.
 */
#ifndef SMTPD_SESSION_H
#define SMTPD_SESSION_H

#include "access/access.h"
#include "access/anvil.h"
#include "base/arena.h"
#include "cleanup/cleanup.h"
#include "dsn/notice.h"
#include "net/stream.h"
#include "run/trail.h"
#include "service/service.h"
#include "smtp/command.h"
#include "smtp/dot.h"
#include "smtp/ehlo.h"
#include "tls/tls.h"

struct auth_server;
struct direct;
struct hosts_access;
struct screen;
struct sink;

enum smtpd_tls_level { SMTPD_TLS_NONE, SMTPD_TLS_MAY, SMTPD_TLS_ENCRYPT };

/* What the sessions of a process share: one reading of the configuration. */
struct smtpd {
    const struct conf *conf;
    struct rewrite *rewrite;
    struct recipients *recipients;
    struct access *access;
    struct hosts_access *hosts; /* NULL: not obeyed */
    struct cleanup_setup *cleanup;
    struct queue_link *queue;
    struct match_list *bare_newline_exclusions;
    struct match_list
        *local_rewrite_clients;      /* of local_header_rewrite_clients' tables */
    struct match_list *etrn_domains; /* fast_flush_domains */
    struct match_list *debug_peers;
    struct match_list *verp_clients; /* smtpd_authorized_verp_clients */
    struct match_list *forbidden_commands, *noop_commands;
    struct maps *ehlo_discard_by_address;
    struct maps *command_filter;
    struct maps *reject_footers;
    struct access_milters *milters;
    unsigned ehlo_discard;
    unsigned notify; /* NOTICE_... of notify_classes */
    enum dot_mode dot_mode;
    enum smtpd_tls_level tls_level;
    struct tls_server *tls; /* NULL: none, or it cannot be had */
    struct maps *tls_loglevels;
    bool tls_wrapper;                          /* TLS from the first byte */
    bool ask_certificate, require_certificate; /* of clients */
    struct auth_server *auth;                  /* NULL: no AUTH */
    struct match_list *auth_exceptions;        /* smtpd_sasl_exceptions_networks */
    const char *service_name;                  /* in master.cf */
    struct match_list *limit_exceptions;       /* smtpd_client_event_limit_exceptions */
    struct maps *user_limit_exceptions;        /* smtpd_user_limit_exceptions */
    struct match_list *xclient_hosts, *xforward_hosts;
    struct maps *reject_filters;
    bool standalone;         /* sendmail -bs: no network, no policy */
    const struct sink *sink; /* where mail goes: the queue, or postdrop */
    struct direct *direct;   /* LMTP: delivers at once; NULL: SMTP */
    struct screen *screen;   /* clients are tested first (postscreen); NULL */
};

/* Counted verbs, in the order of the disconnect line. */
enum verb_count {
    COUNT_HELO,
    COUNT_EHLO,
    COUNT_STARTTLS,
    COUNT_AUTH,
    COUNT_MAIL,
    COUNT_RCPT,
    COUNT_DATA,
    COUNT_BDAT,
    COUNT_RSET,
    COUNT_NOOP,
    COUNT_VRFY,
    COUNT_ETRN,
    COUNT_XCLIENT,
    COUNT_XFORWARD,
    COUNT_HELP,
    COUNT_QUIT,
    COUNT_OTHER,
    COUNTS
};

/* What XFORWARD told of the client behind a filter; empty views are unknown. */
struct forwarded {
    bool is_set;
    struct view name, address, port, protocol, helo, ident, source;
};

struct transaction; /* between MAIL and the end of the message */

struct session {
    struct smtpd *server;
    struct stream *stream;
    struct arena *arena;         /* facts of the client; lives as long as the session */
    struct access_subject facts; /* who the client is and what it asked for */
    struct forwarded forwarded;
    struct milters *milters;             /* NULL: none */
    struct milter_list *own_milters;     /* from smtpd_milter_maps */
    struct view milter_refusal;          /* of the recipient that milters are told of */
    struct ipc *anvil;                   /* the session is counted; NULL: it is not */
    struct anvil_counts anvil_connected; /* what it said when the session began */
    struct ipc *user_anvil;              /* counts the user only; NULL: not yet needed */
    bool may_xclient, may_xforward;
    char id[48];                     /* in the log at debug level, also without mail */
    struct trail trail;              /* of what is consulted, at debug level */
    char instance[64];               /* facts.instance's bytes */
    struct str helo;                 /* facts.helo_name's bytes */
    struct transaction *transaction; /* NULL outside one */
    unsigned ehlo_hidden;            /* keywords that this client does not see */
    unsigned ehlo_absent;            /* keywords that nobody sees here */
    bool esmtp;                      /* greeted with EHLO */
    bool closing;                    /* the reply that was given is the last */
    bool lost;                       /* the connection is gone */
    bool trusted_newlines;           /* smtpd_forbid_bare_newline_exclusions */
    bool may_use_verp;               /* smtpd_authorized_verp_clients */
    unsigned reply_times; /* LMTP: a reply at the end stands for so many recipients */
    unsigned errors;      /* since the last accepted message */
    unsigned junk;        /* commands that lead nowhere */
    const char *reason;   /* why the session ended early; NULL */
    struct {
        unsigned good, all;
    } counts[COUNTS];
    int64_t deadline; /* of the request at hand, see request.c */
    bool denied;    /* the client was refused at the connection: QUIT is all it may say */
    unsigned debug; /* debug_peer_level, for peers of debug_peer_list */
    struct tls_facts tls;            /* zeros: no TLS */
    const char *certificate_refusal; /* the answer to the next command; NULL */
    struct transcript *transcript;   /* what was said; NULL when nobody wants it */
    unsigned transcript_lines, seen; /* NOTICE_... that happened */
};

/* A line from the client: what a verb's function gets. */
struct command {
    struct view verb; /* as it was written */
    struct view args;
};

/* session.c: serve STREAM to its end.  May suspend. */
void session_run(struct session *s);
/* After XCLIENT: greet the client that was named.  May suspend. */
void session_restart(struct session *s);
/* A new message: policy servers see that by another facts.instance. */
void session_new_instance(struct session *s);
/* helo.c: NAME without what could be mistaken in a header or a log line, into OUT. */
void session_clean_name(struct view name, struct str *out);
/* The connection failed while reading: log it, once. */
void connection_failed(struct session *s, enum stream_result result);

/* reply.c: send CODE text lines, count errors.  The text carries its own enhanced code.
 * May suspend. */
void reply(struct session *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* As reply, for 4xx and 5xx: counts as the client's error, against the protocol. */
void reply_error(struct session *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* As reply_error, for errors of other kinds: NOTICE_POLICY and the like. */
void reply_error_about(struct session *s, unsigned notice, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* 555: a parameter of MAIL or RCPT that is not known or not offered. */
void reply_unsupported(struct session *s, const struct smtp_parameter *p);
/* The same for the first word of REST, which has not the form of a parameter. */
void reply_malformed(struct session *s, struct view rest);
/* The refusal that OUTCOME tells; 421 and 521 end the session. */
void reply_refusal(struct session *s, const struct access_outcome *outcome);

/* A line of the dialogue, for debug_peer_list or -v. */
void session_debug(const struct session *s, const char *arrow, struct view text);

/* trail.c: from here on the log at debug level tells what is consulted for S, if anybody
 * wants that: -v, or debug_peer_list (then S->debug is set). */
void session_trail_begin(struct session *s);
void session_trail_end(void);

/* request.c: smtpd_per_request_deadline.  A new request begins, or a new part of one; N
 * bytes of it came. */
void request_begin(struct session *s);
void request_received(struct session *s, size_t n);

/* footer.c: TEXT (a 4xx or 5xx reply, LF between lines) with smtpd_reject_footer behind
 * it, in OUT; false when there is none.  May suspend. */
bool footer_append(struct session *s, struct view text, struct str *out);

/* notice.c: what was said is kept while postmaster may want to see it (notify_classes).
 */
void transcript_open(struct session *s);
void transcript_said(struct session *s, const char *prefix, struct view text);
/* Post it when something happened that notify_classes lists, and begin a new one; unless
 * there are no more than THRESHOLD lines.  May suspend. */
void transcript_flush(struct session *s, unsigned threshold, const char *reason);
void transcript_close(struct session *s);

/* client.c: name and address of PEER.  May suspend (DNS). */
void client_identify(struct session *s, const struct net_address *peer);
/* Behind a load balancer (smtpd_upstream_proxy_protocol): *PEER becomes who it says;
 * false (logged): hang up.  May suspend. */
bool client_behind_proxy(struct session *s, struct net_address *peer);
/* "name[address]" for the log anew. */
void client_show(struct session *s);

/* One function per verb; true when it succeeded (for the counts).  May suspend. */
bool verb_helo(struct session *s, const struct command *c);
bool verb_ehlo(struct session *s, const struct command *c);
bool verb_starttls(struct session *s, const struct command *c);
bool verb_auth(struct session *s, const struct command *c);
bool verb_mail(struct session *s, const struct command *c);
bool verb_rcpt(struct session *s, const struct command *c);
bool verb_data(struct session *s, const struct command *c);
bool verb_bdat(struct session *s, const struct command *c);
bool verb_rset(struct session *s, const struct command *c);
bool verb_noop(struct session *s, const struct command *c);
bool verb_vrfy(struct session *s, const struct command *c);
bool verb_expn(struct session *s, const struct command *c);
bool verb_etrn(struct session *s, const struct command *c);
bool verb_xclient(struct session *s, const struct command *c);
bool verb_xforward(struct session *s, const struct command *c);
bool verb_help(struct session *s, const struct command *c);
bool verb_quit(struct session *s, const struct command *c);

/* starttls.c: the handshake; false when it failed, and the log was told.  May suspend. */
bool session_start_tls(struct session *s);
/* Is STARTTLS to be announced? */
bool session_offers_tls(const struct session *s);

/* auth.c: the mechanisms to announce, in A; false: none.  May suspend. */
bool session_offers_auth(struct session *s, struct arena *a, struct view *names);
/* The client is nobody again (STARTTLS). */
void session_forget_login(struct session *s);

/* xclient.c, for both: may VERB run now?  False: a reply was sent. */
bool peer_command_may_run(struct session *s, const struct command *c, const char *verb,
                          bool is_allowed);
/* Take the next attribute of *REST, in A.  False at the end; *GOOD: no reply was sent. */
struct peer_attribute;
bool peer_attribute_next(struct session *s, struct view *rest, struct arena *a,
                         struct peer_attribute *x, bool *good);

/* path.c: the address in the argument of MAIL, RCPT or VRFY, in internal form in ARENA.
 * On false the reply was sent. */
bool path_parse(struct session *s, struct view path, bool allow_empty, bool utf8,
                struct arena *arena, struct view *address);

#endif
