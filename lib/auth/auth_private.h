/* auth_private - the kinds of servers behind auth.h */
#ifndef AUTH_AUTH_PRIVATE_H
#define AUTH_AUTH_PRIVATE_H

#include "auth/auth.h"
#include "base/str.h"
#include "net/stream.h"

/* Most bytes of names that a server can offer. */
#define AUTH_NAMES_MAX ((size_t)1024)

struct auth_type {
    struct view name;
    /* All mechanisms that the server has, apart by spaces.  May suspend. */
    bool (*names)(const struct auth_login *l, struct arena *a, struct view *names,
                  struct error *e);
    /* May suspend. */
    enum sasl_outcome (*login)(struct auth_login *l, struct view mechanism);
    /* NULL: it cannot.  May suspend. */
    enum sasl_outcome (*change)(struct auth_login *l, struct view user, struct view old,
                                struct view fresh);
};

extern const struct auth_type auth_builtin, auth_dovecot, auth_saslauthd, auth_cyrus;

/* dovecot.c, over an open stream: the greeting, with the mechanisms into NAMES; then what
 * follows AUTH.  May suspend. */
bool dovecot_greet(struct stream *s, struct str *names, struct error *e) MUST_CHECK;
enum sasl_outcome dovecot_converse(struct auth_login *l, struct stream *s);
/* saslauthd.c: its answer on S.  May suspend. */
enum result saslauthd_verdict(struct stream *s, struct error *e);

/* saslauthd at SOCKET; for both types that use it. */
enum sasl_outcome saslauthd_login(struct auth_login *l, struct view mechanism,
                                  struct view socket);

#endif
