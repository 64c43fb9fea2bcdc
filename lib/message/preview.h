/* preview - the first words of a message, for lists (RFC 8970) */
#ifndef MESSAGE_PREVIEW_H
#define MESSAGE_PREVIEW_H

#include "base/str.h"
#include "base/view.h"
#include "structure.h"

/* Most characters (code points) of a preview, RFC 8970 3.1. */
#define MESSAGE_PREVIEW_MAX 200

/* Append the preview of MESSAGE to OUT as UTF-8: the first text part that is no
 * attachment (plain before HTML among alternatives; HTML without its tags),
 * blanks and line ends as one space each, quoted lines ("> ...") left out when
 * something else is there.  Nothing is appended when there is no text.  ROOT
 * is message_parse()'s.  OUT needs room for 4 * MESSAGE_PREVIEW_MAX bytes. */
void message_preview(struct view message, const struct message_part *root,
                     struct str *out);

#endif
