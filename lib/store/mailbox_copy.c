/* mailbox_copy - COPY and MOVE
 *
 * Within one account the driver may link or rename files.  Otherwise bytes are copied,
 * and a move is a copy, on disk, and then an expunge: a crash between leaves both.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "store/copy.h"
#include "store/mailbox_new.h"

#include <assert.h>

struct transfer {
    struct mailbox *from, *to;
    bool is_move;
    bool moves_files; /* renamed, not copied */
    struct part *parts;
    uint32_t *uids; /* of the sources, those that are still there */
    size_t n;
    uint64_t bytes;
};

/* Keywords by name, since bits differ. */
static uint64_t translate(struct transfer *t, uint64_t bits)
{
    uint64_t out = 0;

    for (unsigned i = 0; i < t->from->n_keywords; i++) {
        if (!(bits >> i & 1))
            continue;
        unsigned before = t->to->n_keywords;
        size_t bit = mailbox_make_keyword(t->to, view_of(t->from->keywords[i]));
        if (bit == SIZE_MAX)
            continue;
        out |= UINT64_C(1) << bit;
        if (t->to->n_keywords > before)
            t->to->account->driver->keyword_added(t->to, (unsigned)bit);
    }
    return out;
}

/* The bytes of message UID into P's own file. */
static enum store_result copy_bytes(struct transfer *t, const struct mailbox_message *m,
                                    struct part *p, struct error *e)
{
    struct mailbox_bytes bytes = {0};
    enum store_result r = t->from->account->driver->read(t->from, m, &bytes, e);

    if (r == STORE_OK)
        r = t->to->account->driver->create_part(t->to, p, e);
    if (r == STORE_OK && !copy_write_all(p->fd, bytes.v))
        r = store_failed(e, "cannot write a message into %s", t->to->name);
    p->m.file_size = bytes.v.n;
    p->m.size = size_with_crlf(bytes.v);
    mailbox_bytes_release(&bytes);
    return r;
}

/* A part for message M. */
static enum store_result take_message(struct transfer *t, const struct mailbox_message *m,
                                      struct part *p, struct error *e)
{
    enum store_result r = STORE_CANNOT;

    part_init(p);
    p->m = *m;
    p->m.key = NULL;
    p->m.keywords = translate(t, m->keywords);
    if (t->from->account->driver == t->to->account->driver &&
        t->to->account->driver->link_part && (t->moves_files || !t->is_move))
        r = t->to->account->driver->link_part(t->from, m, t->to, p, t->moves_files, e);
    if (r == STORE_CANNOT && !t->moves_files)
        r = copy_bytes(t, m, p, e);
    return r;
}

/* Parts for all of UIDS that are there. */
static enum store_result take_messages(struct transfer *t, const uint32_t *uids, size_t n,
                                       struct error *e)
{
    int64_t since = 0;

    for (size_t i = 0; i < n; i++) {
        struct mailbox_message *m = mailbox_message(t->from, uids[i]);
        enum store_result r = m ? take_message(t, m, &t->parts[t->n], e) : STORE_EXPUNGED;
        if (r == STORE_EXPUNGED && m &&
            mailbox_refresh_locked(t->from, true, e) == STORE_OK) {
            part_done(&t->parts[t->n]);
            m = mailbox_message(t->from, uids[i]);
            r = m ? take_message(t, m, &t->parts[t->n], e) : STORE_EXPUNGED;
        }
        if (r == STORE_EXPUNGED)
            continue;
        t->uids[t->n++] = uids[i];
        if (r != STORE_OK)
            return r;
        t->bytes += t->parts[t->n - 1].m.file_size;
        store_breathe(&since);
    }
    return STORE_OK;
}

/* Rows of messages whose files went away under our hands. */
static enum store_result forget_moved(struct transfer *t, struct error *e)
{
    struct mailbox *b = t->from;
    int64_t bytes = 0, count = 0;
    enum store_result r = mailbox_begin(b, 0, e);

    if (r != STORE_OK)
        return r;
    uint64_t modseq = mailbox_next_modseq(b);
    for (size_t i = 0; i < t->n; i++) {
        struct mailbox_message *m = mailbox_message(b, t->uids[i]);
        if (m)
            mailbox_drop(m);
    }
    for (size_t i = 0; i < t->n; i++)
        if (quota_counts(b, t->parts[i].m.flags)) {
            bytes += (int64_t)t->parts[i].m.file_size;
            count++;
        }
    quota_add(b->account, -bytes, -count);
    mailbox_squeeze(b, modseq);
    r = mailbox_commit(b, e);
    mailbox_touch(b, true);
    return r;
}

static enum store_result transfer_locked(struct transfer *t, const uint32_t *uids,
                                         size_t n, uint32_t *to_uids, struct error *e)
{
    enum store_result r = take_messages(t, uids, n, e);
    size_t removed = 0;

    if (r != STORE_OK || t->n == 0)
        return r;
    if (!t->moves_files)
        r = account_quota_check(t->to->account, t->bytes, t->n, e);
    if (r == STORE_OK)
        r = parts_appear(t->to, t->parts, t->n, t->moves_files, to_uids, e);
    if (t->moves_files && r != STORE_OK)
        t->from->must_scan = t->to->must_scan = true;
    if (r != STORE_OK || !t->is_move)
        return r;
    return t->moves_files ? forget_moved(t, e)
                          : expunge_locked(t->from, t->uids, t->n, &removed, e);
}

static enum store_result transfer(struct mailbox *from, const uint32_t *uids, size_t n,
                                  struct mailbox *to, bool is_move, struct arena *arena,
                                  struct mailbox_copied *out, struct error *e)
{
    struct transfer t = {.from = from, .to = to, .is_move = is_move};

    *out = (struct mailbox_copied){0};
    if (is_move && from == to)
        return store_refused(e, STORE_CANNOT, "a message cannot move to where it is");
    t.moves_files =
        is_move && from->account == to->account && from->account->driver->moves_files;
    enum store_result r = mailbox_lock_two(from, to, e);
    if (r != STORE_OK)
        return r;
    t.parts = memory_alloc_array(n + 1, sizeof *t.parts);
    t.uids = memory_alloc_array(n + 1, sizeof *t.uids);
    out->to = arena_alloc_array(arena, n + 1, sizeof *out->to);
    out->from = arena_alloc_array(arena, n + 1, sizeof *out->from);
    for (size_t i = 0; i <= n; i++)
        part_init(&t.parts[i]);
    r = transfer_locked(&t, uids, n, out->to, e);
    if (r == STORE_OK) {
        out->uidvalidity = to->uidvalidity;
        out->n = t.n;
        if (t.n > 0)
            memcpy(out->from, t.uids, t.n * sizeof *t.uids);
    }
    for (size_t i = 0; i <= n; i++)
        part_done(&t.parts[i]);
    memory_free(t.parts);
    memory_free(t.uids);
    if (to->account->index)
        index_tidy(to->account->index);
    mailbox_unlock(to);
    if (from != to)
        mailbox_unlock(from);
    return r;
}

enum store_result mailbox_copy(struct mailbox *b, const uint32_t *uids, size_t n,
                               struct mailbox *to, struct arena *arena,
                               struct mailbox_copied *out, struct error *e)
{
    return transfer(b, uids, n, to, false, arena, out, e);
}

enum store_result mailbox_move(struct mailbox *b, const uint32_t *uids, size_t n,
                               struct mailbox *to, struct arena *arena,
                               struct mailbox_copied *out, struct error *e)
{
    return transfer(b, uids, n, to, true, arena, out, e);
}
