/* mailbox_append - new messages from sessions
 *
 * Bytes go into a temporary file each, CR LF as LF.  At the end the files are flushed and
 * get their names, and then their rows in the index.  Several that belong together are
 * announced in the index before, so that nobody sees some of them.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "store/copy.h"
#include "store/mailbox_new.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

enum { MESSAGES_MAX = 10000, BUFFER = 64 * 1024 };

struct mailbox_append {
    struct mailbox *mailbox;
    struct part *parts;
    size_t n, cap;
    struct str *keywords; /* of each part */
    struct str buffer;
    uint64_t file_bytes; /* of all */
    bool after_cr, failed;
};

/* --- parts --- */

void part_init(struct part *p)
{
    *p = (struct part){.fd = -1};
}

void part_done(struct part *p)
{
    if (p->fd >= 0)
        close(p->fd);
    if (p->temporary)
        unlink(p->temporary);
    memory_free(p->temporary);
    memory_free(p->source);
    memory_free(p->m.key);
    part_init(p);
}

/* --- streaming --- */

enum store_result mailbox_append_begin(struct mailbox *b, struct mailbox_append **out,
                                       struct error *e)
{
    if (b->is_gone)
        return store_refused(e, STORE_NONEXISTENT, "mailbox %s is gone", b->name);
    struct mailbox_append *p = NEW(struct mailbox_append);
    p->mailbox = b;
    b->references++;
    (void)account_retain(b->account);
    str_init(&p->buffer, BUFFER + 16);
    *out = p;
    return STORE_OK;
}

void mailbox_append_abort(struct mailbox_append *p)
{
    for (size_t i = 0; i < p->n; i++) {
        part_done(&p->parts[i]);
        str_done(&p->keywords[i]);
    }
    memory_free(p->parts);
    memory_free(p->keywords);
    str_done(&p->buffer);
    mailbox_close(p->mailbox);
    memory_free(p);
}

static enum store_result write_out(struct mailbox_append *p, struct error *e)
{
    struct part *part = &p->parts[p->n - 1];
    struct view v = str_view(&p->buffer);

    if (v.n == 0)
        return STORE_OK;
    part->m.file_size += v.n;
    p->file_bytes += v.n;
    bool ok = copy_write_all(part->fd, v);
    str_clear(&p->buffer);
    if (ok)
        return STORE_OK;
    p->failed = true;
    return store_failed(e, "cannot write a message into %s", p->mailbox->name);
}

/* What ends the bytes of one message. */
static enum store_result end_message(struct mailbox_append *p, struct error *e)
{
    if (p->n == 0)
        return STORE_OK;
    if (p->after_cr) {
        str_add_char(&p->buffer, '\r');
        p->parts[p->n - 1].m.size++;
    }
    p->after_cr = false;
    return write_out(p, e);
}

enum store_result mailbox_append_message(struct mailbox_append *p,
                                         const struct mailbox_append_message *m,
                                         struct error *e)
{
    enum store_result r = end_message(p, e);

    if (r == STORE_OK && p->n == MESSAGES_MAX)
        r = store_refused(e, STORE_LIMIT, "too many messages at once");
    if (r != STORE_OK)
        return r;
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 1;
        p->parts = memory_resize(p->parts, p->cap * sizeof *p->parts);
        p->keywords = memory_resize(p->keywords, p->cap * sizeof *p->keywords);
    }
    struct part *part = &p->parts[p->n];
    part_init(part);
    str_init(&p->keywords[p->n], MAILBOX_KEYWORDS_MAX * (MAILBOX_KEYWORD_SIZE + 1));
    p->n++;
    part->m.flags = m->flags & MAILBOX_FLAGS;
    part->m.received = m->received >= 0 ? m->received : clock_wall() / CLOCK_SECOND;
    str_add(&p->keywords[p->n - 1], m->keywords);
    r = p->mailbox->account->driver->create_part(p->mailbox, part, e);
    p->failed = p->failed || r != STORE_OK;
    return r;
}

enum store_result mailbox_append_bytes(struct mailbox_append *p, struct view piece,
                                       struct error *e)
{
    struct part *part = p->n ? &p->parts[p->n - 1] : NULL;

    assert(part);
    if (p->failed)
        return store_refused(e, STORE_FAILED, "the message could not be written");
    while (piece.n > 0) {
        size_t n = view_find_any(piece, VIEW("\r\n"));
        struct view run = view_sub(piece, 0, n == VIEW_NPOS ? piece.n : n);
        if (p->after_cr && run.n > 0) { /* a bare CR stays */
            str_add_char(&p->buffer, '\r');
            part->m.size++;
            p->after_cr = false;
        }
        if (run.n > BUFFER / 2)
            run = view_sub(run, 0, BUFFER / 2);
        str_add(&p->buffer, run);
        part->m.size += run.n;
        piece = view_from(piece, run.n);
        if (piece.n > 0 && piece.p[0] == '\n') {
            str_add_char(&p->buffer, '\n');
            part->m.size += 2;
            p->after_cr = false;
            piece = view_from(piece, 1);
        } else if (piece.n > 0 && piece.p[0] == '\r') {
            if (p->after_cr) {
                str_add_char(&p->buffer, '\r');
                part->m.size++;
            }
            p->after_cr = true;
            piece = view_from(piece, 1);
        }
        if (p->buffer.n >= BUFFER / 2) {
            enum store_result r = write_out(p, e);
            if (r != STORE_OK)
                return r;
        }
    }
    if (store_options.append_limit && part->m.size > store_options.append_limit) {
        p->failed = true;
        return store_refused(e, STORE_LIMIT, "the message is larger than %llu bytes",
                             (unsigned long long)store_options.append_limit);
    }
    return STORE_OK;
}

