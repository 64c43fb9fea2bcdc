/* append - APPEND, MULTIAPPEND, CATENATE and REPLACE, with the literals left to the
 * session
 *
 *     imap_take_mailbox, then for each message imap_take_append:
 *     is a literal: the session streams it and calls imap_input_continue;
 *     catenate: imap_take_catenate until IMAP_CATENATE_END, each text streamed likewise;
 *     then imap_take_append_end; behind it either the line ends or the next
 *     message comes after a space (imap_take_append_more).
 *
 * RFC 9051 6.3.12, RFC 3502 (MULTIAPPEND), RFC 4469 (CATENATE), RFC 6855 4
 * (UTF8), RFC 8508 (REPLACE takes the same), RFC 5092 (URLs).
 */
#ifndef IMAP_APPEND_H
#define IMAP_APPEND_H

#include "fetch.h"
#include "input.h"

struct imap_append {
    struct imap_flags flags;
    bool has_date;
    int64_t date; /* seconds since 1970 */
    int offset;   /* minutes */
    bool is_utf8; /* UTF8 (~{n}): ")" follows the literal */
    bool is_catenate;
    struct imap_literal literal; /* unless is_catenate */
};
/* [flag-list SP] [date-time SP] then a literal, "UTF8 (~{n}" or "CATENATE (". */
bool imap_take_append(struct imap_input *in, struct imap_append *append);
/* Behind the literal of one that is no CATENATE: the ")" of UTF8. */
bool imap_take_append_end(struct imap_input *in, const struct imap_append *append);
/* *MORE: a space, another message follows.  Else the line must end. */
bool imap_take_append_more(struct imap_input *in, bool *more);

enum imap_catenate_kind {
    IMAP_CATENATE_URL,  /* `url` is set */
    IMAP_CATENATE_TEXT, /* `literal` follows: stream it, then imap_input_continue */
    IMAP_CATENATE_END,  /* ")" was taken */
};
struct imap_catenate {
    enum imap_catenate_kind kind;
    struct view url;
    struct imap_literal literal;
    unsigned taken; /* parts so far; set to 0 before the first */
};
bool imap_take_catenate(struct imap_input *in, struct imap_catenate *part);

/* "/INBOX;UIDVALIDITY=1/;UID=20/;SECTION=1.2/;PARTIAL=0.1024", relative to the
 * account, or ";UID=20" relative to the selected mailbox (mailbox ""). */
struct imap_url {
    struct view mailbox;  /* UTF-8, percent escapes decoded */
    uint32_t uidvalidity; /* 0: not given */
    uint32_t uid;
    bool has_section;
    struct imap_section section;
    bool has_partial;
    uint64_t offset, count; /* COUNT 0: to the end */
};
/* False: not such a URL (absolute ones "imap://..." are not taken: their server may
 * be another). */
bool imap_url_parse(struct arena *arena, struct view text, struct imap_url *url);

#endif
