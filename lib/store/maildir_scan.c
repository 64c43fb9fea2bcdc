/* maildir_scan - what is in the directories of a Maildir */
#include "base/clock.h"
#include "base/memory.h"
#include "base/number.h"
#include "store/maildir_driver.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>

/* A change in the same tick of the file system's clock does not move a time again. */
#define TICK   (CLOCK_SECOND / 20)
#define COARSE (2 * CLOCK_SECOND) /* file systems with whole seconds */
/* When unsure, look again after this. */
#define SECOND_LOOK CLOCK_SECOND

void maildir_message_path(const struct mailbox *b, const char *key, struct str *out)
{
    str_setf(out, "%s/%s", b->path, key);
}

/* --- times --- */

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool time_of(const struct mailbox *b, const char *name, struct timespec *out)
{
    struct str path = STR_INIT(PATH_MAX);
    struct stat st;

    str_setf(&path, "%s/%s", b->path, name);
    bool ok = stat(str_cstr(&path), &st) == 0;
    str_done(&path);
    *out = ok ? st.st_mtim : (struct timespec){0};
    return ok;
}

bool maildir_times(const struct mailbox *b, struct timespec *new_time,
                   struct timespec *cur_time)
{
    bool has_new = time_of(b, "new", new_time);

    return time_of(b, "cur", cur_time) && has_new;
}

bool maildir_is_settled(const struct mailbox *b)
{
    const struct maildir_state *s = b->state;
    struct timespec new_time, cur_time;

    return s->is_known && maildir_times(b, &new_time, &cur_time) &&
           same_time(new_time, s->new_time) && same_time(cur_time, s->cur_time);
}

void maildir_note_own(struct mailbox *b, bool was_settled)
{
    struct maildir_state *s = b->state;

    if (was_settled && !maildir_times(b, &s->new_time, &s->cur_time))
        s->is_known = false;
    s->is_sure = false;
}

static bool has_settled(struct timespec t, int64_t now)
{
    int64_t at = (int64_t)t.tv_sec * CLOCK_SECOND + t.tv_nsec / 1000;

    return now - at > (t.tv_nsec % 1000000 == 0 ? COARSE : TICK);
}

bool maildir_is_unchanged(struct mailbox *b)
{
    const struct maildir_state *s = b->state;
    struct timespec letters = {0};

    if (!maildir_is_settled(b))
        return false;
    if (time_of(b, "dovecot-keywords", &letters) && !same_time(letters, s->letters_time))
        return false;
    return s->is_sure || clock_mono() - s->scanned_at < SECOND_LOOK;
}

/* --- scanning --- */

static void take_name(struct mailbox *b, struct scan *s, const char *part,
                      struct view name)
{
    struct maildir_key k;

    if (!maildir_key_parse(name, &k))
        return;
    struct found *f = scan_add(s);
    f->key = memory_alloc(4 + name.n + 1);
    memcpy(f->key, part, 4);
    memcpy(f->key + 4, name.p, name.n);
    f->identity = (struct view){f->key + 4, k.base.n};
    f->flags = maildir_flags_parse(k.flags);
    f->keywords = maildir_keywords_of(b, k.flags);
    f->keywords_known = maildir_keywords_known(b);
    f->file_size = k.size;
    f->size = k.crlf;
    f->order = k.order;
    f->email_id = k.email_id;
}

/* The names in PART, which is "new/" or "cur/". */
static enum store_result scan_part(struct mailbox *b, const char *part, struct scan *s,
                                   struct error *e)
{
    struct str path = STR_INIT(PATH_MAX);
    int64_t since = 0;

    str_setf(&path, "%s/%s", b->path, part);
    DIR *d = opendir(str_cstr(&path));
    if (!d && errno == ENOENT && store_make_directories(str_cstr(&path)))
        d = opendir(str_cstr(&path));
    if (!d) {
        enum store_result r = store_failed(e, "cannot read %s", str_cstr(&path));
        str_done(&path);
        return r;
    }
    errno = 0;
    for (struct dirent *item; (item = readdir(d)) != NULL; errno = 0) {
        take_name(b, s, part, view_of(item->d_name));
        if (s->n % 512 == 0)
            store_breathe(&since);
    }
    enum store_result r =
        errno ? store_failed(e, "cannot read %s", str_cstr(&path)) : STORE_OK;
    closedir(d);
    str_done(&path);
    return r;
}

/* UIDs that Dovecot or Courier gave. */
static void import_uids(struct mailbox *b, struct scan *s)
{
    struct hash *uids = maildir_import(b, &s->uidvalidity, &s->uidnext);

    if (!uids)
        return;
    for (size_t i = 0; i < s->n; i++) {
        struct view name, info;
        (void)view_cut(s->items[i].identity, ',', &name, &info);
        void *uid = hash_get(uids, s->items[i].identity);
        if (!uid)
            uid = hash_get(uids, name);
        s->items[i].uid = (uint32_t)(uintptr_t)uid;
    }
    hash_free(uids, NULL);
}

