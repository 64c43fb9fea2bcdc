/* html - the words in a piece of HTML
 *
 * Not a parser of HTML: enough for previews and for searching.  Bounded by OUT,
 * never fails.  Input and output are UTF-8.
 */
#ifndef MESSAGE_HTML_H
#define MESSAGE_HTML_H

#include "base/str.h"
#include "base/view.h"

/* Append HTML to OUT without tags, comments, scripts, styles and head, with
 * entities decoded; block elements become line ends.  False when OUT is full. */
bool html_to_text(struct view html, struct str *out);
/* Append HTML to OUT as it is, but with entities decoded. */
bool html_decode_entities(struct view html, struct str *out);

#endif
