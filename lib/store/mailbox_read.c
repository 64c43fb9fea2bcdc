/* mailbox_read - the bytes of messages, and what follows from them */
#include "base/clock.h"
#include "base/memory.h"
#include "run/thread.h"
#include "store/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Larger ones are read in a worker thread. */
enum { LARGE = 1024 * 1024 };

/* --- a file that is one message --- */

struct read_job {
    int fd, err;
    char *p;
    size_t n, done;
};

static void read_all(void *arg)
{
    struct read_job *j = arg;

    while (j->done < j->n) {
        ssize_t n = read(j->fd, j->p + j->done, j->n - j->done);
        if (n < 0 && errno == EINTR)
            continue;
        j->err = n < 0 ? errno : 0;
        if (n <= 0)
            return;
        j->done += (size_t)n;
    }
}

enum store_result store_read_message(const char *path, struct mailbox_bytes *out,
                                     struct error *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        bool gone = fd < 0 && errno == ENOENT;
        enum store_result r = store_failed(e, "cannot read %s", path);
        if (fd >= 0)
            close(fd);
        return gone ? STORE_EXPUNGED : r;
    }
    struct read_job j = {.fd = fd, .n = (size_t)st.st_size};
    j.p = memory_resize(NULL, j.n + 1);
    if (j.n > LARGE)
        thread_run(read_all, &j);
    else
        read_all(&j);
    close(fd);
    errno = j.err;
    if (j.err) {
        memory_free(j.p);
        return store_failed(e, "cannot read %s", path);
    }
    *out = (struct mailbox_bytes){.v = {j.p, j.done}, .owned = j.p};
    return STORE_OK;
}

/* --- bytes --- */

/* Bytes of M, which may have another name by now: then look once. */
static enum store_result read_locked(struct mailbox *b, uint32_t uid,
                                     struct mailbox_bytes *out, struct error *e)
{
    for (int i = 0;; i++) {
        struct mailbox_message *m = mailbox_message(b, uid);
        if (!m)
            return store_refused(e, i ? STORE_EXPUNGED : STORE_NONEXISTENT,
                                 "message %lu is gone", (unsigned long)uid);
        enum store_result r = b->account->driver->read(b, m, out, e);
        if (r != STORE_EXPUNGED || i > 1)
            return r;
        r = mailbox_refresh_locked(b, true, e);
        if (r != STORE_OK)
            return r;
    }
}

enum store_result mailbox_bytes(struct mailbox *b, uint32_t uid,
                                struct mailbox_bytes *out, struct error *e)
{
    *out = (struct mailbox_bytes){0};
    enum store_result r = mailbox_lock(b, e);

    if (r != STORE_OK)
        return r;
    r = read_locked(b, uid, out, e);
    mailbox_unlock(b);
    return r;
}

void mailbox_bytes_release(struct mailbox_bytes *bytes)
{
    memory_free(bytes->owned);
    *bytes = (struct mailbox_bytes){0};
}

uint64_t size_with_crlf(struct view v)
{
    uint64_t n = v.n;

    for (const char *p = v.p, *end = v.p + v.n; v.n > 0 && p < end; p++) {
        p = memchr(p, '\n', (size_t)(end - p));
        if (!p)
            break;
        n += p == v.p || p[-1] != '\r';
    }
    return n;
}

/* --- sizes --- */

/* Write the sizes of FIRST to LAST into the index. */
static enum store_result store_sizes(struct mailbox *b, const uint32_t *uids,
                                     const uint64_t *sizes, size_t n, struct error *e)
{
    enum store_result r = mailbox_begin(b, 0, e);

    if (r != STORE_OK)
        return r;
    for (size_t i = 0; i < n; i++) {
        struct mailbox_message *m = mailbox_message(b, uids[i]);
        if (!m)
            continue;
        m->size = sizes[i];
        index_message_put(b->account->index, b->id, m);
    }
    return mailbox_commit(b, e);
}

enum { SIZES_AT_ONCE = 500 };

