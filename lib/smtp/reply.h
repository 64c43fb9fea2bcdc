/* reply - SMTP replies: build ours, gather a peer's (RFC 5321 4.2, RFC 2034) */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include "base/str.h"
#include "base/view.h"

/* Bounds for what a peer may send as one reply. */
#define SMTP_REPLY_TEXT_MAX  8192
#define SMTP_REPLY_LINES_MAX 512

/* Append a reply to OUT with CRLF line ends: "250-a\r\n250 b\r\n" for the text
 * "a\nb".  STATUS ("5.7.1"), when not "" or NULL, goes in front of every line's
 * text.  Control bytes become "?"; lines are cut at 512 bytes (RFC 5321
 * 4.5.3.1.5). */
bool smtp_reply_write(struct str *out, int code, const char *status, struct view text);
/* As above for a text that starts with its code: "554 5.7.1 <x>: Relay access
 * denied", as restrictions and milters give it.  Every line after an LF gets
 * the same code (and status). */
bool smtp_reply_write_full(struct str *out, struct view reply);

/* A reply while it comes in. */
struct smtp_reply {
    int code;        /* 200..599; 0 until a good line came */
    char status[12]; /* RFC 3463 code of the same class in the last line, or "" */
    struct str text; /* all lines with their codes, LF between them */
    unsigned lines;
    bool garbage;   /* a line was no reply line; it is in the text all the same */
    bool truncated; /* more text or lines than the bounds */
};
enum smtp_reply_state { SMTP_REPLY_MORE, SMTP_REPLY_DONE, SMTP_REPLY_TOO_LONG };

void smtp_reply_init(struct smtp_reply *r);
/* Ready for the next reply; keeps the allocation. */
void smtp_reply_clear(struct smtp_reply *r);
void smtp_reply_done(struct smtp_reply *r);
/* One line without line end.  DONE: the reply is complete.  TOO_LONG: over
 * SMTP_REPLY_LINES_MAX lines; give up on the peer. */
enum smtp_reply_state smtp_reply_line(struct smtp_reply *r, struct view line);
/* The code's class: 2, 3, 4, 5; 0 when there is none. */
static inline int smtp_reply_class(const struct smtp_reply *r)
{
    return r->code / 100;
}

/* Append "host NAME[ADDRESS] said: TEXT (in reply to COMMAND command)", the
 * lines of the reply joined by spaces, as Postfix logs and reports it.  HOST is
 * "name[address]" or "name[address]:port"; COMMAND as "MAIL FROM", "end of DATA". */
bool smtp_reply_said(const struct smtp_reply *r, struct view host, struct view command,
                     struct str *out);
/* Append the lines of TEXT joined by spaces; other control bytes become "?". */
bool smtp_reply_join(struct view text, struct str *out);

#endif
