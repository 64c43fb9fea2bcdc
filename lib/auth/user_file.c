/* user_file - find an entry's lines, replace them, write beside, rename, index */
#include "auth/user_file.h"

#include "base/memory.h"
#include "sasl/sasl.h"
#include "table/indexed.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The lines of one entry, with their line ends. */
struct entry {
    size_t from, to;
    struct view name, stored; /* the first line's */
};

bool user_file_is_name(struct view name)
{
    if (name.n == 0 || name.n > SASL_NAME_MAX || name.p[0] == '#' || name.p[0] == '"' ||
        !view_is_utf8(name))
        return false;
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] <= ' ' || name.p[i] == 0x7f)
            return false;
    return true;
}

bool user_file_find(const struct conf *c, struct arena *a, struct user_file *out,
                    struct error *e)
{
    struct view element, list = conf_view(c, P_auth_password_maps);
    while (conf_list_next(&list, &element)) {
        struct view type, path;
        if (!view_cut(element, ':', &type, &path) ||
            (!indexed_is_type(type) && !view_eq(type, VIEW("texthash"))))
            continue;
        *out = (struct user_file){.conf = c, .type = type};
        out->path = path.n > 0 && path.p[0] == '/'
                        ? arena_cstr(a, path)
                        : arena_printf(a, "%s/%.*s", conf_directory(c), VIEW_FMT(path)).p;
        return true;
    }
    error_set(e, "5.3.5",
              "auth_password_maps has no table with a text file; set it to "
              "hash:%s/passwords, for instance",
              conf_directory(c));
    return false;
}

/* --- the text --- */

/* The next entry of TEXT from *AT on; comments and blank lines are passed over. */
static bool next_entry(struct view text, size_t *at, struct entry *out)
{
    while (*at < text.n) {
        struct view line, rest = view_from(text, *at), after;
        size_t start = *at;
        (void)view_cut(rest, '\n', &line, &after);
        *at += line.n < rest.n ? line.n + 1 : line.n;
        struct view words = line;
        if (line.n == 0 || line.p[0] == '#' || ascii_is_space(line.p[0]) ||
            !view_token(&words, VIEW(" \t\r"), &out->name))
            continue;
        while (*at < text.n && (text.p[*at] == ' ' || text.p[*at] == '\t')) {
            size_t end = view_find(view_from(text, *at), '\n');
            *at = end == VIEW_NPOS ? text.n : *at + end + 1;
        }
        out->stored = view_trim_space(words);
        out->from = start;
        out->to = *at;
        return true;
    }
    return false;
}

static bool find_entry(struct view text, struct view name, struct entry *out)
{
    size_t at = 0;
    while (next_entry(text, &at, out))
        if (view_eq_case(out->name, name))
            return true;
    return false;
}

static bool read_all(int fd, struct str *out, struct error *e)
{
    ssize_t n;
    char *room;
    while ((room = str_reserve(out, 65536)) != NULL && (n = read(fd, room, 65536)) != 0) {
        if (n < 0 && errno != EINTR) {
            error_set_errno(e, "4.3.0", "read");
            return false;
        }
        out->n += n > 0 ? (size_t)n : 0;
    }
    if (room != NULL)
        return true;
    error_set(e, "4.3.0", "the file is too large");
    return false;
}

/* --- writing --- */

/* TEXT becomes the content of PATH, with the mode and owner of OLD. */
static bool replace(const char *path, int old, struct view text, struct error *e)
{
    struct stat st;
    struct arena *a = arena_new();
    const char *fresh = arena_printf(a, "%s.new", path).p;
    const char *directory = dirname(arena_cstr(a, view_of(path)));
    bool good = false;
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0 && fstat(old, &st) == 0 && fchmod(fd, st.st_mode & 0777) == 0 &&
        (geteuid() != 0 || fchown(fd, st.st_uid, st.st_gid) == 0)) {
        size_t put = 0;
        ssize_t n = 0;
        while (put < text.n && (n = write(fd, text.p + put, text.n - put)) > 0)
            put += (size_t)n;
        good = put == text.n && fsync(fd) == 0 && rename(fresh, path) == 0;
    }
    if (!good)
        error_set_errno(e, "4.3.0", "write %s", fresh);
    if (fd >= 0)
        close(fd);
    if (!good)
        (void)unlink(fresh);
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    arena_free(a);
    return good;
}

/* Open and lock PATH; again when somebody replaced it meanwhile.  -1 with *E. */
static int open_locked(const char *path, struct error *e)
{
    for (;;) {
        struct stat here, there;
        int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &here) < 0) {
            error_set_errno(e, "4.3.0", "open %s", path);
            if (fd >= 0)
                close(fd);
            return -1;
        }
        if (stat(path, &there) == 0 && here.st_ino == there.st_ino &&
            here.st_dev == there.st_dev)
            return fd;
        close(fd);
    }
}

/* The text after the change; false with *E when it cannot be made. */
static bool change_text(struct view text, enum user_change change, struct view name,
                        struct view stored, struct str *out, struct error *e)
{
    struct entry old;
    bool is_there = find_entry(text, name, &old);
    if (is_there == (change == USER_ADD)) {
        error_set(e, "5.1.1",
                  is_there ? "%.*s is there already" : "there is no login %.*s",
                  VIEW_FMT(name));
        return false;
    }
    if (!is_there)
        old.from = old.to = text.n;
    str_add(out, view_sub(text, 0, old.from));
    if (out->n > 0 && out->p[out->n - 1] != '\n')
        str_add_char(out, '\n');
    if (change != USER_REMOVE) {
        str_addf(out, "%.*s\t", VIEW_FMT(name));
        str_add(out, stored);
        str_add_char(out, '\n');
    }
    return str_add(out, view_from(text, old.to));
}

/* The index from the new text; when that cannot be made, the text is as it was BEFORE. */
static bool rebuild_index(const struct user_file *f, int fd, struct view before,
                          struct error *e)
{
    struct error ignored = ERROR_INIT;
    if (!indexed_is_type(f->type) ||
        indexed_build(f->conf, f->type, f->path, false, INDEXED_REPLACE, e))
        return true;
    (void)!replace(f->path, fd, before, &ignored);
    return false;
}

bool user_file_change(const struct user_file *f, enum user_change change,
                      struct view name, struct view stored, struct error *e)
{
    struct str before = STR_INIT(USER_FILE_MAX), after = STR_INIT(USER_FILE_MAX);
    if (!user_file_is_name(name) || view_has(stored, '\n')) {
        error_set(e, "5.1.3", "%.*s cannot be a login name", VIEW_FMT(name));
        return false;
    }
    int fd = open_locked(f->path, e);
    bool good = fd >= 0 && read_all(fd, &before, e) &&
                change_text(str_view(&before), change, name, stored, &after, e) &&
                replace(f->path, fd, str_view(&after), e) &&
                rebuild_index(f, fd, str_view(&before), e);
    if (fd >= 0)
        close(fd);
    str_done(&before);
    str_done(&after);
    return good;
}

bool user_file_list(const struct user_file *f,
                    void (*fn)(struct view name, struct view stored, void *arg),
                    void *arg, struct error *e)
{
    struct str text = STR_INIT(USER_FILE_MAX);
    struct entry entry;
    size_t at = 0;
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        error_set_errno(e, "4.3.0", "open %s", f->path);
        return false;
    }
    bool good = read_all(fd, &text, e);
    close(fd);
    while (good && next_entry(str_view(&text), &at, &entry))
        fn(entry.name, entry.stored, arg);
    str_done(&text);
    return good;
}
