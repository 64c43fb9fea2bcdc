/* fake_host - tests: a mail server that does as it is told, in a thread of the test
 *
 * Replies are fixed per verb; NULL means: as usual.  What it heard is kept.  Every wait
 * is bounded.
 */
#ifndef SMTP_FAKE_HOST_H
#define SMTP_FAKE_HOST_H

#include "base/str.h"

#include <pthread.h>
#include <stdatomic.h>

struct fake_host {
    /* How it behaves; changed only while nobody talks to it. */
    const char *greeting, *hello, *mail, *rcpt, *data, *end;
    const char *rcpt_of[2]; /* reply [1] when the command has the text [0] in it */
    bool is_lmtp;           /* a reply for each recipient */
    bool is_silent;         /* accepts, and says nothing */
    bool ends_after_message, ends_at_second_mail;

    /* What it heard. */
    _Atomic unsigned sessions, messages;
    struct str heard; /* commands and content, LF line ends */

    int listener;
    _Atomic bool is_ending;
    pthread_t thread;
    pthread_mutex_t lock; /* of heard */
    unsigned recipients;  /* accepted in this transaction */
    unsigned mails;       /* in this session */
};

/* Listen at ADDRESS ("127.1.0.2") and PORT, or at the UNIX socket ADDRESS when PORT is 0.
 */
void fake_host_start(struct fake_host *h, const char *address, unsigned port);
void fake_host_stop(struct fake_host *h);
/* Did it hear TEXT? */
bool fake_host_heard(struct fake_host *h, const char *text);
/* A TCP port that nobody uses at 127.0.0.1 now. */
unsigned free_port(void);

#endif
