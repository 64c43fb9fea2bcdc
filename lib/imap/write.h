/* write - values in IMAP replies
 *
 * Each appends to OUT and gives false when OUT is full; OUT then holds a torn
 * reply, so give OUT a limit that replies fit in or check at the end.  Strings
 * that need it (CR, LF, NUL is dropped, 8-bit bytes, over 1000 bytes) become
 * literals, which every client takes.  RFC 9051 7.5.2 and 9.
 */
#ifndef IMAP_WRITE_H
#define IMAP_WRITE_H

#include "base/str.h"
#include "base/view.h"
#include "message/structure.h"

#include <stdint.h>

/* An atom where it can be one, else as imap_write_string. */
bool imap_write_astring(struct view v, struct str *out);
/* "quoted" or {n} literal. */
bool imap_write_string(struct view v, struct str *out);
/* NIL when V.p is NULL. */
bool imap_write_nstring(struct view v, struct str *out);
/* {n} CR LF and the bytes; BINARY gives ~{n}. */
bool imap_write_literal(struct view v, bool binary, struct str *out);
/* The head of a literal whose N bytes the caller adds. */
bool imap_write_literal_head(uint64_t n, struct str *out);
/* A mailbox name (UTF-8): as modified UTF-7, or with UTF8 as quoted UTF-8. */
bool imap_write_mailbox(struct view name, bool utf8, struct str *out);
/* "\"17-Jul-1996 02:44:25 -0700\"": SECONDS since 1970 shown at OFFSET minutes. */
bool imap_write_date_time(int64_t seconds, int offset, struct str *out);

/* (date subject from sender reply-to to cc bcc in-reply-to message-id) of the
 * header block HEADER.  Values are unfolded, encoded words stay; strings with
 * 8-bit bytes are literals. */
bool imap_write_envelope(struct view header, struct str *out);
/* BODYSTRUCTURE of PART in MESSAGE or, not EXTENDED, BODY. */
bool imap_write_body(struct view message, const struct message_part *part, bool extended,
                     struct str *out);

#endif
