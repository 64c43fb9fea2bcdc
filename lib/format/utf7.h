/* utf7 - the modified UTF-7 of mailbox names
 *
 * What IMAP4rev1 sends and what Maildir++ directories are called.  Printable ASCII stands
 * for itself, "&" is "&-", all else is UTF-16 in base64 with "," for "/".  Nothing here
 * suspends.  RFC 3501 5.1.3, RFC 2152.
 */
#ifndef FORMAT_UTF7_H
#define FORMAT_UTF7_H

#include "base/error.h"
#include "base/str.h"

/* Append the encoding of the UTF-8 text V to OUT; control characters are encoded, too.
 * False: V is no UTF-8, or OUT is full. */
bool utf7_encode(struct view v, struct str *out) MUST_CHECK;
/* Append V, decoded to UTF-8, to OUT.  Strict: what has another, shorter or proper form
 * is refused, so that each name has one form only.  False: malformed, or OUT is full. */
bool utf7_decode(struct view v, struct str *out) MUST_CHECK;

#endif
