/* mbox_rewrite - replace the end of an mbox file so that kill -9 loses nothing */
#include "store/mbox_rewrite.h"

#include "base/memory.h"
#include "store/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC      UINT64_C(0x31786f626d676c64) /* "dlgmbox1" */
#define TAIL_LIMIT (UINT64_C(1) << 40)

/* In front of the new bytes. */
struct journal_head {
    uint64_t magic, inode, device;
    uint64_t at;                 /* where the change begins */
    uint64_t old_size, new_size; /* of the file */
    uint64_t old_sum;            /* of the bytes from AT to OLD_SIZE */
    uint64_t rest_sum; /* of those from NEW_SIZE to OLD_SIZE, when it gets shorter */
    uint64_t new_sum;  /* of the new bytes */
    uint64_t head_sum; /* of all above */
};

unsigned mbox_rewrite_die_at;

/* A place where a test lets the process end. */
static void step(void)
{
    static unsigned steps;

    if (mbox_rewrite_die_at && ++steps == mbox_rewrite_die_at)
        raise(SIGKILL);
}

static uint64_t sum(uint64_t h, struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        h = (h ^ (unsigned char)v.p[i]) * UINT64_C(0x100000001b3);
    return h;
}
#define SUM_START UINT64_C(0xcbf29ce484222325)

/* The sum of the bytes FROM to TO of FD; false with errno when they are not all there. */
static bool sum_of(int fd, uint64_t from, uint64_t to, uint64_t *out)
{
    char *buf = memory_alloc(COPY_PIECE);
    bool ok = true;

    *out = SUM_START;
    while (ok && from < to) {
        size_t want = to - from < COPY_PIECE ? (size_t)(to - from) : COPY_PIECE;
        ssize_t n = pread(fd, buf, want, (off_t)from);
        if (n < 0 && errno == EINTR)
            continue;
        ok = n > 0;
        if (n == 0)
            errno = EIO;
        if (ok) {
            *out = sum(*out, (struct view){buf, (size_t)n});
            from += (uint64_t)n;
        }
    }
    memory_free(buf);
    return ok;
}

static struct view head_bytes(const struct journal_head *h, bool with_sum)
{
    return (struct view){(const char *)h,
                         with_sum ? sizeof *h : offsetof(struct journal_head, head_sum)};
}

