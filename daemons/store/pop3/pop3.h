/* pop3 - what the files of the POP3 session share
 *
 * session.c reads commands and answers them: read it first.  maildrop.c is the mailbox as
 * the session sees it, frozen when it began (RFC 1939 5); render.c makes the bytes of a
 * message as they go over the wire; uidl.c the unique ids.
 */
#ifndef STORE_POP3_POP3_H
#define STORE_POP3_POP3_H

#include "../session.h"

#include "store/mailbox.h"

/* --- render.c: pure --- */
/* Turn a message with LF line ends into lines with CR LF and stuffed dots, piece by
 * piece. */
struct render {
    struct view rest;
    uint64_t body_lines; /* still to be given; UINT64_MAX: all */
    bool in_body;
    bool is_line_open; /* the last piece ended inside a line */
};
/* All of BYTES, or with LINES its header and so many lines of its body (TOP). */
void render_init(struct render *r, struct view bytes, const uint64_t *lines);
/* Append the next piece, at most OUT's limit (at least 1 KiB); false: there was none. The
 * whole ends with a line end; the final dot is the caller's. */
bool render_next(struct render *r, struct str *out);

/* --- uidl.c: pure --- */
#define UIDL_MAX 70 /* RFC 1939 7 */
/* pop3_uidl_format is one that this program knows; false with *E. */
bool uidl_check(struct view format, struct error *e) MUST_CHECK;
/* Append the id of message UID; at most UIDL_MAX bytes of it. */
void uidl_format(struct view format, uint32_t uid, uint32_t uidvalidity, struct str *out);

/* --- maildrop.c --- */
struct maildrop_message {
    uint32_t uid;
    bool is_deleted, is_read;
    uint64_t size; /* with CR LF; MAILBOX_SIZE_UNKNOWN until it is asked for */
};
struct maildrop {
    struct mailbox *box;
    size_t n;
    struct maildrop_message *messages;
    bool has_sizes;
    uint32_t uidvalidity;
};
/* Messages of A's INBOX as they are now.  May suspend. */
bool maildrop_open(struct maildrop *d, struct account *a, struct error *e) MUST_CHECK;
/* Without changes. */
void maildrop_close(struct maildrop *d);
/* See that all sizes are known.  May suspend. */
bool maildrop_find_sizes(struct maildrop *d, struct error *e) MUST_CHECK;
/* Mark what was read as \Seen.  May suspend. */
void maildrop_mark_read(struct maildrop *d);
/* Remove what was deleted.  False: not all.  May suspend. */
bool maildrop_update(struct maildrop *d, struct error *e) MUST_CHECK;

#endif
