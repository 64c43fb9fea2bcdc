/* mailbox_cache - what sessions computed, kept in the index */
#include "base/clock.h"
#include "base/memory.h"
#include "store/driver.h"

enum { PIECES = 256, PIECE_MAX = 256 * 1024 };
#define WRITE_AFTER CLOCK_SECOND

struct cache_piece {
    enum mailbox_cache_kind kind;
    uint32_t uid;
    char *bytes;
    size_t n;
};

/* NULL when there is none now: then nothing is remembered. */
static struct index *open_index(struct mailbox *b)
{
    struct index *ix = NULL;
    struct error ignored = ERROR_INIT;

    if (!b->is_loaded || account_index(b->account, &ix, &ignored) != STORE_OK)
        return NULL;
    return ix;
}

void mailbox_cache_walk(struct mailbox *b, enum mailbox_cache_kind kind, uint32_t first,
                        uint32_t last, mailbox_cache_fn *fn, void *arg)
{
    if (b->n_pieces > 0)
        mailbox_cache_flush(b);
    struct index *ix = open_index(b);
    if (ix)
        index_cache_walk(ix, b->id, kind, first, last, fn, arg);
}

struct one {
    struct str *out;
    bool found;
};

static bool take_one(uint32_t uid, struct view bytes, void *arg)
{
    struct one *one = arg;

    (void)uid;
    one->found = str_add(one->out, bytes);
    return false;
}

bool mailbox_cache_get(struct mailbox *b, enum mailbox_cache_kind kind, uint32_t uid,
                       struct str *out)
{
    struct one one = {.out = out};

    for (size_t i = b->n_pieces; i-- > 0;)
        if (b->pieces[i].uid == uid && b->pieces[i].kind == kind)
            return str_add(out, (struct view){b->pieces[i].bytes, b->pieces[i].n});
    struct index *ix = open_index(b);
    if (ix)
        index_cache_walk(ix, b->id, kind, uid, uid, take_one, &one);
    return one.found;
}

static void on_timer(struct timer *t)
{
    struct mailbox *b = CONTAINER_OF(t, struct mailbox, pieces_timer);

    b->has_pieces_timer = false;
    mailbox_cache_flush(b);
}

static void flush_later(struct mailbox *b)
{
    if (b->has_pieces_timer || !fiber_self())
        return;
    b->has_pieces_timer = true;
    timer_set(&b->pieces_timer, clock_in(WRITE_AFTER), on_timer);
}

void mailbox_cache_put(struct mailbox *b, enum mailbox_cache_kind kind, uint32_t uid,
                       struct view bytes)
{
    if (bytes.n > PIECE_MAX)
        return;
    if (!b->pieces)
        b->pieces = memory_alloc_array(PIECES, sizeof *b->pieces);
    struct cache_piece *p = &b->pieces[b->n_pieces++];
    *p = (struct cache_piece){.kind = kind, .uid = uid, .n = bytes.n};
    p->bytes = memory_alloc(bytes.n + 1);
    if (bytes.n > 0)
        memcpy(p->bytes, bytes.p, bytes.n);
    if (b->n_pieces == PIECES)
        mailbox_cache_flush(b);
    else
        flush_later(b);
}

void mailbox_note_recent(struct mailbox *b)
{
    b->recent_is_new = true;
    flush_later(b);
}

/* Also who has had what as recent.  It is no loss when another process writes just now.
 */
void mailbox_cache_flush(struct mailbox *b)
{
    bool has_some = b->n_pieces > 0 || b->recent_is_new;
    struct index *ix = has_some && !b->is_gone ? open_index(b) : NULL;

    if (ix && index_try_begin(ix)) {
        struct error ignored = ERROR_INIT;
        for (size_t i = 0; i < b->n_pieces; i++) {
            struct cache_piece *p = &b->pieces[i];
            if (mailbox_message(b, p->uid))
                index_cache_put(ix, b->id, p->kind, p->uid,
                                (struct view){p->bytes, p->n});
        }
        if (b->recent_is_new)
            index_folder_recent(ix, b->id, b->recent);
        if (index_commit(ix, &ignored) == STORE_OK)
            b->recent_is_new = false;
    }
    mailbox_cache_drop(b);
}

void mailbox_cache_drop(struct mailbox *b)
{
    for (size_t i = 0; i < b->n_pieces; i++)
        memory_free(b->pieces[i].bytes);
    memory_free(b->pieces);
    b->pieces = NULL;
    b->n_pieces = 0;
    if (b->has_pieces_timer)
        timer_cancel(&b->pieces_timer);
    b->has_pieces_timer = false;
}
