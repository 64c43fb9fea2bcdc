/* dialogue - tests: a client's whole connection in memory
 *
 * Passwords are checked by a stand-in for lib/auth (fake_auth.c): "right" is right for
 * everybody.  There is no store, so whoever logs in is told that it is not available.
 */
#ifndef LOGIN_DIALOGUE_H
#define LOGIN_DIALOGUE_H

#include "base/str.h"

struct dialogue {
    const char *protocol; /* "imap", "pop3", "poppassd" */
    const char *settings; /* lines of main.cf; NULL: none */
    size_t chunk;         /* bytes that come at once; 0: all */
    struct view input;
};
/* What the server said is appended to OUT. */
void dialogue_run(const struct dialogue *d, struct str *out);

#endif
