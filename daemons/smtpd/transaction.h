/* transaction - one message between MAIL and its final reply
 *
 * Holds the envelope as the client gives it and hands the content to a sink:
 * the queue (through cleanup), or postdrop when smtpd stands alone.
 */
#ifndef SMTPD_TRANSACTION_H
#define SMTPD_TRANSACTION_H

#include "session.h"

/* Where a message goes.  All may suspend. */
struct sink {
    /* At the first good recipient: false with *E, or with t->refusal as the reply, when
     * nothing can be taken now. */
    bool (*open)(struct session *s, struct error *e);
    /* False: the recipient is not taken, t->refusal is the reply. */
    bool (*recipient)(struct session *s, struct view address, struct view orcpt,
                      unsigned notify);
    /* Before the content: our Received: and prepended headers. */
    void (*begin)(struct session *s);
    void (*line)(struct session *s, struct view text, bool more);
    /* The end; the code and *E's status and text are the reply, or t->refusal is, good
     * or bad. */
    int (*finish)(struct session *s, struct error *e);
    void (*abort)(struct session *s);
};
extern const struct sink queue_sink;
extern const struct sink mailbox_sink; /* lmtp.c */
extern const struct sink postdrop_sink;
extern const struct sink proxy_sink;

/* "ID: client=name[address], sasl_method=...": who brings the message, in the log. */
void transaction_log_client(const struct session *s);

/* queue_sink.c: what mailbox_sink does likewise. */
/* Takes DRAFT, which is new. */
bool queue_begin_draft(struct session *s, struct draft *draft);
bool queue_recipient(struct session *s, struct view address, struct view orcpt,
                     unsigned notify);
void queue_begin(struct session *s);
void queue_line(struct session *s, struct view text, bool more);
int queue_finish(struct session *s, struct error *e);
void queue_abort(struct session *s);

struct transaction {
    struct arena *arena;
    const struct sink *sink;
    bool open;          /* the sink is */
    struct view sender; /* internal form */
    struct envelope envelope;
    unsigned recipients, overshoot;
    struct view first_recipient;
    uint64_t announced_size, size; /* bytes; SIZE= and what came so far */
    bool too_big;
    bool in_content; /* reading content: a lost connection tells how much came */
    bool in_piece;   /* the last piece of content did not end its line */
    struct access_effect *effects;
    struct draft *draft;     /* queue_sink */
    struct cleanup *cleanup; /* queue_sink */
    struct postdrop *postdrop;
    struct lmtp *lmtp;          /* mailbox_sink */
    struct draft *direct_draft; /* the same as draft, which cleanup uses up */
    bool is_taken;              /* it came to a delivery */
    struct proxy *proxy;
    struct view mail_arguments, rcpt_arguments; /* as the client gave them */
    struct str milter_reply; /* a milter's own at the end of the message */
    struct view refusal;     /* a whole reply of the sink's; empty: none */
    /* BDAT */
    bool chunking, chunk_failed;
    uint64_t chunk_bytes;
    struct dot_reader chunks;
};

/* Did BDAT begin, well or badly?  MAIL, RCPT and DATA come too late then. */
static inline bool transaction_has_chunks(const struct transaction *t)
{
    return t->chunking || t->chunk_failed;
}

struct transaction *transaction_new(struct session *s, struct view sender);
/* Give up what is open and free; does nothing without one. */
void transaction_end(struct session *s);
/* Count a recipient and pass it on; opens the sink first.  False: a reply was sent. */
bool transaction_recipient(struct session *s, struct view address, struct view orcpt,
                           unsigned notify, struct access_effect *effects);
/* What access tables asked to be done with the message; EFFECTS live in its arena. */
void transaction_add_effects(struct transaction *t, struct access_effect *effects);
/* Data restrictions, before the content.  False: a reply was sent. */
bool transaction_may_have_content(struct session *s);
/* Begin the content (once). */
void transaction_begin(struct session *s);
/* A line of content, or a piece of one; size limits are counted here. */
void transaction_line(struct session *s, struct view text, bool more);
/* End of content: restrictions of that stage, commit, the reply.  Ends the transaction.
 */
bool transaction_finish(struct session *s, struct view ok_prefix);
/* quota.c: may ADDRESS get a message?  False: a reply was sent.  May suspend. */
bool quota_allows(struct session *s, struct view address);
/* LMTP: what is said from here on is said for each recipient (RFC 2033 4.2); to the end
 * of the transaction. */
void transaction_answer_all(struct session *s);
/* data.c: smtpd_forbid_bare_newline = reject.  Ends transaction and session; false. */
bool refuse_bare_newline(struct session *s);
/* smtpd_delay_open_until_valid_rcpt = no: open the sink at MAIL.  False: a reply was
 * sent. */
bool transaction_open_early(struct session *s);
/* Does the message come from one of us, so that its headers are completed
 * (local_header_rewrite_clients, or what XFORWARD said)?  May suspend. */
bool session_is_local(struct session *s);
/* Put our Received: header (and nothing else) into the open sink.  QUEUE_ID NULL: it has
 * none. */
void received_emit(struct session *s, const char *queue_id);

#endif
