/* dialogue - tests: a whole session over a stream in memory
 *
 * Messages end in a sink that keeps them.  Used by session_test, policy_test and
 * session_fuzz.
 */
#ifndef SMTPD_DIALOGUE_H
#define SMTPD_DIALOGUE_H

#include "session.h"

struct dialogue {
    const char
        *settings;      /* main.cf lines; tables stay open while it is the same pointer */
    struct view input;  /* what the client says, line ends as they stand */
    size_t chunk;       /* in pieces of that many bytes; 0: at once */
    const char *client; /* address; NULL: a session without policy, as sendmail -bs */
    int finish_code;    /* of the sink; 0: 250 */
    bool cannot_open;   /* the sink */
};

struct dialogue_result {
    struct str output; /* all replies, with CR LF */
    struct str log;    /* lines with LF */
    struct str content, recipients;
    unsigned opened, finished, aborted;
};

/* Needs a loop (loop_init). */
void dialogue_run(const struct dialogue *d, struct dialogue_result *out);
void dialogue_done(struct dialogue_result *r);

#endif
