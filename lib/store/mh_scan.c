/* mh_scan - the driver of MH folders: what is there, and its bytes */
#include "base/clock.h"
#include "base/memory.h"
#include "base/number.h"
#include "store/mh_driver.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>

#define TICK        (CLOCK_SECOND / 20)
#define SECOND_LOOK CLOCK_SECOND

uint32_t mh_number(const char *key)
{
    struct view v = view_of(key);
    uint64_t n;

    return number_take_u64(&v, MH_NUMBER_MAX, &n) ? (uint32_t)n : 0;
}

void mh_key(uint32_t number, const struct stat *st, struct str *out)
{
    str_setf(out, "%lu %llx.%llx.%lx.%llx", (unsigned long)number,
             (unsigned long long)st->st_ino, (unsigned long long)st->st_mtim.tv_sec,
             (unsigned long)st->st_mtim.tv_nsec, (unsigned long long)st->st_size);
}

void mh_message_path(const struct mailbox *b, const char *key, struct str *out)
{
    str_setf(out, "%s/%lu", b->path, (unsigned long)mh_number(key));
}

bool mh_is_same(const struct mailbox *b, const char *key)
{
    struct str path = STR_INIT(PATH_MAX), now = STR_INIT(100);
    struct stat st;

    mh_message_path(b, key, &path);
    bool same = stat(str_cstr(&path), &st) == 0;
    if (same) {
        mh_key(mh_number(key), &st, &now);
        same = view_eq(str_view(&now), view_of(key));
    }
    str_done(&path);
    str_done(&now);
    return same;
}

/* --- times --- */

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* False when the folder is not there; the sequences need not be. */
static bool times(const struct mailbox *b, struct timespec *folder,
                  struct timespec *sequences)
{
    struct str path = STR_INIT(PATH_MAX);
    struct stat st;
    bool ok = stat(b->path, &st) == 0;

    *folder = ok ? st.st_mtim : (struct timespec){0};
    str_setf(&path, "%s/.mh_sequences", b->path);
    *sequences = stat(str_cstr(&path), &st) == 0 ? st.st_mtim : (struct timespec){0};
    str_done(&path);
    return ok;
}

bool mh_is_settled(const struct mailbox *b)
{
    const struct mh_state *s = b->state;
    struct timespec folder, sequences;

    return s->is_known && times(b, &folder, &sequences) &&
           same_time(folder, s->folder_time) && same_time(sequences, s->sequences_time);
}

void mh_note_own(struct mailbox *b, bool was_settled)
{
    struct mh_state *s = b->state;

    if (was_settled)
        s->is_known = times(b, &s->folder_time, &s->sequences_time);
    s->is_sure = false;
}

static bool is_unchanged(struct mailbox *b)
{
    const struct mh_state *s = b->state;

    return mh_is_settled(b) && (s->is_sure || clock_mono() - s->scanned_at < SECOND_LOOK);
}

static bool is_old(struct timespec t, int64_t now)
{
    return now - ((int64_t)t.tv_sec * CLOCK_SECOND + t.tv_nsec / 1000) > TICK;
}

/* --- flags --- */

static const struct {
    struct view name;
    uint32_t flag;
    bool inverted;
} names[] = {{VIEW("unseen"), MAILBOX_SEEN, true},
             {VIEW("replied"), MAILBOX_ANSWERED, false},
             {VIEW("flagged"), MAILBOX_FLAGGED, false},
             {VIEW("deleted"), MAILBOX_DELETED, false},
             {VIEW("draft"), MAILBOX_DRAFT, false}};

uint32_t mh_flags(const struct mh_sequences *s, uint32_t number)
{
    uint32_t flags = 0;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (mh_sequence_has(s, names[i].name, number) != names[i].inverted)
            flags |= names[i].flag;
    return flags;
}

void mh_set_flags(const struct mailbox *b, struct mh_sequences *s, uint32_t number,
                  uint32_t flags, uint64_t keywords)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)mh_sequence_set(s, names[i].name, number,
                              ((flags & names[i].flag) != 0) != names[i].inverted);
    for (unsigned i = 0; i < b->n_keywords; i++)
        if (mh_is_sequence_name(view_of(b->keywords[i])))
            (void)mh_sequence_set(s, view_of(b->keywords[i]), number, keywords >> i & 1);
}

void mh_read_sequences(const struct mailbox *b, struct mh_sequences *s)
{
    struct str path = STR_INIT(PATH_MAX), text = STR_INIT(64 * 1024 * 1024);

    str_setf(&path, "%s/.mh_sequences", b->path);
    if (store_read_file(str_cstr(&path), &text))
        (void)!mh_sequences_parse(s, str_view(&text));
    str_done(&path);
    str_done(&text);
}

/* --- scanning --- */

struct folder_scan {
    struct mailbox *b;
    struct scan *s;
    struct mh_sequences sequences;
    struct str path, key;
};

static uint64_t keywords_of(const struct folder_scan *f, uint32_t number, uint64_t *known)
{
    uint64_t bits = 0;

    *known = 0;
    for (unsigned i = 0; i < f->b->n_keywords; i++) {
        struct view name = view_of(f->b->keywords[i]);
        if (!mh_is_sequence_name(name))
            continue;
        *known |= UINT64_C(1) << i;
        if (mh_sequence_has(&f->sequences, name, number))
            bits |= UINT64_C(1) << i;
    }
    return bits;
}

