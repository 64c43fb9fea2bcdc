/* maildir - deliver a message into a directory of files
 *
 * Written under tmp/, moved into new/.  The name is made of the message's arrival time,
 * its queue ID and the recipient, so that the same delivery, repeated after a crash, is
 * recognised: in new/ by its name, in cur/ by the part of the name before the flags.
 * Everything here blocks, mostly shortly; no state is shared between calls, so worker
 * threads may use it. Source: https://cr.yp.to/proto/maildir.html.
 */
#ifndef STORE_MAILDIR_H
#define STORE_MAILDIR_H

#include "store/copy.h"

#include <sys/types.h>

#define MAILDIR_NAME_MAX 200

/* "1700622355.M123456Q4F1A2B3C4DR0123456789abcdef.host": ARRIVAL in microseconds of the
 * wall clock, a fingerprint of RECIPIENT and ORIGINAL, HOST with "/", ":" and ","
 * replaced. */
const char *maildir_name(char out[MAILDIR_NAME_MAX], struct view queue_id,
                         int64_t arrival, struct view recipient, struct view original,
                         struct view host) __attribute__((returns_nonnull));

struct maildir_delivery {
    const char *path;    /* with or without the final '/' */
    const char *name;    /* from maildir_name(); ",S=size" is put behind it */
    struct view headers; /* complete lines, put in front */
    struct copy_source content;
    uint64_t size_limit; /* of one file; 0 none */
    bool obeys_quota;    /* that of the file maildirsize, see maildirsize.h */
    bool maybe_repeated; /* the message may have been delivered before: look for it */
    bool durable_later;  /* a checkpoint of the file system below will follow */
    dev_t checkpoint_device;
    /* Set on success: */
    bool was_there;        /* recognised; nothing was written */
    bool needs_checkpoint; /* durable only after the checkpoint */
};

/* Deliver; missing directories are made (0700), and in those of a folder (".Name" in a
 * Maildir) the file that marks it.  On failure E tells what could not be
 * done, and nothing is left in new/. */
enum result maildir_deliver(struct maildir_delivery *m, struct error *e) MUST_CHECK;

#endif
