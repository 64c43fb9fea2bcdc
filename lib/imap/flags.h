/* flags - the system flags as bits, keywords as names (RFC 9051 2.3.2) */
#ifndef IMAP_FLAGS_H
#define IMAP_FLAGS_H

#include "base/str.h"
#include "base/view.h"

enum imap_flag {
    IMAP_FLAG_SEEN = 1 << 0,
    IMAP_FLAG_ANSWERED = 1 << 1,
    IMAP_FLAG_FLAGGED = 1 << 2,
    IMAP_FLAG_DELETED = 1 << 3,
    IMAP_FLAG_DRAFT = 1 << 4,
    IMAP_FLAG_RECENT = 1 << 5, /* written by us; clients may not set it */
};
#define IMAP_FLAGS_SETTABLE 0x1fu

#define IMAP_KEYWORDS_MAX       128 /* in one command */
#define IMAP_KEYWORD_LENGTH_MAX 255

/* The flags of STORE or APPEND.  KEYWORDS are views into the line, as written,
 * each once (without regard to case). */
struct imap_flags {
    unsigned bits; /* enum imap_flag */
    struct view *keywords;
    size_t count;
};

/* "\Seen" in any case gives its bit, 0 when it is none of the above. */
unsigned imap_flag_bit(struct view name);
/* Append "(\Seen \Deleted $Forwarded)".  False when OUT is full. */
bool imap_write_flags(unsigned bits, const struct view *keywords, size_t count,
                      struct str *out);
/* As imap_write_flags with "\*" at the end (PERMANENTFLAGS: new keywords may be
 * made). */
bool imap_write_permanent_flags(unsigned bits, const struct view *keywords, size_t count,
                                struct str *out);

#endif
