/* ehlo - service extensions: their names, a peer's list, discard lists
 *
 * RFC 5321 4.1.1.1; smtpd_discard_ehlo_keywords, smtp_discard_ehlo_keywords.
 */
#ifndef SMTP_EHLO_H
#define SMTP_EHLO_H

#include "base/view.h"

#include <stdint.h>

enum ehlo_keyword {
    EHLO_PIPELINING = 1 << 0,
    EHLO_SIZE = 1 << 1,     /* RFC 1870 */
    EHLO_8BITMIME = 1 << 2, /* RFC 6152 */
    EHLO_ENHANCEDSTATUSCODES = 1 << 3,
    EHLO_DSN = 1 << 4,
    EHLO_SMTPUTF8 = 1 << 5,
    EHLO_CHUNKING = 1 << 6,
    EHLO_VRFY = 1 << 7,
    EHLO_ETRN = 1 << 8,
    EHLO_STARTTLS = 1 << 9,
    EHLO_AUTH = 1 << 10,
    EHLO_XCLIENT = 1 << 11,
    EHLO_XFORWARD = 1 << 12,
    EHLO_VERP = 1 << 13, /* "XVERP"; Postfix's discard lists call it "verp" */
    EHLO_REQUIRETLS = 1 << 14,
    EHLO_HELP = 1 << 15,
    EHLO_LIMITS = 1 << 16,
    EHLO_SILENT_DISCARD = 1 << 30, /* in discard lists: do not log what is hidden */
};

/* The bit of one keyword in any case ("XVERP" and "verp" alike,
 * "silent-discard"); 0 when unknown. */
unsigned ehlo_keyword_parse(struct view name);
/* "PIPELINING" for one bit; "" for none of ours. */
const char *ehlo_keyword_name(unsigned bit);

/* A discard list: names separated by blanks and commas.  Unknown names do no
 * harm: *UNKNOWN (may be NULL) is set to the first of them for a warning. */
unsigned ehlo_discard_parse(struct view list, struct view *unknown);

/* What a peer announced.  Views point into the reply's text. */
struct ehlo_reply {
    unsigned keywords;
    uint64_t size;                 /* SIZE argument; 0 when none or no limit */
    struct view name;              /* the peer's own name in the first line */
    struct view auth;              /* mechanisms, blank-separated ("AUTH=LOGIN" too) */
    struct view xforward, xclient; /* attribute names */
    struct view limits;            /* RFC 9422 */
};
/* TEXT is the reply, LF between lines, each with its "250-" or without. */
void ehlo_reply_parse(struct view text, struct ehlo_reply *e);

#endif
