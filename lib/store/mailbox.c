/* mailbox - opening, and what is in memory */
#include "store/mailbox.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/driver.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>

static struct view identity(const struct mailbox *b, const struct mailbox_message *m)
{
    return b->account->driver->identity(view_of(m->key));
}

static void forget_table(struct mailbox *b)
{
    memory_free(b->table);
    b->table = NULL;
    b->table_size = 0;
}

/* --- locking --- */

static enum store_result check_gone(const struct mailbox *b, struct error *e)
{
    if (!b->is_gone)
        return STORE_OK;
    return store_refused(e, STORE_NONEXISTENT, "mailbox %s is gone", b->name);
}

enum store_result mailbox_lock(struct mailbox *b, struct error *e)
{
    store_lock_take(&b->lock);
    enum store_result r = check_gone(b, e);
    if (r == STORE_OK && (!b->is_loaded || b->must_load))
        r = mailbox_load(b, e);
    if (r != STORE_OK)
        mailbox_unlock(b);
    return r;
}

void mailbox_unlock(struct mailbox *b)
{
    store_lock_give(&b->lock);
}

enum store_result mailbox_lock_two(struct mailbox *a, struct mailbox *b, struct error *e)
{
    struct mailbox *first = a < b ? a : b, *second = a < b ? b : a;
    enum store_result r = mailbox_lock(first, e);

    if (r != STORE_OK || first == second)
        return r;
    r = mailbox_lock(second, e);
    if (r != STORE_OK)
        mailbox_unlock(first);
    return r;
}

/* --- opening and closing --- */

static struct mailbox *new_mailbox(struct account *a, struct view name)
{
    struct mailbox *b = NEW(struct mailbox);
    struct str path = STR_INIT(PATH_MAX);

    b->account = a;
    b->name = memory_alloc(name.n + 1);
    memcpy(b->name, name.p, name.n);
    (void)a->driver->path(a, name, &path);
    b->path = memory_cstr(str_cstr(&path));
    str_done(&path);
    store_lock_init(&b->lock);
    list_init(&b->listeners);
    list_append(&a->mailboxes, &b->link);
    return b;
}

enum store_result mailbox_open(struct account *a, struct view name, struct mailbox **out,
                               struct error *e)
{
    /* Names stand still while it is entered among the open ones. */
    store_lock_take(&a->lock);
    struct mailbox *b = account_open_mailbox(a, name);
    bool exists = b || a->driver->exists(a, name);
    if (!b && exists)
        b = new_mailbox(a, name);
    if (b)
        b->references++;
    store_lock_give(&a->lock);
    if (!b)
        return store_refused(e, STORE_NONEXISTENT, "mailbox %.*s does not exist",
                             VIEW_FMT(name));
    (void)account_retain(a);
    enum store_result r = mailbox_lock(b, e);
    if (r == STORE_OK) {
        r = mailbox_refresh_locked(b, false, e);
        mailbox_unlock(b);
    }
    if (r != STORE_OK)
        mailbox_close(b);
    else
        *out = b;
    return r;
}

void mailbox_free(struct mailbox *b)
{
    mailbox_cache_flush(b);
    mailbox_cache_drop(b);
    mailbox_unload(b);
    list_remove(&b->link);
    memory_free(b->name);
    memory_free(b->path);
    memory_free(b);
}

void mailbox_close(struct mailbox *b)
{
    struct account *a = b->account;

    assert(b->references > 0);
    if (--b->references == 0) {
        mailbox_cache_flush(b);
        b->closed_at = loop_now();
        if (b->is_gone || store_options.linger == 0)
            mailbox_free(b);
    }
    account_close(a);
}

void mailbox_unload(struct mailbox *b)
{
    if (b->state)
        b->account->driver->close(b);
    b->state = NULL;
    for (size_t i = 0; i < b->n; i++)
        memory_free(b->messages[i].key);
    memory_free(b->messages);
    forget_table(b);
    for (unsigned i = 0; i < b->n_keywords; i++)
        memory_free(b->keywords[i]);
    if (b->uids)
        uid_list_release(b->uids);
    b->messages = NULL;
    b->uids = NULL;
    b->n = b->cap = 0;
    b->n_keywords = 0;
    b->is_loaded = false;
}

struct account *mailbox_account(const struct mailbox *b)
{
    return b->account;
}

struct view mailbox_name(const struct mailbox *b)
{
    return view_of(b->name);
}

bool mailbox_is_gone(const struct mailbox *b)
{
    return b->is_gone;
}

enum store_result mailbox_refresh(struct mailbox *b, struct error *e)
{
    enum store_result r = mailbox_lock(b, e);

    if (r != STORE_OK)
        return r;
    r = mailbox_refresh_locked(b, false, e);
    mailbox_unlock(b);
    return r;
}

/* --- what is there --- */

size_t mailbox_count(const struct mailbox *b)
{
    return b->n;
}

const struct mailbox_message *mailbox_at(const struct mailbox *b, size_t i)
{
    return i < b->n ? &b->messages[i] : NULL;
}

/* UIDs rise by at least one a message: that bounds the place from both ends, and finds it
 * at once where few messages are gone. */
