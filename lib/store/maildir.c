/* maildir - deliver a message into a directory of files */
#include "store/maildir.h"

#include "base/clock.h"
#include "store/maildir_private.h"
#include "store/maildirsize.h"
#include "store/store_error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* FNV-1a, 64 bits: the same in every process and for all time, since names depend on it.
 */
static uint64_t fingerprint(uint64_t h, struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        h = (h ^ (unsigned char)v.p[i]) * UINT64_C(0x100000001b3);
    return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

const char *maildir_name(char out[MAILDIR_NAME_MAX], struct view queue_id,
                         int64_t arrival, struct view recipient, struct view original,
                         struct view host)
{
    uint64_t h =
        fingerprint(fingerprint(UINT64_C(0xcbf29ce484222325), recipient), original);
    int n = snprintf(out, MAILDIR_NAME_MAX, "%" PRId64 ".M%06dQ%.*sR%016" PRIx64 ".%.*s",
                     arrival / CLOCK_SECOND, (int)(arrival % CLOCK_SECOND),
                     queue_id.n > 40 ? 40 : (int)queue_id.n, queue_id.p ? queue_id.p : "",
                     h, host.n > 100 ? 100 : (int)host.n, host.p ? host.p : "");

    for (int i = 0; i < n && i < MAILDIR_NAME_MAX - 1; i++)
        if (out[i] == '/' || out[i] == ':' || out[i] == ',' ||
            (unsigned char)out[i] <= ' ')
            out[i] = '_';
    return out;
}

/* Make every missing directory of PATH. */
static bool make_directories(const char *path)
{
    struct str s = STR_INIT(PATH_MAX);
    bool ok = str_add_cstr(&s, path);

    for (size_t i = 1; ok && i <= s.n; i++) {
        if (i < s.n && s.p[i] != '/')
            continue;
        char c = s.p[i];
        s.p[i] = '\0';
        ok = mkdir(s.p, 0700) == 0 || errno == EEXIST || (errno == EROFS && i < s.n);
        s.p[i] = c;
    }
    if (s.overflow)
        errno = ENAMETOOLONG;
    int err = errno;
    str_done(&s);
    errno = err;
    return ok;
}

/* tmp, new and cur below DIR. */
static bool make_parts(int dir)
{
    static const char *const parts[] = {"tmp", "new", "cur"};

    for (size_t i = 0; i < 3; i++)
        if (mkdirat(dir, parts[i], 0700) < 0 && errno != EEXIST)
            return false;
    return true;
}

/* The same, and the mark of a folder where M's path is that of one. */
static bool make_maildir(const struct maildir_delivery *m, int dir)
{
    bool is_folder = false;
    int root = maildirsize_root(dir, m->path, &is_folder);

    if (root >= 0)
        close(root);
    int fd = is_folder
                 ? openat(dir, "maildirfolder", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)
                 : -1;
    if (fd >= 0)
        close(fd);
    return (!is_folder || fd >= 0) && make_parts(dir);
}

/* The Maildir's own descriptor, made when it is not there; -1 with errno. */
static int open_directory(const char *path)
{
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    int dir = open(path, flags);

    if (dir >= 0 || errno != ENOENT || !make_directories(path))
        return dir;
    return open(path, flags);
}

/* A new file under tmp/; the name is that of no other attempt.  -1 with errno. */
static int create_temporary(const struct maildir_delivery *m, int dir, char *temporary,
                            size_t size)
{
    static _Atomic unsigned attempts;
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;

    snprintf(temporary, size, "tmp/%s.P%dN%u", m->name, (int)getpid(),
             atomic_fetch_add(&attempts, 1));
    int fd = openat(dir, temporary, flags, 0600);
    if (fd >= 0)
        return fd;
    if (errno == ENOENT && make_maildir(m, dir))
        return openat(dir, temporary, flags, 0600);
    if (errno == EEXIST && unlinkat(dir, temporary, 0) == 0) /* of an earlier life */
        return openat(dir, temporary, flags, 0600);
    return -1;
}

/* Headers and content, in one call when the content is in memory. */
static bool write_content(const struct maildir_delivery *m, int fd)
{
    struct iovec parts[2] = {
        {.iov_base = (void *)(uintptr_t)m->headers.p, .iov_len = m->headers.n},
        {.iov_base = (void *)(uintptr_t)m->content.memory.p,
         .iov_len = m->content.memory.n}};

    if (m->size_limit > 0 && m->headers.n + m->content.size > m->size_limit) {
        errno = EFBIG;
        return false;
    }
    if (!m->content.memory.p)
        return copy_write_all(fd, m->headers) && copy_source_send(&m->content, fd);
    ssize_t n = writev(fd, parts, 2);
    size_t done = n < 0 ? 0 : (size_t)n;
    if (n < 0 && errno != EINTR)
        return false;
    if (done < m->headers.n && !copy_write_all(fd, view_from(m->headers, done)))
        return false;
    done = done < m->headers.n ? 0 : done - m->headers.n;
    return copy_write_all(fd, view_from(m->content.memory, done));
}

/* Write the file; *NEEDS tells whether a checkpoint will have to make it durable. */
static enum result fill(struct maildir_delivery *m, int fd, const char *temporary,
                        struct error *e)
{
    struct stat st;

    if (!write_content(m, fd)) {
        store_error_errno(e, "5.3.0", "error writing message");
        return error_result(e);
    }
    m->needs_checkpoint = false;
    if (m->durable_later && fstat(fd, &st) == 0 && st.st_dev == m->checkpoint_device) {
        m->needs_checkpoint = true;
        return OK;
    }
    if (fdatasync(fd) == 0)
        return OK;
    store_error_errno(e, "4.3.0", "write %s", temporary);
    return error_result(e);
}

/* Bring the entries of PART to disk. */
static bool sync_part(int dir, const char *part)
{
    int fd = openat(dir, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return false;
    bool ok = fsync(fd) == 0;
    close(fd);
    return ok;
}

/* Name FROM also TO, unless TO exists: rename where the file system can, else link. */
static int move_without_replacing(int dir, const char *from, const char *to)
{
    if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (linkat(dir, from, dir, to, 0) < 0)
        return -1;
    unlinkat(dir, from, 0);
    return 0;
}

/* What an earlier life wrote may not be on disk yet. */
static enum result settle(struct maildir_delivery *m, int dir, struct error *e)
{
    m->needs_checkpoint = m->durable_later;
    if (m->durable_later || syncfs(dir) == 0)
        return OK;
    store_error_errno(e, "4.3.0", "write %s", m->path);
    return error_result(e);
}

/* The final name is taken: by this very message, by a torn copy of it, or by a stranger.
 */
static enum result resolve_clash(struct maildir_delivery *m, int dir,
                                 const char *temporary, const char *final,
                                 struct error *e)
{
    uint64_t want = m->headers.n + m->content.size;
    struct stat st;
    char other[MAILDIR_NAME_MAX + 64];

    if (fstatat(dir, final, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        (uint64_t)st.st_size == want) {
        unlinkat(dir, temporary, 0);
        m->was_there = true;
        return settle(m, dir, e);
    }
    if (m->maybe_repeated && renameat(dir, temporary, dir, final) == 0)
        return OK;
    snprintf(other, sizeof other, "new/%s", temporary + 4);
    if (move_without_replacing(dir, temporary, other) == 0)
        return OK;
    store_error_errno(e, "4.2.0", "create maildir file %s/%s", m->path, final);
    return error_result(e);
}

/* Move the finished file into new/. */
static enum result publish(struct maildir_delivery *m, int dir, const char *temporary,
                           struct error *e)
{
    char final[MAILDIR_NAME_MAX + 40];

    snprintf(final, sizeof final, "new/%s,S=%" PRIu64, m->name,
             m->headers.n + m->content.size);
    int failed = move_without_replacing(dir, temporary, final);
    if (failed < 0 && errno == ENOENT && make_parts(dir))
        failed = move_without_replacing(dir, temporary, final);
    if (failed < 0 && errno == EEXIST) {
        if (resolve_clash(m, dir, temporary, final, e) != OK)
            return error_result(e);
        failed = 0;
    }
    if (failed == 0 && (m->needs_checkpoint || sync_part(dir, "new")))
        return OK;
    store_error_errno(e, "4.2.0", "create maildir file %s/%s", m->path, final);
    return error_result(e);
}

/* Write and publish below the open Maildir DIR. */
static enum result write_below(struct maildir_delivery *m, int dir, struct error *e)
{
    char temporary[MAILDIR_NAME_MAX + 40];
    int fd = create_temporary(m, dir, temporary, sizeof temporary);

    if (fd < 0) {
        store_error_errno(e, "4.2.0", "create maildir file %s/%s", m->path, temporary);
        return error_result(e);
    }
    enum result result = fill(m, fd, temporary, e);
    close(fd);
    if (result == OK)
        result = publish(m, dir, temporary, e);
    if (result != OK)
        unlinkat(dir, temporary, 0);
    return result;
}

/* As write_below, within the quota where that is obeyed. */
static enum result deliver_below(struct maildir_delivery *m, int dir, struct error *e)
{
    uint64_t size = m->headers.n + m->content.size;

    if (!m->obeys_quota)
        return write_below(m, dir, e);
    int root = maildirsize_root(dir, m->path, NULL);
    if (root < 0) {
        store_error_errno(e, "4.2.0", "open maildir %s", m->path);
        return error_result(e);
    }
    enum result result = maildirsize_check(root, NULL, size, 1, e);
    if (result == OK)
        result = write_below(m, dir, e);
    if (result == OK && !m->was_there)
        maildirsize_add(root, (int64_t)size, 1);
    close(root);
    return result;
}

enum result maildir_deliver(struct maildir_delivery *m, struct error *e)
{
    int dir = open_directory(m->path);

    m->was_there = m->needs_checkpoint = false;
    if (dir < 0) {
        store_error_errno(e, "4.2.0", "create maildir file %s", m->path);
        return error_result(e);
    }
    enum result result = OK;
    if (m->maybe_repeated && maildir_find(dir, m))
        result = settle(m, dir, e);
    else
        result = deliver_below(m, dir, e);
    close(dir);
    return result;
}
