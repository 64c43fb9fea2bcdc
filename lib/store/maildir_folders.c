/* maildir_folders - the folders of a Maildir++
 *
 * The Maildir itself is INBOX; folder A/B is the directory ".A.B" in it, each level in
 * modified UTF-7.  Source: the description of Maildir++ (Courier), and what Dovecot does.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "format/utf7.h"
#include "run/thread.h"
#include "store/maildir_driver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

/* Directories on their way out. */
#define TRASH "..deleted."

/* "A/B" to ".A.B". */
static bool encode_name(struct view name, struct str *out)
{
    struct view level;
    bool more = true, ok = true;

    while (ok && more) {
        more = view_cut(name, '/', &level, &name);
        ok = !view_has(level, '.') && str_add_char(out, '.') && utf7_encode(level, out);
    }
    return ok;
}

/* ".A.B" to "A/B". */
static bool decode_name(struct view directory, struct str *out)
{
    struct view rest = view_from(directory, 1), level;
    bool more = true;

    str_clear(out);
    while (more) {
        more = view_cut(rest, '.', &level, &rest);
        if (level.n == 0 || (out->n > 0 && !str_add_char(out, '/')) ||
            !utf7_decode(level, out))
            return false;
    }
    return true;
}

bool maildir_accepts(const struct account *a, struct view name)
{
    struct str s = STR_INIT(NAME_MAX);
    bool ok = encode_name(name, &s);

    (void)a;
    str_done(&s);
    return ok;
}

bool maildir_path(const struct account *a, struct view name, struct str *out)
{
    str_set(out, view_of(a->place.root));
    if (view_eq(name, VIEW("INBOX")))
        return !out->overflow;
    return str_add_char(out, '/') && encode_name(name, out);
}

static bool is_maildir(const char *path)
{
    struct str cur = STR_INIT(PATH_MAX);
    struct stat st;

    str_setf(&cur, "%s/cur", path);
    bool ok = stat(str_cstr(&cur), &st) == 0 && S_ISDIR(st.st_mode);
    str_done(&cur);
    return ok;
}

bool maildir_exists(const struct account *a, struct view name)
{
    struct str path = STR_INIT(PATH_MAX);
    bool ok = view_eq(name, VIEW("INBOX")) || maildir_path(a, name, &path);

    ok = ok && (path.n == 0 || is_maildir(str_cstr(&path)));
    str_done(&path);
    return ok;
}

bool maildir_parse_subscription(const struct account *a, struct view line,
                                struct str *out)
{
    struct str decoded = STR_INIT(1000);
    bool ok = false;

    /* Courier writes "INBOX.A.B"; Dovecot "A.B", or levels with tabs between, in UTF-8 or
     * UTF-7. */
    if (view_starts(line, VIEW("INBOX.")))
        line = view_from(line, 6);
    for (size_t i = 0; i < line.n; i++)
        ok = ok || line.p[i] != '.';
    ok = ok && line.n < 900;
    struct str dotted = STR_INIT(1000);
    str_add_char(&dotted, '.');
    for (size_t i = 0; i < line.n; i++)
        str_add_char(&dotted, line.p[i] == '\t' || line.p[i] == '/' ? '.' : line.p[i]);
    ok = ok && decode_name(str_view(&dotted), &decoded);
    ok = ok && account_name(a, str_view(&decoded), out);
    str_done(&dotted);
    str_done(&decoded);
    return ok;
}

static bool make_parts(const char *path)
{
    static const char *const parts[] = {"cur", "new", "tmp"};
    struct str part = STR_INIT(PATH_MAX);
    bool ok = true;

    for (size_t i = 0; ok && i < 3; i++) {
        str_setf(&part, "%s/%s", path, parts[i]);
        ok = store_make_directories(str_cstr(&part));
    }
    int err = errno;
    str_done(&part);
    errno = err;
    return ok;
}

/* --- removing a directory --- */

