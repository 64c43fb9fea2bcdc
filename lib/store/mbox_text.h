/* mbox_text - messages in the text of an mbox file
 *
 * A message begins with "From sender date" at the start of the file or behind an empty
 * line, and ends before the empty line in front of the next.  Content-Length is not
 * believed.  What mail programs keep in the headers: Status (R read, O old, D deleted),
 * X-Status (A answered, F flagged, T draft, D), X-Keywords, X-UID, and X-IMAPbase in the
 * first message ("uidvalidity last-uid").  These headers are no part of the message as
 * sessions see it.  Pure: bytes only.  Source: RFC 4155, the programs of the University
 * of Washington, Dovecot's description of mbox.
 */
#ifndef STORE_MBOX_TEXT_H
#define STORE_MBOX_TEXT_H

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

struct mbox_entry {
    uint64_t start; /* of the From_ line, in the file */
    uint32_t line;  /* bytes of the From_ line, with its end */
    uint32_t
        header; /* bytes of the header behind it, with the empty line if there is one */
    uint64_t body;       /* bytes behind that, without the separator */
    uint64_t end;        /* where the next one starts */
    uint64_t size, crlf; /* as sessions see it */
    uint64_t fingerprint;
    uint32_t flags;
    uint32_t uid;         /* X-UID; 0 none */
    struct view keywords; /* names with blanks between, in the text that was parsed */
    int64_t received;     /* seconds, as if the From_ line were UTC */
    uint32_t base_validity, base_last; /* X-IMAPbase or X-IMAP; 0 none */
    bool is_pseudo;                    /* not a message: the folder's internal data */
    bool has_base;
};

/* Is LINE, without its end, the start of a message? */
bool mbox_is_from(struct view line);
/* Parse the message at the front of TEXT, which lies at offset AT of the file and goes to
 * its end.  False: there is none. */
bool mbox_text_next(struct view text, uint64_t at, struct mbox_entry *out) MUST_CHECK;
/* Append the message that RAW (an entry's bytes) is, without From_ line and the headers
 * of mail programs. */
void mbox_text_strip(const struct mbox_entry *m, struct view raw, struct str *out);

struct mbox_marks {
    uint32_t flags, uid; /* uid 0: none */
    struct view keywords;
    bool with_base; /* first message: X-IMAPbase */
    uint32_t uidvalidity, last_uid;
};
/* Append the header of RAW (an entry's first bytes: From_ line and header) with other
 * marks. LENGTH, when not 0: the result has exactly so many bytes, or false, and nothing
 * added. */
bool mbox_text_header(const struct mbox_entry *m, struct view raw,
                      const struct mbox_marks *marks, size_t length, struct str *out);

#endif
