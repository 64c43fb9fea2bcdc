/* mbox_scan - the driver of mbox files: what is there, and its bytes */
#include "base/clock.h"
#include "base/memory.h"
#include "base/number.h"
#include "run/thread.h"
#include "store/mbox_driver.h"

#include <fcntl.h>
#include <limits.h>
#include <time.h>
#include <unistd.h>

#define SECOND_LOOK CLOCK_SECOND

/* What runs in a worker thread. */
struct scan_job {
    struct mailbox *b;
    bool whole;
    struct error *e;
    enum store_result result;
};

static void scan_file(void *arg)
{
    struct scan_job *j = arg;
    struct mbox_file f;

    j->result = mbox_file_open(&f, j->b, false, j->e);
    if (j->result != STORE_OK)
        return;
    if (j->whole || !mbox_file_is_current(&f) ||
        !((const struct mbox_state *)j->b->state)->is_sure)
        j->result = mbox_file_read(&f, j->whole, j->e);
    mbox_file_close(&f);
}

/* The From_ line tells local time. */
static int64_t local_time(int64_t as_utc)
{
    time_t t = (time_t)as_utc;
    struct tm tm;

    gmtime_r(&t, &tm);
    tm.tm_isdst = -1;
    t = mktime(&tm);
    return t > 0 ? (int64_t)t : 0;
}

static uint64_t keyword_bits(struct mailbox *b, struct view names)
{
    uint64_t bits = 0;
    struct view name;

    while (view_token(&names, VIEW(" \t"), &name)) {
        size_t bit = mailbox_make_keyword(b, name);
        if (bit != SIZE_MAX)
            bits |= UINT64_C(1) << bit;
    }
    return bits;
}

static void report(struct mailbox *b, struct scan *s)
{
    const struct mbox_state *state = b->state;

    s->uidvalidity = state->validity;
    s->uidnext = state->validity ? state->last_uid + 1 : 0;
    for (size_t i = 0; i < state->n; i++) {
        const struct mbox_item *item = &state->items[i];
        if (item->entry.is_pseudo)
            continue;
        struct found *f = scan_add(s);
        f->key = memory_cstr(item->key);
        f->identity = view_of(f->key);
        f->flags = item->entry.flags;
        f->keywords = keyword_bits(b, view_of(item->keywords));
        f->keywords_known = UINT64_MAX;
        f->uid = state->validity ? item->entry.uid : 0;
        f->received = local_time(item->entry.received);
        f->size = item->entry.crlf;
        f->file_size = item->entry.size;
        f->email_id = item->entry.fingerprint | 1;
        f->order = i;
    }
}

static enum store_result scan(struct mailbox *b, bool whole, struct scan *s,
                              struct error *e)
{
    struct mbox_state *state = b->state;
    struct scan_job j = {.b = b, .whole = whole, .e = e};

    thread_run(scan_file, &j);
    if (j.result != STORE_OK)
        return j.result;
    report(b, s);
    s->is_sure = state->is_sure;
    return STORE_OK;
}

static bool is_unchanged(struct mailbox *b)
{
    const struct mbox_state *s = b->state;
    struct stat st;

    if (stat(b->path, &st) < 0)
        return !s->is_known && s->has_items;
    return s->is_known && st.st_ino == s->stamp.st_ino &&
           st.st_size == s->stamp.st_size &&
           st.st_mtim.tv_sec == s->stamp.st_mtim.tv_sec &&
           st.st_mtim.tv_nsec == s->stamp.st_mtim.tv_nsec &&
           (s->is_sure || clock_mono() - s->scanned_at < SECOND_LOOK);
}

static bool describe(struct mailbox *b, struct found *f)
{
    (void)b;
    (void)f;
    return true; /* the scan told all */
}

static struct view identity(struct view key)
{
    return key;
}

/* --- reading --- */

struct read_job {
    struct mailbox *b;
    const char *key;
    struct str out;
    struct error *e;
    enum store_result result;
};

