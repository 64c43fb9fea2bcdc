/* maildrop - the mailbox as a POP3 session sees it; see pop3.h */
#include "pop3.h"

#include "base/log.h"
#include "base/memory.h"

bool maildrop_open(struct maildrop *d, struct account *a, struct error *e)
{
    *d = (struct maildrop){.n = 0};
    if (mailbox_open(a, VIEW("INBOX"), &d->box, e) != STORE_OK)
        return false;
    d->n = mailbox_count(d->box);
    d->uidvalidity = mailbox_uidvalidity(d->box);
    d->messages = memory_alloc_array(d->n + 1, sizeof *d->messages);
    d->has_sizes = true;
    for (size_t i = 0; i < d->n; i++) {
        const struct mailbox_message *m = mailbox_at(d->box, i);
        d->messages[i].uid = m->uid;
        d->messages[i].size = m->size;
        d->messages[i].is_read = m->flags & MAILBOX_SEEN; /* nothing to be marked */
        d->has_sizes = d->has_sizes && m->size != MAILBOX_SIZE_UNKNOWN;
    }
    return true;
}

void maildrop_close(struct maildrop *d)
{
    if (d->box)
        mailbox_close(d->box);
    memory_free(d->messages);
}

bool maildrop_find_sizes(struct maildrop *d, struct error *e)
{
    if (d->has_sizes || d->n == 0)
        return true;
    if (mailbox_sizes(d->box, d->messages[0].uid, d->messages[d->n - 1].uid, e) !=
        STORE_OK)
        return false;
    for (size_t i = 0; i < d->n; i++) {
        const struct mailbox_message *m = mailbox_find(d->box, d->messages[i].uid);
        /* What vanished meanwhile was empty for us. */
        d->messages[i].size = m && m->size != MAILBOX_SIZE_UNKNOWN ? m->size : 0;
    }
    d->has_sizes = true;
    return true;
}

/* UIDs of the messages that IS_MEANT. */
static uint32_t *collect(const struct maildrop *d,
                         bool (*is_meant)(const struct maildrop *,
                                          const struct maildrop_message *),
                         size_t *n)
{
    uint32_t *uids = memory_alloc_array(d->n + 1, sizeof *uids);

    *n = 0;
    for (size_t i = 0; i < d->n; i++)
        if (is_meant(d, &d->messages[i]))
            uids[(*n)++] = d->messages[i].uid;
    return uids;
}

static bool is_newly_read(const struct maildrop *d, const struct maildrop_message *m)
{
    const struct mailbox_message *now = mailbox_find(d->box, m->uid);

    return m->is_read && !m->is_deleted && now && !(now->flags & MAILBOX_SEEN);
}

static bool is_deleted(const struct maildrop *d, const struct maildrop_message *m)
{
    (void)d;
    return m->is_deleted;
}

void maildrop_mark_read(struct maildrop *d)
{
    struct error e = ERROR_INIT;
    struct mailbox_flag_change change = {.how = MAILBOX_FLAGS_ADD, .flags = MAILBOX_SEEN};
    size_t n;
    uint32_t *uids = collect(d, is_newly_read, &n);

    if (n > 0 && mailbox_flag(d->box, uids, n, &change, &e) != STORE_OK)
        log_warning("pop3: mark what was read: %s", error_cstr(&e));
    memory_free(uids);
}

bool maildrop_update(struct maildrop *d, struct error *e)
{
    size_t n, removed = 0;
    uint32_t *uids = collect(d, is_deleted, &n);
    bool good = n == 0 || mailbox_expunge(d->box, uids, n, &removed, e) == STORE_OK;

    memory_free(uids);
    return good;
}