enum store_result maildir_scan(struct mailbox *b, bool whole, struct scan *s,
                               struct error *e)
{
    struct maildir_state *state = b->state;
    struct timespec new_time, cur_time;
    int64_t now = clock_wall();
    bool there = maildir_times(b, &new_time, &cur_time);
    bool all = whole || !there || !state->is_known || !state->is_sure;
    bool new_changed = all || !same_time(new_time, state->new_time);
    bool cur_changed = all || !same_time(cur_time, state->cur_time);
    enum store_result r = STORE_OK;

    maildir_letters_read(b);
    if (!new_changed &&
        !cur_changed) /* only the letters: the names mean something else */
        new_changed = cur_changed = true;
    s->part = new_changed && cur_changed ? NULL : new_changed ? "new/" : "cur/";
    state->is_known = false;
    if (new_changed)
        r = scan_part(b, "new/", s, e);
    if (r == STORE_OK && cur_changed)
        r = scan_part(b, "cur/", s, e);
    if (r != STORE_OK)
        return r;
    if (b->is_new)
        import_uids(b, s);
    state->new_time = new_time;
    state->cur_time = cur_time;
    state->is_known = there;
    state->is_sure = there && has_settled(new_time, now) && has_settled(cur_time, now);
    state->scanned_at = clock_mono();
    s->is_sure = state->is_sure;
    return STORE_OK;
}

bool maildir_describe(struct mailbox *b, struct found *f)
{
    struct str path = STR_INIT(PATH_MAX);
    struct stat st;

    maildir_message_path(b, f->key, &path);
    bool ok = stat(str_cstr(&path), &st) == 0 && S_ISREG(st.st_mode);
    str_done(&path);
    if (!ok)
        return false;
    f->received = st.st_mtim.tv_sec;
    f->file_size = (uint64_t)st.st_size;
    /* A name that lies about one size is not believed about the other. */
    struct maildir_key k;
    if (!maildir_key_parse(view_of(f->key + 4), &k) || k.size != f->file_size ||
        k.crlf < k.size || k.crlf > 2 * k.size)
        f->size = MAILBOX_SIZE_UNKNOWN;
    return true;
}

enum store_result maildir_read(struct mailbox *b, const struct mailbox_message *m,
                               struct mailbox_bytes *out, struct error *e)
{
    struct str path = STR_INIT(PATH_MAX);

    maildir_message_path(b, m->key, &path);
    enum store_result r = store_read_message(str_cstr(&path), out, e);
    str_done(&path);
    return r;
}

/* --- the driver --- */

static void *open_state(struct mailbox *b)
{
    (void)b;
    return NEW(struct maildir_state);
}

static void close_state(struct mailbox *b)
{
    maildir_letters_forget(b->state);
    memory_free(b->state);
}

/* Only what is sure: another process cannot know how far we had looked. */
static void save(struct mailbox *b, struct str *out)
{
    const struct maildir_state *s = b->state;

    str_clear(out);
    if (s->is_known && s->is_sure)
        str_setf(out, "%lld %ld %lld %ld %lld %ld", (long long)s->new_time.tv_sec,
                 s->new_time.tv_nsec, (long long)s->cur_time.tv_sec, s->cur_time.tv_nsec,
                 (long long)s->letters_time.tv_sec, s->letters_time.tv_nsec);
}

static void restore(struct mailbox *b, struct view saved)
{
    struct maildir_state *s = b->state;
    uint64_t n[6];
    struct view word;

    maildir_letters_read(b);
    for (size_t i = 0; i < 6; i++)
        if (!view_token(&saved, VIEW(" "), &word) ||
            !number_parse_u64(word, 0, INT64_MAX, &n[i]))
            return;
    s->new_time = (struct timespec){(time_t)n[0], (long)n[1]};
    s->cur_time = (struct timespec){(time_t)n[2], (long)n[3]};
    struct timespec letters = {(time_t)n[4], (long)n[5]};
    s->is_known = s->is_sure = same_time(letters, s->letters_time);
    s->scanned_at = clock_mono();
}

static bool watched(struct mailbox *b, unsigned i, struct str *path)
{
    if (i > 1)
        return false;
    str_setf(path, "%s/%s", b->path, i == 0 ? "new" : "cur");
    return true;
}

const struct store_driver driver_maildir = {
    .name = "maildir",
    .moves_files = true,
    .prepare = maildir_prepare,
    .list = maildir_list,
    .accepts = maildir_accepts,
    .path = maildir_path,
    .exists = maildir_exists,
    .parse_subscription = maildir_parse_subscription,
    .create = maildir_create,
    .remove = maildir_remove,
    .rename = maildir_rename,
    .usage = maildir_usage,
    .open = open_state,
    .close = close_state,
    .is_unchanged = maildir_is_unchanged,
    .scan = maildir_scan,
    .save = save,
    .restore = restore,
    .identity = maildir_key_base,
    .part_ways = maildir_part_ways,
    .describe = maildir_describe,
    .read = maildir_read,
    .keyword_added = maildir_keyword_added,
    .flag = maildir_flag,
    .expunge = maildir_expunge,
    .create_part = maildir_create_part,
    .link_part = maildir_link_part,
    .name_part = maildir_name_part,
    .publish = maildir_publish,
    .unpublish = maildir_unpublish,
    .watched = watched,
};
