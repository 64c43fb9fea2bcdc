/* notice - mail to postmaster about a session that went wrong (notify_classes)
 *
 * smtpd and smtp keep a transcript of the session and post it when an error of a class
 * that notify_classes lists was seen.  Sent from the double-bounce address, so a notice
 * that cannot be delivered makes no further mail.  May suspend: notice_post().
 */
#ifndef DSN_NOTICE_H
#define DSN_NOTICE_H

#include "cleanup/cleanup.h"

enum notice_class {
    NOTICE_BOUNCE = 1,
    NOTICE_2BOUNCE = 2,
    NOTICE_DATA = 4,
    NOTICE_DELAY = 8,
    NOTICE_POLICY = 16,
    NOTICE_PROTOCOL = 32,
    NOTICE_RESOURCE = 64,
    NOTICE_SOFTWARE = 128
};
/* What notify_classes says; unknown words are logged. */
unsigned notice_classes(const struct conf *c);

/* The lines of a session, as they went: "Out: 220 host", " In:  EHLO x".  The oldest of
 * very long sessions are dropped. */
struct transcript {
    struct str lines; /* with LF */
    bool is_cut;
};
void transcript_init(struct transcript *t);
void transcript_done(struct transcript *t);
void transcript_clear(struct transcript *t);
/* PREFIX is "Out: " or "In:  "; the line is made printable when it is shown.  Passwords
 * are the caller's care. */
void transcript_add(struct transcript *t, const char *prefix, struct view line);

struct notice {
    unsigned classes;   /* NOTICE_... that were seen; NOTICE_BOUNCE goes to
                           bounce_notice_recipient */
    const char *role;   /* "SMTP server", "SMTP client", "LMTP client" */
    struct view peer;   /* "name[address]" */
    struct view reason; /* why the session ended early; may be empty */
    const struct transcript *transcript;
};
/* Post N if NOTIFY_CLASSES has one of its classes; false with *E when that was not
 * possible (a notice is not worth more than a log line). */
bool notice_post(const struct conf *c, struct cleanup_setup *s, struct queue_link *link,
                 const struct notice *n, struct error *e);

/* A message of our own to ADDRESS, begun: draft, envelope, Received and Date are done,
 * header lines come next.  CLASS is the word of internal_mail_filter_classes ("bounce",
 * "notify").  SMTPUTF8: may hold UTF-8 in headers.  NULL with *E.  ID gets the queue ID.
 */
struct cleanup *internal_mail_open(const struct conf *c, struct cleanup_setup *s,
                                   struct queue_link *link, const char *class,
                                   struct view sender, struct view address, bool smtputf8,
                                   struct queue_id *id, struct error *e);
/* double_bounce_sender@myorigin */
struct view double_bounce_address(const struct conf *c, struct arena *a);
/* Is ADDRESS (after rewriting) the double-bounce address, at whatever of our domains? */
bool is_double_bounce(const struct conf *c, struct view address);

#endif
