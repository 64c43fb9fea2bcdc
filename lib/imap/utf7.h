/* utf7 - mailbox names: modified UTF-7 and UTF-8 (RFC 3501 5.1.3, RFC 9051 5.1) */
#ifndef IMAP_UTF7_H
#define IMAP_UTF7_H

#include "base/str.h"
#include "base/view.h"

/* Append the UTF-8 form of NAME.  False: NAME is not well-formed modified UTF-7
 * (a shift that does not end, superfluous shifts, printable ASCII in base64,
 * half surrogates, 8-bit bytes), or OUT is full. */
bool utf7_decode(struct view name, struct str *out) __attribute__((warn_unused_result));
/* Append the modified UTF-7 form of NAME (well-formed UTF-8). */
bool utf7_encode(struct view name, struct str *out);

#endif
