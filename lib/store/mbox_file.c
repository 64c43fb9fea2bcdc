/* mbox_file - the mbox file, locked, and the list of what is in it
 *
 * All of this blocks: the driver calls it in worker threads, while the mailbox is locked.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/copy.h"
#include "store/mbox_driver.h"
#include "store/mbox_rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

#define TEXT_LIMIT ((size_t)1 << 40)
#define TICK       (CLOCK_SECOND / 20)

/* What the account says, or the usual pair. */
static struct lock_policy policy_of(const struct mailbox *b)
{
    struct lock_policy p = b->account->place.lock;

    if (!p.use_fcntl && !p.use_flock && !p.use_dotlock) {
        p.use_fcntl = p.use_dotlock = p.dotlock_may_fail = true;
        p.attempts = 20;
        p.delay = CLOCK_SECOND;
        p.stale = 500 * CLOCK_SECOND;
    }
    return p;
}

enum store_result mbox_file_open(struct mbox_file *f, struct mailbox *b, bool create,
                                 struct error *e)
{
    struct lock_policy policy = policy_of(b);
    int flags = O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    const struct mbox_state *s = b->state;
    struct stat st;

    *f = (struct mbox_file){.mailbox = b, .fd = -1};
    if (!create && access(b->path, F_OK) < 0 && errno == ENOENT)
        return STORE_OK;
    if (policy.use_dotlock && lock_dot_take(&policy, b->path, &f->has_dotlock, e) != OK)
        return STORE_INUSE;
    f->fd = open(b->path, flags | (create ? O_CREAT : 0), 0600);
    if (f->fd < 0 || fstat(f->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        if (f->fd >= 0)
            errno = EINVAL;
        bool missing = f->fd < 0 && errno == ENOENT && !create;
        enum store_result r = store_failed(e, "cannot open %s", b->path);
        mbox_file_close(f);
        return missing ? STORE_OK : r;
    }
    if (lock_file_take(&policy, f->fd, e) != OK) {
        mbox_file_close(f);
        return STORE_INUSE;
    }
    if (!mbox_recover(f->fd, s->journal)) {
        enum store_result r = store_failed(e, "cannot repair %s", b->path);
        mbox_file_close(f);
        return r;
    }
    return STORE_OK;
}

void mbox_file_close(struct mbox_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    if (f->has_dotlock)
        lock_dot_give(f->mailbox->path);
    f->fd = -1;
    f->has_dotlock = false;
}

bool mbox_file_bytes(const struct mbox_file *f, uint64_t from, uint64_t to,
                     struct str *out)
{
    while (from < to) {
        size_t want = to - from < 1024 * 1024 ? (size_t)(to - from) : 1024 * 1024;
        char *p = str_reserve(out, want);
        ssize_t n = p ? pread(f->fd, p, want, (off_t)from) : -1;
        if (!p)
            errno = EFBIG;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        out->n += (size_t)n;
        from += (uint64_t)n;
    }
    return true;
}

/* --- items --- */

static void truncate_items(struct mbox_state *s, size_t n)
{
    while (s->n > n) {
        struct mbox_item *i = &s->items[--s->n];
        if (s->by_key)
            (void)hash_remove(s->by_key, view_of(i->key));
        memory_free(i->key);
        memory_free(i->keywords);
    }
}

void mbox_forget_items(struct mbox_state *s)
{
    truncate_items(s, 0);
    memory_free(s->items);
    if (s->by_key)
        hash_free(s->by_key, NULL);
    s->items = NULL;
    s->by_key = NULL;
    s->cap = 0;
    s->has_items = s->has_pseudo = false;
    s->validity = s->last_uid = 0;
}

struct mbox_item *mbox_item(const struct mbox_state *s, const char *key)
{
    void *at = s->by_key ? hash_get(s->by_key, view_of(key)) : NULL;

