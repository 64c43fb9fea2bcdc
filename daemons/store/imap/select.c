/* select - SELECT, EXAMINE, CLOSE, UNSELECT
 *
 * RFC 9051 6.3.2, 6.3.3, 6.4.1, 6.4.2; RFC 7162 3.2.5 (QRESYNC).
 */
#include "base/memory.h"
#include "imap.h"
#include "imap/command.h"
#include "imap/write.h"

static struct view_of_mailbox *view_new(const struct namespace_target *target,
                                        struct mailbox *box, struct view name,
                                        bool examine)
{
    struct view_of_mailbox *v = NEW(struct view_of_mailbox);
    unsigned changing = ACL_SEEN | ACL_WRITE | ACL_DELETE_MESSAGES | ACL_EXPUNGE;

    v->box = box;
    v->account = target->account;
    v->rights = target->rights;
    v->name = memory_alloc(name.n + 1);
    memcpy(v->name, name.p, name.n);
    v->is_read_only = examine || !(target->rights & changing);
    v->uids = mailbox_uids(box);
    v->modseq = mailbox_modseq(box);
    imap_set_init(&v->saved, NULL);
    return v;
}

/* RFC 9051 6.3.2: the required answers. */
static void tell_mailbox(struct imap *s)
{
    struct view_of_mailbox *v = s->selected;
    struct mailbox_status status = {0};
    struct error e = ERROR_INIT;

    view_send_known_flags(s, true);
    imap_untagged(s, "%zu EXISTS", v->uids->n);
    mailbox_recent(v->box, !v->is_read_only, &v->recent_first, &v->recent_last);
    if (!(s->enabled & ENABLED_REV2)) {
        imap_untagged(s, "%zu RECENT", view_recent(v));
        if (mailbox_status(v->box, false, &status, &e) == STORE_OK &&
            status.first_unseen != 0 && view_number(v, status.first_unseen) != 0)
            imap_untagged(s, "OK [UNSEEN %u] First unseen",
                          view_number(v, status.first_unseen));
    } else {
        str_set(&s->scratch, VIEW("* LIST () \"/\" "));
        imap_add_mailbox(s, view_of(v->name));
        str_add_cstr(&s->scratch, "\r\n");
        imap_send_scratch(s);
    }
    imap_untagged(s, "OK [UIDVALIDITY %u] UIDs are valid", mailbox_uidvalidity(v->box));
    imap_untagged(s, "OK [UIDNEXT %u] Next UID", mailbox_uidnext(v->box));
    imap_untagged(s, "OK [HIGHESTMODSEQ %llu] Highest", (unsigned long long)v->modseq);
    imap_untagged(s, "OK [MAILBOXID (%s)] Ok", mailbox_id(v->box));
}

/* What changed while the client was away. */
static void resynchronise(struct imap *s, const struct imap_select *q)
{
    struct view_of_mailbox *v = s->selected;
    struct imap_set known = q->known_uids;

    if (q->uidvalidity != mailbox_uidvalidity(v->box))
        return;
    if (q->has_known_uids)
        imap_set_resolve(&known, mailbox_uidnext(v->box));
    vanished_send(s, q->modseq, q->has_known_uids ? &known : NULL);
    for (size_t i = 0; i < v->uids->n; i++) {
        const struct mailbox_message *m = mailbox_find(v->box, v->uids->uids[i]);
        if (m && m->modseq > q->modseq &&
            (!q->has_known_uids || imap_set_contains(&known, m->uid)))
            view_send_flags(s, m);
    }
}

static bool select_mailbox(struct imap *s, bool examine)
{
    struct imap_select q;
    struct namespace_target target;
    struct mailbox *box;

    if (!imap_take_select(&s->in, &q))
        return false;
    if (q.qresync && !(s->enabled & ENABLED_QRESYNC))
        return imap_fail(&s->in, "QRESYNC was not enabled");
    if (s->selected) {
        view_close(s);
        if (s->enabled & (ENABLED_QRESYNC | ENABLED_REV2))
            imap_untagged(s, "OK [CLOSED] The mailbox before is closed");
    }
    if (!imap_open(s, q.mailbox, ACL_READ, NULL, &target, &box))
        return true;
    if (q.condstore)
        s->enabled |= ENABLED_CONDSTORE;
    s->selected = view_new(&target, box, q.mailbox, examine);
    tell_mailbox(s);
    if (q.qresync)
        resynchronise(s, &q);
    return imap_ok(s, "[%s] %s completed.",
                   s->selected->is_read_only ? "READ-ONLY" : "READ-WRITE",
                   examine ? "Examine" : "Select");
}

bool command_select(struct imap *s)
{
    return select_mailbox(s, false);
}

bool command_examine(struct imap *s)
{
    return select_mailbox(s, true);
}

/* RFC 9051 6.4.1: messages marked \Deleted go, and nobody is told. */
bool command_close(struct imap *s)
{
    struct view_of_mailbox *v = s->selected;
    struct error e = ERROR_INIT;
    uint32_t *uids;
    size_t n = 0;

    if (!imap_take_end(&s->in))
        return false;
    if (!v->is_read_only && v->rights & ACL_EXPUNGE) {
        uids = arena_alloc_array(s->arena, mailbox_count(v->box) + 1, sizeof uids[0]);
        for (size_t i = 0; i < mailbox_count(v->box); i++) {
            const struct mailbox_message *m = mailbox_at(v->box, i);
            if (m->flags & MAILBOX_DELETED)
                uids[n++] = m->uid;
        }
        if (n > 0) {
            enum store_result r = mailbox_expunge(v->box, uids, n, NULL, &e);
            if (r != STORE_OK)
                return imap_no_store(s, r, &e);
        }
    }
    view_close(s);
    return imap_ok(s, "Close completed.");
}

bool command_unselect(struct imap *s)
{
    if (!imap_take_end(&s->in))
        return false;
    view_close(s);
    return imap_ok(s, "Unselect completed.");
}
