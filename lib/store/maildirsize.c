/* maildirsize - how full a Maildir is; see maildirsize.h */
#include "store/maildirsize.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "store/store_error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LONGEST = 5120,   /* bytes of the file; a longer one is counted anew */
    FRESH = 15 * 60,  /* seconds in which a file is believed to say no */
    LINE_LONGEST = 64 /* of one change */
};

static const char file_name[] = "maildirsize";

/* --- the quota --- */

bool maildir_quota_parse(struct view text, struct maildir_quota *out)
{
    struct view word;
    bool is_quota = false;

    *out = (struct maildir_quota){0};
    while (view_token(&text, VIEW(", \t"), &word)) {
        uint64_t n;
        char kind = word.p[word.n - 1];

        if (!number_parse_u64(view_sub(word, 0, word.n - 1), 0, INT64_MAX, &n))
            continue;
        is_quota = true;
        if (kind == 'S')
            out->bytes = n;
        else if (kind == 'C')
            out->messages = n;
    }
    return is_quota;
}

static bool is_same(const struct maildir_quota *a, const struct maildir_quota *b)
{
    return a->bytes == b->bytes && a->messages == b->messages;
}

/* --- the file --- */

/* "  -1234 -1" */
static bool parse_change(struct view line, int64_t *bytes, int64_t *messages)
{
    static const struct view blanks = VIEW(" \t\r");
    struct view word;

    return view_token(&line, blanks, &word) &&
           number_parse_i64(word, INT64_MIN / LONGEST, INT64_MAX / LONGEST, bytes) &&
           view_token(&line, blanks, &word) &&
           number_parse_i64(word, INT64_MIN / LONGEST, INT64_MAX / LONGEST, messages) &&
           !view_token(&line, blanks, &word);
}

/* Add up all lines of TEXT; how many in *N.  The sums do not overflow: a text has fewer
 * than LONGEST lines. */
static bool add_up(struct view text, struct maildirsize *out, size_t *n)
{
    int64_t bytes = 0, messages = 0, b, m;
    struct view line;

    for (*n = 0; text.n > 0; ++*n) {
        if (!view_has(text, '\n')) /* a line that was not finished */
            return false;
        view_cut(text, '\n', &line, &text);
        if (!parse_change(line, &b, &m))
            return false;
        bytes += b;
        messages += m;
    }
    if (*n == 0 || bytes < 0 || messages < 0)
        return false;
    out->bytes = (uint64_t)bytes;
    out->messages = (uint64_t)messages;
    return true;
}

bool maildirsize_parse(struct view text, struct maildirsize *out, bool *is_whole,
                       bool *is_count)
{
    struct view first, rest;
    size_t n = 0;

    *out = (struct maildirsize){0};
    if (!view_cut(text, '\n', &first, &rest) || !maildir_quota_parse(first, &out->limit))
        return false;
    *is_whole = text.n <= LONGEST && add_up(rest, out, &n);
    if (is_count)
        *is_count = n == 1;
    return true;
}

/* One reading of the file. */
struct reading {
    struct maildirsize size;
    bool is_whole, is_count; /* as maildirsize_parse() says */
    time_t changed;
};

/* False: no file, or none with a quota. */
static bool read_file(int root, struct reading *r)
{
    struct stat st;
    int fd = openat(root, file_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return false;
    char *text = memory_alloc(LONGEST + 1);
    ssize_t n = -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        r->changed = st.st_mtime;
        n = read(fd, text, LONGEST + 1);
    }
    close(fd);
    bool ok = n > 0 && maildirsize_parse((struct view){text, (size_t)n}, &r->size,
                                         &r->is_whole, &r->is_count);
    memory_free(text);
    return ok;
}

bool maildirsize_read(int root, struct maildirsize *out)
{
    struct reading r;

    if (!read_file(root, &r))
        return false;
    *out = r.size;
    return r.is_whole || maildirsize_count(root, &r.size.limit, out);
}

