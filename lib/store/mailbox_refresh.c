/* mailbox_refresh - from what the files hold to what the sessions see
 *
 * The driver lists what is there.  Messages are recognised by their identity; the others
 * are new and get UIDs, and those that are not found are gone.  A directory that changes
 * while it is read may show a file twice or not at all, so what seems gone is looked for
 * a second time, and when another process wrote into the index meanwhile all begins
 * anew.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/driver.h"

#include <assert.h>
#include <stdlib.h>

enum {
    ATTEMPTS = 6,
    ROWS_AT_ONCE = 1000, /* some 10 ms */
    SCAN_ITEMS_MAX = 10 * 1000 * 1000
};

struct found *scan_add(struct scan *s)
{
    if (s->n == s->cap) {
        s->cap = s->cap < 64 ? 64 : s->cap * 2;
        s->items = memory_resize(s->items, s->cap * sizeof *s->items);
    }
    s->items[s->n] = (struct found){.size = MAILBOX_SIZE_UNKNOWN};
    return &s->items[s->n++];
}

static void scan_clear(struct scan *s)
{
    for (size_t i = 0; i < s->n; i++)
        memory_free(s->items[i].key);
    memory_free(s->items);
    *s = (struct scan){0};
}

/* What a scan means. */
struct plan {
    struct scan scan;
    uint64_t *seen;       /* bit per message in memory */
    struct found **fresh; /* new ones */
    size_t n_fresh, n_changed, n_missing;
};

static void plan_clear(struct plan *p)
{
    scan_clear(&p->scan);
    memory_free(p->seen);
    memory_free(p->fresh);
    *p = (struct plan){0};
}

static bool is_in(const uint64_t *bits, size_t i)
{
    return bits[i / 64] >> (i % 64) & 1;
}

static bool was_looked_for(const struct scan *s, const struct mailbox_message *m)
{
    return !s->part || view_starts(view_of(m->key), view_of(s->part));
}

/* Does F, which is M, say something else than memory does? */
static bool differs(const struct found *f, const struct mailbox_message *m)
{
    return f->flags != m->flags || strcmp(f->key, m->key) != 0 ||
           (m->keywords & f->keywords_known) != f->keywords;
}

struct hidden {
    struct hash *keys; /* NULL: none */
};

static void hide(struct view owner, struct view key, void *arg)
{
    struct hidden *h = arg;

    (void)owner;
    if (!h->keys)
        h->keys = hash_new();
    hash_put(h->keys, key, h);
}

/* Sort what was found into known, new and missing. */
static void compare(struct mailbox *b, struct plan *p)
{
    struct hidden hidden = {NULL};

    index_intents(b->account->index, b->id, hide, &hidden);
    p->seen = memory_alloc_array(b->n / 64 + 1, sizeof *p->seen);
    p->fresh = memory_alloc_array(p->scan.n + 1, sizeof(struct found *));
    for (size_t i = 0; i < p->scan.n; i++) {
        struct found *f = &p->scan.items[i];
        struct mailbox_message *m = mailbox_by_identity(b, f->identity);
        if (!m && hidden.keys && hash_get(hidden.keys, view_of(f->key)))
            continue;
        if (!m) {
            p->fresh[p->n_fresh++] = f;
            continue;
        }
        size_t at = (size_t)(m - b->messages);
        f->is_double = is_in(p->seen, at);
        if (f->is_double)
            continue; /* moved while we looked: the first sight counts */
        p->seen[at / 64] |= UINT64_C(1) << (at % 64);
        p->n_changed += differs(f, m);
    }
    for (size_t i = 0; i < b->n; i++)
        p->n_missing += !is_in(p->seen, i) && was_looked_for(&p->scan, &b->messages[i]);
    if (hidden.keys)
        hash_free(hidden.keys, NULL);
}

static int by_order(const void *a, const void *b)
{
    const struct found *x = *(struct found *const *)a, *y = *(struct found *const *)b;
    uint32_t ux = x->uid ? x->uid : UINT32_MAX, uy = y->uid ? y->uid : UINT32_MAX;

    if (ux != uy)
        return ux < uy ? -1 : 1;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return strcmp(x->key, y->key);
}

static void part_ways(struct mailbox *b, const char *key, const char *other)
{
    const struct store_driver *driver = b->account->driver;

    if (driver->part_ways && strcmp(key, other) != 0 && driver->part_ways(b, key, other))
        b->must_scan = true;
}

/* Files with the identity of a message that has another file. */
static void settle_doubles(struct mailbox *b, struct plan *p)
{
    for (size_t i = 0; i < p->scan.n; i++) {
        struct found *f = &p->scan.items[i];
        struct mailbox_message *m =
            f->is_double ? mailbox_by_identity(b, f->identity) : NULL;
        if (m)
            part_ways(b, f->key, m->key);
    }
}

