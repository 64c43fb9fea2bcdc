/* rehearsal - tests: one delivery against a peer that is a string in memory
 *
 * The peer says its part whatever we say; what we said is kept.  Used by transaction_test
 * and transaction_fuzz.
 */
#ifndef SMTP_REHEARSAL_H
#define SMTP_REHEARSAL_H

#include "client.h"

#define REHEARSAL_RECIPIENTS 300

struct rehearsal {
    const char *settings;     /* main.cf lines */
    const char *process_name; /* NULL: "smtp" */
    const char *flags;        /* "flags=DORX"; NULL: none */
    struct view script;       /* what the peer says, line ends as they stand */
    size_t chunk;             /* in pieces of that many bytes; 0: at once */
    const char *sender;
    const char *recipients[8]; /* up to the first NULL */
    size_t many;               /* instead: that many, "r0@x.example" ... */
    unsigned notify;           /* NOTIFY_... of all */
    const char *content;
    uint32_t message_flags;
    enum dsn_ret ret;
    const char *envid, *orcpt;
    const char *client_address, *client_name, *helo_name; /* who brought it */
    bool reused;   /* the connection was kept from an earlier delivery */
    bool not_last; /* other hosts come behind this one */
    bool keep_log; /* else nothing is logged */
};

struct rehearsal_result {
    struct str said;                               /* with LF for CR LF */
    enum outcome outcomes[REHEARSAL_RECIPIENTS];   /* after the host, before the end */
    enum outcome in_the_end[REHEARSAL_RECIPIENTS]; /* after failure_finish() */
    char status[REHEARSAL_RECIPIENTS][12];
    char text[8][600];
    size_t n;
    bool usable; /* the connection can serve others */
    bool stale, is_dead;
    struct str log;
};

/* Greeting to the end of the message; needs a loop (loop_init). */
void rehearse(const struct rehearsal *r, struct rehearsal_result *out);
void rehearsal_done(struct rehearsal_result *r);

#endif
