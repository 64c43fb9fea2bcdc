/* store - what all calls on mailboxes share: results and limits
 *
 * A call that can fail gives a store_result and, in words, a struct error.  The results
 * are those for which IMAP has response codes of their own (RFC 9051 7.1).
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/error.h"

#include <stdint.h>

enum store_result {
    STORE_OK,
    STORE_NONEXISTENT, /* no such mailbox, or no such message */
    STORE_EXISTS,      /* ALREADYEXISTS */
    STORE_OVERQUOTA,
    STORE_NOPERM,   /* the file system's rights; rights of RFC 4314 are the caller's */
    STORE_CANNOT,   /* a name or an operation that this format cannot do */
    STORE_LIMIT,    /* too many keywords, mailboxes, annotations */
    STORE_INUSE,    /* another program holds a lock for too long */
    STORE_EXPUNGED, /* the message was there, and is gone (EXPUNGEISSUED) */
    STORE_FAILED    /* the system refused: disk full, input/output error */
};

struct conf;

/* What main.cf says about mailboxes; the same for all accounts of a process. */
struct store_options {
    uint64_t
        vanished_limit;    /* store_vanished_limit: expunged UIDs that QRESYNC can name */
    uint64_t append_limit; /* store_message_size_limit: bytes, 0 none */
    uint64_t metadata_size;  /* store_metadata_size_limit: bytes of one value */
    uint64_t metadata_count; /* store_metadata_entry_limit: entries of one mailbox */
    uint64_t mailbox_count;  /* store_mailbox_limit: mailboxes of one account */
    int64_t poll_interval;   /* store_poll_interval, microseconds */
    int64_t linger; /* store_linger_time: an index stays open unused, microseconds */
};
/* Set by store_configure(); before that the defaults of parameters.tsv. */
extern struct store_options store_options;
/* Before a sandbox closes. */
void store_configure(const struct conf *conf);

#endif
