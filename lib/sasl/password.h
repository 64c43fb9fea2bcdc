/* password - stored passwords: "{SCHEME}hash"
 *
 * The schemes and their spelling are those of Dovecot's password databases, so that a
 * table can be taken over as it is; a value without braces is for crypt(3).  A value may
 * hold several, apart by a space: {ARGON2ID}... {SCRAM-SHA-256}...; each login mechanism
 * uses the one that it can.  Checking one takes up to a second of CPU by design: call it
 * in a worker.  Nothing here suspends.
 */
#ifndef SASL_PASSWORD_H
#define SASL_PASSWORD_H

#include "base/error.h"
#include "base/str.h"

/* Longest password and longest stored value that are looked at; more is a mismatch. */
#define PASSWORD_MAX        ((size_t)1024)
#define PASSWORD_STORED_MAX ((size_t)4096)

enum password_match {
    PASSWORD_MATCHES,
    PASSWORD_DIFFERS,
    PASSWORD_UNUSABLE /* unknown scheme or malformed value; *E says which */
};

/* Does PASSWORD agree with any value of STORED?  Takes the same time for passwords that
 * differ early or late. */
enum password_match password_check(struct view stored, struct view password,
                                   struct error *e) MUST_CHECK;
/* Append "{SCHEME}hash" of PASSWORD, with fresh salt.  False with *E: a scheme that is
 * not known or cannot be made. */
bool password_make(struct view scheme, struct view password, struct str *out,
                   struct error *e) MUST_CHECK;
/* The best scheme for new passwords: "ARGON2ID". */
struct view password_best_scheme(void);
/* Is the first value of STORED of SCHEME, as strong as would be made today? */
bool password_is_of(struct view stored, struct view scheme);
/* The value of STORED with SCHEME, without its braces; false when there is none. */
bool password_find(struct view stored, struct view scheme, struct view *value);
/* The clear text where STORED has it ({PLAIN}, {CLEARTEXT}); challenge mechanisms ask. */
bool password_find_clear(struct view stored, struct str *out);
/* Compare without telling by time where two strings differ. */
bool password_equal(struct view a, struct view b);
/* Fill P with N random bytes. */
void password_random(void *p, size_t n);

#endif
