/* header - lines of a message header, and what is known about their names
 *
 * Works on content with LF line ends.  A logical header is one line with its
 * continuation lines.  RFC 5322 2.2 and 3.6; the flags are those that
 * cleanup(8) acts on.
 */
#ifndef FORMAT_HEADER_H
#define FORMAT_HEADER_H

#include "base/str.h"
#include "base/view.h"

enum header_id {
    HEADER_OTHER, /* not in the table */
    HEADER_APPARENTLY_TO,
    HEADER_BCC,
    HEADER_CC,
    HEADER_CONTENT_DESCRIPTION,
    HEADER_CONTENT_DISPOSITION,
    HEADER_CONTENT_ID,
    HEADER_CONTENT_LENGTH,
    HEADER_CONTENT_TRANSFER_ENCODING,
    HEADER_CONTENT_TYPE,
    HEADER_DATE,
    HEADER_DELIVERED_TO,
    HEADER_DISPOSITION_NOTIFICATION_TO,
    HEADER_ERRORS_TO,
    HEADER_FROM,
    HEADER_MAIL_FOLLOWUP_TO,
    HEADER_MESSAGE_ID,
    HEADER_MIME_VERSION,
    HEADER_RECEIVED,
    HEADER_REPLY_TO,
    HEADER_RESENT_BCC,
    HEADER_RESENT_CC,
    HEADER_RESENT_DATE,
    HEADER_RESENT_FROM,
    HEADER_RESENT_MESSAGE_ID,
    HEADER_RESENT_REPLY_TO,
    HEADER_RESENT_SENDER,
    HEADER_RESENT_TO,
    HEADER_RETURN_PATH,
    HEADER_RETURN_RECEIPT_TO,
    HEADER_SENDER,
    HEADER_SUBJECT,
    HEADER_TO,
    HEADER_ID_COUNT
};

enum header_flag {
    HEADER_IS_SENDER = 1 << 0,    /* addresses to rewrite as sender */
    HEADER_IS_RECIPIENT = 1 << 1, /* addresses to rewrite as recipient */
    HEADER_IS_EXTRACT = 1 << 2,   /* holds recipients for `sendmail -t` */
    HEADER_IS_RESENT = 1 << 3,    /* Resent-*: with -t only these are extracted */
    HEADER_IS_DROP = 1 << 4,      /* in the default of message_drop_headers */
    HEADER_IS_MIME = 1 << 5,      /* belongs to MIME (RFC 2045) */
    HEADER_IS_UNIQUE = 1 << 6,    /* RFC 5322 3.6 allows it once */
};

struct header_type {
    enum header_id id;
    unsigned flags;   /* enum header_flag */
    struct view name; /* as usually written: "Message-Id" */
};

/* The entry for NAME in any case, never NULL: unknown names give the
 * HEADER_OTHER entry, which has no flags and no name. */
const struct header_type *header_lookup(struct view name)
    __attribute__((returns_nonnull));
const struct header_type *header_by_id(enum header_id id)
    __attribute__((returns_nonnull));
/* Is NAME in LIST, names separated by commas or spaces, in any case
 * (message_drop_headers)? */
bool header_is_listed(struct view name, struct view list);

/* The length of the name when LINE starts as a header ("Name:", "Name :"),
 * else 0.  Printable ASCII only, as Postfix's is_header(). */
size_t header_name_length(struct view line);
/* "From ..." or ">From ...": an mbox separator at the start of a message, which
 * becomes X-Mailbox-Line: (or is dropped) instead of ending the header. */
bool header_is_mailbox_line(struct view line);

struct header {
    struct view raw;  /* all lines, LF between them, none at the end */
    struct view name; /* "Subject" */
    struct view body; /* after the colon and leading blanks; may hold LF */
    const struct header_type *type;
};
/* Parse RAW (one logical header, final LF or not).  False: not a header. */
bool header_parse(struct view raw, struct header *h);

enum header_next {
    HEADER_NEXT_FIELD, /* *h is set */
    HEADER_NEXT_END,   /* the blank line was taken, or nothing is left */
    HEADER_NEXT_BODY   /* the next line is no header; nothing was taken */
};
/* Take the next logical header from the front of *REST. */
enum header_next header_next(struct view *rest, struct header *h);
/* The first header called NAME in the block at the front of CONTENT. */
bool header_find(struct view content, struct view name, struct header *h);

/* Append V to OUT with each line end and the blanks around it as one space. */
bool header_unfold(struct view v, struct str *out);

#endif
