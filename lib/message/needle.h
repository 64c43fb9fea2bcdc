/* needle - what searching and sketching share; private to lib/message */
#ifndef MESSAGE_NEEDLE_H
#define MESSAGE_NEEDLE_H

#include "text.h"

#include <stdint.h>

/* Most bytes of one part that are decoded. */
#define NEEDLE_DECODED_MAX ((size_t)64 << 20)
/* Longest header value that is decoded. */
#define NEEDLE_VALUE_MAX 65536

/* What is sought, folded. */
struct view needle_folded(const struct message_needle *needle);
/* The beginning of TEXT, some 16 KiB of it or less, that may be folded by itself: not cut
 * within a code point or in front of a mark that a letter carries. */
struct view needle_cut_piece(struct view text);
/* Does HEADER say nothing of content, so that the body is plain text? */
bool needle_is_plain_header(struct view header);
/* The part behind PART in the order of the message; NULL behind the last. */
const struct message_part *needle_next_part(const struct message_part *part);

#endif