size_t mailbox_position(const struct mailbox *b, uint32_t uid)
{
    if (b->n == 0 || uid <= b->messages[0].uid)
        return 0;
    uint32_t first = b->messages[0].uid, last = b->messages[b->n - 1].uid;
    if (uid > last)
        return b->n;
    size_t low = last - uid < b->n ? b->n - 1 - (last - uid) : 0;
    size_t high = uid - first < b->n ? uid - first : b->n - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (b->messages[middle].uid < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct mailbox_message *mailbox_message(const struct mailbox *b, uint32_t uid)
{
    size_t i = mailbox_position(b, uid);

    return i < b->n && b->messages[i].uid == uid ? &b->messages[i] : NULL;
}

const struct mailbox_message *mailbox_find(const struct mailbox *b, uint32_t uid)
{
    return mailbox_message(b, uid);
}

uint32_t mailbox_uidvalidity(const struct mailbox *b)
{
    return b->uidvalidity;
}

uint32_t mailbox_uidnext(const struct mailbox *b)
{
    return b->uidnext;
}

uint64_t mailbox_modseq(const struct mailbox *b)
{
    return b->modseq;
}

const char *mailbox_id(const struct mailbox *b)
{
    return b->id_text;
}

enum store_result mailbox_status(struct mailbox *b, bool with_size,
                                 struct mailbox_status *out, struct error *e)
{
    enum store_result r =
        with_size ? mailbox_sizes(b, 1, UINT32_MAX, e) : check_gone(b, e);

    if (r != STORE_OK)
        return r;
    *out = (struct mailbox_status){.messages = b->n,
                                   .uidnext = b->uidnext,
                                   .uidvalidity = b->uidvalidity,
                                   .modseq = b->modseq};
    for (size_t i = 0; i < b->n; i++) {
        const struct mailbox_message *m = &b->messages[i];
        out->unseen += (m->flags & MAILBOX_SEEN) == 0;
        out->deleted += (m->flags & MAILBOX_DELETED) != 0;
        out->recent += m->uid >= b->recent;
        out->size += m->size == MAILBOX_SIZE_UNKNOWN ? 0 : m->size;
        if (!(m->flags & MAILBOX_SEEN) && out->first_unseen == 0)
            out->first_unseen = m->uid;
    }
    return STORE_OK;
}

/* --- changes in memory --- */

/* Enter the message at index I. */
static void enter(struct mailbox *b, size_t i)
{
    size_t at = hash_of(identity(b, &b->messages[i])) & (b->table_size - 1);

    while (b->table[at])
        at = (at + 1) & (b->table_size - 1);
    b->table[at] = (uint32_t)i + 1;
}

static void make_table(struct mailbox *b)
{
    size_t size = 16;

    while (size < b->n * 3)
        size *= 2;
    b->table = memory_alloc_array(size, sizeof *b->table);
    b->table_size = size;
    for (size_t i = 0; i < b->n; i++)
        enter(b, i);
}

void mailbox_insert(struct mailbox *b, const struct mailbox_message *m)
{
    assert(b->n == 0 || b->messages[b->n - 1].uid < m->uid);
    if (b->n == b->cap) {
        b->cap = b->cap < 8 ? 8 : b->cap + b->cap / 2;
        b->messages = memory_resize(b->messages, b->cap * sizeof *b->messages);
    }
    b->messages[b->n++] = *m;
    if (b->table && b->n * 3 / 2 < b->table_size)
        enter(b, b->n - 1);
    else
        forget_table(b);
}

void mailbox_drop(struct mailbox_message *m)
{
    memory_free(m->key);
    m->key = NULL;
}

void mailbox_squeeze(struct mailbox *b, uint64_t modseq)
{
    struct index *ix = b->account->index;
    size_t kept = 0;

    for (size_t i = 0; i < b->n; i++) {
        size_t first = i;
        while (i < b->n && !b->messages[i].key)
            index_vanished_add(ix, b->id, b->messages[i++].uid, modseq);
        if (i > first)
            index_messages_remove(ix, b->id, b->messages[first].uid,
                                  b->messages[i - 1].uid);
        if (i < b->n)
            b->messages[kept++] = b->messages[i];
    }
    b->n = kept;
    forget_table(b);
}

struct mailbox_message *mailbox_by_identity(struct mailbox *b, struct view v)
{
    if (!b->table)
        make_table(b);
    size_t at = hash_of(v) & (b->table_size - 1);
    for (; b->table[at]; at = (at + 1) & (b->table_size - 1)) {
        struct mailbox_message *m = &b->messages[b->table[at] - 1];
        if (m->key && view_eq(identity(b, m), v))
            return m;
    }
    return NULL;
}

void mailbox_touch(struct mailbox *b, bool members)
{
    if (members && b->uids) {
        uid_list_release(b->uids);
        b->uids = NULL;
    }
    LIST_FOR_EACH_SAFE (struct mailbox_listener, l, &b->listeners, link)
        l->changed(l);
}

/* --- views --- */

struct uid_list *mailbox_uids(struct mailbox *b)
{
    if (b->uids)
        return uid_list_retain(b->uids);
    struct uid_list *l = memory_alloc(sizeof *l + b->n * sizeof l->uids[0]);
    l->references = 2; /* the caller's, and the mailbox's */
    l->n = b->n;
    for (size_t i = 0; i < b->n; i++)
        l->uids[i] = b->messages[i].uid;
    b->uids = l;
    return l;
}

struct uid_list *uid_list_retain(struct uid_list *l)
{
    l->references++;
    return l;
}

void uid_list_release(struct uid_list *l)
{
    assert(l->references > 0);
    if (--l->references == 0)
        memory_free(l);
}

size_t uid_list_find(const struct uid_list *l, uint32_t uid)
{
    /* As in mailbox_position(). */
    if (l->n == 0 || uid < l->uids[0] || uid > l->uids[l->n - 1])
        return SIZE_MAX;
    uint32_t first = l->uids[0], last = l->uids[l->n - 1];
    size_t low = last - uid < l->n ? l->n - 1 - (last - uid) : 0;
    size_t high = uid - first < l->n ? uid - first : l->n - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (l->uids[middle] < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < l->n && l->uids[low] == uid ? low : SIZE_MAX;
}