void maildirsize_add(int root, int64_t bytes, int64_t messages)
{
    char line[LINE_LONGEST];
    int fd = openat(root, file_name,
                    O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return;
    int n = snprintf(line, sizeof line, "%" PRId64 " %" PRId64 "\n", bytes, messages);
    if (write(fd, line, (size_t)n) !=
        n) /* a full disk: half a line, then a fresh count */
        unlinkat(root, file_name, 0);
    close(fd);
}

/* --- counting --- */

/* The size that a name states ("...,S=1234:2,FS"). */
static bool size_in_name(struct view name, uint64_t *size)
{
    size_t at = view_find_view(name, VIEW(",S="));

    if (at == VIEW_NPOS)
        return false;
    struct view rest = view_from(name, at + 3);
    return number_take_u64(&rest, INT64_MAX, size);
}

/* Was the message NAME thrown away? */
static bool is_trashed(struct view name)
{
    size_t at = view_find_view(name, VIEW(":2,"));

    return at != VIEW_NPOS && view_has(view_from(name, at + 3), 'T');
}

/* Open the directory NAME below DIR; NULL with errno. */
static DIR *open_below(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (!d && fd >= 0)
        close(fd);
    return d;
}

/* Add what lies in PART of the Maildir DIR.  One that is not there has nothing. */
static bool count_part(int dir, const char *part, struct maildirsize *sum)
{
    DIR *d = open_below(dir, part);
    struct dirent *entry;
    struct stat st;
    uint64_t size;

    if (!d)
        return errno == ENOENT;
    while ((entry = readdir(d)) != NULL) {
        struct view name = view_of(entry->d_name);
        if (name.p[0] == '.' || is_trashed(name))
            continue;
        if (!size_in_name(name, &size)) {
            if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                continue; /* it went meanwhile */
            size = (uint64_t)st.st_size;
        }
        sum->bytes += size;
        sum->messages++;
    }
    closedir(d);
    return true;
}

static bool count_maildir(int dir, struct maildirsize *sum)
{
    return count_part(dir, "new", sum) && count_part(dir, "cur", sum);
}

static bool is_counted_folder(const char *name)
{
    return name[0] == '.' && name[1] != '\0' && strcmp(name, "..") != 0 &&
           strcmp(name, ".Trash") != 0;
}

/* The root and all folders but the one for what was thrown away. */
static bool count_all(int root, struct maildirsize *sum)
{
    DIR *d = open_below(root, ".");
    struct dirent *entry;
    bool ok = d && count_maildir(root, sum);

    while (ok && (entry = readdir(d)) != NULL) {
        if (!is_counted_folder(entry->d_name))
            continue;
        int fd =
            openat(root, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            continue; /* a file of some program */
        ok = count_maildir(fd, sum);
        close(fd);
    }
    if (d)
        closedir(d);
    return ok;
}

/* Put a file with SIZE in the place of what is there. */
static bool write_file(int root, const struct maildirsize *size)
{
    static _Atomic unsigned attempts;
    char name[64], text[3 * LINE_LONGEST];
    int n = snprintf(
        text, sizeof text, "%" PRIu64 "S,%" PRIu64 "C\n%" PRIu64 " %" PRIu64 "\n",
        size->limit.bytes, size->limit.messages, size->bytes, size->messages);

    snprintf(name, sizeof name, "tmp/%" PRId64 ".P%dN%u.maildirsize", clock_wall(),
             (int)getpid(), atomic_fetch_add(&attempts, 1));
    int fd = openat(root, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool ok = write(fd, text, (size_t)n) == n;
    close(fd);
    if (ok && renameat(root, name, root, file_name) == 0)
        return true;
    int err = errno;
    unlinkat(root, name, 0);
    errno = err;
    return false;
}

bool maildirsize_count(int root, const struct maildir_quota *limit,
                       struct maildirsize *out)
{
    *out = (struct maildirsize){.limit = *limit};
    if (!count_all(root, out))
        return false;
    if (!write_file(root, out)) /* the next one counts again */
        log_debug("cannot write %s: errno %d", file_name, errno);
    return true;
}

/* --- room --- */

static bool fits(const struct maildirsize *s, uint64_t bytes, uint64_t messages)
{
    return (s->limit.bytes == 0 || s->bytes + bytes <= s->limit.bytes) &&
           (s->limit.messages == 0 || s->messages + messages <= s->limit.messages);
}

/* May a no be based on R? */
static bool is_fresh(const struct reading *r)
{
    return r->is_count && clock_wall() / CLOCK_SECOND - r->changed < FRESH;
}

enum result maildirsize_check(int root, const struct maildir_quota *limit, uint64_t bytes,
                              uint64_t messages, struct error *e)
{
    struct reading r = {0};

    if (!read_file(root, &r) && !limit)
        return OK;
    if (limit && !is_same(limit, &r.size.limit)) {
        r.size.limit = *limit;
        r.is_whole = false;
    }
    struct maildir_quota kept = r.size.limit;
    if (kept.bytes == 0 && kept.messages == 0)
        return OK;
    bool is_believed = r.is_whole && (fits(&r.size, bytes, messages) || is_fresh(&r));
    if (!is_believed && !maildirsize_count(root, &kept, &r.size)) {
        store_error_errno(e, "4.2.0", "count the mailbox");
        return error_result(e);
    }
    if (fits(&r.size, bytes, messages))
        return OK;
    error_set(e, "5.2.2",
              "the mailbox is full: its quota is %" PRIu64 "S,%" PRIu64 "C, and %" PRIu64
              " bytes in %" PRIu64 " messages are there",
              kept.bytes, kept.messages, r.size.bytes, r.size.messages);
    return PERMFAIL;
}

/* --- folders --- */

/* Does the last name of PATH begin with a dot, as those of folders do? */
static bool has_folder_name(const char *path)
{
    struct view v = view_of(path), head, last;

    while (v.n > 0 && v.p[v.n - 1] == '/')
        v.n--;
    if (!view_rcut(v, '/', &head, &last))
        last = v;
    return last.n > 1 && last.p[0] == '.' && !view_eq(last, VIEW(".."));
}

int maildirsize_root(int dir, const char *path, bool *is_folder)
{
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    int up = has_folder_name(path) ? openat(dir, "..", flags) : -1;
    bool is_in_maildir = up >= 0 && faccessat(up, "cur", F_OK, 0) == 0 &&
                         faccessat(up, "new", F_OK, 0) == 0;

    if (is_folder)
        *is_folder = is_in_maildir;
    if (is_in_maildir)
        return up;
    if (up >= 0)
        close(up);
    return openat(dir, ".", flags);
}
