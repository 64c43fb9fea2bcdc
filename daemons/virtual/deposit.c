/* deposit - write mail with the rights of the mailbox's owner
 *
 * Runs in worker threads.  Started by root, each thread takes on effective ids of its own
 * by bare system calls (those of libc would change all threads) and keeps them until a
 * mailbox of somebody else comes along: a site with one owner for all mailboxes changes
 * ids once per thread.
 */
#include "virtual.h"

#include "base/log.h"
#include "store/copy.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Thread_local uid_t thread_uid;
static _Thread_local gid_t thread_gid;
static _Thread_local bool has_ids;

/* Take on the ids of M's owner; the process ends when the way back to root is barred. */
static bool become_owner(const struct virtual_mailbox *m, struct error *e)
{
    if (has_ids && thread_uid == m->uid && thread_gid == m->gid)
        return true;
    if (has_ids && syscall(SYS_setresuid, -1, 0, -1) < 0)
        log_fatal("cannot get back to user id 0: errno %d", errno);
    has_ids = false;
    if (syscall(SYS_setresgid, -1, m->gid, -1) < 0 ||
        syscall(SYS_setresuid, -1, m->uid, -1) < 0) {
        error_set_errno(e, "4.3.0", "cannot act as user %lu, group %lu",
                        (unsigned long)m->uid, (unsigned long)m->gid);
        return false;
    }
    thread_uid = m->uid;
    thread_gid = m->gid;
    has_ids = true;
    return true;
}

static bool take_rights(struct deposit *d)
{
    if (!d->virtual->acts_for_users || become_owner(&d->mailbox, &d->error))
        return true;
    d->result = TEMPFAIL;
    return false;
}

void deposit_maildirs(void *arg)
{
    struct deposit_list *list = arg;

    for (size_t i = 0; i < list->n; i++) {
        struct deposit *d = &list->items[i];
        if (d->mailbox.is_maildir && d->result == OK && take_rights(d))
            d->result = maildir_deliver(&d->maildir, &d->error);
    }
}

/* May mail go into the open file M? */
static bool accept_mbox(const struct deposit *d, const struct mbox *m, struct error *e)
{
    if (!m->is_regular) {
        error_set(e, "5.2.0", "destination %s is not a regular file", d->path);
        return false;
    }
    if (d->virtual->strict_ownership && m->owner != d->mailbox.uid) {
        error_set(e, "4.2.0", "destination %s is not owned by recipient", d->path);
        log_warning(
            "specify \"strict_mailbox_ownership = no\" to ignore mailbox ownership "
            "mismatch");
        return false;
    }
    return true;
}

void deposit_mbox(void *arg)
{
    struct deposit *d = arg;
    struct mbox_place place = {
        .path = d->path, .lock = &d->virtual->lock, .status = "4.2.0"};
    struct mbox m;

    error_clear(&d->error);
    if (!take_rights(d))
        return;
    d->result = mbox_open(&m, &place, &d->error);
    if (d->result != OK)
        return;
    d->result = accept_mbox(d, &m, &d->error) ? mbox_append(&m, &d->mbox, &d->error)
                                              : error_result(&d->error);
    mbox_close(&m);
}