/* --- appearing --- */

static void owner_text(char out[96])
{
    snprintf(out, 96, "%d %s", (int)getpid(), store_boot_id());
}

static enum store_result announce(struct mailbox *b, const struct part *parts, size_t n,
                                  struct error *e)
{
    char owner[96];
    struct index *ix;
    enum store_result r = account_index(b->account, &ix, e);

    if (r == STORE_OK)
        r = index_begin(ix, e);
    if (r != STORE_OK)
        return r;
    owner_text(owner);
    for (size_t i = 0; i < n; i++)
        index_intent_add(ix, b->id, view_of(owner), view_of(parts[i].m.key));
    return index_commit(ix, e);
}

/* A UID, unless another process saw the file already and gave it one. */
static uint32_t take_in(struct mailbox *b, struct part *p, uint64_t modseq)
{
    struct mailbox_message *known =
        mailbox_by_identity(b, b->account->driver->identity(view_of(p->m.key)));

    if (known) {
        known->keywords = p->m.keywords;
        known->received = p->m.received;
        known->size = p->m.size;
        known->email_id = p->m.email_id;
        index_message_put(b->account->index, b->id, known);
        return known->uid;
    }
    p->m.uid = b->uidnext++;
    p->m.modseq = modseq;
    p->m.saved = clock_wall() / CLOCK_SECOND;
    index_message_put(b->account->index, b->id, &p->m);
    mailbox_insert(b, &p->m);
    p->m.key = NULL;
    return p->m.uid;
}

enum store_result parts_take_in(struct mailbox *b, struct part *parts, size_t n,
                                uint32_t *uids, struct error *e)
{
    int64_t bytes = 0, count = 0;
    char owner[96];
    enum store_result r = mailbox_begin(b, n, e);

    if (r != STORE_OK)
        return r;
    owner_text(owner);
    uint64_t modseq = mailbox_next_modseq(b);
    for (size_t i = 0; i < n; i++) {
        bool counts = quota_counts(b, parts[i].m.flags);
        bytes += counts ? (int64_t)parts[i].m.file_size : 0;
        count += counts;
        uids[i] = take_in(b, &parts[i], modseq);
    }
    if (n > 1)
        index_intent_clear(b->account->index, b->id, view_of(owner));
    r = mailbox_commit(b, e);
    quota_add(b->account, bytes, count);
    mailbox_touch(b, true);
    return r;
}

enum store_result parts_appear(struct mailbox *b, struct part *parts, size_t n,
                               bool is_move, uint32_t *uids, struct error *e)
{
    const struct store_driver *driver = b->account->driver;
    bool announced = n > 1 && !is_move;
    enum store_result r = STORE_OK;

    for (size_t i = 0; i < n; i++)
        driver->name_part(b, &parts[i]);
    if (announced)
        r = announce(b, parts, n, e);
    if (r == STORE_OK)
        r = driver->publish(b, parts, n, e);
    if (r == STORE_OK)
        return parts_take_in(b, parts, n, uids, e);
    if (announced && b->account->index) {
        char owner[96];
        struct error ignored = ERROR_INIT;
        owner_text(owner);
        if (index_begin(b->account->index, &ignored) == STORE_OK) {
            index_intent_clear(b->account->index, b->id, view_of(owner));
            (void)!index_commit(b->account->index, &ignored);
        }
    }
    return r;
}

/* The bits of names in the mailbox; made where there is room. */
static void set_keywords(struct mailbox *b, struct view names, uint64_t *bits, bool *made)
{
    struct view name;

    while (view_token(&names, VIEW(" "), &name)) {
        unsigned before = b->n_keywords;
        size_t bit = mailbox_make_keyword(b, name);
        if (bit == SIZE_MAX)
            continue;
        *bits |= UINT64_C(1) << bit;
        *made = *made || b->n_keywords > before;
        if (b->n_keywords > before)
            b->account->driver->keyword_added(b, (unsigned)bit);
    }
}

enum store_result mailbox_append_commit(struct mailbox_append *p, uint32_t *first_uid,
                                        size_t *n, struct error *e)
{
    struct mailbox *b = p->mailbox;
    bool made = false;
    enum store_result r = end_message(p, e);

    if (r == STORE_OK && (p->failed || p->n == 0))
        r = store_refused(e, STORE_FAILED, "there is no message to append");
    if (r == STORE_OK)
        r = account_quota_check(b->account, p->file_bytes, p->n, e);
    if (r == STORE_OK)
        r = mailbox_lock(b, e);
    if (r != STORE_OK) {
        mailbox_append_abort(p);
        return r;
    }
    uint32_t *uids = memory_alloc_array(p->n, sizeof *uids);
    for (size_t i = 0; i < p->n; i++)
        set_keywords(b, str_view(&p->keywords[i]), &p->parts[i].m.keywords, &made);
    r = parts_appear(b, p->parts, p->n, false, uids, e);
    *first_uid = uids[0];
    *n = p->n;
    memory_free(uids);
    if (b->account->index)
        index_tidy(b->account->index);
    mailbox_unlock(b);
    mailbox_append_abort(p);
    return r;
}
