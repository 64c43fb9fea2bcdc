/* fetch - FETCH and UID FETCH
 *
 * RFC 9051 6.4.5, 7.5.2; RFC 7162 3.1.4 (CHANGEDSINCE, MODSEQ), RFC 3516 (BINARY),
 * RFC 8474, RFC 8514, RFC 8970, RFC 9394 (PARTIAL).
 */
#include "imap/fetch.h"

#include "batch.h"
#include "imap/write.h"
#include "message/header.h"
#include "message/lines.h"
#include "section.h"
#include "thread_id.h"

/* Bytes that may wait in memory before they are sent. */
#define SEND_AT ((size_t)256 * 1024)

struct fetch {
    struct imap *imap;
    struct imap_fetch what;
    struct batch batch;
    unsigned pieces; /* of the index, to be read for each batch */
    bool with_flags; /* also where not asked for: \Seen was set */
    size_t missing;  /* messages that are gone */
    bool has_unknown_cte;
    struct str section; /* bytes of one section */
};

/* --- the items of one message --- */

static void add_section_value(struct fetch *f, const struct imap_fetch_item *item)
{
    struct str *out = &f->imap->scratch;
    struct view v = str_view(&f->section);

    if (item->has_partial)
        v = item->offset < v.n ? view_sub(v, item->offset, item->count) : VIEW("");
    bool is_binary = item->kind == IMAP_FETCH_BINARY && memchr(v.n ? v.p : "", 0, v.n);
    imap_write_literal(v.p ? v : VIEW(""), is_binary, out);
}

static bool add_section(struct fetch *f, size_t i, const struct imap_fetch_item *item)
{
    struct str *out = &f->imap->scratch;
    bool is_binary = item->kind & (IMAP_FETCH_BINARY | IMAP_FETCH_BINARY_SIZE);

    str_clear(&f->section);
    enum section_result r =
        is_binary ? section_binary(&f->batch, i, &item->section, &f->section)
                  : section_text(&f->batch, i, &item->section, &f->section);
    if (r == SECTION_FAILED)
        return false;
    imap_write_fetch_name(item, out);
    str_add_char(out, ' ');
    f->has_unknown_cte |= r == SECTION_UNKNOWN_CTE;
    if (item->kind == IMAP_FETCH_BINARY_SIZE)
        str_addf(out, "%zu", r == SECTION_OK ? f->section.n : 0);
    else if (r == SECTION_OK)
        add_section_value(f, item);
    else
        str_add_cstr(out, "NIL");
    return true;
}

static bool add_piece(struct fetch *f, size_t i, const char *name,
                      enum mailbox_cache_kind kind)
{
    struct view piece;

    if (!batch_piece(&f->batch, i, kind, &piece))
        return false;
    str_addf(&f->imap->scratch, "%s ", name);
    str_add(&f->imap->scratch, piece);
    return true;
}

static bool add_preview(struct fetch *f, size_t i, bool is_lazy)
{
    struct str *out = &f->imap->scratch;
    struct view piece;

    if (is_lazy && !f->batch.messages[i].pieces[CACHE_PREVIEW].p) {
        str_add_cstr(out, "PREVIEW NIL");
        return true;
    }
    if (!batch_piece(&f->batch, i, CACHE_PREVIEW, &piece))
        return false;
    str_add_cstr(out, "PREVIEW ");
    imap_write_string(piece, out);
    return true;
}

static bool add_thread_id(struct fetch *f, size_t i, const struct mailbox_message *m)
{
    uint64_t id = m->thread_id;
    struct view headers;

    if (id == 0) {
        uint32_t uid = m->uid;
        if (!batch_piece(&f->batch, i, CACHE_FIELDS, &headers))
            return false;
        id = thread_id_of(headers);
        mailbox_set_thread(f->batch.box, uid, id);
    }
    str_addf(&f->imap->scratch, "THREADID (T%016llx)", (unsigned long long)id);
    return true;
}

