/* received - what a Received: header says
 *
 * Reads the trace lines of RFC 5321 4.4 and the forms that other programs write: qmail's
 * "(qmail N invoked from network)", sendmail's "(from user@host)", Postfix's
 * "(Postfix, from userid N)".  Pure.
 */
#ifndef FORMAT_RECEIVED_H
#define FORMAT_RECEIVED_H

#include "base/view.h"

#include <stdint.h>

/* Views into the header's body; empty where the line does not say. */
struct received {
    struct view lead; /* comment in front of all clauses: "qmail 8844 invoked ..." */
    struct view from; /* the name that the client gave */
    struct view from_comment; /* "name [address]", as the server saw the client */
    struct view by;
    struct view by_comment; /* "Postfix", "Postfix, from userid 501" */
    struct view with;       /* "ESMTPS" */
    struct view id;
    struct view recipient; /* behind "for", without <> */
    bool has_time;
    int64_t seconds; /* since 1970 UTC */
    int offset;      /* minutes east of UTC, as written */
};
/* Read BODY, unfolded (header_unfold).  False when it names neither who sent nor who
 * received: then nothing in *OUT but a time is of use. */
bool received_parse(struct view body, struct received *out)
    __attribute__((warn_unused_result));

#endif
