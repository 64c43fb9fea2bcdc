/* vanished - messages that went while the client was away (RFC 7162)
 *
 * Where the history of the mailbox does not reach back far enough, every UID that is not
 * there counts as vanished: clients must live with being told too much.
 */
#include "imap.h"

/* All UIDs below UIDNEXT that the view does not hold. */
static void all_absent(struct imap *s, struct imap_set *gone)
{
    const struct view_of_mailbox *v = s->selected;
    struct imap_set all, there;

    imap_set_init(&all, s->arena);
    imap_set_init(&there, s->arena);
    for (size_t i = 0; i < v->uids->n; i++)
        imap_set_add(&there, v->uids->uids[i]);
    if (mailbox_uidnext(v->box) > 1)
        imap_set_add_range(&all, 1, mailbox_uidnext(v->box) - 1);
    imap_set_subtract(&all, &there, gone);
}

void vanished_send(struct imap *s, uint64_t modseq, const struct imap_set *among)
{
    struct imap_set gone, both;
    struct error e = ERROR_INIT;
    uint32_t *uids;
    size_t n;
    bool is_complete;

    imap_set_init(&gone, s->arena);
    imap_set_init(&both, s->arena);
    if (mailbox_vanished(s->selected->box, modseq, s->arena, &uids, &n, &is_complete,
                         &e) != STORE_OK)
        is_complete = false;
    if (is_complete) {
        for (size_t i = 0; i < n; i++)
            imap_set_add(&gone, uids[i]);
    } else {
        all_absent(s, &gone);
    }
    if (among) {
        imap_set_intersect(among, &gone, &both);
        gone = both;
    }
    if (gone.count == 0)
        return;
    str_set(&s->scratch, VIEW("* VANISHED (EARLIER) "));
    imap_set_write(&gone, &s->scratch);
    str_add_cstr(&s->scratch, "\r\n");
    imap_send_scratch(s);
}
