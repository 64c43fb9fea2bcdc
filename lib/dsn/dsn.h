/* dsn - delivery status notifications as mail: multipart/report (RFC 6522, RFC 3464, RFC
 * 6533)
 *
 * Three parts: words for people, a message/delivery-status for programs, and the message
 * itself or its headers.  Lines go to a function of the caller, who feeds them to
 * cleanup.  Blocks while the original is read (a memory file or a file of the queue).
 */
#ifndef DSN_DSN_H
#define DSN_DSN_H

#include "dsn/report.h"
#include "dsn/template.h"
#include "queue/envelope.h"

/* The message that is reported. */
struct dsn_original {
    struct view queue_id;
    struct view sender; /* internal form */
    struct view envid;
    struct view message_id; /* "<...>" for enable_threaded_bounces; may be empty */
    int64_t arrival;        /* wall clock, microseconds; 0 unknown */
    bool smtputf8, is_8bit;
    int content_fd; /* -1: not available */
    uint64_t content_size;
};

struct dsn {
    const struct conf *conf;
    const struct dsn_templates *templates;
    enum dsn_kind kind;
    struct dsn_original original;
    const struct report_recipient
        *recipients; /* those that the reader is to be told of */
    size_t n_recipients;
    struct view to;      /* whom the notification goes to; internal form */
    bool for_postmaster; /* no words, Postmaster-Subject */
    enum dsn_ret
        ret; /* what of the original to attach; FULL is limited by bounce_size_limit */
    struct view new_id; /* queue ID of the notification; makes the boundary unique */
    int64_t now;        /* wall clock */
};

/* Does RECIPIENT's NOTIFY want a report of KIND?  When nothing was said: failures and
 * delays. */
bool dsn_is_wanted(const struct report_recipient *recipient, enum dsn_kind kind);

/* One line without line end. */
typedef void dsn_line_fn(void *arg, struct view line);
/* The header (but for Received, Date and Message-Id) and the body.  False with *E when
 * the original could not be read to its end; what was written is complete and says so. */
bool dsn_write(const struct dsn *d, dsn_line_fn *write_line, void *arg, struct error *e);

/* The lines of the message, or of its header alone.  False with *E when it could not be
 * read to its end; a line in its place says so. */
bool dsn_copy_original(const struct dsn_original *o, bool headers_only,
                       dsn_line_fn *write_line, void *arg, struct error *e);
/* Fold TEXT at blanks into lines of at most WIDTH bytes, continued ones indented by
 * INDENT.  For lines that people read; long words stay whole. */
void dsn_fold(struct view text, size_t width, size_t indent, dsn_line_fn *write_line,
              void *arg);

#endif
