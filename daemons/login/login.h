/* login - a client before it has logged in
 *
 * session.c has the life of a connection: read it first.  imap.c, pop3.c and poppassd.c
 * are the three dialogues, authenticate.c and starttls.c what they share; give.c hands
 * who has logged in to the store, and carries the bytes where TLS ends here.
 */
#ifndef LOGIN_LOGIN_H
#define LOGIN_LOGIN_H

#include "auth/auth.h"
#include "base/hash.h"
#include "ipc/ipc.h"
#include "net/relay.h"
#include "service/service.h"
#include "table/match.h"
#include "tls/tls.h"

/* Longest IMAP tag that is carried to the store. */
#define LOGIN_TAG_MAX ((size_t)128)

struct session;

/* One of the dialogues. */
struct login_protocol {
    const char *name; /* "imap": of the service, for passwords and for the store */
    bool is_mail;     /* ends in the store */
    void (*greet)(struct session *s);
    /* Talk until the client has logged in, or its end.  May suspend. */
    void (*run)(struct session *s);
    /* Say that the time is over, or that there are too many; closing follows. */
    void (*say_bye)(struct session *s, const char *code, const char *text);
    /* The session could not be given to the store: E tells why.  May suspend. */
    void (*refuse)(struct session *s, const struct error *e);
};
extern const struct login_protocol login_imap, login_pop3, login_poppassd;

enum login_tls_level { LOGIN_TLS_NONE, LOGIN_TLS_MAY, LOGIN_TLS_ENCRYPT };

/* What the sessions of a process share. */
struct login {
    const struct conf *conf;
    struct service *service;
    const struct login_protocol *protocol;
    enum login_tls_level tls_level;
    struct tls_server *tls; /* NULL: none, or it cannot be had */
    struct maps *tls_loglevels;
    bool tls_wrapper, is_standalone;
    struct auth_server auth;
    struct match_list *limit_exceptions;
    struct hosts_access *hosts; /* hosts.allow and hosts.deny; NULL: not asked */
    struct store_link *store;
};

struct session {
    struct login *login;
    struct stream *stream;
    struct arena *arena; /* facts; lives as long as the session */
    struct view client_name, client_address, client_port, client_display;
    struct view server_address, server_port, id;
    struct tls_facts tls; /* zeros: no TLS */
    struct ipc *anvil;    /* the session is counted; NULL: it is not */
    int64_t begun;
    unsigned errors, attempts;
    struct view last_user, last_method; /* of the last attempt */
    bool closing;                       /* what was said is the last */
    bool lost;                          /* the connection is gone */
    /* Set by a dialogue that came to a login. */
    bool has_logged_in;
    struct view user, method;
    struct view tag, command; /* IMAP */
};

/* --- setup.c --- */
struct login *login_new(struct service *service, struct error *e) MUST_CHECK;

/* For tests: let all go; no session may run. */
void login_free(struct login *l);

/* --- session.c --- */
/* Serve STREAM, which it takes over, for PEER.  May suspend. */
void session_serve(struct login *l, struct stream *stream,
                   const struct net_address *peer);
/* A session that the store gave back: facts as the message has them. */
void session_resume(struct login *l, struct ipc_message *m);
/* Read a line of a command; false: the session is over, and that was said.  The line is
 * in A.  May suspend. */
bool session_read_line(struct session *s, struct arena *a, struct view *line);
/* Count an error; false: it was one too many, and that was said. */
bool session_error(struct session *s);
/* "ACTION: user=<..>, method=.., rip=.., lip=.., TLS, session=<..>" */
void session_log(const struct session *s, const char *action);

/* --- client.c --- */
/* Who has connected, also behind a load balancer, and may it?  False: hang up, that was
 * logged.  May suspend. */
bool client_identify(struct session *s, const struct net_address *peer) MUST_CHECK;
/* Count it; false: it has too many connections, and was told. May suspend. */
bool client_limits_begin(struct session *s) MUST_CHECK;
bool client_may_try(struct session *s) MUST_CHECK; /* another password */
void client_limits_end(struct session *s);

/* --- starttls.c --- */
/* What is wrong is logged, and TLS is not offered then. */
void login_tls_setup(struct login *l);
void login_tls_free(struct login *l);
bool session_offers_tls(const struct session *s);
/* May a password be said now? */
bool session_is_safe(const struct session *s);
/* The handshake; false: the session is over, and marked so.  May suspend. */
bool session_start_tls(struct session *s);

/* --- authenticate.c --- */
enum login_outcome {
    LOGIN_PROVED,
    LOGIN_REFUSED,
    LOGIN_UNKNOWN, /* no such mechanism here */
    LOGIN_CANCELLED,
    LOGIN_MALFORMED,
    LOGIN_LATER, /* temporary failure, or too often */
    LOGIN_GONE   /* the client */
};
/* The mechanisms on offer now, apart by spaces, in A.  May suspend. */
struct view session_mechanisms(struct session *s, struct arena *a);
/* AUTH: run MECHANISM; INITIAL as it was sent, in base64 ("=" is an empty one), when
 * HAS_INITIAL.  PROVED fills in user and method.  May suspend. */
enum login_outcome session_authenticate(struct session *s, struct arena *a,
                                        struct view mechanism, bool has_initial,
                                        struct view initial) MUST_CHECK;
/* A name and a password as LOGIN and USER have them: as PLAIN.  May suspend. */
enum login_outcome session_check_password(struct session *s, struct arena *a,
                                          struct view user,
                                          struct view password) MUST_CHECK;

/* --- give.c --- */
struct store_link *store_link_new(struct login *l);
void store_link_free(struct store_link *k); /* tests */
enum give_result {
    GIVE_TAKEN,   /* the session is over here */
    GIVE_REFUSED, /* *E tells why; the session goes on */
    GIVE_RETURNED /* the client took its login back; the session goes on */
};
/* May suspend, for as long as the session lasts where TLS ends here. */
enum give_result store_give(struct session *s, struct error *e) MUST_CHECK;

#endif