static struct view identity(struct view key)
{
    size_t blank = view_find(key, ' ');

    return blank == VIEW_NPOS ? key : view_from(key, blank + 1);
}

static void take_file(struct folder_scan *f, const char *name)
{
    static const uint64_t id_key[2] = {UINT64_C(0x6d68206d65737361), UINT64_C(0x6765)};
    uint64_t number;
    struct stat st;

    if (name[0] == '0' || !number_parse_u64(view_of(name), 1, MH_NUMBER_MAX, &number))
        return;
    str_setf(&f->path, "%s/%s", f->b->path, name);
    if (stat(str_cstr(&f->path), &st) < 0 || !S_ISREG(st.st_mode))
        return;
    mh_key((uint32_t)number, &st, &f->key);
    struct found *item = scan_add(f->s);
    item->key = memory_cstr(str_cstr(&f->key));
    item->identity = identity(view_of(item->key));
    item->flags = mh_flags(&f->sequences, (uint32_t)number);
    item->keywords = keywords_of(f, (uint32_t)number, &item->keywords_known);
    item->received = st.st_mtim.tv_sec;
    item->file_size = (uint64_t)st.st_size;
    item->email_id = hash_siphash(id_key, item->identity) | 1;
    item->order = number;
}

static enum store_result scan(struct mailbox *b, bool whole, struct scan *s,
                              struct error *e)
{
    struct mh_state *state = b->state;
    struct folder_scan f = {
        .b = b, .s = s, .path = STR_INIT(PATH_MAX), .key = STR_INIT(200)};
    struct timespec folder, sequences;
    int64_t now = clock_wall(), since = 0;
    bool there = times(b, &folder, &sequences);
    DIR *d = opendir(b->path);
    struct dirent *item;

    (void)whole; /* a scan is always whole: flags are in one file */
    if (!d)
        return store_failed(e, "cannot read %s", b->path);
    mh_read_sequences(b, &f.sequences);
    while ((item = readdir(d)) != NULL) {
        take_file(&f, item->d_name);
        store_breathe(&since);
    }
    closedir(d);
    mh_sequences_done(&f.sequences);
    str_done(&f.path);
    str_done(&f.key);
    state->folder_time = folder;
    state->sequences_time = sequences;
    state->is_known = there;
    state->is_sure = there && is_old(folder, now) && is_old(sequences, now);
    state->scanned_at = clock_mono();
    s->is_sure = state->is_sure;
    return STORE_OK;
}

static bool describe(struct mailbox *b, struct found *f)
{
    return mh_is_same(b, f->key);
}

static enum store_result read_bytes(struct mailbox *b, const struct mailbox_message *m,
                                    struct mailbox_bytes *out, struct error *e)
{
    struct str path = STR_INIT(PATH_MAX);
    enum store_result r = STORE_EXPUNGED;

    mh_message_path(b, m->key, &path);
    if (mh_is_same(b, m->key))
        r = store_read_message(str_cstr(&path), out, e);
    else
        error_set(e, "4.2.0", "message %s is gone", str_cstr(&path));
    str_done(&path);
    return r;
}

/* --- the driver --- */

static void *open_state(struct mailbox *b)
{
    (void)b;
    return NEW(struct mh_state);
}

static void close_state(struct mailbox *b)
{
    memory_free(b->state);
}

static void save(struct mailbox *b, struct str *out)
{
    const struct mh_state *s = b->state;

    str_clear(out);
    if (s->is_known && s->is_sure)
        str_setf(out, "%lld %ld %lld %ld", (long long)s->folder_time.tv_sec,
                 s->folder_time.tv_nsec, (long long)s->sequences_time.tv_sec,
                 s->sequences_time.tv_nsec);
}

static void restore(struct mailbox *b, struct view saved)
{
    struct mh_state *s = b->state;
    uint64_t n[4];
    struct view word;

    for (size_t i = 0; i < 4; i++)
        if (!view_token(&saved, VIEW(" "), &word) ||
            !number_parse_u64(word, 0, INT64_MAX, &n[i]))
            return;
    s->folder_time = (struct timespec){(time_t)n[0], (long)n[1]};
    s->sequences_time = (struct timespec){(time_t)n[2], (long)n[3]};
    s->is_known = s->is_sure = true;
    s->scanned_at = clock_mono();
}

static void keyword_added(struct mailbox *b, unsigned bit)
{
    (void)b;
    (void)bit; /* a sequence begins with its first message */
}

static void unpublish(struct mailbox *b, struct view key)
{
    (void)b;
    (void)key; /* files get their numbers late: what was linked stays */
}

static bool watched(struct mailbox *b, unsigned i, struct str *path)
{
    if (i > 0)
        return false;
    str_setf(path, "%s", b->path);
    return true;
}

const struct store_driver driver_mh = {
    .name = "mh",
    .moves_files = true,
    .expunges_whole = true,
    .prepare = mh_prepare,
    .list = mh_list,
    .accepts = mh_accepts,
    .path = mh_path,
    .exists = mh_exists,
    .parse_subscription = mh_parse_subscription,
    .create = mh_create,
    .remove = mh_remove,
    .rename = mh_rename,
    .usage = mh_usage,
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
    .flag = mh_flag,
    .expunge = mh_expunge,
    .create_part = mh_create_part,
    .link_part = mh_link_part,
    .name_part = mh_name_part,
    .publish = mh_publish,
    .unpublish = unpublish,
    .watched = watched,
};
