/* section - BODY[...] and BINARY[...]: parts of a message, for FETCH and CATENATE
 *
 * RFC 9051 6.4.5.1, RFC 3516.
 */
#ifndef STORE_IMAP_SECTION_H
#define STORE_IMAP_SECTION_H

#include "batch.h"
#include "imap/fetch.h"

enum section_result {
    SECTION_OK,
    SECTION_NONE,        /* the message has no such part: NIL */
    SECTION_UNKNOWN_CTE, /* RFC 3516 4.3 */
    SECTION_FAILED       /* see b->result */
};

/* The piece that SECTION of a whole message is made of; CACHE_KINDS: the bytes. Does not
 * suspend. */
enum mailbox_cache_kind section_piece(const struct imap_section *section);
/* Append what SECTION names of message I to OUT, with CR LF line ends. */
enum section_result section_text(struct batch *b, size_t i,
                                 const struct imap_section *section, struct str *out);
/* The same without transfer encoding. */
enum section_result section_binary(struct batch *b, size_t i,
                                   const struct imap_section *section, struct str *out);

#endif