    return at ? &s->items[(size_t)(uintptr_t)at - 1] : NULL;
}

/* A key that no other message has: equal ones are numbered. */
static char *make_key(const struct mbox_state *s, uint64_t fingerprint)
{
    char key[48];

    for (unsigned n = 0;; n++) {
        snprintf(key, sizeof key, "%016" PRIx64 ".%u", fingerprint, n);
        if (!hash_get(s->by_key, view_of(key)))
            return memory_cstr(key);
    }
}

static void add_item(struct mbox_state *s, const struct mbox_entry *entry)
{
    if (!s->by_key)
        s->by_key = hash_new();
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->items = memory_resize(s->items, s->cap * sizeof *s->items);
    }
    struct mbox_item *i = &s->items[s->n++];
    *i = (struct mbox_item){.entry = *entry, .key = make_key(s, entry->fingerprint)};
    i->keywords = memory_alloc(entry->keywords.n + 1);
    if (entry->keywords.n > 0)
        memcpy(i->keywords, entry->keywords.p, entry->keywords.n);
    i->entry.keywords = VIEW_NONE;
    hash_put(s->by_key, view_of(i->key), (void *)(uintptr_t)s->n); // NOLINT
    if (entry->has_base && (s->n == 1 || entry->is_pseudo)) {
        s->validity = entry->base_validity;
        s->last_uid = entry->base_last;
    }
    s->has_pseudo = s->has_pseudo || entry->is_pseudo;
}

/* --- reading --- */

static bool same_stamp(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool mbox_file_is_current(const struct mbox_file *f)
{
    const struct mbox_state *s = f->mailbox->state;
    struct stat st;

    return f->fd >= 0 && s->is_known && s->has_items && fstat(f->fd, &st) == 0 &&
           same_stamp(&st, &s->stamp);
}

void mbox_file_note(struct mbox_file *f)
{
    struct mbox_state *s = f->mailbox->state;

    s->is_known = f->fd >= 0 && fstat(f->fd, &s->stamp) == 0;
    s->is_sure = false;
}

/* Did the file only grow behind the items we know? */
static bool has_only_grown(const struct mbox_file *f, const struct stat *st)
{
    const struct mbox_state *s = f->mailbox->state;
    char start[5];

    if (!s->is_known || !s->has_items || !s->is_sure || s->n == 0 ||
        st->st_ino != s->stamp.st_ino || st->st_size <= s->stamp.st_size)
        return false;
    off_t last = (off_t)s->items[s->n - 1].entry.start;
    return pread(f->fd, start, sizeof start, last) == (ssize_t)sizeof start &&
           memcmp(start, "From ", sizeof start) == 0;
}

static enum store_result parse(struct mbox_file *f, struct view text, uint64_t at,
                               struct error *e)
{
    struct mbox_state *s = f->mailbox->state;
    struct mbox_entry entry;

    while (text.n > 0 && (text.p[0] == '\n' || text.p[0] == '\r') && s->n == 0) {
        text = view_from(text, 1);
        at++;
    }
    while (text.n > 0) {
        if (!mbox_text_next(text, at, &entry))
            return store_refused(e, STORE_FAILED, "%s is no mbox file", f->mailbox->path);
        add_item(s, &entry);
        text = view_from(text, (size_t)(entry.end - at));
        at = entry.end;
    }
    return STORE_OK;
}

enum store_result mbox_file_read(struct mbox_file *f, bool whole, struct error *e)
{
    struct mbox_state *s = f->mailbox->state;
    struct stat st;
    struct str text = STR_INIT(TEXT_LIMIT);
    uint64_t from = 0;
    bool sure = true;
    int64_t now = clock_wall();

    if (f->fd < 0) {
        mbox_forget_items(s);
        s->has_items = true;
        s->is_known = false;
        return STORE_OK;
    }
    if (fstat(f->fd, &st) < 0)
        return store_failed(e, "cannot read %s", f->mailbox->path);
    if (!whole && has_only_grown(f, &st)) {
        /* The last one may have got more; flags of others may have changed: soon all will
         * be read. */
        from = s->items[s->n - 1].entry.start;
        truncate_items(s, s->n - 1);
        sure = false;
    } else {
        mbox_forget_items(s);
    }
    s->is_known = false;
    enum store_result r = STORE_OK;
    if (!mbox_file_bytes(f, from, (uint64_t)st.st_size, &text))
        r = store_failed(e, "cannot read %s", f->mailbox->path);
    if (r == STORE_OK)
        r = parse(f, str_view(&text), from, e);
    str_done(&text);
    if (r != STORE_OK) {
        mbox_forget_items(s);
        return r;
    }
    s->has_items = true;
    s->stamp = st;
    s->is_known = true;
    s->is_sure = sure && now - ((int64_t)st.st_mtim.tv_sec * CLOCK_SECOND +
                                st.st_mtim.tv_nsec / 1000) >
                             TICK;
    s->scanned_at = clock_mono();
    return STORE_OK;
}
