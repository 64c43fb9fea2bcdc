/* store - STORE and UID STORE
 *
 * RFC 9051 6.4.6; RFC 7162 3.1.3 (UNCHANGEDSINCE); RFC 4314 4 (rights).
 */
#include "imap.h"
#include "imap/command.h"

static enum mailbox_flag_how how_of(enum imap_store_how how)
{
    switch (how) {
    case IMAP_STORE_ADD:
        return MAILBOX_FLAGS_ADD;
    case IMAP_STORE_REMOVE:
        return MAILBOX_FLAGS_REMOVE;
    case IMAP_STORE_SET:
        break;
    }
    return MAILBOX_FLAGS_REPLACE;
}

/* Which rights the change needs: each kind of flag has its own. */
static unsigned rights_for(const struct imap_store *what)
{
    unsigned rights = 0;

    if (what->how == IMAP_STORE_SET)
        return ACL_SEEN | ACL_WRITE | ACL_DELETE_MESSAGES;
    if (what->flags.bits & IMAP_FLAG_SEEN)
        rights |= ACL_SEEN;
    if (what->flags.bits & IMAP_FLAG_DELETED)
        rights |= ACL_DELETE_MESSAGES;
    if (what->flags.count > 0 ||
        what->flags.bits & (IMAP_FLAG_ANSWERED | IMAP_FLAG_FLAGGED | IMAP_FLAG_DRAFT))
        rights |= ACL_WRITE;
    return rights;
}

/* Tell the outcome: flags unless silent, MODSEQ where enabled. */
static void tell(struct imap *s, const struct uid_array *a, const struct imap_store *what,
                 const struct mailbox_flag_change *change)
{
    struct mailbox *box = s->selected->box;
    bool with_modseq = s->enabled & ENABLED_CONDSTORE;

    for (size_t i = 0; i < a->n; i++) {
        const struct mailbox_message *m = mailbox_find(box, a->uids[i]);
        if (!m || (change->is_conditional && m->modseq != change->modseq))
            continue;
        if (!what->is_silent) {
            view_send_flags(s, m);
        } else if (with_modseq && view_begin_fetch(s, m->uid)) {
            if (s->is_uid && !(s->enabled & ENABLED_UIDONLY))
                str_addf(&s->scratch, "UID %u ", m->uid);
            str_addf(&s->scratch, "MODSEQ (%llu))\r\n", (unsigned long long)m->modseq);
            imap_send_scratch(s);
        }
    }
    view_told(s, change->modseq);
}

static size_t count_gone(struct imap *s, const struct uid_array *a)
{
    size_t gone = 0;

    for (size_t i = 0; i < a->n; i++)
        gone += mailbox_find(s->selected->box, a->uids[i]) == NULL;
    return gone;
}

static bool answer(struct imap *s, const struct uid_array *a,
                   const struct mailbox_flag_change *change)
{
    struct str set = STR_INIT((size_t)1 << 24);
    struct imap_set modified;

    if (change->n_modified > 0) {
        view_make_set(s, change->modified, change->n_modified, &modified);
        imap_set_write(&modified, &set);
        imap_ok(s, "[MODIFIED %s] Some messages had changed.", str_cstr(&set));
    } else if (count_gone(s, a) > 0 && !s->is_uid) {
        imap_no(s, "[EXPUNGEISSUED] Some of the messages are gone.");
    } else {
        imap_ok(s, "Store completed.");
    }
    str_done(&set);
    return true;
}

bool command_store(struct imap *s)
{
    struct view_of_mailbox *v = s->selected;
    struct mailbox_flag_change change = {.arena = s->arena};
    struct error e = ERROR_INIT;
    struct imap_store what;
    struct uid_array a;

    if (!view_take_messages(s, &a) || !imap_take_space(&s->in) ||
        !imap_take_store(&s->in, &what))
        return false;
    if (v->is_read_only)
        return imap_no(s, "[READ-ONLY] The mailbox was opened for reading.");
    if (rights_for(&what) & ~v->rights)
        return imap_no(s, "[NOPERM] You have not the right to change these flags here.");
    if (what.has_unchanged_since)
        s->enabled |= ENABLED_CONDSTORE;
    change.how = how_of(what.how);
    change.flags = what.flags.bits & MAILBOX_FLAGS;
    change.is_conditional = what.has_unchanged_since;
    change.unchanged_since = what.unchanged_since;
    if (!view_keywords(s, v->box, &what.flags, &change.keywords))
        return true;
    enum store_result r = mailbox_flag(v->box, a.uids, a.n, &change, &e);
    if (r != STORE_OK)
        return imap_no_store(s, r, &e);
    tell(s, &a, &what, &change);
    return answer(s, &a, &change);
}
