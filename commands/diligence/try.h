/* try - a dialogue with a server, line by line, for people who look at it */
#ifndef DILIGENCE_TRY_H
#define DILIGENCE_TRY_H

#include "diligence.h"
#include "base/arena.h"
#include "net/stream.h"
#include "smtp/reply.h"

struct
try {
    const struct control *control;
    struct arena *arena;
    struct stream *stream;
    struct smtp_reply reply;
    const char *server; /* "host:port" as dial_endpoint takes it */
    const char *from, *to;
    bool is_relay_test, has_server; /* has_server: it stood on the command line */
    bool quiet;                     /* the dialogue is not shown */
    bool offers_xclient;
    int status; /* of the command */
};

/* --- try.c --- */
/* Read one reply, show it and what it means; false when the connection is lost.
 * May suspend. */
bool try_hear(struct try *t, const char *verb);
/* Send LINE and hear the reply.  VERB is its first word. May suspend. */
bool try_say(struct try *t, const char *verb, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* EHLO; sets offers_xclient.  May suspend. */
bool try_introduce(struct try *t);

/* --- try_meaning.c --- */
/* What a reply with CODE and STATUS (RFC 3463, may be "") to VERB ("" is the greeting)
 * means, in plain words. */
const char *try_meaning(const char *verb, int code, const char *status);
/* What a keyword of the EHLO reply offers; NULL when it is not known. */
const char *try_keyword(struct view keyword);

/* --- try_relay.c --- */
/* After EHLO: does the server take mail of strangers to strangers?  Sends no message.
 * May suspend. */
void try_relay(struct try *t);

#endif
