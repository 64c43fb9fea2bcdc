/* text - a part or a header as UTF-8, and searching in it
 *
 * Decoding undoes the transfer encoding and the charset.  Comparing is that of
 * RFC 5051 (i;unicode-casemap): each code point in title case, then
 * decomposed, so "é" matches "É" and "e" with a combining acute accent in any
 * charset and encoding; a search is for a run of bytes in the result, so "cafe"
 * finds "café" and "café" does not find "cafe".  Two things are more than RFC
 * 5051 has: marks stand in canonical order, and what comes out of a
 * compatibility form (the "fi" of a ligature) gets its title case, too.
 *
 * Pure; decoded text goes to a str, whose limit bounds the work.  RFC 2045 6,
 * RFC 2047, RFC 5051, RFC 9051 6.4.4.
 */
#ifndef MESSAGE_TEXT_H
#define MESSAGE_TEXT_H

#include "base/arena.h"
#include "base/str.h"
#include "base/view.h"
#include "structure.h"

/* Append BODY without its transfer encoding to OUT, as BINARY of IMAP gives it:
 * line ends of the message come out as CR LF, encoded bytes as they were.
 * False: ENCODING is unknown, or OUT is full. */
bool message_decode(struct view body, enum mime_encoding encoding, struct str *out);
/* Append BYTES in CHARSET to OUT as UTF-8.  Without a charset, with US-ASCII, or
 * when iconv does not know it (it loads its tables from files, which a sandbox
 * must let it read; UTF-8 and ISO-8859-1 need none), the bytes are taken as
 * UTF-8; what is malformed becomes U+FFFD.  False when OUT is full. */
bool message_to_utf8(struct view charset, struct view bytes, struct str *out);
/* Append the body of PART as UTF-8; of a multipart or message nothing.  False
 * when OUT is full. */
bool message_part_text(struct view message, const struct message_part *part,
                       struct str *out);
/* Append a header value as UTF-8: unfolded, encoded words decoded. */
bool message_header_text(struct view value, struct str *out);

/* Append UTF-8 TEXT as it is compared (RFC 5051); malformed bytes stay.  Two
 * results are ordered by view_cmp. */
bool message_fold(struct view text, struct str *out);

/* What is searched for, prepared once. */
struct message_needle;
/* TEXT is UTF-8; an empty one is found everywhere.  Lives in ARENA. */
struct message_needle *message_needle_new(struct arena *arena, struct view text)
    __attribute__((returns_nonnull));
/* Is it in TEXT (UTF-8, decoded)? */
bool message_needle_in_text(const struct message_needle *needle, struct view text);
/* Is it in a header VALUE, decoded? */
bool message_needle_in_value(const struct message_needle *needle, struct view value);
/* Is it in any field of HEADER, a block: in "Name: value", decoded (with NAME
 * not empty: in the values of the fields of that name, SEARCH HEADER)? */
bool message_needle_in_header(const struct message_needle *needle, struct view header,
                              struct view name);
/* SEARCH BODY, and with HEADERS SEARCH TEXT: is it in the text of MESSAGE?
 * Looks at text parts (HTML with its entities decoded) and at the headers of
 * parts and embedded messages; with HEADERS at the message's own header too.
 * Parses MESSAGE itself when that is needed. */
bool message_needle_in_message(const struct message_needle *needle, struct view message,
                               bool headers);

#endif
