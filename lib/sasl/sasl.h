/* sasl - the mechanisms of RFC 4422, from both ends
 *
 * A mechanism is a dialogue that reads from top to bottom: it asks with a challenge and
 * gets an answer, as often as it needs.  Who carries challenges and answers (SMTP, POP3,
 * IMAP, a message between programs) and who knows the passwords is the caller's matter:
 * two callbacks.  No base64 here: that is the carrier's.
 */
#ifndef SASL_SASL_H
#define SASL_SASL_H

#include "base/arena.h"
#include "base/error.h"

#include <stdint.h>

/* Longest challenge and answer, decoded. */
#define SASL_MESSAGE_MAX ((size_t)12288)
/* Longest login name. */
#define SASL_NAME_MAX ((size_t)255)

/* What a mechanism has or lacks; the words of smtpd_sasl_security_options. */
enum {
    SASL_PLAINTEXT = 1,      /* who listens, or serves, learns the password */
    SASL_DICTIONARY = 2,     /* who listens can guess it at home */
    SASL_ACTIVE = 4,         /* open to an active attacker */
    SASL_NO_FORWARD = 8,     /* one session's secret opens others */
    SASL_ANONYMOUS = 16,     /* no identity at all */
    SASL_NO_MUTUAL = 32,     /* the server proves nothing */
    SASL_NEEDS_BINDING = 64, /* only over TLS with channel binding */
    SASL_NEEDS_CERTIFICATE = 128
};
struct sasl_mechanism {
    struct view name;
    unsigned properties;
};
/* The mechanism of NAME (any case), or NULL. */
const struct sasl_mechanism *sasl_mechanism(struct view name);
/* All of them, strongest first. */
const struct sasl_mechanism *sasl_mechanisms(size_t *n);
/* "noplaintext, noanonymous" into properties that are not wanted.  False: *WORD is not
 * known. */
bool sasl_security_parse(struct view list, unsigned *unwanted, struct view *word);

/* Channel bindings of the TLS session: RFC 5929, RFC 9266. */
struct sasl_binding {
    struct view type; /* "tls-exporter", "tls-server-end-point" */
    struct view data;
};
enum { SASL_BINDINGS_MAX = 4 };

/* --- the server's end --- */

enum sasl_outcome {
    SASL_PROVED,     /* `user` is who it is */
    SASL_REFUSED,    /* wrong name or password; nobody is told which */
    SASL_CANCELLED,  /* by the client */
    SASL_MALFORMED,  /* not what the mechanism's grammar allows */
    SASL_UNAVAILABLE /* a table or service is down: `error`; try later */
};

struct sasl_server {
    struct arena *arena; /* results and answers live here */
    struct view host;    /* name of this server, in challenges */
    bool has_initial;
    struct view initial; /* initial response */
    struct sasl_binding bindings[SASL_BINDINGS_MAX];
    size_t n_bindings;
    bool offers_plus;      /* a -PLUS mechanism was offered (against downgrades) */
    struct view certified; /* whom the client's certificate names; EXTERNAL */

    /* Send CHALLENGE and get *ANSWER; false: cancelled, or the client is gone.  May
     * suspend. */
    bool (*ask)(void *arg, struct view challenge, struct view *answer);
    /* *STORED: the stored passwords of USER, for mechanisms that prove without showing.
     * PERMFAIL: there is no such user, or only forms that are no use for that.  May
     * suspend. */
    enum result (*look_up)(void *arg, struct view user, struct view *stored,
                           struct error *e);
    /* Is PASSWORD that of USER?  May suspend. */
    enum result (*check)(void *arg, struct view user, struct view password,
                         struct error *e);
    /* Is TOKEN a good bearer token of USER (which may be empty: *OWNER tells)?  May
     * suspend. */
    enum result (*check_token)(void *arg, struct view user, struct view token,
                               struct view *owner, struct error *e);
    void *arg;

    /* Results. */
    struct view user;      /* who logged in, or tried to */
    struct view authorize; /* on whose behalf; empty: own */
    struct error error;
};

/* Run MECHANISM.  May suspend. */
enum sasl_outcome sasl_serve(struct sasl_server *s, struct view mechanism) MUST_CHECK;

/* --- the client's end --- */

struct sasl_client {
    struct arena *arena;
    struct view user, password; /* the password is a token for XOAUTH2 and OAUTHBEARER */
    struct view authorize;
    struct view host, port; /* of the server; OAUTHBEARER says them */
    struct sasl_binding bindings[SASL_BINDINGS_MAX];
    size_t n_bindings;
    bool server_offers_plus;

    /* of the running exchange */
    const struct sasl_mechanism *mechanism;
    unsigned step;
    struct view nonce, first_bare, header; /* SCRAM */
    struct view expected;                  /* the server's proof */
    bool is_proved;
};

/* Choose the best of OFFERED (names apart by spaces) that has none of the UNWANTED
 * properties, is in ALLOWED (empty: all) and can be used with what C holds; NULL: none.
 */
const struct sasl_mechanism *sasl_client_choose(const struct sasl_client *c,
                                                struct view offered, unsigned unwanted,
                                                struct view allowed);
/* The initial response of MECHANISM; false in *HAS: the server speaks first. */
bool sasl_client_start(struct sasl_client *c, const struct sasl_mechanism *m, bool *has,
                       struct view *initial, struct error *e) MUST_CHECK;
/* The answer to CHALLENGE; false with *E: give up. */
bool sasl_client_answer(struct sasl_client *c, struct view challenge, struct view *answer,
                        struct error *e) MUST_CHECK;
/* After the server said yes: did it also prove itself, where the mechanism wants that? */
bool sasl_client_is_done(const struct sasl_client *c);

#endif
