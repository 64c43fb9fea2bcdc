/* encoded_word - RFC 2047: text other than ASCII in headers */
#ifndef FORMAT_ENCODED_WORD_H
#define FORMAT_ENCODED_WORD_H

#include "base/str.h"
#include "base/view.h"

/* Append BODY to OUT as UTF-8: encoded words decoded (Q and B, any charset
 * that iconv knows), blanks between two of them dropped, lines unfolded.  What
 * cannot be decoded stays as written.  Control bytes that come out of an
 * encoded word become "?".  Raw 8-bit bytes that are no UTF-8 are taken as
 * ISO-8859-1. */
bool encoded_word_decode(struct view body, struct str *out);

/* Append UTF-8 TEXT to OUT as a header body: plain when it is printable ASCII and
 * does not look like an encoded word, else as encoded words of at most 75
 * bytes, folded with LF and a space.  COLUMN is where the line stands
 * ("Subject: " is 9).  With PHRASE only bytes that RFC 2047 5 (3) allows in a
 * display name stay plain inside words.  False: not UTF-8, or OUT is full. */
bool encoded_word_encode(struct view text, size_t column, bool phrase, struct str *out);

/* Append V, in CHARSET, to OUT as UTF-8; false when the charset is unknown.
 * Bytes that do not convert become U+FFFD. */
bool charset_to_utf8(struct view charset, struct view v, struct str *out);

#endif