static int remove_item(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_tree(void *arg)
{
    (void)nftw(arg, remove_item, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* What an earlier process renamed and did not live to remove. */
static void remove_trash(struct account *a)
{
    struct str path = STR_INIT(PATH_MAX);
    DIR *d = opendir(a->place.root);
    struct dirent *item;

    while (d && (item = readdir(d)) != NULL)
        if (view_starts(view_of(item->d_name), VIEW(TRASH))) {
            str_setf(&path, "%s/%s", a->place.root, item->d_name);
            thread_run(remove_tree, (void *)(uintptr_t)str_cstr(&path));
        }
    if (d)
        closedir(d);
    str_done(&path);
}

enum store_result maildir_prepare(struct account *a, struct error *e)
{
    if (!make_parts(a->place.root))
        return store_failed(e, "cannot make the Maildir %s", a->place.root);
    remove_trash(a);
    return STORE_OK;
}

enum store_result maildir_remove(struct account *a, struct view name, struct error *e)
{
    static unsigned counter;
    struct str path = STR_INIT(PATH_MAX), trash = STR_INIT(PATH_MAX);
    enum store_result r = STORE_OK;

    str_setf(&trash, "%s/" TRASH "%d.%u", a->place.root, (int)getpid(), counter++);
    if (!maildir_path(a, name, &path))
        r = store_refused(e, STORE_NONEXISTENT, "there is no such mailbox");
    else if (rename(str_cstr(&path), str_cstr(&trash)) < 0)
        r = store_failed(e, "cannot remove %s", str_cstr(&path));
    else if (!store_sync(a->place.root))
        r = store_failed(e, "cannot remove %s", str_cstr(&path));
    if (r == STORE_OK)
        thread_run(remove_tree, (void *)(uintptr_t)str_cstr(&trash));
    str_done(&path);
    str_done(&trash);
    return r;
}

/* --- the rest --- */

enum store_result maildir_list(struct account *a,
                               void (*fn)(struct view name, bool no_inferiors, void *arg),
                               void *arg, struct error *e)
{
    struct str name = STR_INIT(2000), path = STR_INIT(PATH_MAX);
    DIR *d = opendir(a->place.root);
    struct dirent *item;

    if (!d)
        return store_failed(e, "cannot read %s", a->place.root);
    fn(VIEW("INBOX"), false, arg);
    while ((item = readdir(d)) != NULL) {
        struct view file = view_of(item->d_name);
        if (file.n < 2 || file.p[0] != '.' || file.p[1] == '.' ||
            !decode_name(file, &name) || view_eq_case(str_view(&name), VIEW("INBOX")))
            continue;
        str_setf(&path, "%s/%s", a->place.root, item->d_name);
        if (is_maildir(str_cstr(&path)))
            fn(str_view(&name), false, arg);
    }
    closedir(d);
    str_done(&name);
    str_done(&path);
    return STORE_OK;
}

enum store_result maildir_create(struct account *a, struct view name, struct error *e)
{
    struct str path = STR_INIT(PATH_MAX);
    enum store_result r = STORE_OK;

    if (!maildir_path(a, name, &path))
        r = store_refused(e, STORE_CANNOT, "no mailbox can have this name");
    else if (!make_parts(str_cstr(&path)))
        r = store_failed(e, "cannot make %s", str_cstr(&path));
    str_add(&path, VIEW("/maildirfolder"));
    int fd =
        r == STORE_OK ? open(str_cstr(&path), O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd >= 0)
        close(fd);
    if (r == STORE_OK && (fd < 0 || !store_sync(a->place.root)))
        r = store_failed(e, "cannot make %s", str_cstr(&path));
    str_done(&path);
    return r;
}

enum store_result maildir_rename(struct account *a, struct view from, struct view to,
                                 struct error *e)
{
    struct str old = STR_INIT(PATH_MAX), changed = STR_INIT(PATH_MAX);
    enum store_result r = STORE_OK;

    if (!maildir_path(a, from, &old) || !maildir_path(a, to, &changed))
        r = store_refused(e, STORE_CANNOT, "no mailbox can have this name");
    else if (rename(str_cstr(&old), str_cstr(&changed)) < 0)
        r = store_failed(e, "cannot rename %s", str_cstr(&old));
    else if (!store_sync(a->place.root))
        r = store_failed(e, "cannot rename %s", str_cstr(&old));
    str_done(&old);
    str_done(&changed);
    return r;
}

/* --- usage --- */

struct usage {
    struct account *account;
    uint64_t bytes, messages;
    struct str path;
    int64_t since;
};

static void count_file(struct usage *u, size_t directory, const char *name)
{
    struct maildir_key k;
    struct stat st;

    if (!maildir_key_parse(view_of(name), &k))
        return;
    if (k.size == UINT64_MAX) {
        str_truncate(&u->path, directory);
        str_addf(&u->path, "/%s", name);
        k.size = stat(str_cstr(&u->path), &st) == 0 ? (uint64_t)st.st_size : 0;
    }
    u->bytes += k.size;
    u->messages++;
}

static void count_folder(struct view name, bool no_inferiors, void *arg)
{
    static const char *const parts[] = {"/new", "/cur"};
    struct usage *u = arg;
    struct dirent *item;

    (void)no_inferiors;
    for (size_t i = 0; i < 2; i++) {
        if (!maildir_path(u->account, name, &u->path))
            return;
        str_add_cstr(&u->path, parts[i]);
        size_t directory = u->path.n;
        DIR *d = opendir(str_cstr(&u->path));
        while (d && (item = readdir(d)) != NULL) {
            count_file(u, directory, item->d_name);
            store_breathe(&u->since);
        }
        if (d)
            closedir(d);
    }
}

enum store_result maildir_usage(struct account *a, uint64_t *bytes, uint64_t *messages,
                                struct error *e)
{
    struct usage u = {.account = a, .path = STR_INIT(PATH_MAX)};
    enum store_result r = maildir_list(a, count_folder, &u, e);

    str_done(&u.path);
    *bytes = u.bytes;
    *messages = u.messages;
    return r;
}
