/* header - walk and search the header block of a message or a part
 *
 * Lines end in LF or CR LF.  The block ends with the first empty line, which
 * belongs to it, or with the bytes.  Lines that are no field ("Name:") are
 * given with an empty name, so that nothing of the block is lost.  Views point
 * into the block.  Pure; nothing is allocated.  RFC 5322 2.2, RFC 9051 6.4.5.1.
 *
 * lib/format/header.h serves cleanup, which sees LF only and lets a bad line
 * end the header; a mailbox must show what is in the file.
 */
#ifndef MESSAGE_HEADER_H
#define MESSAGE_HEADER_H

#include "base/str.h"
#include "base/view.h"

struct message_field {
    struct view raw;  /* all its lines with their line ends */
    struct view name; /* as written, without blanks before the colon; "" if no field */
    struct view
        value; /* behind the colon, no blanks nor line end around it; may be folded */
};

/* The header block at the front of BYTES, with its empty line. */
struct view message_header(struct view bytes);
/* Take the next field from the front of *REST, a header block; false at the
 * empty line or at the end. */
bool message_header_next(struct view *rest, struct message_field *field);
/* The first field NAME (any case) in HEADER, a block or a whole message. */
bool message_header_find(struct view header, struct view name,
                         struct message_field *field);
/* The value of the first field NAME, folded as it stands; VIEW_NONE
 * (p NULL) when there is none. */
struct view message_header_value(struct view header, struct view name);

/* Several fields in one pass: VALUES[i] is the value of the first field
 * NAMES[i], or VIEW_NONE. */
void message_header_values(struct view header, const struct view *names, size_t count,
                           struct view *values);

/* IMAP's HEADER.FIELDS (or with EXCEPT HEADER.FIELDS.NOT): append to OUT the
 * fields that are in NAMES, in the order of HEADER, line ends as CR LF, and
 * the empty line.  Lines that are no field come with EXCEPT only.  False when
 * OUT is full. */
bool message_header_select(struct view header, const struct view *names, size_t count,
                           bool except, struct str *out);

#endif
