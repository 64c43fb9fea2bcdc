/* queue_dir - the directories of the queue and the names in them */
#include "queue/queue_dir.h"
#include "base/memory.h"
#include "base/number.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DIRECTORY_MODE 0700
#define FILE_MODE      0600
#define DEPTH_MAX      5

static const char *const names[QUEUE_NAMES] = {"incoming", "active",  "deferred",
                                               "hold",     "corrupt", "defer"};

const char *queue_name_text(enum queue_name q)
{
    return names[q];
}

bool queue_name_parse(struct view text, enum queue_name *out)
{
    for (int q = 0; q <= QUEUE_NAME_CORRUPT; q++)
        if (view_eq(text, view_of(names[q]))) {
            *out = (enum queue_name)q;
            return true;
        }
    return false;
}

static void read_hash_settings(struct queue_dir *d, const struct conf *c)
{
    int64_t depth = conf_int(c, P_hash_queue_depth);
    d->depth = depth < 1 ? 1 : depth > DEPTH_MAX ? DEPTH_MAX : (unsigned)depth;
    struct view rest = conf_view(c, P_hash_queue_names), name;
    while (view_token(&rest, VIEW(", \t\r\n"), &name))
        for (int q = 0; q < QUEUE_NAMES; q++)
            d->hashed[q] |= view_eq(name, view_of(names[q]));
    d->hashed[QUEUE_NAME_INCOMING] = false; /* the journal's own place, and small */
}

bool queue_dir_open(struct queue_dir *d, const struct conf *c, struct error *e)
{
    *d = (struct queue_dir){.fd = -1};
    read_hash_settings(d, c);
    struct view path = conf_queue_directory(c);
    char *name = memory_alloc(path.n + 1);
    memcpy(name, path.p, path.n);
    d->fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->fd < 0)
        error_set_errno(e, "4.3.0", "open queue directory %s", name);
    memory_free(name);
    if (d->fd < 0)
        return false;
    for (int q = 0; q < QUEUE_NAMES; q++)
        if (mkdirat(d->fd, names[q], DIRECTORY_MODE) < 0 && errno != EEXIST) {
            error_set_errno(e, "4.3.0", "create queue directory %s", names[q]);
            queue_dir_close(d);
            return false;
        }
    return true;
}

void queue_dir_close(struct queue_dir *d)
{
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}