/* Up to SIZES_AT_ONCE unknown sizes from UID FIRST on; the number, and where to go on. */
static enum store_result find_sizes(struct mailbox *b, uint32_t *first, uint32_t last,
                                    uint32_t *uids, uint64_t *sizes, size_t *n,
                                    struct error *e)
{
    int64_t since = 0;

    for (*n = 0; *n < SIZES_AT_ONCE && *first <= last;) {
        struct mailbox_bytes bytes = {0};
        size_t at = mailbox_position(b, *first);
        while (at < b->n && b->messages[at].size != MAILBOX_SIZE_UNKNOWN)
            at++;
        if (at >= b->n || b->messages[at].uid > last)
            break;
        uint32_t uid = b->messages[at].uid;
        *first = uid + 1;
        enum store_result r = read_locked(b, uid, &bytes, e);
        if (r != STORE_OK && r != STORE_EXPUNGED)
            return r;
        uids[*n] = uid;
        sizes[(*n)++] = size_with_crlf(bytes.v);
        mailbox_bytes_release(&bytes);
        store_breathe(&since);
    }
    return STORE_OK;
}

enum store_result mailbox_sizes(struct mailbox *b, uint32_t first, uint32_t last,
                                struct error *e)
{
    bool unknown = false;
    size_t n = 1;

    for (size_t i = mailbox_position(b, first); i < b->n && b->messages[i].uid <= last;
         i++)
        unknown = unknown || b->messages[i].size == MAILBOX_SIZE_UNKNOWN;
    if (!unknown && b->is_loaded && !b->is_gone)
        return STORE_OK;
    uint32_t *uids = memory_alloc_array(SIZES_AT_ONCE, sizeof *uids);
    uint64_t *sizes = memory_alloc_array(SIZES_AT_ONCE, sizeof *sizes);
    enum store_result r = mailbox_lock(b, e);
    if (r == STORE_OK) {
        while (r == STORE_OK && n > 0) {
            r = find_sizes(b, &first, last, uids, sizes, &n, e);
            if (r == STORE_OK && n > 0)
                r = store_sizes(b, uids, sizes, n, e);
        }
        mailbox_unlock(b);
    }
    memory_free(uids);
    memory_free(sizes);
    return r;
}

/* --- the rest --- */

void mailbox_set_thread(struct mailbox *b, uint32_t uid, uint64_t thread_id)
{
    struct mailbox_message *m = mailbox_message(b, uid);

    if (m)
        m->thread_id = thread_id;
}

bool mailbox_recent(struct mailbox *b, bool claim, uint32_t *first, uint32_t *last)
{
    if (b->n == 0 || b->messages[b->n - 1].uid < b->recent)
        return false;
    *first = b->recent;
    *last = b->messages[b->n - 1].uid;
    if (claim) {
        b->recent = *last + 1;
        mailbox_note_recent(b);
    }
    return true;
}

struct vanished {
    struct arena *arena;
    uint32_t *uids;
    size_t n, cap;
};

static void take_vanished(uint32_t uid, void *arg)
{
    struct vanished *v = arg;

    if (v->n == v->cap) {
        v->cap = v->cap ? v->cap * 2 : 64;
        v->uids = memory_resize(v->uids, v->cap * sizeof *v->uids);
    }
    v->uids[v->n++] = uid;
}

enum store_result mailbox_vanished(struct mailbox *b, uint64_t modseq,
                                   struct arena *arena, uint32_t **uids, size_t *n,
                                   bool *complete, struct error *e)
{
    struct vanished v = {.arena = arena};
    struct index *ix;
    enum store_result r = mailbox_lock(b, e);

    if (r != STORE_OK)
        return r;
    r = account_index(b->account, &ix, e);
    if (r == STORE_OK)
        index_vanished(ix, b->id, modseq, take_vanished, &v);
    *complete = modseq >= b->floor;
    *uids = arena_alloc_array(arena, v.n + 1, sizeof **uids);
    if (v.n > 0)
        memcpy(*uids, v.uids, v.n * sizeof **uids);
    *n = v.n;
    memory_free(v.uids);
    mailbox_unlock(b);
    return r;
}
