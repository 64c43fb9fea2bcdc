/* mbox - append a message to a file of messages */
#include "store/mbox.h"

#include "base/clock.h"
#include "base/memory.h"
#include "format/date.h"
#include "store/store_error.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Is the symbolic link at PATH root's own, where nobody else can put one? */
static bool is_trusted_link(const char *path)
{
    struct stat link, parent;
    struct view v = view_of(path);
    size_t slash = view_rfind(v, '/');
    bool trusted = false;

    if (slash == VIEW_NPOS || lstat(path, &link) < 0 || !S_ISLNK(link.st_mode))
        return false;
    struct str dir = STR_INIT(v.n + 2);
    str_setf(&dir, "%.*s/.", (int)slash, path);
    if (stat(str_cstr(&dir), &parent) == 0)
        trusted = link.st_uid == 0 && parent.st_uid == 0 && (parent.st_mode & 022) == 0;
    str_done(&dir);
    return trusted;
}

/* Open or create PATH; *CREATED tells which.  -1 with errno. */
static int open_or_create(const char *path, bool *created)
{
    int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

    *created = false;
    for (int i = 0; i < 10; i++) {
        int fd = open(path, flags | O_NOFOLLOW);
        if (fd < 0 && errno == ELOOP && is_trusted_link(path))
            fd = open(path, flags);
        if (fd >= 0 || errno != ENOENT)
            return fd;
        fd = open(path, flags | O_CREAT | O_EXCL, 0600);
        *created = fd >= 0;
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

/* May mail go into the file that FD is?  Fills in what is known of it. */
static bool accept_file(struct mbox *m, bool created, struct error *e)
{
    const struct mbox_place *at = m->place;
    struct stat st;

    if (created && at->give_away && fchown(m->fd, at->give_uid, at->give_gid) < 0) {
        store_error_errno(e, "4.2.0", "cannot change file ownership: %s", at->path);
        unlink(at->path);
        return false;
    }
    if (fstat(m->fd, &st) < 0) {
        store_error_errno(e, at->status, "cannot open %s", at->path);
        return false;
    }
    m->is_regular = S_ISREG(st.st_mode);
    m->owner = st.st_uid;
    m->mode = st.st_mode;
    if (!m->is_regular && !S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode)) {
        error_set(e, at->status, "destination %s is not a regular file", at->path);
        return false;
    }
    if (m->is_regular && st.st_nlink != 1) {
        error_set(e, at->status, "file has %lu hard links", (unsigned long)st.st_nlink);
        return false;
    }
    return true;
}

enum result mbox_open(struct mbox *m, const struct mbox_place *place, struct error *e)
{
    struct stat st;
    bool created;

    *m = (struct mbox){.place = place, .fd = -1};
    bool is_special = stat(place->path, &st) == 0 && !S_ISREG(st.st_mode);
    if (place->lock->use_dotlock && !is_special &&
        lock_dot_take(place->lock, place->path, &m->has_dotlock, e) != OK)
        return TEMPFAIL;
    m->fd = open_or_create(place->path, &created);
    if (m->fd < 0) {
        store_error_errno(e, place->status, "cannot open %s", place->path);
        mbox_close(m);
        return error_result(e);
    }
    if (!accept_file(m, created, e) ||
        (m->is_regular && lock_file_take(place->lock, m->fd, e) != OK)) {
        mbox_close(m);
        return error_result(e);
    }
    return OK;
}

void mbox_close(struct mbox *m)
{
    if (m->fd >= 0)
        close(m->fd);
    if (m->has_dotlock)
        lock_dot_give(m->place->path);
    m->fd = -1;
    m->has_dotlock = false;
}

bool mbox_from_line(struct view sender, int64_t when, struct str *out)
{
    time_t seconds = (time_t)(when / CLOCK_SECOND);
    char date[DATE_MAX];
    struct tm local;

    localtime_r(&seconds, &local);
    return str_addf(out, "From %.*s %s\n", VIEW_FMT(sender),
                    date_format_mbox(date, &local));
}

/* Send what OUT holds when it is more than KEEP bytes. */
static bool drain(int fd, struct str *out, size_t keep)
{
    if (out->overflow) {
        errno = EMSGSIZE;
        return false;
    }
    if (out->n <= keep)
        return true;
    bool ok = copy_write_all(fd, str_view(out));
    str_clear(out);
    return ok;
}

/* From_ line, headers, content, empty line.  BUF has COPY_PIECE bytes. */
static bool write_message(int fd, const struct mbox_message *msg, char *buf,
                          struct str *out)
{
    struct copy_filter filter;
    uint64_t offset = 0;

    copy_filter_init(&filter, VIEW("\n"));
    filter.quote_from = true;
    filter.blank_end = true;
    mbox_from_line(msg->sender, msg->when, out);
    str_add(out, msg->headers);
    for (;;) {
        ptrdiff_t n = copy_source_read(&msg->content, offset, buf, COPY_PIECE);
        if (n < 0)
            return false;
        if (n == 0)
            break;
        offset += (uint64_t)n;
        if (!copy_filter_add(&filter, (struct view){buf, (size_t)n}, out)) {
            errno = EMSGSIZE;
            return false;
        }
        if (!drain(fd, out, COPY_PIECE))
            return false;
    }
    return copy_filter_end(&filter, out) && drain(fd, out, 0);
}

/* Would the file pass its limit? */
static bool is_over_limit(const struct mbox_message *msg, off_t size)
{
    return msg->size_limit > 0 &&
           (uint64_t)size + msg->headers.n + msg->content.size > msg->size_limit;
}

/* Write to a file that is locked, from its end at SIZE on. */
static enum result append_at(struct mbox *m, const struct mbox_message *msg, off_t size,
                             struct error *e)
{
    struct str out = STR_INIT(4 * COPY_PIECE + msg->headers.n + 8192);
    char *buf = memory_alloc(COPY_PIECE);
    bool ok = false;

    if (is_over_limit(msg, size))
        errno = EFBIG;
    else
        ok =
            write_message(m->fd, msg, buf, &out) && (!m->is_regular || fsync(m->fd) == 0);
    if (!ok) {
        store_error_errno(e, "5.3.0", "error writing message");
        if (m->is_regular && ftruncate(m->fd, size) == 0)
            fsync(m->fd);
    }
    memory_free(buf);
    str_done(&out);
    return ok ? OK : error_result(e);
}

enum result mbox_append(struct mbox *m, const struct mbox_message *msg, struct error *e)
{
    struct stat st;

    /* Opened without waiting for a device that never gets ready; written with waiting. */
    int flags = fcntl(m->fd, F_GETFL);
    if (fstat(m->fd, &st) < 0 || flags < 0 ||
        fcntl(m->fd, F_SETFL, flags & ~O_NONBLOCK) < 0) {
        store_error_errno(e, "4.3.0", "cannot use %s", m->place->path);
        return error_result(e);
    }
    return append_at(m, msg, m->is_regular ? st.st_size : 0, e);
}