/* M is found anew for each item: making one may suspend. */
static bool add_item(struct fetch *f, size_t i, const struct imap_fetch_item *item)
{
    struct str *out = &f->imap->scratch;
    const struct mailbox_message *m =
        mailbox_find(f->batch.box, f->batch.messages[i].uid);

    if (!m) {
        f->batch.result = STORE_EXPUNGED;
        return false;
    }
    switch (item->kind) {
    case IMAP_FETCH_FLAGS:
        str_add_cstr(out, "FLAGS ");
        view_add_flags(f->imap, m);
        return true;
    case IMAP_FETCH_UID:
        return str_addf(out, "UID %u", m->uid);
    case IMAP_FETCH_INTERNALDATE:
        str_add_cstr(out, "INTERNALDATE ");
        return imap_write_date_time(m->received, 0, out);
    case IMAP_FETCH_SIZE:
        return str_addf(out, "RFC822.SIZE %llu", (unsigned long long)m->size);
    case IMAP_FETCH_ENVELOPE:
        return add_piece(f, i, "ENVELOPE", CACHE_ENVELOPE);
    case IMAP_FETCH_BODY_STRUCTURE:
        return add_piece(f, i, "BODYSTRUCTURE", CACHE_BODYSTRUCTURE);
    case IMAP_FETCH_BODY_SIMPLE:
        return add_piece(f, i, "BODY", CACHE_BODY);
    case IMAP_FETCH_SECTION:
    case IMAP_FETCH_RFC822:
    case IMAP_FETCH_RFC822_HEADER:
    case IMAP_FETCH_RFC822_TEXT:
    case IMAP_FETCH_BINARY:
    case IMAP_FETCH_BINARY_SIZE:
        return add_section(f, i, item);
    case IMAP_FETCH_MODSEQ:
        return str_addf(out, "MODSEQ (%llu)", (unsigned long long)m->modseq);
    case IMAP_FETCH_EMAILID:
        return str_addf(out, "EMAILID (E%016llx)", (unsigned long long)m->email_id);
    case IMAP_FETCH_THREADID:
        return add_thread_id(f, i, m);
    case IMAP_FETCH_SAVEDATE:
        str_add_cstr(out, "SAVEDATE ");
        return imap_write_date_time(m->saved, 0, out);
    case IMAP_FETCH_PREVIEW:
        return add_preview(f, i, item->is_lazy);
    }
    return false;
}

static const struct imap_fetch_item flags_item = {.kind = IMAP_FETCH_FLAGS};
static const struct imap_fetch_item modseq_item = {.kind = IMAP_FETCH_MODSEQ};
static const struct imap_fetch_item uid_item = {.kind = IMAP_FETCH_UID};

static bool add_first_item(struct fetch *f, size_t i, const struct imap_fetch_item *item)
{
    return add_item(f, i, item) && str_add_char(&f->imap->scratch, ' ');
}

/* Items that the answer has beside those asked for. */
static bool add_implied(struct fetch *f, size_t i)
{
    struct imap *s = f->imap;
    bool with_uid =
        s->is_uid && !(f->what.kinds & IMAP_FETCH_UID) && !(s->enabled & ENABLED_UIDONLY);
    bool with_flags = f->with_flags && !(f->what.kinds & IMAP_FETCH_FLAGS);
    bool with_modseq =
        !(f->what.kinds & IMAP_FETCH_MODSEQ) &&
        (f->what.has_changed_since || (f->with_flags && s->enabled & ENABLED_CONDSTORE));

    return (!with_uid || add_first_item(f, i, &uid_item)) &&
           (!with_flags || add_first_item(f, i, &flags_item)) &&
           (!with_modseq || add_first_item(f, i, &modseq_item));
}

/* One FETCH answer behind what waits in scratch; nothing of it when the message is gone.
 */
static void fetch_message(struct fetch *f, size_t i)
{
    struct imap *s = f->imap;
    size_t start = s->scratch.n;
    bool is_whole = view_begin_fetch(s, f->batch.messages[i].uid) &&
                    mailbox_find(f->batch.box, f->batch.messages[i].uid) &&
                    add_implied(f, i);

    for (size_t k = 0; k < f->what.count && is_whole; k++) {
        is_whole = add_item(f, i, &f->what.items[k]);
        str_add_char(&s->scratch, k + 1 < f->what.count ? ' ' : ')');
    }
    if (!is_whole) {
        f->missing++;
        str_truncate(&s->scratch, start);
        return;
    }
    str_add_cstr(&s->scratch, "\r\n");
    if (s->scratch.n > SEND_AT)
        imap_send_scratch(s);
}

/* --- before the items --- */

/* RFC 9051 6.4.5: without PEEK a body marks its message as seen. */
static void mark_seen(struct fetch *f, const uint32_t *uids, size_t n)
{
    struct view_of_mailbox *v = f->imap->selected;
    struct mailbox_flag_change change = {.how = MAILBOX_FLAGS_ADD, .flags = MAILBOX_SEEN};
    struct error e = ERROR_INIT;
    size_t n_unseen = 0;

    if (!f->what.marks_seen || v->is_read_only || !(v->rights & ACL_SEEN))
        return;
    uint32_t *unseen = arena_alloc_array(f->imap->arena, n, sizeof uids[0]);
    for (size_t i = 0; i < n; i++) {
        const struct mailbox_message *m = mailbox_find(v->box, uids[i]);
        if (m && !(m->flags & MAILBOX_SEEN))
            unseen[n_unseen++] = uids[i];
    }
    f->with_flags = n_unseen > 0;
    if (n_unseen > 0 && mailbox_flag(v->box, unseen, n_unseen, &change, &e) == STORE_OK)
        view_told(f->imap, change.modseq);
}

