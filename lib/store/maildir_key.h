/* maildir_key - the names of files in a Maildir
 *
 * "new/BASE" or "cur/BASE:2,FLAGS", where BASE is "seconds.unique.host" with ",S=bytes"
 * and ",W=bytes with CR LF" behind it, if its writer knew them.  Pure: bytes only.
 * Source: https://cr.yp.to/proto/maildir.html; Maildir++; Dovecot's names of sizes.
 */
#ifndef STORE_MAILDIR_KEY_H
#define STORE_MAILDIR_KEY_H

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

struct maildir_key {
    struct view base;    /* what stays when flags change */
    struct view flags;   /* letters */
    uint64_t size, crlf; /* UINT64_MAX: not told */
    uint64_t order;      /* microseconds as the name tells them, saturated */
    uint64_t email_id;
};
/* NAME without the directory; false for a file that is no message. */
bool maildir_key_parse(struct view name, struct maildir_key *out) MUST_CHECK;
/* The base of "cur/BASE:2,S" or "new/BASE". */
struct view maildir_key_base(struct view key);
/* Bits of lib/store for letters; lower case letters are left out. */
uint32_t maildir_flags_parse(struct view letters);
/* Append ":2," and the letters in order: of FLAGS, of KEYWORDS (bit 0 is "a"), and those
 * of OLD that mean nothing to us. */
bool maildir_flags_format(uint32_t flags, uint32_t keywords, struct view old,
                          struct str *out);

#endif
