/* status - STATUS: numbers of a mailbox that need not be selected
 *
 * RFC 9051 6.3.11; RFC 7162, RFC 7889, RFC 8438, RFC 8474, RFC 9208 for items of theirs.
 */
#include "imap.h"
#include "imap/list.h"

static uint64_t deleted_storage(const struct mailbox *box)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < mailbox_count(box); i++) {
        const struct mailbox_message *m = mailbox_at(box, i);
        if (m->flags & MAILBOX_DELETED && m->size != MAILBOX_SIZE_UNKNOWN)
            sum += m->size;
    }
    return sum;
}

static void add_number(struct str *out, const char *name, uint64_t value)
{
    str_addf(out, "%s%s %llu", str_view(out).p[out->n - 1] == '(' ? "" : " ", name,
             (unsigned long long)value);
}

static void add_items(struct imap *s, const struct mailbox *box,
                      const struct mailbox_status *st, unsigned items)
{
    struct str *out = &s->scratch;

    if (items & IMAP_STATUS_MESSAGES)
        add_number(out, "MESSAGES", st->messages);
    if (items & IMAP_STATUS_RECENT)
        add_number(out, "RECENT", st->recent);
    if (items & IMAP_STATUS_UIDNEXT)
        add_number(out, "UIDNEXT", st->uidnext);
    if (items & IMAP_STATUS_UIDVALIDITY)
        add_number(out, "UIDVALIDITY", st->uidvalidity);
    if (items & IMAP_STATUS_UNSEEN)
        add_number(out, "UNSEEN", st->unseen);
    if (items & IMAP_STATUS_DELETED)
        add_number(out, "DELETED", st->deleted);
    if (items & IMAP_STATUS_SIZE)
        add_number(out, "SIZE", st->size);
    if (items & IMAP_STATUS_HIGHESTMODSEQ)
        add_number(out, "HIGHESTMODSEQ", st->modseq);
    if (items & IMAP_STATUS_DELETED_STORAGE)
        add_number(out, "DELETED-STORAGE", deleted_storage(box));
    if (items & IMAP_STATUS_MAILBOXID)
        str_addf(out, "%sMAILBOXID (%s)", out->p[out->n - 1] == '(' ? "" : " ",
                 mailbox_id(box));
    if (items & IMAP_STATUS_APPENDLIMIT && store_options.append_limit > 0)
        add_number(out, "APPENDLIMIT", store_options.append_limit);
    else if (items & IMAP_STATUS_APPENDLIMIT)
        str_addf(out, "%sAPPENDLIMIT NIL", out->p[out->n - 1] == '(' ? "" : " ");
}

enum store_result imap_add_status(struct imap *s, struct namespace_target *target,
                                  struct view name, unsigned items, struct error *e)
{
    bool with_size = items & (IMAP_STATUS_SIZE | IMAP_STATUS_DELETED_STORAGE);
    struct mailbox_status status;
    struct mailbox *box;

    if (items & IMAP_STATUS_HIGHESTMODSEQ)
        s->enabled |= ENABLED_CONDSTORE;
    enum store_result r = mailbox_open(target->account, target->name, &box, e);
    if (r != STORE_OK)
        return r;
    r = mailbox_status(box, with_size, &status, e);
    if (r == STORE_OK) {
        imap_add_mailbox(s, name);
        str_add_cstr(&s->scratch, " (");
        add_items(s, box, &status, items);
        str_add_char(&s->scratch, ')');
    }
    mailbox_close(box);
    return r;
}

bool command_status(struct imap *s)
{
    struct namespace_target target;
    struct error e = ERROR_INIT;
    struct view name;
    unsigned items;

    if (!imap_take_mailbox(&s->in, &name) || !imap_take_space(&s->in) ||
        !imap_take_status_items(&s->in, &items) || !imap_take_end(&s->in))
        return false;
    if (!imap_target(s, name, ACL_READ, &target))
        return true;
    str_set(&s->scratch, VIEW("* STATUS "));
    enum store_result r = imap_add_status(s, &target, name, items, &e);
    account_close(target.account);
    if (r != STORE_OK)
        return imap_no_store(s, r, &e);
    str_add_cstr(&s->scratch, "\r\n");
    imap_send_scratch(s);
    return imap_ok(s, "Status completed.");
}
