/* virtual - what the files of the virtual agent share
 *
 * Deliveries to virtual users.  A recipient is resolved on the fiber (tables), then the
 * files are written by a worker thread that has the rights of the mailbox's owner.
 * Source: virtual(8).
 */
#ifndef VIRTUAL_VIRTUAL_H
#define VIRTUAL_VIRTUAL_H

#include "agent/agent.h"
#include "store/lock.h"
#include "store/maildir.h"
#include "store/mbox.h"
#include "store/virtual_mailbox.h"

#include <sys/types.h>

struct virtual
{
    const struct conf *conf;
    struct virtual_mailboxes *mailboxes;
    struct view base;
    struct view host; /* in names of Maildir files */
    uint64_t size_limit;
    bool obeys_quota; /* of Maildirs */
    bool strict_ownership;
    struct lock_policy lock; /* one attempt at a time: the fiber does the waiting */
    unsigned lock_attempts;
    bool acts_for_users; /* started by root */
    bool has_checkpoint; /* Maildirs below base become durable by checkpoints */
    dev_t checkpoint_device;
};

/* One file to write, in a worker thread. */
struct deposit {
    const struct virtual *virtual;
    struct delivery_recipient *recipient;
    struct virtual_mailbox mailbox;
    const char *path; /* of the mailbox, as a C string */
    struct str headers;
    struct maildir_delivery maildir;
    struct mbox_message mbox;
    char name[MAILDIR_NAME_MAX];
    enum result result;
    struct error error;
};
/* Write N Maildir deposits, one after the other. */
struct deposit_list {
    struct deposit *items;
    size_t n;
};
void deposit_maildirs(void *list);
/* Append to an mbox file once; saved_errno is EAGAIN or EEXIST when somebody else has the
 * lock. */
void deposit_mbox(void *deposit);

/* The agent's function: state is a struct virtual. */
agent_deliver_fn virtual_deliver;

#endif
