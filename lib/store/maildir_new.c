/* maildir_new - new files: written under tmp/, linked or moved from another folder */
#include "base/clock.h"
#include "base/memory.h"
#include "run/thread.h"
#include "store/maildir_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void maildir_unique(const struct mailbox *b, uint64_t email_id, struct str *out)
{
    static unsigned counter;
    int64_t now = clock_wall();

    str_addf(out, "%lld.M%06lldP%dQ%u", (long long)(now / CLOCK_SECOND),
             (long long)(now % CLOCK_SECOND), (int)getpid(), counter++);
    if (email_id)
        str_addf(out, "E%016" PRIx64, email_id);
    str_add_char(out, '.');
    for (const char *p = b->account->place.host; *p; p++)
        str_add_char(out, *p == '/' || *p == ':' || *p == ',' || *p <= ' ' ? '_' : *p);
}

enum store_result maildir_create_part(struct mailbox *b, struct part *p, struct error *e)
{
    struct str path = STR_INIT(PATH_MAX);
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    enum store_result r = STORE_OK;

    str_setf(&path, "%s/tmp/", b->path);
    maildir_unique(b, 0, &path);
    p->fd = open(str_cstr(&path), flags, 0600);
    if (p->fd < 0 && errno == ENOENT) {
        struct str dir = STR_INIT(PATH_MAX);
        str_setf(&dir, "%s/tmp", b->path);
        if (store_make_directories(str_cstr(&dir)))
            p->fd = open(str_cstr(&path), flags, 0600);
        str_done(&dir);
    }
    if (p->fd < 0)
        r = store_failed(e, "cannot create %s", str_cstr(&path));
    else
        p->temporary = memory_cstr(str_cstr(&path));
    str_done(&path);
    return r;
}

/* Rights of files outweigh speed: a link only within one account, whose files all have
 * one owner. */
enum store_result maildir_link_part(struct mailbox *from, const struct mailbox_message *m,
                                    struct mailbox *b, struct part *p, bool move,
                                    struct error *e)
{
    struct str path = STR_INIT(PATH_MAX);
    struct stat st;
    enum store_result r = STORE_OK;

    if (from->account != b->account)
        return STORE_CANNOT;
    maildir_message_path(from, m->key, &path);
    if (stat(str_cstr(&path), &st) < 0)
        r = errno == ENOENT ? STORE_EXPUNGED
                            : store_failed(e, "cannot read %s", str_cstr(&path));
    p->moves = move;
    if (r == STORE_OK)
        p->source = memory_cstr(str_cstr(&path));
    str_done(&path);
    return r;
}

void maildir_name_part(struct mailbox *b, struct part *p)
{
    struct str key = STR_INIT(2048);
    const char *slash = p->source ? strrchr(p->source, '/') : NULL;
    struct maildir_key old = {.flags = VIEW_NONE};

    if (slash && !maildir_key_parse(view_of(slash + 1), &old))
        old = (struct maildir_key){.flags = VIEW_NONE};
    str_set(&key, VIEW("cur/"));
    if (p->moves && old.base.n > 0 && !mailbox_by_identity(b, old.base)) {
        str_add(&key, old.base);
    } else {
        maildir_unique(b, p->m.email_id, &key);
        str_addf(&key, ",S=%" PRIu64, p->m.file_size);
        if (p->m.size != MAILBOX_SIZE_UNKNOWN)
            str_addf(&key, ",W=%" PRIu64, p->m.size);
    }
    maildir_flags_format(p->m.flags, maildir_letters_of(b, p->m.keywords), old.flags,
                         &key);
    memory_free(p->m.key);
    p->m.key = memory_cstr(str_cstr(&key));
    struct maildir_key made;
    if (p->m.email_id == 0 && maildir_key_parse(view_from(str_view(&key), 4), &made))
        p->m.email_id = made.email_id;
    str_done(&key);
}

struct publication {
    const char *directory; /* of the folder */
    struct part *parts;
    size_t n, done;
    int err;
};

static const char *origin(const struct part *p)
{
    return p->source ? p->source : p->temporary;
}

static bool bring_to_disk(struct part *p)
{
    struct timespec times[2] = {{.tv_sec = (time_t)p->m.received},
                                {.tv_sec = (time_t)p->m.received}};

    return p->fd < 0 || (futimens(p->fd, times) == 0 && fdatasync(p->fd) == 0);
}

static bool give_name(const struct part *p, const char *path)
{
    if (p->source && !p->moves)
        return link(p->source, path) == 0;
    return maildir_rename_file(origin(p), path) == 0;
}

static void take_name_back(const struct part *p, const char *path)
{
    if (p->source && !p->moves)
        unlink(path);
    else
        (void)!rename(path, origin(p));
}

static bool sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    int err = errno;

    if (fd >= 0)
        close(fd);
    errno = err;
    return ok;
}

/* In a worker thread. */
static void publish(void *arg)
{
    struct publication *j = arg;
    struct str path = STR_INIT(PATH_MAX);
    bool ok = true;

    for (size_t i = 0; ok && i < j->n; i++)
        ok = bring_to_disk(&j->parts[i]);
    for (; ok && j->done < j->n; j->done++) {
        str_setf(&path, "%s/%s", j->directory, j->parts[j->done].m.key);
        ok = give_name(&j->parts[j->done], str_cstr(&path));
        if (!ok)
            break;
    }
    str_setf(&path, "%s/cur", j->directory);
    ok = ok && sync_directory(str_cstr(&path));
    j->err = ok ? 0 : errno;
    while (!ok && j->done > 0) {
        j->done--;
        str_setf(&path, "%s/%s", j->directory, j->parts[j->done].m.key);
        take_name_back(&j->parts[j->done], str_cstr(&path));
    }
    str_done(&path);
}

enum store_result maildir_publish(struct mailbox *b, struct part *parts, size_t n,
                                  struct error *e)
{
    struct publication j = {.directory = b->path, .parts = parts, .n = n};
    bool settled = maildir_is_settled(b);

    thread_run(publish, &j);
    maildir_note_own(b, settled);
    errno = j.err;
    if (j.err)
        return store_failed(e, "cannot put messages into %s", b->path);
    for (size_t i = 0; i < n; i++) {
        memory_free(parts[i].temporary); /* it has another name now */
        parts[i].temporary = NULL;
    }
    return STORE_OK;
}

void maildir_unpublish(struct mailbox *b, struct view key)
{
    struct str path = STR_INIT(PATH_MAX);

    if (view_starts(key, VIEW("cur/")) && !view_has(view_from(key, 4), '/')) {
        str_setf(&path, "%s/%.*s", b->path, VIEW_FMT(key));
        unlink(str_cstr(&path));
    }
    str_done(&path);
}
