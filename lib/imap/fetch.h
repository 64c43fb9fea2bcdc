/* fetch - the arguments of FETCH and UID FETCH behind the sequence set
 *
 * RFC 9051 6.4.5, RFC 3501 6.4.5, RFC 3516 (BINARY), RFC 7162 (MODSEQ,
 * CHANGEDSINCE, VANISHED), RFC 8474 (EMAILID, THREADID), RFC 8514 (SAVEDATE),
 * RFC 8970 (PREVIEW), RFC 9394 (PARTIAL).
 */
#ifndef IMAP_FETCH_H
#define IMAP_FETCH_H

#include "input.h"

enum imap_fetch_kind { /* bits, for imap_fetch.kinds */
                       IMAP_FETCH_FLAGS = 1 << 0,
                       IMAP_FETCH_UID = 1 << 1,
                       IMAP_FETCH_INTERNALDATE = 1 << 2,
                       IMAP_FETCH_SIZE = 1 << 3, /* RFC822.SIZE */
                       IMAP_FETCH_ENVELOPE = 1 << 4,
                       IMAP_FETCH_BODY_STRUCTURE = 1 << 5, /* BODYSTRUCTURE */
                       IMAP_FETCH_BODY_SIMPLE = 1 << 6,    /* BODY without section */
                       IMAP_FETCH_SECTION = 1 << 7,        /* BODY[...], BODY.PEEK[...] */
                       IMAP_FETCH_RFC822 = 1 << 8,         /* = BODY[] */
                       IMAP_FETCH_RFC822_HEADER = 1 << 9,  /* = BODY.PEEK[HEADER] */
                       IMAP_FETCH_RFC822_TEXT = 1 << 10,   /* = BODY[TEXT] */
                       IMAP_FETCH_BINARY = 1 << 11, /* BINARY[...], BINARY.PEEK[...] */
                       IMAP_FETCH_BINARY_SIZE = 1 << 12,
                       IMAP_FETCH_MODSEQ = 1 << 13,
                       IMAP_FETCH_EMAILID = 1 << 14,
                       IMAP_FETCH_THREADID = 1 << 15,
                       IMAP_FETCH_SAVEDATE = 1 << 16,
                       IMAP_FETCH_PREVIEW = 1 << 17,
};

enum imap_section_text {
    IMAP_SECTION_ALL, /* the whole message, or a part's body */
    IMAP_SECTION_HEADER,
    IMAP_SECTION_FIELDS,     /* HEADER.FIELDS (...) */
    IMAP_SECTION_FIELDS_NOT, /* HEADER.FIELDS.NOT (...) */
    IMAP_SECTION_TEXT,
    IMAP_SECTION_MIME, /* of a part only */
};

#define IMAP_SECTION_DEPTH 64   /* numbers in 1.2.3 */
#define IMAP_FIELDS_MAX    200  /* names in HEADER.FIELDS */
#define IMAP_FETCH_ITEMS   1000 /* in one command */

struct imap_section {
    uint32_t *numbers; /* part 1.2.3 */
    size_t depth;
    enum imap_section_text text;
    struct view *fields; /* as written */
    size_t field_count;
};

struct imap_fetch_item {
    enum imap_fetch_kind kind;
    struct imap_section
        section;            /* SECTION, BINARY, BINARY_SIZE; RFC822* have theirs too */
    bool marks_seen;        /* not PEEK: sets \Seen */
    bool has_partial;       /* <offset.count> */
    uint64_t offset, count; /* COUNT > 0 */
    bool is_lazy;           /* PREVIEW (LAZY) */
};

struct imap_fetch {
    struct imap_fetch_item *items;
    size_t count;
    unsigned kinds; /* of all items */
    bool marks_seen;
    bool has_changed_since;
    uint64_t changed_since;
    bool vanished; /* only with has_changed_since; UID FETCH only: session checks */
    bool has_partial;
    struct imap_partial partial;
};

/* Take "fetch-att" or "(fetch-att ...)" or ALL, FAST, FULL, and the modifiers
 * behind it, to the end of the line. */
bool imap_take_fetch(struct imap_input *in, struct imap_fetch *fetch);
/* The same without modifiers, and more may follow on the line (NOTIFY). */
bool imap_take_fetch_items(struct imap_input *in, struct imap_fetch *fetch);
/* Take "[section]". */
bool imap_take_section(struct imap_input *in, struct imap_section *section);
/* All of TEXT is a section without brackets: "1.2.HEADER" (a URL has that). */
bool imap_section_parse(struct arena *arena, struct view text,
                        struct imap_section *section);
/* Append the item's name for the reply: "BODY[HEADER.FIELDS (FROM TO)]<0>",
 * "RFC822.SIZE"; the value follows after a space. */
bool imap_write_fetch_name(const struct imap_fetch_item *item, struct str *out);

#endif
