/* report - what happened to the recipients of one message, on its way from qmgr to bounce
 *
 * qmgr writes the recipients that a report is about into a memory file and sends it as
 * descriptor 1 of REPORT_ABOUT; bounce parses it as it would a stranger's.  Layout: the
 * magic "DLR1", the number of recipients (u32 little endian), then for each one byte of
 * action, one of NOTIFY_ bits and eight fields, each a u32 little endian length and its
 * bytes.  Nothing may follow.
 */
#ifndef DSN_REPORT_H
#define DSN_REPORT_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

/* Action of RFC 3464 2.3.3, and for sendmail -bv what would have been done. */
enum report_action {
    REPORT_FAILED,
    REPORT_DELAYED,
    REPORT_DELIVERED,     /* to its mailbox */
    REPORT_RELAYED,       /* to a server that does not speak DSN */
    REPORT_EXPANDED,      /* to several other addresses */
    REPORT_DELIVERABLE,   /* verify: it would be delivered */
    REPORT_UNDELIVERABLE, /* verify: it would not */
    REPORT_ACTIONS
};
/* "failed", "delayed" ... */
const char *report_action_name(enum report_action action);

struct report_recipient {
    struct view address;  /* where it went; internal form; not empty */
    struct view original; /* as first received; may equal address or be empty */
    struct view orcpt;    /* DSN ORCPT as received ("rfc822;a+2Bb@c"), or empty */
    uint8_t notify;       /* NOTIFY_... of queue/envelope.h; 0: not said */
    enum report_action action;
    struct view status;          /* enhanced status code: "5.1.1" */
    struct view text;            /* for people and the log: "host x said: 550 ..." */
    struct view diagnostic_type; /* "smtp", "x-unix"; empty: "x-postfix" */
    struct view diagnostic;      /* for Diagnostic-Code; empty: the text */
    struct view remote_mta;      /* name of the server that answered; empty: none */
};

#define REPORT_RECIPIENTS_MAX 100000u
#define REPORT_FIELD_MAX      4096u
#define REPORT_BYTES_MAX      (64u << 20)

/* Append the bytes of N recipients to OUT.  Fields over REPORT_FIELD_MAX are cut.  False
 * when there are too many or OUT is full. */
bool report_write(const struct report_recipient *recipients, size_t n,
                  struct str *out) MUST_CHECK;
/* Parse BYTES; views point into them, the array lives in A.  Every length is checked; a
 * violation gives false and *E. */
bool report_parse(struct arena *a, struct view bytes,
                  struct report_recipient **recipients, size_t *n,
                  struct error *e) MUST_CHECK;

/* The same in a new memory file (position 0, close-on-exec): its descriptor, or -1 with
 * *E. */
int report_write_memory(const struct report_recipient *recipients, size_t n,
                        struct error *e) MUST_CHECK;
/* Read and parse all of FD; bytes and array live in A.  FD stays the caller's. */
bool report_read(struct arena *a, int fd, struct report_recipient **recipients, size_t *n,
                 struct error *e) MUST_CHECK;

#endif