static bool write_at(int fd, uint64_t at, struct view v)
{
    while (v.n > 0) {
        size_t part = v.n < COPY_PIECE ? v.n : COPY_PIECE;
        ssize_t n = pwrite(fd, v.p, part, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        step();
        at += (uint64_t)n;
        v = view_from(v, (size_t)n);
    }
    return true;
}

/* The journal, flushed with its directory. */
static bool write_journal(const char *path, const struct journal_head *h,
                          struct view tail)
{
    struct str temporary = STR_INIT(PATH_MAX);

    str_setf(&temporary, "%s.new", path);
    int fd = open(str_cstr(&temporary),
                  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = fd >= 0 && copy_write_all(fd, head_bytes(h, true)) &&
              copy_write_all(fd, tail) && fsync(fd) == 0;
    step();
    ok = ok && rename(str_cstr(&temporary), path) == 0;
    if (fd >= 0)
        close(fd);
    size_t slash = view_rfind(str_view(&temporary), '/');
    if (ok && slash != VIEW_NPOS) {
        str_truncate(&temporary, slash);
        int dir = open(str_cstr(&temporary), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ok = dir >= 0 && fsync(dir) == 0;
        if (dir >= 0)
            close(dir);
    }
    step();
    str_done(&temporary);
    return ok;
}

/* Longer files first get their size, so that what others append later lies behind;
 * shorter ones last. */
static bool carry_out(int fd, const struct journal_head *h, struct view tail)
{
    if (h->new_size > h->old_size && ftruncate(fd, (off_t)h->new_size) < 0)
        return false;
    step();
    if (!write_at(fd, h->at, tail) ||
        (h->new_size < h->old_size && ftruncate(fd, (off_t)h->new_size) < 0))
        return false;
    step();
    return fsync(fd) == 0;
}

bool mbox_replace_end(int fd, const char *journal, uint64_t at, struct view tail)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return false;
    struct journal_head h = {
        .magic = MAGIC,
        .inode = st.st_ino,
        .device = st.st_dev,
        .at = at,
        .old_size = (uint64_t)st.st_size,
        .new_size = at + tail.n,
        .new_sum = sum(SUM_START, tail),
    };
    if (!sum_of(fd, at, h.old_size, &h.old_sum) ||
        !sum_of(fd, h.new_size < h.old_size ? h.new_size : h.old_size, h.old_size,
                &h.rest_sum))
        return false;
    h.head_sum = sum(SUM_START, head_bytes(&h, false));
    /* Where there is no room the file must not be touched. */
    if (h.new_size > h.old_size &&
        fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)h.old_size,
                  (off_t)(h.new_size - h.old_size)) < 0 &&
        (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
        return false;
    if (!write_journal(journal, &h, tail))
        return false;
    /* What was begun is finished by the next who locks the file; what was not is dropped
     * then. */
    if (!carry_out(fd, &h, tail))
        return false;
    unlink(journal);
    step();
    return true;
}

/* Append the bytes of FD from FROM to SIZE to OUT. */
static bool read_rest(int fd, uint64_t from, uint64_t size, struct str *out)
{
    while (from < size) {
        char *p = str_reserve(out, COPY_PIECE);
        ssize_t n = p ? pread(fd, p, COPY_PIECE, (off_t)from) : -1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        out->n += (size_t)n;
        from += (uint64_t)n;
    }
    return true;
}

/* Was a file that is to get longer begun?  Then what is behind its old end is the front
 * of the new bytes, and zeros; what another program appended looks otherwise. */
static bool was_extended(int fd, const struct journal_head *h, struct view tail,
                         uint64_t size)
{
    struct str have = STR_INIT(SIZE_MAX / 2);
    struct view want = view_from(tail, (size_t)(h->old_size - h->at));
    bool ok = size >= h->new_size && read_rest(fd, h->old_size, h->new_size, &have);
    size_t i = 0;

    while (ok && i < want.n && have.p[i] == want.p[i])
        i++;
    while (ok && i < want.n && have.p[i] == '\0')
        i++;
    str_done(&have);
    return ok && i == want.n;
}

/* Is the file as it was before the change that H tells? */
static bool is_untouched(int fd, const struct journal_head *h, struct view tail,
                         uint64_t size)
{
    uint64_t now;

    if (h->new_size > h->old_size)
        return !was_extended(fd, h, tail, size);
    return size >= h->old_size && sum_of(fd, h->at, h->old_size, &now) &&
           now == h->old_sum;
}

/* Carry out what H tells, on a file that was left in the middle. */
static bool finish(int fd, const char *journal, const struct journal_head *h,
                   struct str *tail, uint64_t size)
{
    uint64_t rest;

    /* What others appended lies behind the old size, unless the file was cut already. */
    if (h->new_size < h->old_size && size >= h->old_size) {
        if (!sum_of(fd, h->new_size, h->old_size, &rest))
            return false;
        if (rest == h->rest_sum)
            return read_rest(fd, h->old_size, size, tail) &&
                   mbox_replace_end(fd, journal, h->at, str_view(tail));
    }
    return write_at(fd, h->at, str_view(tail)) && fsync(fd) == 0;
}

/* Head and bytes of a journal; false when it is not whole. */
static bool read_journal(const char *path, struct journal_head *h, struct str *tail)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool ok = fd >= 0 && read(fd, h, sizeof *h) == (ssize_t)sizeof *h;

    ok = ok && h->magic == MAGIC && h->head_sum == sum(SUM_START, head_bytes(h, false)) &&
         h->new_size >= h->at && h->new_size - h->at <= TAIL_LIMIT;
    while (ok && tail->n < h->new_size - h->at) {
        char *p = str_reserve(tail, COPY_PIECE);
        ssize_t n = p ? read(fd, p, COPY_PIECE) : -1;
        ok = n > 0;
        tail->n += ok ? (size_t)n : 0;
    }
    if (fd >= 0)
        close(fd);
    return ok && tail->n == h->new_size - h->at &&
           h->new_sum == sum(SUM_START, str_view(tail));
}

bool mbox_recover(int fd, const char *journal)
{
    struct journal_head h;
    struct stat st;
    struct str tail = STR_INIT(SIZE_MAX / 2);
    bool ok = true;

    if (access(journal, F_OK) < 0)
        return true;
    if (read_journal(journal, &h, &tail) && fstat(fd, &st) == 0 && st.st_ino == h.inode &&
        st.st_dev == h.device &&
        !is_untouched(fd, &h, str_view(&tail), (uint64_t)st.st_size))
        ok = finish(fd, journal, &h, &tail, (uint64_t)st.st_size);
    str_done(&tail);
    if (ok)
        unlink(journal);
    return ok;
}
