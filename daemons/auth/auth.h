/* auth - what the files of the auth service share */
#ifndef AUTH_DAEMON_H
#define AUTH_DAEMON_H

#include "conf/conf.h"
#include "net/address.h"
#include "net/stream.h"
#include "sasl/sasl.h"
#include "service/service.h"
#include "table/table.h"

struct keyring;

struct auth {
    const struct conf *conf;
    struct maps *passwords; /* auth_password_maps */
    struct keyring *keys;   /* of those who issue bearer tokens */
    bool speaks_dovecot;    /* as the service dovecot-auth */
};

/* session.c: one connection of ours is one login. */
void auth_session(struct auth *a, int fd);
/* dovecot.c: Dovecot's client protocol; a connection holds many logins. */
void dovecot_session(struct auth *a, int fd);
/* The same over STREAM, which it owns. */
void dovecot_serve(struct auth *a, struct stream *stream);

/* exchange.c: what both protocols do with one login. */
struct exchange {
    struct auth *auth;
    struct sasl_server sasl; /* ask() and its arg are the protocol's */
    void *ask_arg;
    bool (*ask)(void *arg, struct view challenge, struct view *answer);
    struct view service, client_address;
    struct turn *turn;    /* of the client's network, from the first look at a password */
    struct view password; /* that was shown in clear, for a better hash; or empty */
};
/* Run MECHANISM with delays for those who failed before; logs failures.  May suspend. */
enum sasl_outcome exchange_run(struct exchange *x, struct view mechanism);

/* credentials.c: what is stored of USER, in table or system. */
enum result credentials_stored(struct auth *a, struct view user, struct arena *arena,
                               struct view *stored, struct error *e);
/* Is PASSWORD that of USER?  May suspend: hashes take their time in a worker, PAM in a
 * child. */
enum result credentials_check(struct auth *a, struct view user, struct view password,
                              struct arena *arena, struct error *e);

/* system.c: the host's accounts, by shadow or PAM. */
enum result system_check(struct auth *a, struct view user, struct view password,
                         struct arena *arena, struct error *e);

/* rehash.c: after a login with an old kind of hash, store a better one. */
void rehash(struct auth *a, struct view user, struct view password, struct arena *arena);

/* Keep FRESH as USER's password, in the table of ours that has the old one; false with
 * *E, a text for the user.  May suspend. */
bool password_change(struct auth *a, struct view user, struct view fresh,
                     struct arena *arena, struct error *e) MUST_CHECK;

/* token.c: bearer tokens (RFC 7519), signed by one of auth_token_keys. */
struct keyring *keyring_open(const struct conf *c, struct error *e);
void keyring_close(struct keyring *k);
/* PERMFAIL: not signed by any of the keys, not for us, or not in its time.  *OWNER in
 * ARENA. */
enum result token_check(const struct auth *a, struct view token, struct view user,
                        struct arena *arena, struct view *owner, struct error *e);

/* penalty.c: networks whose logins failed. */
/* How long the next failure of CLIENT is held back, in microseconds. */
int64_t penalty_of(const struct auth *a, struct view client);
void penalty_add(const struct auth *a, struct view client);
void penalty_clear(const struct auth *a, struct view client);
/* The network of CLIENT, as text in OUT; unparsable ones count together. */
struct view penalty_network(const struct auth *a, struct view client, char out[64]);
/* Networks remembered; tests. */
size_t penalty_count(void);

/* turn.c: how many passwords of a network are checked, or held back, at a time. */
struct turn;
/* Wait for *TURN of CLIENT's network, a minute at most; false: there was none.  *TURN is
 * NULL where nobody needs one.  May suspend. */
bool turn_take(const struct auth *a, struct view client, struct turn **turn) MUST_CHECK;
void turn_end(struct turn *t); /* NULL is fine */
/* Networks with turns; tests. */
size_t turn_count(void);

#endif