/* Dates and sizes of the new ones; two files of one identity are one message until they
 * part. */
static void describe_new(struct mailbox *b, struct plan *p)
{
    int64_t since = 0;
    size_t kept = 0;
    struct hash *names = hash_new();

    for (size_t i = 0; i < p->n_fresh; i++) {
        struct found *f = p->fresh[i];
        struct found *other = hash_get(names, f->identity);
        if (other)
            part_ways(b, f->key, other->key);
        else if (b->account->driver->describe(b, f)) {
            hash_put(names, f->identity, f);
            p->fresh[kept++] = f;
        }
        store_breathe(&since);
    }
    hash_free(names, NULL);
    p->n_fresh = kept;
    if (kept > 1)
        qsort(p->fresh, kept, sizeof(struct found *), by_order);
}

enum store_result mailbox_vanish(struct mailbox *b, struct error *e)
{
    b->is_gone = true;
    mailbox_touch(b, true);
    mailbox_watch_update(b);
    return store_refused(e, STORE_NONEXISTENT, "mailbox %s is gone", b->name);
}

/* Scan and compare. */
static enum store_result look(struct mailbox *b, bool whole, struct plan *p,
                              struct error *e)
{
    plan_clear(p);
    if (!b->account->driver->exists(b->account, view_of(b->name)))
        return mailbox_vanish(b, e);
    enum store_result r = b->account->driver->scan(b, whole, &p->scan, e);
    if (r == STORE_OK && p->scan.n > SCAN_ITEMS_MAX)
        r = store_refused(e, STORE_LIMIT, "mailbox %s has too many messages", b->name);
    if (r == STORE_OK)
        compare(b, p);
    return r;
}

/* --- doing it --- */

static void update_message(struct mailbox *b, struct mailbox_message *m, struct found *f,
                           uint64_t modseq)
{
    uint64_t keywords = (m->keywords & ~f->keywords_known) | f->keywords;

    if (f->flags != m->flags || keywords != m->keywords)
        m->modseq = modseq;
    m->flags = f->flags;
    m->keywords = keywords;
    memory_free(m->key);
    m->key = f->key;
    f->key = NULL;
    f->identity = VIEW_NONE;
    index_message_flags(b->account->index, b->id, m);
}

static bool apply_changes(struct mailbox *b, struct plan *p)
{
    uint64_t modseq = 0;

    if (p->n_changed == 0)
        return false;
    modseq = mailbox_next_modseq(b);
    for (size_t i = 0; i < p->scan.n; i++) {
        struct found *f = &p->scan.items[i];
        struct mailbox_message *m = mailbox_by_identity(b, f->identity);
        if (m && !f->is_double && differs(f, m))
            update_message(b, m, f, modseq);
    }
    return true;
}

static bool apply_missing(struct mailbox *b, struct plan *p)
{
    uint64_t modseq = 0;

    if (p->n_missing == 0)
        return false;
    modseq = mailbox_next_modseq(b);
    for (size_t i = 0; i < b->n; i++) {
        struct mailbox_message *m = &b->messages[i];
        if (is_in(p->seen, i) || !was_looked_for(&p->scan, m))
            continue;
        mailbox_drop(m);
    }
    mailbox_squeeze(b, modseq);
    return true;
}

static void add_message(struct mailbox *b, struct found *f, uint64_t modseq)
{
    uint32_t last = b->n ? b->messages[b->n - 1].uid : 0;
    bool has_own = f->uid > last && f->uid < b->adopted;
    uint32_t uid = has_own ? f->uid : b->uidnext++;

    struct mailbox_message m = {
        .uid = uid,
        .flags = f->flags,
        .keywords = f->keywords,
        .modseq = modseq,
        .received = f->received,
        .saved = clock_wall() / CLOCK_SECOND,
        .size = f->size,
        .file_size = f->file_size,
        .email_id = f->email_id,
        .key = f->key,
    };
    f->key = NULL;
    f->identity = VIEW_NONE;
    mailbox_insert(b, &m);
    index_message_put(b->account->index, b->id, &m);
}

/* The files of a mailbox that we never saw tell its UIDVALIDITY and UIDs. */
static enum store_result adopt(struct mailbox *b, const struct scan *s, struct error *e)
{
    struct folder_file *f = &b->account->folders;
    uint32_t next = s->uidnext > 1 ? s->uidnext : 1;

