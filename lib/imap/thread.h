/* thread - THREAD=REFERENCES and THREAD=ORDEREDSUBJECT (RFC 5256 3)
 *
 * Pure functions over an array; no recursion.  Time n log n: the last 100
 * references of a message count, and a loop is looked for 1000 levels up.
 */
#ifndef IMAP_THREAD_H
#define IMAP_THREAD_H

#include "base/str.h"
#include "search.h"

enum imap_thread_algorithm { IMAP_THREAD_ORDEREDSUBJECT, IMAP_THREAD_REFERENCES };

/* Take algorithm SP charset SP search keys. */
bool imap_take_thread(struct imap_input *in, enum imap_thread_algorithm *algorithm,
                      struct imap_search *search);

struct imap_thread_message {
    uint32_t number;        /* message number or UID, as it is to be answered */
    int64_t date;           /* imap_sort_date() */
    struct view message_id; /* body of Message-ID; only looked at for REFERENCES */
    struct view references; /* body of References, "" when absent */
    struct view in_reply_to;
    struct view subject; /* base subject, folded: imap_sort_text(IMAP_SORT_SUBJECT) */
    bool is_reply;       /* message_base_subject() took a reply mark off */
};

struct imap_thread {
    uint32_t number; /* 0: a message that is not there */
    struct imap_thread *child, *next;
};

/* The threads of MESSAGES, the first of them; NULL without messages.  Lives in
 * ARENA. */
struct imap_thread *imap_thread(struct arena *arena, enum imap_thread_algorithm algorithm,
                                const struct imap_thread_message *messages, size_t count);
/* Append "(1 2 (3 4)(5))(6)". */
bool imap_write_threads(const struct imap_thread *threads, struct str *out);

#endif
