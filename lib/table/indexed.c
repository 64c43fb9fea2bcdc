/* indexed - write indexed tables (postmap, postalias, newaliases)
 *
 * A new file is made under a temporary name in the same directory, filled, flushed, given
 * the owner and the permissions of the text, and renamed.
 */
#include "table/indexed.h"

#include "base/log.h"
#include "base/memory.h"
#include "conf/lines.h"
#include "table/berkeley.h"
#include "table/index_writer.h"
#include "table/table_private.h"
#include "table/text_source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <unistd.h>

static const struct {
    const char *type;
    const struct index_format *format;
} formats[] = {
    {"hash", &index_format_db}, {"btree", &index_format_db},  {"dbm", &index_format_db},
    {"sdbm", &index_format_db}, {"lmdb", &index_format_lmdb}, {"cdb", &index_format_cdb},
};

/* An index being made. */
struct job {
    const struct index_format *format;
    const char *text_path;
    unsigned flags;
    bool aliases;
    struct str index_path; /* where the index will be */
    struct str temporary;
    struct stat owner; /* of the text, or of the old index: owner and permissions */
    struct str text;
    int lock_fd;
    void *writer;
    indexed_value_fn *value_fn; /* NULL: values are stored as they are */
    void *value_arg;
    struct arena *arena;
    struct error *e;
    bool failed;
};

static const struct index_format *find_format(struct view type)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (view_eq(type, view_of(formats[i].type)))
            return formats[i].format;
    return NULL;
}

bool indexed_is_type(struct view type)
{
    return find_format(type) != NULL;
}

/* Set the job's paths; a symbolic link in the index's place is followed. */
static void set_paths(struct job *j)
{
    char *real;

    str_addf(&j->index_path, "%s%s", j->text_path, j->format->suffix);
    real = realpath(str_cstr(&j->index_path), NULL);
    if (real) {
        str_set(&j->index_path, view_of(real));
        free(real);
    }
}

/* Read the entries' text and note its owner. */
static bool read_text(struct job *j)
{
    int fd = STDIN_FILENO;
    bool ok;

    if ((j->flags & INDEXED_FROM_STDIN) == 0) {
        fd = open(j->text_path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &j->owner) != 0) {
            error_set_errno(j->e, "4.3.0", "open %s", j->text_path);
            if (fd >= 0)
                close(fd);
            return false;
        }
    }
    ok = lines_read_fd(fd, &j->text, j->e);
    if (fd != STDIN_FILENO)
        close(fd);
    return ok;
}

