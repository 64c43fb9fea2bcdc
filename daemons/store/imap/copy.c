/* copy - COPY, MOVE and their UID forms
 *
 * RFC 9051 6.4.7, 6.4.8; the response code COPYUID of RFC 4315.
 */
#include "imap.h"

/* "[COPYUID 38505 304,319:320 3956:3958] ", or nothing. */
static struct view copyuid(struct imap *s, const struct mailbox_copied *copied)
{
    struct str code = STR_INIT((size_t)1 << 24);
    struct imap_set from, to;

    if (copied->n == 0)
        return VIEW("");
    imap_set_init(&from, s->arena);
    imap_set_init(&to, s->arena);
    for (size_t i = 0; i < copied->n; i++) {
        imap_set_add(&from, copied->from[i]);
        imap_set_add(&to, copied->to[i]);
    }
    str_addf(&code, "[COPYUID %u ", copied->uidvalidity);
    imap_set_write(&from, &code);
    str_add_char(&code, ' ');
    imap_set_write(&to, &code);
    str_add_cstr(&code, "] ");
    struct view out = arena_dup(s->arena, str_view(&code));
    str_done(&code);
    return out;
}

static bool tell_moved(struct imap *s, const struct mailbox_copied *copied)
{
    struct view code = copyuid(s, copied);

    if (code.n > 0) {
        str_set(&s->scratch, VIEW("* OK "));
        str_add(&s->scratch, code);
        str_add_cstr(&s->scratch, "Moved UIDs.\r\n");
        imap_send_scratch(s);
    }
    view_sync(s);
    if (s->enabled & ENABLED_QRESYNC)
        return imap_ok(s, "[HIGHESTMODSEQ %llu] Move completed.",
                       (unsigned long long)mailbox_modseq(s->selected->box));
    return imap_ok(s, "Move completed.");
}

static bool copy_or_move(struct imap *s, bool is_move)
{
    struct view_of_mailbox *v = s->selected;
    struct mailbox_copied copied = {0};
    struct namespace_target target;
    struct error e = ERROR_INIT;
    struct uid_array a;
    struct mailbox *to;
    struct view name;

    if (!view_take_messages(s, &a) || !imap_take_space(&s->in) ||
        !imap_take_mailbox(&s->in, &name) || !imap_take_end(&s->in))
        return false;
    if (is_move && v->is_read_only)
        return imap_no(s, "[READ-ONLY] The mailbox was opened for reading.");
    if (is_move && (~v->rights & (ACL_DELETE_MESSAGES | ACL_EXPUNGE)))
        return imap_no(s, "[NOPERM] You have not the right to take messages from here.");
    if (!imap_open(s, name, ACL_INSERT, "TRYCREATE", &target, &to))
        return true;
    enum store_result r =
        is_move ? mailbox_move(v->box, a.uids, a.n, to, s->arena, &copied, &e)
                : mailbox_copy(v->box, a.uids, a.n, to, s->arena, &copied, &e);
    mailbox_close(to);
    account_close(target.account);
    if (r != STORE_OK)
        return imap_no_store(s, r, &e);
    if (is_move)
        return tell_moved(s, &copied);
    struct view code = copyuid(s, &copied);
    view_sync(s);
    str_set(&s->scratch, s->tag);
    str_add_cstr(&s->scratch, " OK ");
    str_add(&s->scratch, code);
    str_add_cstr(&s->scratch, "Copy completed.\r\n");
    imap_send_scratch(s);
    return true;
}

bool command_copy(struct imap *s)
{
    return copy_or_move(s, false);
}

bool command_move(struct imap *s)
{
    return copy_or_move(s, true);
}
