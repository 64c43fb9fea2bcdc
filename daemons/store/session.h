/* session - one logged-in IMAP or POP3 session, as its worker runs it
 *
 * The worker (worker.c) has opened the account, made the stream and put what the client
 * had sent behind its login back into it; then it calls imap_session() or pop3_session(),
 * which answers the login, speaks until the end, and says goodbye.  The worker closes.
 */
#ifndef STORE_SESSION_H
#define STORE_SESSION_H

#include "base/arena.h"
#include "conf/conf.h"
#include "net/stream.h"
#include "store/account.h"

struct worker;

enum store_protocol { STORE_IMAP, STORE_POP3 };

enum session_end {
    SESSION_ENDED,          /* the client said goodbye, or the connection is gone */
    SESSION_UNAUTHENTICATED /* RFC 8437: answered OK; the client is before its login
                             * again. No layer (COMPRESS) may lie in the stream any more.
                             */
};

struct store_session {
    /* The client: in clear, or login's end of it that does the TLS.  What the client
     * pipelined behind its login is the stream's first input. */
    struct stream *stream;
    struct arena *arena;     /* lives as long as the session */
    const struct conf *conf; /* of the worker; a reload starts new workers */
    struct account *account; /* open; the worker closes it */
    struct worker *worker;
    enum store_protocol protocol;
    struct view user;    /* login name, as it was resolved: "jo", "jo@example.com" */
    struct view tag;     /* IMAP: of the command that logged in, still to be answered */
    struct view command; /* IMAP: "LOGIN" or "AUTHENTICATE", for that answer */
    struct view method;  /* mechanism: "PLAIN", "SCRAM-SHA-256"; "LOGIN" and "USER" too */
    struct view client_name, client_address, client_port; /* name: or "unknown" */
    struct view server_address, server_port;
    struct view id;     /* session id of the log lines */
    const char *shares; /* see struct namespace; NULL: nobody can share here */
    bool is_secured;    /* TLS, ended by login */
    /* Not NULL: the process ends.  Waits of the fiber are cancelled then (STREAM_ERROR):
     * IMAP says "* BYE " with this text and returns. */
    const char *ending;
    /* What the session tells the log at its end ("top=0/0, retr=1/345 ..."); may stay
     * empty.  Its limit is 512 bytes. */
    struct str summary;
};

/* --- what a session may ask its worker --- */

/* Where the mailboxes of USER are, for other users' mailboxes; texts of OUT in A.  False
 * with *E: no such user (status 5.1.1), or it cannot be told now.  May suspend. */
bool worker_find_place(struct worker *w, struct view user, struct arena *a,
                       struct place *out, struct error *e) MUST_CHECK;

/* --- the sessions; each may suspend --- */
enum session_end imap_session(struct store_session *s); /* imap/session.c */
enum session_end pop3_session(struct store_session *s); /* pop3/session.c */

#endif