    for (size_t i = 0; i < s->n; i++)
        if (s->items[i].uid >= next && s->items[i].uid < UINT32_MAX - 1)
            next = s->items[i].uid + 1;
    if (!b->is_new || s->uidvalidity == 0 || b->n > 0 || next > UINT32_MAX - 1000000)
        return STORE_OK;
    enum store_result r = folder_file_begin(f, e);
    if (r != STORE_OK)
        return r;
    struct folder_record *record = folder_file_get(f, view_of(b->name));
    if (!record || record->id != b->id || record->ceiling > 1) {
        folder_file_cancel(f);
        return STORE_OK;
    }
    record->uidvalidity = s->uidvalidity;
    record->ceiling = next;
    if (s->uidvalidity > f->last_validity)
        f->last_validity = s->uidvalidity;
    snprintf(record->boot, sizeof record->boot, "%s", store_boot_id());
    r = folder_file_commit(f, e);
    if (r == STORE_OK) {
        b->uidvalidity = s->uidvalidity;
        b->ceiling = b->uidnext = b->adopted = next;
    }
    return r;
}

static enum store_result add_new(struct mailbox *b, struct plan *p, size_t *done,
                                 struct error *e)
{
    while (*done < p->n_fresh) {
        size_t n = p->n_fresh - *done, from = b->n;
        uint32_t next = b->uidnext;
        n = n < ROWS_AT_ONCE ? n : ROWS_AT_ONCE;
        enum store_result r = mailbox_begin(b, n, e);
        if (r != STORE_OK)
            return r;
        if (b->n != from || b->uidnext != next) { /* another process was here */
            mailbox_rollback(b);
            return STORE_OK;
        }
        uint64_t modseq = mailbox_next_modseq(b);
        for (size_t i = 0; i < n; i++)
            add_message(b, p->fresh[(*done)++], modseq);
        r = mailbox_commit(b, e);
        mailbox_touch(b, true);
        if (r != STORE_OK)
            return r;
        if (fiber_self() && *done < p->n_fresh)
            fiber_yield();
    }
    return STORE_OK;
}

/* Bring index and memory to what P found.  *AGAIN: it is out of date. */
static enum store_result apply(struct mailbox *b, struct plan *p, bool *again,
                               struct error *e)
{
    size_t done = 0, before = b->n;
    uint64_t modseq = b->modseq;
    enum store_result r = adopt(b, &p->scan, e);

    if (r == STORE_OK)
        r = mailbox_begin(b, p->n_fresh, e);
    if (r != STORE_OK)
        return r;
    *again = b->n != before || b->modseq != modseq;
    if (*again) {
        index_rollback(b->account->index);
        return STORE_OK;
    }
    bool gone = apply_missing(b, p);
    (void)apply_changes(b, p);
    r = mailbox_commit(b, e);
    mailbox_touch(b, gone);
    if (r == STORE_OK)
        r = add_new(b, p, &done, e);
    *again = r == STORE_OK && done < p->n_fresh;
    b->adopted = 0;
    return r;
}

/* One look at the files, and what follows from it. */
static enum store_result attempt(struct mailbox *b, bool whole, bool *again,
                                 struct error *e)
{
    struct plan p = {0};
    enum store_result r = look(b, whole, &p, e);

    if (r == STORE_OK && p.n_missing > 0)
        r = look(b, true, &p, e);
    if (r == STORE_OK)
        describe_new(b, &p);
    bool nothing = p.n_fresh == 0 && p.n_changed == 0 && p.n_missing == 0;
    if (r == STORE_OK && (!nothing || b->is_new || p.scan.is_sure))
        r = apply(b, &p, again, e);
    if (r == STORE_OK && !*again)
        settle_doubles(b, &p);
    plan_clear(&p);
    return r;
}

/* Has another process written?  Then the index tells more than memory. */
static enum store_result take_up(struct mailbox *b, struct error *e)
{
    struct index *ix;
    struct index_folder f;
    enum store_result r = account_index(b->account, &ix, e);

    if (r != STORE_OK)
        return r;
    account_take_up(b->account);
    if (!b->must_check && !b->must_load)
        return STORE_OK;
    index_folder_init(&f);
    bool same = index_folder_get(ix, b->id, &f) && f.modseq == b->modseq &&
                f.uidnext == b->uidnext;
    index_folder_done(&f);
    b->must_check = false;
    return same && !b->must_load ? STORE_OK : mailbox_load(b, e);
}

enum store_result mailbox_refresh_locked(struct mailbox *b, bool force, struct error *e)
{
    const struct store_driver *driver = b->account->driver;
    bool again = true;

    for (int i = 0; again && i < ATTEMPTS; i++) {
        again = false;
        enum store_result r = take_up(b, e);
        if (r != STORE_OK)
            return r;
        if (!force && !b->must_scan && !b->is_new && driver->is_unchanged(b))
            return STORE_OK;
        bool whole = force || b->must_scan || b->is_new;
        b->must_scan = false;
        r = attempt(b, whole, &again, e);
        if (r != STORE_OK)
            return r;
        if (b->account->index)
            index_tidy(b->account->index);
    }
    return STORE_OK;
}
