/* auth - ask whoever checks passwords: the auth service, Dovecot or saslauthd
 *
 * For programs that face the network (smtpd, login): they carry challenges and answers
 * and never see what is stored.  One call runs one login from its first word to its last.
 * Source: SASL_README, postconf(5) smtpd_sasl_type; Dovecot's authentication
 * protocol 1.1.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "conf/conf.h"
#include "sasl/sasl.h"

/* Who is asked, and about what service. */
struct auth_server {
    const struct conf *conf;
    struct view type;    /* "builtin", "dovecot", "saslauthd", "cyrus" */
    struct view path;    /* its socket, or the name of Cyrus' file */
    struct view service; /* "smtp", "imap", "pop3" */
    struct view unwanted_clear, unwanted_tls; /* lists of security options */
    struct view filter; /* list of mechanisms; "!name" takes out; a table may answer */
    int64_t timeout;    /* of each answer of the server; microseconds */
};

/* One login. `sasl` holds host, bindings, certified, initial answer, ask() and its arg;
 * its results are user, authorize and error. */
struct auth_login {
    const struct auth_server *server;
    struct sasl_server sasl;
    struct view client_address, server_address; /* numeric */
    bool is_secured;                            /* TLS */
};

/* Is the server's type known, and are its options?  False with *E. */
bool auth_server_check(const struct auth_server *s, struct error *e) MUST_CHECK;
/* The mechanisms to offer on this session, apart by spaces, in A: what the server has,
 * less what options and filter do not want and what needs TLS that is not there.  False
 * with *E when the server cannot be asked.  May suspend. */
bool auth_offer(const struct auth_login *l, struct arena *a, struct view *names,
                struct error *e) MUST_CHECK;
/* Run MECHANISM, one of those offered.  May suspend. */
enum sasl_outcome auth_login(struct auth_login *l, struct view mechanism) MUST_CHECK;
/* Give USER the password FRESH, if OLD is the present one; only the builtin server can.
 * PROVED: done.  UNAVAILABLE: *E of L->sasl tells what the user should know.  May
 * suspend.
 */
enum sasl_outcome auth_change(struct auth_login *l, struct view user, struct view old,
                              struct view fresh) MUST_CHECK;

#endif
