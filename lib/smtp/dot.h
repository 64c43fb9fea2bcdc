/* dot - the end of DATA, dot-stuffing both ways, and BDAT chunks
 *
 * Only <CR><LF>.<CR><LF> ends a message, unless an administrator asks for the
 * old laxity: a server and a relay in front of it that disagree about the end
 * let a sender smuggle messages.  Content leaves with LF line ends, whole lines
 * or pieces of at most the line limit.  RFC 5321 4.1.1.4, 4.5.2; RFC 3030;
 * Postfix's smtpd_forbid_bare_newline.
 */
#ifndef SMTP_DOT_H
#define SMTP_DOT_H

#include "base/str.h"
#include "base/view.h"

/* smtpd_forbid_bare_newline. */
enum dot_mode {
    DOT_NO,        /* any of CRLF and LF may stand around the final dot */
    DOT_NORMALIZE, /* only CRLF.CRLF ends; a bare LF is a line end ("yes") */
    DOT_NOTE,      /* as normalize; the caller logs seen_bare_lf */
    DOT_REJECT,    /* only CRLF.CRLF ends; the caller refuses at the end */
};
/* "no" "yes" "normalize" "note" "reject" in any case. */
bool dot_mode_parse(struct view text, enum dot_mode *mode);

enum dot_status {
    DOT_NEED, /* all of the input was taken; give more */
    DOT_LINE, /* *text is a line, or the last piece of one */
    DOT_PART, /* *text is a piece of a line; more of it follows */
    DOT_END,  /* the end of the message; the rest of the input is not part of it */
};

struct dot_reader {
    enum dot_mode mode;
    bool bdat;         /* no dots are looked at; there is no end in the bytes */
    size_t line_limit; /* line_length_limit: longest piece given */
    bool after_crlf;   /* the line before ended with CRLF (or this is the first) */
    /* Private. */
    struct str held; /* the beginning of a line that the last input did not finish */
    bool line_open;  /* a piece of this line was given out */
    size_t given;    /* bytes of `held` that the caller has; they go on the next call */
    /* What was met; for the log and for DOT_REJECT. */
    bool seen_bare_lf;
    bool seen_bare_cr;
    bool seen_false_end; /* a "." line that a laxer server would take as the end */
    bool ended;
};
/* For DATA.  LINE_LIMIT at least 64. */
void dot_reader_init(struct dot_reader *r, enum dot_mode mode, size_t line_limit);
/* For the chunks of one BDAT transfer: feed all chunks, then dot_reader_finish(). */
void dot_reader_init_bdat(struct dot_reader *r, enum dot_mode mode, size_t line_limit);
void dot_reader_done(struct dot_reader *r);
/* Take bytes from the front of *INPUT.  *TEXT points into the input or into R,
 * valid until the next call. */
enum dot_status dot_reader_next(struct dot_reader *r, struct view *input,
                                struct view *text);
/* BDAT LAST: the line that has no line end.  DOT_LINE, or DOT_NEED when there is
 * none. */
enum dot_status dot_reader_finish(struct dot_reader *r, struct view *text);
/* The mode is DOT_REJECT and a bare LF was met: answer 550 5.5.2 and hang up. */
bool dot_reader_must_reject(const struct dot_reader *r);

/* Content with LF line ends on its way out. */
struct dot_writer {
    size_t line_limit; /* smtp_line_length_limit, 0 for none: longer lines are broken
                        * with CRLF and a space */
    size_t column;
    bool stuff;      /* DATA; off for BDAT */
    bool replace_cr; /* a stray CR leaves as a space */
    bool has_folded; /* a line was broken */
};
void dot_writer_init(struct dot_writer *w, bool stuff, size_t line_limit);
/* Append CHUNK (any cut) to OUT.  False when OUT is full: give OUT twice the
 * chunk plus 16 bytes of room, 3 bytes more per line_limit bytes. */
bool dot_writer_feed(struct dot_writer *w, struct view chunk, struct str *out);
/* End an open line, and write ".\r\n" when stuffing. */
bool dot_writer_end(struct dot_writer *w, struct str *out);

#endif