int queue_dir_lock(const struct queue_dir *d, struct error *e)
{
    int fd = openat(d->fd, "incoming/lock", O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (fd < 0) {
        error_set_errno(e, "4.3.0", "open incoming/lock");
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int saved = errno;
    error_set_errno(e, "4.3.0", "the queue is in use: lock incoming/lock");
    close(fd);
    errno = saved;
    return -1;
}

/* The subdirectory part "A/1/", after Postfix: hex digits of the microseconds. */
static void hash_part(const struct queue_dir *d, struct view id, char *out)
{
    char hex[8];
    snprintf(hex, sizeof hex, "%05X", queue_id_microseconds(id));
    for (unsigned i = 0; i < d->depth && i < DEPTH_MAX; i++) {
        *out++ = hex[i];
        *out++ = '/';
    }
    *out = '\0';
}

void queue_dir_path(const struct queue_dir *d, enum queue_name q, struct view id,
                    char out[QUEUE_PATH_MAX])
{
    char hash[2 * DEPTH_MAX + 1] = "";
    if (d->hashed[q])
        hash_part(d, id, hash);
    snprintf(out, QUEUE_PATH_MAX, "%s/%s%.*s", names[q], hash, VIEW_FMT(id));
}

/* Make the directories above PATH; false with errno. */
static bool make_parents(const struct queue_dir *d, const char *path)
{
    char part[QUEUE_PATH_MAX];
    for (size_t i = 0; path[i] != '\0'; i++) {
        if (path[i] == '/') {
            part[i] = '\0';
            if (mkdirat(d->fd, part, DIRECTORY_MODE) < 0 && errno != EEXIST)
                return false;
        }
        part[i] = path[i];
    }
    return true;
}

int queue_dir_open_file(const struct queue_dir *d, enum queue_name q, struct view id,
                        int flags)
{
    char path[QUEUE_PATH_MAX];
    queue_dir_path(d, q, id, path);
    int fd = openat(d->fd, path, flags | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd >= 0 || errno != ENOENT || !(flags & O_CREAT) || !make_parents(d, path))
        return fd;
    return openat(d->fd, path, flags | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
}

bool queue_dir_exists(const struct queue_dir *d, enum queue_name q, struct view id)
{
    char path[QUEUE_PATH_MAX];
    queue_dir_path(d, q, id, path);
    return faccessat(d->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool rename_path(const struct queue_dir *d, const char *from, const char *to)
{
    if (renameat(d->fd, from, d->fd, to) == 0)
        return true;
    return errno == ENOENT && make_parents(d, to) &&
           renameat(d->fd, from, d->fd, to) == 0;
}

bool queue_dir_rename(const struct queue_dir *d, struct view id, enum queue_name from,
                      enum queue_name to)
{
    char old[QUEUE_PATH_MAX], fresh[QUEUE_PATH_MAX];
    queue_dir_path(d, from, id, old);
    queue_dir_path(d, to, id, fresh);
    return rename_path(d, old, fresh);
}

bool queue_dir_replace(const struct queue_dir *d, const char *path, enum queue_name to,
                       struct view id)
{
    char fresh[QUEUE_PATH_MAX];
    queue_dir_path(d, to, id, fresh);
    return rename_path(d, path, fresh);
}

bool queue_dir_unlink(const struct queue_dir *d, enum queue_name q, struct view id)
{
    char path[QUEUE_PATH_MAX];
    queue_dir_path(d, q, id, path);
    return unlinkat(d->fd, path, 0) == 0;
}

bool queue_dir_set_time(const struct queue_dir *d, enum queue_name q, struct view id,
                        int64_t wall_usec)
{
    char path[QUEUE_PATH_MAX];
    queue_dir_path(d, q, id, path);
    struct timespec t = {.tv_sec = wall_usec / CLOCK_SECOND,
                         .tv_nsec = wall_usec % CLOCK_SECOND * 1000};
    struct timespec both[2] = {t, t};
    return utimensat(d->fd, path, both, AT_SYMLINK_NOFOLLOW) == 0;
}

bool queue_dir_sync(const struct queue_dir *d, enum queue_name q, struct view id)
{
    char path[QUEUE_PATH_MAX];
    queue_dir_path(d, q, id, path);
    *strrchr(path, '/') = '\0';
    int fd = openat(d->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = fsync(fd) == 0;
    close(fd);
    return good;
}

bool queue_dir_sync_all(const struct queue_dir *d)
{
    return syncfs(d->fd) == 0;
}

bool queue_dir_free_bytes(const struct queue_dir *d, uint64_t *bytes)
{
    struct statvfs v;
    return fstatvfs(d->fd, &v) == 0 && number_mul(v.f_bavail, v.f_frsize, bytes);
}

int queue_dir_open_nameless(const struct queue_dir *d)
{
    return openat(d->fd, names[QUEUE_NAME_INCOMING], O_TMPFILE | O_RDWR | O_CLOEXEC,
                  FILE_MODE);
}

bool queue_dir_link(const struct queue_dir *d, int fd, enum queue_name q, struct view id)
{
    char from[64], to[QUEUE_PATH_MAX];
    snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
    queue_dir_path(d, q, id, to);
    if (linkat(AT_FDCWD, from, d->fd, to, AT_SYMLINK_FOLLOW) == 0)
        return true;
    return errno == ENOENT && make_parents(d, to) &&
           linkat(AT_FDCWD, from, d->fd, to, AT_SYMLINK_FOLLOW) == 0;
}

/* --- walking --- */

struct walk {
    const struct queue_dir *d;
    enum queue_name q;
    queue_dir_fn *fn;
    void *arg;
    bool ended;
};

static void walk_directory(struct walk *w, const char *path, unsigned level);

static void walk_entry(struct walk *w, const char *path, const char *name, unsigned level)
{
    char full[QUEUE_PATH_MAX], expected[QUEUE_PATH_MAX];
    struct queue_id id;
    struct stat st;
    if (snprintf(full, sizeof full, "%s/%s", path, name) >= (int)sizeof full)
        return;
    if (strlen(name) == 1 &&
        ((name[0] >= '0' && name[0] <= '9') || (name[0] >= 'A' && name[0] <= 'F'))) {
        if (level < DEPTH_MAX)
            walk_directory(w, full, level + 1);
        return;
    }
    if (!queue_id_parse(view_of(name), &id) ||
        fstatat(w->d->fd, full, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return;
    queue_dir_path(w->d, w->q, queue_id_view(&id), expected);
    struct queue_dir_entry entry = {
        .id = queue_id_view(&id),
        .path = full,
        .time = (int64_t)st.st_mtim.tv_sec * CLOCK_SECOND + st.st_mtim.tv_nsec / 1000,
        .size = (uint64_t)st.st_size,
        .misplaced = strcmp(full, expected) != 0,
    };
    w->ended = !w->fn(&entry, w->arg);
}

static void walk_directory(struct walk *w, const char *path, unsigned level)
{
    int fd = openat(w->d->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    struct dirent *de;
    while (!w->ended && (de = readdir(dir)) != NULL)
        if (de->d_name[0] != '.')
            walk_entry(w, path, de->d_name, level);
    closedir(dir);
}

bool queue_dir_walk(const struct queue_dir *d, enum queue_name q, queue_dir_fn *fn,
                    void *arg, struct error *e)
{
    struct walk w = {.d = d, .q = q, .fn = fn, .arg = arg};
    if (faccessat(d->fd, names[q], R_OK | X_OK, AT_EACCESS) < 0) {
        error_set_errno(e, "4.3.0", "read queue directory %s", names[q]);
        return false;
    }
    walk_directory(&w, names[q], 0);
    return true;
}
