/* mbox_folders - the mbox files of an account: the spool file and a directory of others
 */
#include "base/memory.h"
#include "format/utf7.h"
#include "store/mbox_driver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum { DEPTH_MAX = 16 };

static bool is_inbox(struct view name)
{
    return view_eq(name, VIEW("INBOX"));
}

enum store_result mbox_prepare(struct account *a, struct error *e)
{
    if (!store_make_directories(a->place.root))
        return store_failed(e, "cannot make %s", a->place.root);
    return STORE_OK;
}

/* No hidden files, no lock files, nothing that leaves the directory. */
bool mbox_accepts(const struct account *a, struct view name)
{
    struct view level, rest = name;
    bool more = true;

    (void)a;
    while (more) {
        more = view_cut(rest, '/', &level, &rest);
        if (level.n == 0 || level.n > 200 || level.p[0] == '.' ||
            view_ends(level, VIEW(".lock")))
            return false;
    }
    return is_inbox(name) || !view_starts(name, VIEW("INBOX/"));
}

bool mbox_path(const struct account *a, struct view name, struct str *out)
{
    if (is_inbox(name) && a->place.inbox)
        return str_set(out, view_of(a->place.inbox));
    return str_setf(out, "%s/%.*s", a->place.root, VIEW_FMT(name));
}

bool mbox_exists(const struct account *a, struct view name)
{
    struct str path = STR_INIT(PATH_MAX);
    struct stat st;
    bool ok = is_inbox(name) || (mbox_path(a, name, &path) &&
                                 stat(str_cstr(&path), &st) == 0 && S_ISREG(st.st_mode));

    str_done(&path);
    return ok;
}

bool mbox_parse_subscription(const struct account *a, struct view line, struct str *out)
{
    struct str decoded = STR_INIT(1000);
    bool ok = line.n > 0 && line.n < 900 && utf7_decode(line, &decoded) &&
              account_name(a, str_view(&decoded), out);

    str_done(&decoded);
    return ok;
}

/* Empty files and those that begin like one are mbox files. */
static bool is_mbox(const char *path)
{
    char start[5];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t n = fd >= 0 ? read(fd, start, sizeof start) : -1;

    if (fd >= 0)
        close(fd);
    return n == 0 || (n == 5 && memcmp(start, "From ", 5) == 0);
}

typedef void list_fn(struct view name, bool no_inferiors, void *arg);

static void list_directory(struct account *a, struct str *path, size_t root, list_fn *fn,
                           void *arg, unsigned depth)
{
    DIR *d = opendir(str_cstr(path));
    size_t here = path->n;
    struct dirent *item;
    struct stat st;

    while (d && (item = readdir(d)) != NULL) {
        str_truncate(path, here);
        if (item->d_name[0] == '.' || !str_addf(path, "/%s", item->d_name))
            continue;
        struct view name = view_from(str_view(path), root + 1);
        if (!view_is_utf8(name) || view_eq_case(name, VIEW("INBOX")) ||
            !mbox_accepts(a, name) || lstat(str_cstr(path), &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
            list_directory(a, path, root, fn, arg, depth + 1);
        else if (S_ISREG(st.st_mode) && is_mbox(str_cstr(path)))
            fn(name, true, arg);
    }
    str_truncate(path, here);
    if (d)
        closedir(d);
}

enum store_result mbox_list(struct account *a, list_fn *fn, void *arg, struct error *e)
{
    struct str path = STR_INIT(PATH_MAX);

    (void)e;
    fn(VIEW("INBOX"), true, arg);
    str_set(&path, view_of(a->place.root));
    list_directory(a, &path, path.n, fn, arg, 0);
    str_done(&path);
    return STORE_OK;
}

/* The directories above PATH. */
static bool make_above(const struct str *path)
{
    struct str above = STR_INIT(PATH_MAX);
    size_t slash = view_rfind(str_view(path), '/');
    bool ok;

    str_add(&above, view_sub(str_view(path), 0, slash));
    ok = store_make_directories(str_cstr(&above));
    int err = errno;
    str_done(&above);
    errno = err;
    return ok;
}

enum store_result mbox_create(struct account *a, struct view name, struct error *e)
{
    struct str path = STR_INIT(PATH_MAX);
    enum store_result r = STORE_OK;
    int fd = -1;

    if (mbox_path(a, name, &path) && make_above(&path))
        fd = open(str_cstr(&path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        bool blocked = errno == ENOTDIR || errno == EEXIST || errno == EISDIR;
        r = store_failed(e, "cannot make %s", str_cstr(&path));
        r = blocked ? STORE_CANNOT : r;
    } else {
        close(fd);
        if (!store_sync(a->place.root))
            r = store_failed(e, "cannot make %s", str_cstr(&path));
    }
    str_done(&path);
    return r;
}

/* Directories that are empty now vanish with the last mailbox in them. */
static void remove_empty_above(const struct account *a, struct str *path)
{
    for (;;) {
        size_t slash = view_rfind(str_view(path), '/');
        if (slash == VIEW_NPOS || slash <= strlen(a->place.root))
            return;
        str_truncate(path, slash);
        if (rmdir(str_cstr(path)) < 0)
            return;
    }
}

enum store_result mbox_remove(struct account *a, struct view name, struct error *e)
{
    struct str path = STR_INIT(PATH_MAX);
    enum store_result r = STORE_OK;

    if (!mbox_path(a, name, &path) || unlink(str_cstr(&path)) < 0)
        r = store_failed(e, "cannot remove %s", str_cstr(&path));
    if (r == STORE_OK)
        remove_empty_above(a, &path);
    str_done(&path);
    return r;
}

enum store_result mbox_rename(struct account *a, struct view from, struct view to,
                              struct error *e)
{
    struct str old = STR_INIT(PATH_MAX), changed = STR_INIT(PATH_MAX);
    enum store_result r = STORE_OK;

    if (!mbox_path(a, from, &old) || !mbox_path(a, to, &changed) ||
        !make_above(&changed) || rename(str_cstr(&old), str_cstr(&changed)) < 0 ||
        !store_sync(a->place.root))
        r = store_failed(e, "cannot rename %s", str_cstr(&old));
    if (r == STORE_OK)
        remove_empty_above(a, &old);
    str_done(&old);
    str_done(&changed);
    return r;
}

/* Bytes of the files; messages of those that are open. */
struct usage {
    struct account *account;
    uint64_t bytes, messages;
};

static void count_file(struct view name, bool no_inferiors, void *arg)
{
    struct usage *u = arg;
    struct str path = STR_INIT(PATH_MAX);
    struct stat st;

    (void)no_inferiors;
    if (mbox_path(u->account, name, &path) && stat(str_cstr(&path), &st) == 0)
        u->bytes += (uint64_t)st.st_size;
    str_done(&path);
    struct folder_record *r = folder_file_get(&u->account->folders, name);
    if (r && r->id && u->account->index)
        u->messages += index_message_count(u->account->index, r->id);
}

enum store_result mbox_usage(struct account *a, uint64_t *bytes, uint64_t *messages,
                             struct error *e)
{
    struct usage u = {.account = a};
    struct index *ix;
    enum store_result r = account_index(a, &ix, e);

    if (r == STORE_OK)
        r = folder_file_read(&a->folders, e);
    if (r == STORE_OK)
        r = mbox_list(a, count_file, &u, e);
    *bytes = u.bytes;
    *messages = u.messages;
    return r;
}
