/* mailbox_change - flags, keywords, expunge
 *
 * The files change first, the index after: what a crash leaves between the two, the next
 * refresh finds in the files.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "store/driver.h"

#include <assert.h>

enum { AT_ONCE = 250 };

/* --- keywords --- */

struct view mailbox_keyword_name(const struct mailbox *b, unsigned bit)
{
    return bit < b->n_keywords ? view_of(b->keywords[bit]) : VIEW_NONE;
}

bool mailbox_keyword_find(const struct mailbox *b, struct view name, unsigned *bit)
{
    for (unsigned i = 0; i < b->n_keywords; i++)
        if (view_eq_case(view_of(b->keywords[i]), name)) {
            *bit = i;
            return true;
        }
    return false;
}

/* An atom of RFC 9051 without "]", which some clients cannot read. */
static bool is_keyword(struct view name)
{
    if (name.n == 0 || name.n > MAILBOX_KEYWORD_SIZE)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!ascii_is_print(name.p[i]) || view_has(VIEW(" (){%*\"\\]"), name.p[i]))
            return false;
    return true;
}

size_t mailbox_make_keyword(struct mailbox *b, struct view name)
{
    unsigned bit;

    if (mailbox_keyword_find(b, name, &bit))
        return bit;
    if (b->n_keywords == MAILBOX_KEYWORDS_MAX || !is_keyword(name))
        return SIZE_MAX;
    char *copy = memory_alloc(name.n + 1);
    memcpy(copy, name.p, name.n);
    b->keywords[b->n_keywords++] = copy;
    return b->n_keywords - 1;
}

enum store_result mailbox_keyword(struct mailbox *b, struct view name, unsigned *bit,
                                  struct error *e)
{
    if (mailbox_keyword_find(b, name, bit))
        return STORE_OK;
    if (!is_keyword(name))
        return store_refused(e, STORE_CANNOT, "%.*s is no keyword", VIEW_FMT(name));
    enum store_result r = mailbox_lock(b, e);
    if (r != STORE_OK)
        return r;
    r = mailbox_begin(b, 0, e);
    if (r == STORE_OK) {
        size_t made = mailbox_make_keyword(b, name);
        if (made == SIZE_MAX) {
            index_rollback(b->account->index);
            r = store_refused(e, STORE_LIMIT, "a mailbox has at most %d keywords",
                              MAILBOX_KEYWORDS_MAX);
        } else {
            *bit = (unsigned)made;
            (void)mailbox_next_modseq(b);
            r = mailbox_commit(b, e);
        }
    }
    if (r == STORE_OK)
        b->account->driver->keyword_added(b, *bit);
    mailbox_unlock(b);
    return r;
}

/* --- flags --- */

static void plan_flags(const struct mailbox_flag_change *c, struct flag_item *item)
{
    const struct mailbox_message *m = item->m;

    switch (c->how) {
    case MAILBOX_FLAGS_ADD:
        item->flags = m->flags | c->flags;
        item->keywords = m->keywords | c->keywords;
        break;
    case MAILBOX_FLAGS_REMOVE:
        item->flags = m->flags & ~c->flags;
        item->keywords = m->keywords & ~c->keywords;
        break;
    case MAILBOX_FLAGS_REPLACE:
        item->flags = c->flags;
        item->keywords = c->keywords;
        break;
    }
    item->flags &= MAILBOX_FLAGS;
}

/* The files of ITEMS, then their rows. */
static enum store_result change_flags(struct mailbox *b, struct flag_item *items,
                                      size_t n, uint64_t *modseq, struct error *e)
{
    uint64_t next = 0;
    int64_t bytes = 0, count = 0;
    struct error ignored = ERROR_INIT;
    enum store_result r = b->account->driver->flag(b, items, n, e);

    /* What was done stays done, also when the rest failed. */
    enum store_result written = mailbox_begin(b, 0, r == STORE_OK ? e : &ignored);
    for (size_t i = 0; i < n && written == STORE_OK; i++) {
        struct mailbox_message *m = mailbox_message(b, items[i].uid);
        if (!m || items[i].state != CHANGE_DONE)
            continue;
        if (next == 0)
            next = mailbox_next_modseq(b);
        if (m != items[i].m) /* memory was read again, without the file's new name */
            b->must_scan = true;
        int more = quota_counts(b, items[i].flags) - quota_counts(b, m->flags);
        bytes += more * (int64_t)m->file_size;
        count += more;
        m->flags = items[i].flags;
        m->keywords = items[i].keywords;
        m->modseq = next;
        index_message_flags(b->account->index, b->id, m);
    }
    if (written == STORE_OK)
        written = mailbox_commit(b, r == STORE_OK ? e : &ignored);
    quota_add(b->account, bytes, count);
    if (next)
        *modseq = next;
    return r == STORE_OK ? written : r;
}

/* Collect those of UIDS from *AT on that need a change. */
static size_t collect(struct mailbox *b, const uint32_t *uids, size_t n, size_t *at,
                      struct mailbox_flag_change *c, struct flag_item *items)
{
    size_t found = 0;

    for (; *at < n && found < AT_ONCE; ++*at) {
        struct mailbox_message *m = mailbox_message(b, uids[*at]);
        if (!m)
            continue;
        if (c->is_conditional && m->modseq > c->unchanged_since) {
            c->modified[c->n_modified++] = m->uid;
            continue;
        }
        struct flag_item *item = &items[found];
        *item = (struct flag_item){.m = m, .uid = m->uid};
        plan_flags(c, item);
        found += item->flags != m->flags || item->keywords != m->keywords;
    }
    return found;
}

