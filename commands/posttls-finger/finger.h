/* finger - what the files of posttls-finger share
 *
 * main.c has the options and the course; dialogue.c speaks with one server.
 */
#ifndef POSTTLS_FINGER_FINGER_H
#define POSTTLS_FINGER_FINGER_H

#include "rewrite/hosts.h"
#include "tls/dane.h"
#include "tls/tls.h"

struct finger {
    const struct conf *conf;
    bool lmtp, by_srv, wrapper, quiet, shows_chain;
    int64_t connect_timeout, command_timeout; /* microseconds */
    int64_t reconnect_delay;                  /* 0: none */
    unsigned reconnects;
    int loglevel;
    const char *destination;
    const char *const *match; /* names or fingerprints of the command line */
    size_t n_match;
    struct tls_client *tls;
    struct tls_policies *policies;
    struct arena *arena;
    int status; /* of the command */
};

/* Connect to T, greet, encrypt by POLICY and DANE (may be NULL), greet, part.  *RESUMED
 * tells whether an older session was used.  False with the log told.  May suspend. */
bool finger_host(struct finger *f, const struct host *t, const struct tls_policy *policy,
                 const struct tls_dane *dane, bool *resumed);

#endif
