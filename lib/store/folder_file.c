/* folder_file - what of an account's mailboxes neither mail files nor the index can keep
 */
#include "store/folder_file.h"

#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#define FOLDER_FILE_MAX ((size_t)64 * 1024 * 1024)
/* How long another process may hold the lock. */
#define LOCK_WAIT (20 * CLOCK_SECOND)

void folder_file_init(struct folder_file *f, const char *path)
{
    *f = (struct folder_file){.path = memory_cstr(path), .lock_fd = -1};
    f->records = hash_new();
    store_lock_init(&f->lock);
}

static void free_items(struct folder_item **list)
{
    while (*list) {
        struct folder_item *i = *list;
        *list = i->next;
        memory_free(i->name);
        str_done(&i->value);
        memory_free(i);
    }
}

static void free_record(void *p)
{
    struct folder_record *r = p;

    free_items(&r->acl);
    free_items(&r->entries);
    memory_free(r->name);
    memory_free(r);
}

static void forget(struct folder_file *f)
{
    hash_free(f->records, free_record);
    f->records = hash_new();
    memory_free(f->rename_from);
    memory_free(f->rename_to);
    f->rename_from = f->rename_to = NULL;
    f->last_validity = 0;
    f->stamp = (struct stat){0};
}

void folder_file_done(struct folder_file *f)
{
    forget(f);
    hash_free(f->records, NULL);
    memory_free(f->path);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

enum store_result folder_file_read(struct folder_file *f, struct error *e)
{
    struct stat st;
    struct str text = STR_INIT(FOLDER_FILE_MAX);

    if (stat(f->path, &st) < 0) {
        if (errno != ENOENT)
            return store_failed(e, "cannot read %s", f->path);
        forget(f);
        f->is_new = true;
        return STORE_OK;
    }
    f->is_new = false;
    if (is_same(&st, &f->stamp))
        return STORE_OK;
    if (!store_read_file(f->path, &text)) {
        str_done(&text);
        return store_failed(e, "cannot read %s", f->path);
    }
    forget(f);
    bool ok = folder_file_parse(f, str_view(&text));
    str_done(&text);
    if (!ok)
        return store_refused(e, STORE_FAILED, "%s is not what it should be", f->path);
    f->stamp = st;
    return STORE_OK;
}

struct folder_record *folder_file_get(const struct folder_file *f, struct view name)
{
    return hash_get(f->records, name);
}

struct folder_record *folder_file_by_id(const struct folder_file *f, uint64_t id)
{
    size_t at = 0;
    struct view name;
    void *value;

    while (id && hash_next(f->records, &at, &name, &value))
        if (((struct folder_record *)value)->id == id)
            return value;
    return NULL;
}

/* The lock file's descriptor, locked; -1 with errno. */
static int take_file_lock(const char *path)
{
    struct str name = STR_INIT(PATH_MAX);
    int64_t deadline = clock_in(LOCK_WAIT);

    str_setf(&name, "%s.lock", path);
    int fd = open(str_cstr(&name), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    str_done(&name);
    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int err = errno;
        if ((err == EWOULDBLOCK || err == EINTR) && clock_mono() < deadline) {
            store_pause(2000);
            continue;
        }
        close(fd);
        errno = err;
        return -1;
    }
    return fd;
}

enum store_result folder_file_begin(struct folder_file *f, struct error *e)
{
    store_lock_take(&f->lock);
    f->lock_fd = take_file_lock(f->path);
    if (f->lock_fd < 0) {
        enum store_result r = errno == EWOULDBLOCK ? STORE_INUSE : STORE_FAILED;
        (void)store_failed(e, "cannot lock %s", f->path);
        store_lock_give(&f->lock);
        return r;
    }
    enum store_result r = folder_file_read(f, e);
    if (r != STORE_OK)
        folder_file_cancel(f);
    return r;
}

static void unlock(struct folder_file *f)
{
    if (f->lock_fd >= 0)
        close(f->lock_fd);
    f->lock_fd = -1;
    store_lock_give(&f->lock);
}

void folder_file_cancel(struct folder_file *f)
{
    f->stamp = (struct stat){0};
    unlock(f);
}

enum store_result folder_file_commit(struct folder_file *f, struct error *e)
{
    struct str text = STR_INIT(FOLDER_FILE_MAX);
    enum store_result r;

    folder_file_format(f, &text);
    if (text.overflow)
        r = store_refused(e, STORE_LIMIT, "%s would be too large", f->path);
    else
        r = store_write_file(f->path, str_view(&text), e);
    if (r != STORE_OK || stat(f->path, &f->stamp) < 0)
        f->stamp = (struct stat){0};
    f->is_new = false;
    str_done(&text);
    unlock(f);
    return r;
}

struct folder_record *folder_file_make(struct folder_file *f, struct view name)
{
    struct folder_record *r = folder_file_get(f, name);

    if (r)
        return r;
    r = NEW(struct folder_record);
    r->name = memory_alloc(name.n + 1);
    memcpy(r->name, name.p, name.n);
    hash_put(f->records, name, r);
    return r;
}

void folder_file_remove(struct folder_file *f, struct view name)
{
    struct folder_record *r = hash_remove(f->records, name);

    if (r)
        free_record(r);
}

void folder_file_rename(struct folder_file *f, struct folder_record *r, struct view name)
{
    (void)hash_remove(f->records, view_of(r->name));
    folder_file_remove(f, name);
    memory_free(r->name);
    r->name = memory_alloc(name.n + 1);
    memcpy(r->name, name.p, name.n);
    hash_put(f->records, name, r);
}

void folder_file_new_mailbox(struct folder_file *f, struct folder_record *r)
{
    int64_t now = clock_wall() / CLOCK_SECOND;

    do
        while (getrandom(&r->id, sizeof r->id, 0) != sizeof r->id)
            ;
    while (r->id == 0);
    if (now > f->last_validity && now < UINT32_MAX)
        f->last_validity = (uint32_t)now;
    else
        f->last_validity++;
    r->uidvalidity = f->last_validity;
    r->ceiling = 1;
    r->boot[0] = '\0';
}

struct folder_item *folder_item_get(struct folder_item *list, struct view name)
{
    for (; list; list = list->next)
        if (view_eq(view_of(list->name), name))
            return list;
    return NULL;
}

void folder_item_set(struct folder_item **list, struct view name, struct view value)
{
    while (*list && !view_eq(view_of((*list)->name), name))
        list = &(*list)->next;
    struct folder_item *i = *list;
    if (!value.p && i) {
        *list = i->next;
        i->next = NULL;
        free_items(&i);
    } else if (value.p && !i) {
        i = *list = NEW(struct folder_item);
        i->name = memory_alloc(name.n + 1);
        memcpy(i->name, name.p, name.n);
        str_init(&i->value, FOLDER_FILE_MAX);
    }
    if (value.p)
        str_set(&i->value, value);
}