/* Files of some were not where they should be: look, and try those once more. */
static enum store_result retry(struct mailbox *b, struct flag_item *items, size_t n,
                               struct mailbox_flag_change *c, struct error *e)
{
    uint32_t uids[AT_ONCE];
    struct mailbox_flag_change again = *c;
    size_t gone = 0, at = 0;

    for (size_t i = 0; i < n; i++)
        if (items[i].state == CHANGE_GONE)
            uids[gone++] = items[i].uid;
    if (gone == 0)
        return STORE_OK;
    enum store_result r = mailbox_refresh_locked(b, true, e);
    if (r != STORE_OK)
        return r;
    again.is_conditional = false;
    n = collect(b, uids, gone, &at, &again, items);
    return n > 0 ? change_flags(b, items, n, &c->modseq, e) : STORE_OK;
}

static enum store_result flag_locked(struct mailbox *b, const uint32_t *uids, size_t n,
                                     struct mailbox_flag_change *c, struct error *e)
{
    struct flag_item *items = memory_alloc_array(AT_ONCE, sizeof *items);
    enum store_result r = STORE_OK;
    size_t at = 0, found;
    int64_t since = 0;

    while (r == STORE_OK && (found = collect(b, uids, n, &at, c, items)) > 0) {
        r = change_flags(b, items, found, &c->modseq, e);
        if (r == STORE_OK)
            r = retry(b, items, found, c, e);
        store_breathe(&since);
    }
    memory_free(items);
    return r;
}

enum store_result mailbox_flag(struct mailbox *b, const uint32_t *uids, size_t n,
                               struct mailbox_flag_change *c, struct error *e)
{
    enum store_result r = mailbox_lock(b, e);

    c->modified = NULL;
    c->n_modified = 0;
    c->modseq = 0;
    if (r != STORE_OK)
        return r;
    if (c->is_conditional)
        c->modified = arena_alloc_array(c->arena, n + 1, sizeof *c->modified);
    r = flag_locked(b, uids, n, c, e);
    if (c->modseq)
        mailbox_touch(b, false);
    if (b->account->index)
        index_tidy(b->account->index);
    mailbox_unlock(b);
    return r;
}

/* --- expunge --- */

/* Rows and memory of what is gone. */
static enum store_result remove_rows(struct mailbox *b, const uint32_t *uids, size_t n,
                                     size_t *removed, struct error *e)
{
    int64_t bytes = 0, count = 0;
    enum store_result r = mailbox_begin(b, 0, e);

    if (r != STORE_OK)
        return r;
    uint64_t modseq = mailbox_next_modseq(b);
    for (size_t i = 0; i < n; i++) {
        struct mailbox_message *m = mailbox_message(b, uids[i]);
        if (!m || !m->key)
            continue;
        bool counts = quota_counts(b, m->flags);
        bytes += counts ? (int64_t)m->file_size : 0;
        count += counts;
        ++*removed;
        mailbox_drop(m);
    }
    mailbox_squeeze(b, modseq);
    r = mailbox_commit(b, e);
    mailbox_touch(b, true);
    quota_add(b->account, -bytes, -count);
    return r;
}

/* The files of some messages, then their rows. */
static enum store_result expunge_some(struct mailbox *b, const uint32_t *uids, size_t n,
                                      size_t *removed, struct error *e)
{
    struct remove_item *items = memory_alloc_array(n + 1, sizeof *items);
    uint32_t *done = memory_alloc_array(n + 1, sizeof *done);
    size_t found = 0, count = 0;
    bool gone = false;

    for (size_t i = 0; i < n; i++) {
        items[found].m = mailbox_message(b, uids[i]);
        found += items[found].m != NULL;
    }
    enum store_result r =
        found ? b->account->driver->expunge(b, items, found, e) : STORE_OK;
    for (size_t i = 0; i < found; i++) {
        if (items[i].state == CHANGE_DONE)
            done[count++] = items[i].m->uid;
        gone = gone || items[i].state == CHANGE_GONE;
    }
    if (count > 0) {
        struct error ignored = ERROR_INIT;
        enum store_result rows =
            remove_rows(b, done, count, removed, r == STORE_OK ? e : &ignored);
        r = r == STORE_OK ? rows : r;
    }
    b->must_scan = b->must_scan || gone;
    memory_free(items);
    memory_free(done);
    return r;
}

/* What had another name than we knew gets a second try. */
enum store_result expunge_locked(struct mailbox *b, const uint32_t *uids, size_t n,
                                 size_t *removed, struct error *e)
{
    enum store_result r = STORE_OK;
    size_t at_once = b->account->driver->expunges_whole ? n : 2 * AT_ONCE;

    for (int i = 0; i < 3 && r == STORE_OK; i++) {
        for (size_t at = 0; at < n && r == STORE_OK; at += at_once) {
            size_t part = n - at < at_once ? n - at : at_once;
            r = expunge_some(b, uids + at, part, removed, e);
            if (fiber_self() && at + part < n)
                fiber_yield();
        }
        if (!b->must_scan || r != STORE_OK)
            break;
        r = mailbox_refresh_locked(b, true, e);
    }
    return r;
}

enum store_result mailbox_expunge(struct mailbox *b, const uint32_t *uids, size_t n,
                                  size_t *removed, struct error *e)
{
    size_t count = 0;
    enum store_result r = mailbox_lock(b, e);

    if (removed)
        *removed = 0;
    if (r != STORE_OK)
        return r;
    if (n > 0)
        r = expunge_locked(b, uids, n, &count, e);
    if (b->account->index)
        index_tidy(b->account->index);
    mailbox_unlock(b);
    if (removed)
        *removed = count;
    return r;
}
