/* cleanup - the streaming filter that every new message passes, once
 *
 * Header repair, address rewriting, canonical, masquerade, virtual aliases, bcc, header
 * and body checks, extraction of recipients, hop count.  Content goes in line by line and
 * out into a draft.  Source: cleanup(8), ADDRESS_REWRITING_README, header_checks(5).
 */
#ifndef CLEANUP_CLEANUP_H
#define CLEANUP_CLEANUP_H

#include "milter/milter.h"
#include "queue/draft.h"
#include "rewrite/rewrite.h"

struct cleanup_setup; /* per process: opened tables */
struct cleanup_setup *cleanup_setup_new(const struct conf *c, struct rewrite *r);
void cleanup_setup_free(struct cleanup_setup *s);

#define CLEANUP_FILTER      1  /* header and body checks, milters */
#define CLEANUP_BCC         2  /* always_bcc, sender_bcc_maps, recipient_bcc_maps */
#define CLEANUP_MAP         4  /* canonical, virtual ... */
#define CLEANUP_EXTRACT     8  /* sendmail -t */
#define CLEANUP_ADD_MISSING 16 /* always_add_missing_headers or local origin */
#define CLEANUP_HOLD        32
#define CLEANUP_SMTP        64 /* came over the network (mime checks of strict_* apply) */
#define CLEANUP_AUTO_UTF8   128 /* smtputf8_autodetect applies */
#define CLEANUP_MILTERS     256 /* non_smtpd_milters look at it */
#define CLEANUP_EXTERNAL    (CLEANUP_FILTER | CLEANUP_BCC | CLEANUP_MAP)
#define CLEANUP_INTERNAL    CLEANUP_MAP

/* CLEANUP_AUTO_UTF8 when smtputf8_autodetect_classes names CLASS ("sendmail", "smtpd",
 * "verify" ...) or all; else 0. */
unsigned cleanup_auto_utf8(const struct conf *c, const char *class);

/* Log lines have the tag "postfix/cleanup", whoever calls. */
struct cleanup;
/* Begin a message in DRAFT.  ENV has what is known so far (client facts, flags,
 * rewrite_context, arrival); copied. */
struct cleanup *cleanup_open(struct cleanup_setup *s, struct draft *draft,
                             const struct envelope *env, unsigned flags);
/* Envelope, before the content.  Addresses in internal form.  Table errors stick; a
 * recipient limit or table error is told at cleanup_finish.  May suspend (tables). */
void cleanup_sender(struct cleanup *c, struct view sender);
void cleanup_full_name(struct cleanup *c, struct view name); /* sendmail -F */
void cleanup_recipient(struct cleanup *c, struct view address, struct view original,
                       struct view orcpt, unsigned notify);
/* Access-table actions of smtpd reach here. */
void cleanup_set_filter(struct cleanup *c, struct view filter);
void cleanup_set_redirect(struct cleanup *c, struct view address);
void cleanup_set_hold(struct cleanup *c, struct view reason);
void cleanup_set_discard(struct cleanup *c);
void cleanup_prepend_header(struct cleanup *c, struct view line);
/* sendmail -t with -N: what the recipients that the headers give want to be told. */
void cleanup_extract_notify(struct cleanup *c, unsigned notify);
/* The session's milters M look at the message at its end, when nothing else refused it; a
 * milter's own reply ("550 5.7.1 text", LF between lines) is put into REPLY.  Both are
 * the caller's, and outlive the message. */
void cleanup_set_milters(struct cleanup *c, struct milters *m, struct str *reply);
/* Our own headers are done: the next line is the client's first.  If that starts with a
 * blank it does not continue our header but begins the body; "From ..." lines become
 * X-Mailbox-Line. */
void cleanup_content_begin(struct cleanup *c);
/* One content line without its line end (our own Received: first, then the message). May
 * suspend. */
void cleanup_line(struct cleanup *c, struct view line);
/* A piece of a line longer than line_length_limit: MORE pieces follow. */
void cleanup_line_piece(struct cleanup *c, struct view piece, bool more);
/* Did something end the message already (reject, size), so that input may be thrown away?
 */
bool cleanup_is_doomed(const struct cleanup *c);

enum cleanup_verdict {
    CLEANUP_QUEUED,
    CLEANUP_DISCARDED, /* accepted and thrown away by a DISCARD action */
    CLEANUP_REJECTED,  /* *E has status and text: "5.7.1", "message content rejected";
                        * "5.4.0", "Error: too many  hops"; "5.3.4", "Error: message file
                        * too big"; "5.1.0", "Error: no recipients  specified".  Texts
                        * without "Error: " are the administrator's. */
    CLEANUP_DEFERRED   /* *E: tables, space, qmgr */
};
/* The SMTP reply code that belongs to such an error: 550, 552, 554, 451, 452. */
int cleanup_reply_code(const struct error *e);
/* End of content: headers completed, virtual expansion done, committed durably.  A list
 * that asked for NOTIFY=SUCCESS stays in the envelope with status RECIPIENT_EXPANDED:
 * qmgr owes the sender a report with action "expanded" for it.  C and its draft are
 * freed.  May suspend. */
enum cleanup_verdict cleanup_finish(struct cleanup *c, const struct queue_id *origin,
                                    struct error *e);
/* The client went away: nothing remains. */
void cleanup_abort(struct cleanup *c);

#endif