/* The items must be those of the file as it is now. */
static void read_message(void *arg)
{
    struct read_job *j = arg;
    const struct mbox_state *s = j->b->state;
    struct mbox_file f = {.mailbox = j->b, .fd = -1};
    struct str raw = STR_INIT(SIZE_MAX / 2);

    j->result = STORE_EXPUNGED;
    f.fd = open(j->b->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (f.fd >= 0 && mbox_file_is_current(&f)) {
        const struct mbox_item *i = mbox_item(s, j->key);
        bool ok = i && mbox_file_bytes(&f, i->entry.start, i->entry.end, &raw) &&
                  mbox_file_is_current(&f);
        if (ok) {
            mbox_text_strip(&i->entry, str_view(&raw), &j->out);
            j->result = STORE_OK;
        }
    }
    if (f.fd >= 0)
        close(f.fd);
    str_done(&raw);
}

static enum store_result read_bytes(struct mailbox *b, const struct mailbox_message *m,
                                    struct mailbox_bytes *out, struct error *e)
{
    const struct mbox_state *s = b->state;
    struct read_job j = {.b = b, .key = m->key, .e = e, .out = STR_INIT(SIZE_MAX / 2)};

    if (!s->has_items) { /* known from the index only: read the file first */
        struct scan_job look = {.b = b, .whole = true, .e = e};
        thread_run(scan_file, &look);
        if (look.result != STORE_OK)
            return look.result;
    }
    const struct mbox_item *i = mbox_item(s, m->key);
    if (i && i->entry.size > 1024 * 1024)
        thread_run(read_message, &j);
    else
        read_message(&j);
    if (j.result != STORE_OK) {
        str_done(&j.out);
        error_set(e, "4.2.0", "the mailbox %s has changed", b->name);
        return j.result;
    }
    *out = (struct mailbox_bytes){.v = str_view(&j.out), .owned = j.out.p};
    return STORE_OK;
}

/* --- the driver --- */

static void *open_state(struct mailbox *b)
{
    struct mbox_state *s = NEW(struct mbox_state);
    struct str path = STR_INIT(PATH_MAX);

    str_setf(&path, "%s/rewrite.%s", b->account->directory, b->id_text);
    s->journal = memory_cstr(str_cstr(&path));
    str_done(&path);
    return s;
}

static void close_state(struct mailbox *b)
{
    struct mbox_state *s = b->state;

    mbox_forget_items(s);
    memory_free(s->journal);
    memory_free(s);
}

/* Inode, size and time, when they are sure. */
static void save(struct mailbox *b, struct str *out)
{
    const struct mbox_state *s = b->state;

    str_clear(out);
    if (s->is_known && s->is_sure)
        str_setf(out, "%llu %lld %lld %ld", (unsigned long long)s->stamp.st_ino,
                 (long long)s->stamp.st_size, (long long)s->stamp.st_mtim.tv_sec,
                 s->stamp.st_mtim.tv_nsec);
}

static void restore(struct mailbox *b, struct view saved)
{
    struct mbox_state *s = b->state;
    uint64_t n[4];
    struct view word;
    struct stat st;

    for (size_t i = 0; i < 4; i++)
        if (!view_token(&saved, VIEW(" "), &word) ||
            !number_parse_u64(word, 0, INT64_MAX, &n[i]))
            return;
    if (stat(b->path, &st) < 0 || st.st_ino != n[0] || st.st_size != (off_t)n[1] ||
        st.st_mtim.tv_sec != (time_t)n[2] || st.st_mtim.tv_nsec != (long)n[3] ||
        access(s->journal, F_OK) == 0)
        return;
    s->stamp = st;
    s->is_known = s->is_sure = true;
    s->scanned_at = clock_mono();
}

static void keyword_added(struct mailbox *b, unsigned bit)
{
    (void)b;
    (void)bit; /* names are written with each message */
}

static void unpublish(struct mailbox *b, struct view key)
{
    (void)b;
    (void)key; /* the journal of the file makes it whole */
}

static bool watched(struct mailbox *b, unsigned i, struct str *path)
{
    if (i > 0)
        return false;
    str_setf(path, "%s", b->path);
    return true;
}

const struct store_driver driver_mbox = {
    .name = "mbox",
    .expunges_whole = true,
    .prepare = mbox_prepare,
    .list = mbox_list,
    .accepts = mbox_accepts,
    .path = mbox_path,
    .exists = mbox_exists,
    .parse_subscription = mbox_parse_subscription,
    .create = mbox_create,
    .remove = mbox_remove,
    .rename = mbox_rename,
    .usage = mbox_usage,
    .open = open_state,
    .close = close_state,
    .is_unchanged = is_unchanged,
    .scan = scan,
    .save = save,
    .restore = restore,
    .identity = identity,
    .describe = describe,
    .read = read_bytes,
    .keyword_added = keyword_added,
    .flag = mbox_flag,
    .expunge = mbox_expunge,
    .create_part = mbox_create_part,
    .name_part = mbox_name_part,
    .publish = mbox_publish,
    .unpublish = unpublish,
    .watched = watched,
};
