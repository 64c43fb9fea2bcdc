/* envelope - sender, recipients and facts of one message, and their bytes
 *
 * In a queue file (and in a journal record) the content comes first, LF line ends, as it
 * will be delivered; then the envelope: records of type (1 byte), length (u32 little
 * endian) and value; then a footer of fixed size.  Only a recipient's status byte ever
 * changes in place.  docs/queue-file.md has the whole format.
 */
#ifndef QUEUE_ENVELOPE_H
#define QUEUE_ENVELOPE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "queue/queue_id.h"

#include <stdint.h>

#define NOTIFY_NEVER   1
#define NOTIFY_SUCCESS 2
#define NOTIFY_FAILURE 4
#define NOTIFY_DELAY   8

enum dsn_ret { DSN_RET_NONE, DSN_RET_FULL, DSN_RET_HDRS };

enum recipient_status {
    RECIPIENT_PENDING = 'p',
    RECIPIENT_DONE = 'd',
    RECIPIENT_EXPANDED =
        'x', /* a list whose members stand for it; its sender is to hear so */
    RECIPIENT_REPORTED = 'X' /* such a list, whose sender knows */
};
/* Is it a list?  Lists count in no number of recipients. */
static inline bool recipient_is_list(uint8_t status)
{
    return status == RECIPIENT_EXPANDED || status == RECIPIENT_REPORTED;
}
/* What STATUS becomes when nothing is left to do for the recipient. */
static inline uint8_t recipient_done(uint8_t status)
{
    return recipient_is_list(status) ? RECIPIENT_REPORTED : RECIPIENT_DONE;
}

struct recipient {
    struct view address;  /* where it goes; internal form */
    struct view original; /* as first received (orig_to=); may equal address */
    struct view orcpt;    /* DSN ORCPT as received, "rfc822;a+2Bb@c"; may be empty */
    uint8_t notify;       /* NOTIFY_...; 0: not said */
    uint8_t status;       /* enum recipient_status */
    uint32_t offset;      /* of the status byte, from the start of the envelope */
};

#define MESSAGE_HOLD         1 /* goes to hold/ */
#define MESSAGE_VERIFY       2 /* address probe: deliver nothing, report (sendmail -bv) */
#define MESSAGE_TRACE        4 /* deliver and report (sendmail -v) */
#define MESSAGE_NO_DELAY_DSN 8
#define MESSAGE_SMTPUTF8     16 /* needs SMTPUTF8 */
#define MESSAGE_8BIT         32 /* BODY=8BITMIME, or 8-bit bytes were seen */
#define MESSAGE_DELAY_SENT                                                               \
    64 /* the delay warning went out (kept as a record that is overwritten) */
#define MESSAGE_INTERNAL 128 /* a notice of ours (bounce, postmaster) */
#define MESSAGE_PROBE    256 /* address verification probe */
#define MESSAGE_FORCED_EXPIRE                                                            \
    512 /* postsuper -e: goes back to its sender at the next attempt */
#define MESSAGE_REQUEUE                                                                  \
    1024 /* postsuper -r: goes through pickup and cleanup once more                      \
          */

struct envelope {
    int64_t arrival;    /* wall clock, microseconds */
    struct view sender; /* "" is the null sender */
    uint32_t flags;     /* MESSAGE_... */
    enum dsn_ret ret;
    struct view envid; /* DSN ENVID, xtext decoded form as Postfix keeps it */
    /* The client, as logged and as passed on (XFORWARD, policy); empty when local. */
    struct view client_name, client_address, client_port, helo_name, protocol_name;
    struct view sasl_method, sasl_username, sasl_sender;
    struct view log_ident;       /* client message id for XFORWARD IDENT */
    struct view rewrite_context; /* "local" or "remote" */
    struct view content_filter;  /* "transport:nexthop"; empty none */
    struct view redirect;        /* REDIRECT action: all mail goes there */
    struct view message_id;      /* for logs */
    struct view verp_delimiters; /* two characters; empty: no VERP */
    struct view
        replaces; /* "ID index": takes the place of that recipient of message ID */
    struct recipient *recipients;
    size_t n_recipients;
    uint32_t
        marks_offset; /* of the two bytes for MESSAGE_DELAY_SENT and _FORCED_EXPIRE */
};

#define ENVELOPE_MAX_BYTES (64u << 20)
#define QUEUE_FOOTER_SIZE  64
struct queue_footer {
    uint64_t content_size;
    uint64_t envelope_size;
    uint32_t checksum; /* CRC-32C of envelope and sizes */
    uint32_t content_checksum;
};

/* Flags that change while a message is queued: each has a status byte of its own, in this
 * order. */
#define ENVELOPE_N_MARKS 3
#define ENVELOPE_MARKS   (MESSAGE_DELAY_SENT | MESSAGE_FORCED_EXPIRE | MESSAGE_REQUEUE)
extern const uint32_t envelope_marks[ENVELOPE_N_MARKS];

/* Longest fields; what is longer (a client's HELO name ...) is cut by envelope_write, but
 * a sender or recipient that is too long makes it fail.  They fit the attributes of
 * ipc/messages.def. */
#define ENVELOPE_ADDRESS_MAX    2048
#define ENVELOPE_RECIPIENTS_MAX 1000000u

/* Append the records; recipients get their offset.  False when there is no recipient, too
 * many, an address too long, or OUT is full. */
bool envelope_write(struct envelope *env, struct str *out) MUST_CHECK;
/* Parse; views point into BYTES, arrays live in A.  Every length is checked. */
bool envelope_parse(struct arena *a, struct view bytes, struct envelope *out,
                    struct error *e) MUST_CHECK;
/* The recipient whose place the message takes; false when there is none. */
bool envelope_replaces(const struct envelope *env, struct queue_id *origin,
                       uint32_t *index);
/* Does a recipient of SITE, a domain, still wait? */
bool envelope_has_site(const struct envelope *env, struct view site);
void queue_footer_write(const struct queue_footer *f, char out[QUEUE_FOOTER_SIZE]);
bool queue_footer_parse(const char bytes[QUEUE_FOOTER_SIZE], struct queue_footer *out,
                        struct error *e) MUST_CHECK;
uint32_t queue_checksum(uint32_t seed, struct view bytes);          /* CRC-32C */
uint32_t queue_checksum_portable(uint32_t seed, struct view bytes); /* for tests */
/* The checksum of the footer: the bytes of ENV as parsed from BYTES, with every status
 * byte taken as pending, and then the two sizes. */
uint32_t envelope_checksum(const struct envelope *env, struct view bytes,
                           uint64_t content_size);

#endif
