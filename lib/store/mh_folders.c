/* mh_folders - the directories of an MH mailbox */
#include "run/thread.h"
#include "store/mh_driver.h"

#include <dirent.h>
#include <limits.h>
#include <unistd.h>

enum { DEPTH_MAX = 16 };

typedef void list_fn(struct view name, bool no_inferiors, void *arg);

static bool is_inbox(struct view name)
{
    return view_eq(name, VIEW("INBOX"));
}

bool mh_path(const struct account *a, struct view name, struct str *out)
{
    if (is_inbox(name) && a->place.inbox)
        return str_set(out, view_of(a->place.inbox));
    if (is_inbox(name))
        return str_setf(out, "%s/inbox", a->place.root);
    return str_setf(out, "%s/%.*s", a->place.root, VIEW_FMT(name));
}

/* No hidden files, and nothing that could be a message. */
bool mh_accepts(const struct account *a, struct view name)
{
    struct view level, rest = name;
    bool more = true;

    (void)a;
    while (more) {
        more = view_cut(rest, '/', &level, &rest);
        if (level.n == 0 || level.n > 200 || level.p[0] == '.' || level.p[0] == ',' ||
            view_is_number(level))
            return false;
    }
    return is_inbox(name) || !view_starts(name, VIEW("INBOX/"));
}