static void fetch_batch(struct fetch *f, const uint32_t *uids, size_t n)
{
    struct error e = ERROR_INIT;

    mark_seen(f, uids, n);
    /* A size that cannot be found belongs to a message that is gone: told below. */
    if (f->what.kinds & IMAP_FETCH_SIZE)
        (void)!mailbox_sizes(f->batch.box, uids[0], uids[n - 1], &e);
    batch_load(&f->batch, uids, n, f->pieces);
    for (size_t i = 0; i < n; i++)
        fetch_message(f, i);
    imap_send_scratch(f->imap);
}

static unsigned pieces_for(const struct imap_fetch *what)
{
    unsigned pieces = 0;

    if (what->kinds & IMAP_FETCH_ENVELOPE)
        pieces |= KIND(CACHE_ENVELOPE);
    if (what->kinds & IMAP_FETCH_BODY_STRUCTURE)
        pieces |= KIND(CACHE_BODYSTRUCTURE);
    if (what->kinds & IMAP_FETCH_BODY_SIMPLE)
        pieces |= KIND(CACHE_BODY);
    if (what->kinds & IMAP_FETCH_PREVIEW)
        pieces |= KIND(CACHE_PREVIEW);
    for (size_t i = 0; i < what->count; i++) {
        const struct imap_fetch_item *item = &what->items[i];
        enum mailbox_cache_kind kind = section_piece(&item->section);
        bool is_section = item->kind & (IMAP_FETCH_SECTION | IMAP_FETCH_RFC822_HEADER);
        if (is_section && kind != CACHE_KINDS)
            pieces |= KIND(kind);
    }
    return pieces;
}

/* Only what changed since; and a part of it (RFC 9394). */
static void narrow(struct fetch *f, struct uid_array *a)
{
    size_t n = 0;

    for (size_t i = 0; i < a->n && f->what.has_changed_since; i++) {
        const struct mailbox_message *m = mailbox_find(f->batch.box, a->uids[i]);
        if (m && m->modseq > f->what.changed_since)
            a->uids[n++] = a->uids[i];
    }
    if (f->what.has_changed_since)
        a->n = n;
    if (!f->what.has_partial)
        return;
    size_t low = f->what.partial.low, high = f->what.partial.high;
    if (high > a->n)
        high = a->n;
    if (low > high) {
        a->n = 0;
    } else if (f->what.partial.from_end) {
        a->uids += a->n - high;
        a->n = high - low + 1;
    } else {
        a->uids += low - 1;
        a->n = high - low + 1;
    }
}

static bool take_arguments(struct fetch *f, struct uid_array *a)
{
    struct imap *s = f->imap;

    if (!view_take_messages(s, a) || !imap_take_space(&s->in) ||
        !imap_take_fetch(&s->in, &f->what))
        return false;
    if (f->what.vanished && !(s->is_uid && s->enabled & ENABLED_QRESYNC))
        return imap_fail(&s->in, "VANISHED needs UID FETCH and QRESYNC");
    if (f->what.has_partial && !s->is_uid)
        return imap_fail(&s->in, "PARTIAL needs UID FETCH");
    if (f->what.has_changed_since || f->what.kinds & IMAP_FETCH_MODSEQ)
        s->enabled |= ENABLED_CONDSTORE;
    return true;
}

static bool answer(struct fetch *f)
{
    if (f->has_unknown_cte)
        return imap_no(f->imap,
                       "[UNKNOWN-CTE] A part has an encoding that is not known.");
    if (f->missing > 0)
        return imap_no(f->imap, "[EXPUNGEISSUED] Some of the messages are gone.");
    return imap_ok(f->imap, "Fetch completed.");
}

static void begin(struct fetch *f)
{
    str_init(&f->section, (size_t)1 << 31);
    batch_init(&f->batch, f->imap, f->imap->selected->box);
    f->pieces = pieces_for(&f->what);
}

static void send_all(struct fetch *f, const uint32_t *uids, size_t n)
{
    for (size_t i = 0; i < n && !f->imap->session->ending; i += BATCH_MESSAGES)
        fetch_batch(f, uids + i, n - i < BATCH_MESSAGES ? n - i : BATCH_MESSAGES);
    batch_done(&f->batch);
    str_done(&f->section);
}

void fetch_send(struct imap *s, const struct imap_fetch *what, const uint32_t *uids,
                size_t n)
{
    struct fetch f = {.imap = s, .what = *what};

    begin(&f);
    send_all(&f, uids, n);
}

bool command_fetch(struct imap *s)
{
    struct fetch f = {.imap = s};
    struct uid_array a;

    if (!take_arguments(&f, &a))
        return false;
    begin(&f);
    if (f.what.vanished)
        vanished_send(s, f.what.changed_since, &a.asked);
    narrow(&f, &a);
    send_all(&f, a.uids, a.n);
    return answer(&f);
}
