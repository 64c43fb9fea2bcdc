/* lines - line ends: files have LF, the wire and all sizes have CR LF
 *
 * Everything here takes bytes with LF, with CR LF or with both mixed; a line
 * end counts as the two bytes CR LF in each size.  A CR without LF is a byte
 * like any other.  Pure, one pass, nothing is allocated but by OUT.
 */
#ifndef MESSAGE_LINES_H
#define MESSAGE_LINES_H

#include "base/str.h"
#include "base/view.h"

#include <stdint.h>

struct message_size {
    uint64_t bytes; /* with every line end as CR LF */
    uint64_t lines; /* line ends; a last line without one is not counted */
};
struct message_size message_size_of(struct view v);

/* Append V to OUT with CR LF for each line end; false when OUT is full. */
bool message_add_crlf(struct view v, struct str *out);
/* As message_add_crlf, but only bytes OFFSET .. OFFSET+COUNT-1 of the result
 * (IMAP's <offset.count>); clipped at its end.  A slice may begin or end
 * between CR and LF. */
bool message_add_crlf_slice(struct view v, uint64_t offset, uint64_t count,
                            struct str *out);

#endif