/* Keep others who change the same index out: lock the file that is there now. */
static bool lock_index(struct job *j)
{
    struct stat opened, named;

    for (int i = 0; i < 100; i++) {
        int fd = open(str_cstr(&j->index_path), O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
            return true;
        if (fd < 0 || flock(fd, LOCK_EX) != 0 || fstat(fd, &opened) != 0) {
            error_set_errno(j->e, "4.3.0", "lock %s", str_cstr(&j->index_path));
            if (fd >= 0)
                close(fd);
            return false;
        }
        if (stat(str_cstr(&j->index_path), &named) == 0 &&
            named.st_ino == opened.st_ino && named.st_dev == opened.st_dev) {
            j->lock_fd = fd;
            if (j->owner.st_ino == 0)
                j->owner = opened;
            return true;
        }
        close(fd); /* somebody has renamed a new one over it */
    }
    error_set(j->e, "4.3.0", "lock %s: it changes all the time",
              str_cstr(&j->index_path));
    return false;
}

/* Copy the old index into the temporary file TO. */
static bool copy_old(struct job *j, int to)
{
    struct str content = STR_INIT(SIZE_MAX / 4);
    bool ok = true;

    if (j->lock_fd < 0)
        return true;
    if (berkeley_is_file(str_cstr(&j->index_path))) {
        error_set(j->e, "4.3.5",
                  "%s is a Berkeley DB file: make the whole index new first",
                  str_cstr(&j->index_path));
        return false;
    }
    ok = lines_read_fd(j->lock_fd, &content, j->e);
    for (size_t at = 0; ok && at < content.n;) {
        ssize_t n = write(to, content.p + at, content.n - at);
        ok = n > 0 || (n < 0 && errno == EINTR);
        if (!ok)
            error_set_errno(j->e, "4.3.0", "write %s", str_cstr(&j->temporary));
        at += n > 0 ? (size_t)n : 0;
    }
    str_done(&content);
    return ok;
}

static mode_t wanted_mode(const struct job *j)
{
    if (j->owner.st_ino != 0 && (j->flags & INDEXED_OWN_MODE) == 0)
        return 0600 | (j->owner.st_mode & 0044);
    return 0644;
}

/* Make the temporary file with its owner and permissions. */
static bool make_temporary(struct job *j)
{
    int fd;
    bool ok;

    str_addf(&j->temporary, "%s.XXXXXX", str_cstr(&j->index_path));
    fd = mkostemp(j->temporary.p, O_CLOEXEC);
    if (fd < 0) {
        error_set_errno(j->e, "4.3.0", "create %s", str_cstr(&j->index_path));
        str_clear(&j->temporary);
        return false;
    }
    ok = copy_old(j, fd);
    if (ok && fchmod(fd, wanted_mode(j)) != 0) {
        error_set_errno(j->e, "4.3.0", "chmod %s", str_cstr(&j->temporary));
        ok = false;
    }
    if (ok && geteuid() == 0 && j->owner.st_ino != 0 &&
        fchown(fd, j->owner.st_uid, j->owner.st_gid) != 0)
        log_warning("%s: cannot give it the owner of %s: %s", str_cstr(&j->temporary),
                    j->text_path, strerror(errno));
    close(fd);
    return ok;
}

/* KEY as it is stored. */
static struct view stored(struct job *j, struct view v, bool is_key)
{
    if (is_key && (j->flags & INDEXED_KEEP_CASE) == 0)
        v = arena_lower(j->arena, v);
    else if (j->flags & INDEXED_WITH_NUL)
        v = arena_dup(j->arena, v);
    if (j->flags & INDEXED_WITH_NUL)
        v.n++; /* arena's copies have one behind them */
    return v;
}

static bool put_entry(struct view key, struct view value, unsigned line, void *arg)
{
    struct job *j = arg;
    bool replace = (j->flags & INDEXED_REPLACE) != 0;
    enum index_put result;

    if ((j->flags & INDEXED_UTF8) && (!view_is_utf8(key) || !view_is_utf8(value))) {
        log_warning("%s, line %u: non-UTF-8 input \"%.*s\" -- ignoring this line",
                    j->text_path, line, VIEW_FMT(key));
        return true;
    }
    arena_reset(j->arena);
    if (j->value_fn && !j->value_fn(&value, j->arena, j->e, j->value_arg)) {
        log_warning("%s, line %u: %s: skipping this entry", j->text_path, line,
                    j->e->text);
        error_clear(j->e);
        return true;
    }
    key = stored(j, key, true);
    result = j->format->put(j->writer, key, stored(j, value, false), replace, j->e);
    if (result == INDEX_EXISTS && (j->flags & INDEXED_QUIET) == 0)
        log_warning("%s: duplicate entry: \"%.*s\" (%s, line %u)",
                    str_cstr(&j->index_path), VIEW_FMT(key), j->text_path, line);
    if (result != INDEX_FAILED)
        return true;
    if (j->e->status[0] == '5') { /* this entry only */
        log_warning("%s, line %u: %s: ignoring this line", j->text_path, line,
                    j->e->text);
        error_clear(j->e);
        return true;
    }
    j->failed = true;
    return false;
}

/* Flush, rename. */
static bool finish(struct job *j)
{
    bool ok = j->format->finish(j->writer, j->e);

    j->writer = NULL;
    if (ok && rename(str_cstr(&j->temporary), str_cstr(&j->index_path)) != 0) {
        error_set_errno(j->e, "4.3.0", "rename to %s", str_cstr(&j->index_path));
        ok = false;
    }
    if (ok)
        str_clear(&j->temporary);
    return ok;
}

static void clean_up(struct job *j)
{
    if (j->writer)
        j->format->abandon(j->writer);
    if (j->temporary.n > 0)
        (void)unlink(str_cstr(&j->temporary));
    if (j->lock_fd >= 0)
        close(j->lock_fd);
    str_done(&j->temporary);
    str_done(&j->index_path);
    str_done(&j->text);
    arena_free(j->arena);
}

/* Open the writer, on a copy of the old index when INCREMENTAL. */
static bool begin(struct job *j, bool incremental)
{
    struct stat old = {.st_size = 0};

    if (incremental && !j->format->is_incremental) {
        error_set(j->e, "4.3.5", "tables of this type cannot be changed, only made new");
        return false;
    }
    if (incremental && !lock_index(j))
        return false;
    if (!make_temporary(j))
        return false;
    (void)stat(str_cstr(&j->temporary), &old);
    j->writer = j->format->begin(str_cstr(&j->temporary),
                                 (uint64_t)old.st_size + j->text.n, j->e);
    if (j->writer == NULL)
        error_prefix(j->e, "%s: ", str_cstr(&j->index_path));
    return j->writer != NULL;
}

/* What root gives up while it writes for the owner of the text. */
struct identity {
    uid_t uid;
    gid_t gid;
    bool changed;
};

static bool become_owner(struct job *j, struct identity *kept)
{
    kept->uid = geteuid();
    kept->gid = getegid();
    kept->changed = kept->uid == 0 && j->owner.st_ino != 0 && j->owner.st_uid != 0 &&
                    (j->flags & INDEXED_STAY_ROOT) == 0;
    if (!kept->changed)
        return true;
    if (setegid(j->owner.st_gid) == 0 && seteuid(j->owner.st_uid) == 0)
        return true;
    error_set_errno(j->e, "4.3.0", "become the owner of %s", j->text_path);
    return false;
}

static void become_root_again(const struct identity *kept)
{
    if (kept->changed && (seteuid(kept->uid) != 0 || setegid(kept->gid) != 0))
        log_fatal("cannot become root again: %s", strerror(errno));
}

static bool start_job(struct job *j, struct view type, const char *path, unsigned flags,
                      struct error *e)
{
    *j = (struct job){.text_path = path, .flags = flags, .lock_fd = -1, .e = e};
    j->index_path = STR_INIT(PATH_MAX);
    j->temporary = STR_INIT(PATH_MAX);
    j->text = STR_INIT(TABLE_FILE_MAX);
    j->format = find_format(type);
    j->arena = arena_new();
    if (j->format == NULL) {
        error_set(e, "4.3.5", "tables of type \"%.*s\" have no index to make",
                  VIEW_FMT(type));
        return false;
    }
    return true;
}

static bool build(struct job *j, bool aliases)
{
    struct identity kept = {.changed = false};
    bool ok = read_text(j) && become_owner(j, &kept);

    if (ok) {
        set_paths(j);
        ok = begin(j, (j->flags & INDEXED_INCREMENTAL) != 0);
    }
    if (ok) {
        (void)text_source_read(aliases ? TEXT_ALIASES : TEXT_MAP, j->text_path,
                               str_view(&j->text), put_entry, j);
        ok = !j->failed && finish(j);
        if (!ok)
            error_prefix(j->e, "%s: ", j->text_path);
    }
    become_root_again(&kept);
    return ok;
}

bool indexed_build(const struct conf *c, struct view type, const char *path, bool aliases,
                   unsigned flags, struct error *e)
{
    struct job j;
    bool ok = start_job(&j, type, path, flags, e) && build(&j, aliases);

    (void)c;
    clean_up(&j);
    return ok;
}

bool indexed_build_values(const struct conf *c, struct view type, const char *path,
                          unsigned flags, indexed_value_fn *fn, void *arg,
                          struct error *e)
{
    struct job j;
    bool ok = start_job(&j, type, path, flags, e);

    (void)c;
    j.value_fn = fn;
    j.value_arg = arg;
    ok = ok && build(&j, false);
    clean_up(&j);
    return ok;
}

bool indexed_delete(const struct conf *c, struct view type, const char *path,
                    const struct view *keys, size_t n, unsigned flags, size_t *n_deleted,
                    struct error *e)
{
    struct job j;
    struct identity kept = {.changed = false};
    bool ok = start_job(&j, type, path, flags, e), deleted;

    (void)c;
    *n_deleted = 0;
    if (ok) {
        (void)stat(path, &j.owner);
        set_paths(&j);
        ok = become_owner(&j, &kept) && begin(&j, true);
    }
    for (size_t i = 0; ok && i < n; i++) {
        arena_reset(j.arena);
        ok = j.format->remove(j.writer, stored(&j, keys[i], true), &deleted, e);
        *n_deleted += ok && deleted ? 1 : 0;
    }
    ok = ok && (*n_deleted == 0 || finish(&j));
    clean_up(&j);
    become_root_again(&kept);
    return ok;
}