static bool is_directory(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool mh_exists(const struct account *a, struct view name)
{
    struct str path = STR_INIT(PATH_MAX);
    bool ok = mh_path(a, name, &path) && is_directory(str_cstr(&path));

    str_done(&path);
    return ok;
}

bool mh_parse_subscription(const struct account *a, struct view line, struct str *out)
{
    return account_name(a, line, out);
}

enum store_result mh_prepare(struct account *a, struct error *e)
{
    struct str path = STR_INIT(PATH_MAX);
    enum store_result r = STORE_OK;

    if (!mh_path(a, VIEW("INBOX"), &path) || !store_make_directories(a->place.root) ||
        !store_make_directories(str_cstr(&path)))
        r = store_failed(e, "cannot make %s", str_cstr(&path));
    str_done(&path);
    return r;
}

static void list_directory(struct account *a, struct str *path, size_t root, list_fn *fn,
                           void *arg, unsigned depth)
{
    DIR *d = opendir(str_cstr(path));
    size_t here = path->n;
    struct dirent *item;

    while (d && (item = readdir(d)) != NULL) {
        str_truncate(path, here);
        if (ascii_is_digit(item->d_name[0]) && view_is_number(view_of(item->d_name)))
            continue;
        if (!str_addf(path, "/%s", item->d_name))
            continue;
        struct view name = view_from(str_view(path), root + 1);
        if (item->d_name[0] == '.' || !view_is_utf8(name) ||
            view_eq_case(name, VIEW("INBOX")) || !mh_accepts(a, name) ||
            !is_directory(str_cstr(path)))
            continue;
        fn(name, false, arg);
        if (depth < DEPTH_MAX)
            list_directory(a, path, root, fn, arg, depth + 1);
    }
    str_truncate(path, here);
    if (d)
        closedir(d);
}

enum store_result mh_list(struct account *a, list_fn *fn, void *arg, struct error *e)
{
    struct str path = STR_INIT(PATH_MAX);

    (void)e;
    fn(VIEW("INBOX"), false, arg);
    str_set(&path, view_of(a->place.root));
    list_directory(a, &path, path.n, fn, arg, 0);
    str_done(&path);
    return STORE_OK;
}

/* What is above comes to be, too. */
enum store_result mh_create(struct account *a, struct view name, struct error *e)
{
    struct str path = STR_INIT(PATH_MAX);
    enum store_result r = STORE_OK;

    if (!mh_path(a, name, &path) || !store_make_directories(str_cstr(&path)) ||
        !store_sync(a->place.root))
        r = store_failed(e, "cannot make %s", str_cstr(&path));
    str_done(&path);
    return r;
}

/* --- removing: the messages go, folders below stay --- */

static bool is_ours(const char *name)
{
    return view_is_number(view_of(name)) || name[0] == ',' ||
           view_starts(view_of(name), VIEW(".mh_sequences")) ||
           view_starts(view_of(name), VIEW(".append."));
}

struct remove_job {
    const char *path;
    bool is_gap; /* there are folders below */
};

static void remove_files(void *arg)
{
    struct remove_job *j = arg;
    struct str path = STR_INIT(PATH_MAX);
    DIR *d = opendir(j->path);
    struct dirent *item;

    while (d && (item = readdir(d)) != NULL) {
        str_setf(&path, "%s/%s", j->path, item->d_name);
        if (is_ours(item->d_name))
            unlink(str_cstr(&path));
    }
    if (d)
        closedir(d);
    j->is_gap = rmdir(j->path) < 0;
    str_done(&path);
}

enum store_result mh_remove(struct account *a, struct view name, struct error *e)
{
    struct str path = STR_INIT(PATH_MAX);
    struct remove_job j = {0};

    if (!mh_path(a, name, &path)) {
        str_done(&path);
        return store_refused(e, STORE_CANNOT, "no mailbox can have this name");
    }
    j.path = str_cstr(&path);
    thread_run(remove_files, &j);
    str_done(&path);
    if (j.is_gap) /* a directory with folders, or with what is no mail, is still a folder
                   */
        return store_refused(e, STORE_CANNOT, "there are other things in the folder");
    return STORE_OK;
}

/* Those below move with the directory; asked for them again there is nothing to do. */
enum store_result mh_rename(struct account *a, struct view from, struct view to,
                            struct error *e)
{
    struct str old = STR_INIT(PATH_MAX), changed = STR_INIT(PATH_MAX),
               above = STR_INIT(PATH_MAX);
    enum store_result r = STORE_OK;
    bool ok = mh_path(a, from, &old) && mh_path(a, to, &changed);
    size_t slash = view_rfind(str_view(&changed), '/');

    str_add(&above, view_sub(str_view(&changed), 0, slash));
    ok = ok && store_make_directories(str_cstr(&above));
    bool done = ok && !is_directory(str_cstr(&old)) && is_directory(str_cstr(&changed));
    ok = ok && (done || (rename(str_cstr(&old), str_cstr(&changed)) == 0 &&
                         store_sync(a->place.root)));
    if (!ok)
        r = store_failed(e, "cannot rename %s", str_cstr(&old));
    str_done(&old);
    str_done(&changed);
    str_done(&above);
    return r;
}

/* --- usage --- */

struct usage {
    struct account *account;
    uint64_t bytes, messages;
    int64_t since;
};

static void count_folder(struct view name, bool no_inferiors, void *arg)
{
    struct usage *u = arg;
    struct str path = STR_INIT(PATH_MAX);
    struct dirent *item;
    struct stat st;

    (void)no_inferiors;
    (void)mh_path(u->account, name, &path);
    size_t folder = path.n;
    DIR *d = opendir(str_cstr(&path));
    while (d && (item = readdir(d)) != NULL) {
        str_truncate(&path, folder);
        str_addf(&path, "/%s", item->d_name);
        if (view_is_number(view_of(item->d_name)) && stat(str_cstr(&path), &st) == 0 &&
            S_ISREG(st.st_mode)) {
            u->bytes += (uint64_t)st.st_size;
            u->messages++;
        }
        store_breathe(&u->since);
    }
    if (d)
        closedir(d);
    str_done(&path);
}

enum store_result mh_usage(struct account *a, uint64_t *bytes, uint64_t *messages,
                           struct error *e)
{
    struct usage u = {.account = a};
    enum store_result r = mh_list(a, count_folder, &u, e);

    *bytes = u.bytes;
    *messages = u.messages;
    return r;
}
