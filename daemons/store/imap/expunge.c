/* expunge - EXPUNGE and UID EXPUNGE (RFC 9051 6.4.3, 6.4.9) */
#include "imap.h"

/* Which of the mailbox's messages go: those marked, of AMONG where that is not NULL. */
static void find_deleted(struct imap *s, const struct uid_array *among,
                         struct uid_array *out)
{
    struct mailbox *box = s->selected->box;
    size_t most = among ? among->n : mailbox_count(box);

    out->n = 0;
    out->uids = arena_alloc_array(s->arena, most + 1, sizeof out->uids[0]);
    for (size_t i = 0; i < most; i++) {
        const struct mailbox_message *m =
            among ? mailbox_find(box, among->uids[i]) : mailbox_at(box, i);
        if (m && m->flags & MAILBOX_DELETED)
            out->uids[out->n++] = m->uid;
    }
}

bool command_expunge(struct imap *s)
{
    struct view_of_mailbox *v = s->selected;
    struct uid_array among = {0}, gone;
    struct error e = ERROR_INIT;

    if (s->is_uid && (!imap_take_space(&s->in) || !view_take_messages(s, &among)))
        return false;
    if (!imap_take_end(&s->in))
        return false;
    if (v->is_read_only)
        return imap_no(s, "[READ-ONLY] The mailbox was opened for reading.");
    if (!(v->rights & ACL_EXPUNGE))
        return imap_no(s, "[NOPERM] You have not the right to expunge here.");
    find_deleted(s, s->is_uid ? &among : NULL, &gone);
    if (gone.n > 0) {
        enum store_result r = mailbox_expunge(v->box, gone.uids, gone.n, NULL, &e);
        if (r != STORE_OK)
            return imap_no_store(s, r, &e);
    }
    view_sync(s);
    if (gone.n > 0 && s->enabled & ENABLED_QRESYNC)
        return imap_ok(s, "[HIGHESTMODSEQ %llu] Expunge completed.",
                       (unsigned long long)mailbox_modseq(v->box));
    return imap_ok(s, "Expunge completed.");
}
