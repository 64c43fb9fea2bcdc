/* history_tables - the texts of tables that belong to a kept configuration */
#include "history_tables.h"

#include "base/log.h"
#include "conf/lines.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- files --- */

static bool write_all(int fd, struct view text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            text = view_from(text, (size_t)n);
    }
    return fsync(fd) == 0;
}

/* A new file NAME with MODE in DIRECTORY; nothing is written over. */
static bool make_file(int directory, const char *name, mode_t mode, struct view text,
                      struct error *e)
{
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    0600);
    bool ok = fd >= 0 && write_all(fd, text) && fchmod(fd, mode & 0777) == 0;

    if (!ok)
        error_set_errno(e, "4.3.0", "write table %s", name);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* The plain file NAME of DIRECTORY; false when it is none, too large or not readable. */
static bool read_table(int directory, const char *name, struct str *out, mode_t *mode)
{
    struct error e = ERROR_INIT;
    struct stat st;
    int fd = openat(directory, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool ok = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
              st.st_size <= (off_t)TABLE_TEXT_MAX && lines_read_fd(fd, out, &e);

    if (ok)
        *mode = st.st_mode;
    if (fd >= 0)
        close(fd);
    return ok;
}

static int open_directory(int parent, const char *name)
{
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* --- names --- */

/* The next file beside main.cf that TEXT names, as "hash:/etc/postfix/x" or with
 * $config_directory; false at the end. */
static bool next_name(const struct control *c, struct view *text, struct str *name)
{
    struct view places[] = {view_of(c->directory), VIEW("$config_directory")}, word;

    while (view_token(text, VIEW(" \t\r\n,:;={}()\"'"), &word))
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            struct view rest = view_from(word, places[i].n);
            if (!view_starts(word, places[i]) || rest.n < 2 || rest.p[0] != '/')
                continue;
            rest = view_from(rest, 1);
            if (view_has(rest, '/') || rest.p[0] == '.' ||
                view_eq(rest, VIEW("main.cf")) || view_eq(rest, VIEW("master.cf")))
                continue;
            str_set(name, rest);
            return true;
        }
    return false;
}

/* --- keep, put back, remove --- */

bool history_tables_keep(const struct control *c, int entry, struct view text,
                         struct error *e)
{
    struct str name = STR_INIT(NAME_MAX), content = STR_INIT(TABLE_TEXT_MAX);
    int from = open(c->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool made = mkdirat(entry, "tables", 0700) == 0 || errno == EEXIST;
    int to = made ? open_directory(entry, "tables") : -1;
    bool ok = from >= 0 && to >= 0;

    if (!ok)
        error_set_errno(e, "4.3.0", "make a place for tables");
    for (unsigned n = 0; ok && n < TABLES_MAX && next_name(c, &text, &name); n++) {
        mode_t mode;
        str_clear(&content);
        if (faccessat(to, str_cstr(&name), F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
            read_table(from, str_cstr(&name), &content, &mode))
            ok = make_file(to, str_cstr(&name), mode, str_view(&content), e);
    }
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    str_done(&name);
    str_done(&content);
    return ok;
}

/* One kept table beside what is there now. */
static void restore_one(const struct control *c, int kept, int present, const char *name,
                        unsigned number)
{
    struct str old = STR_INIT(TABLE_TEXT_MAX), now = STR_INIT(TABLE_TEXT_MAX);
    struct error e = ERROR_INIT;
    mode_t mode, ignored;

    if (!read_table(kept, name, &old, &mode)) {
        log_warning("the copy of table %s cannot be read", name);
    } else if (faccessat(present, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
        if (make_file(present, name, mode, str_view(&old), &e))
            log_info("%s/%s was gone and is there again", c->directory, name);
        else
            log_warning("%s", error_cstr(&e));
    } else if (!read_table(present, name, &now, &ignored) ||
               !view_eq(str_view(&old), str_view(&now))) {
        log_info("%s/%s is not as it was then; that text is in "
                 "%s/configurations/%u/tables",
                 c->directory, name, conf_cstr(c->conf, P_data_directory), number);
    }
    str_done(&old);
    str_done(&now);
}

void history_tables_restore(const struct control *c, int entry, unsigned number)
{
    int present = open(c->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int kept = open_directory(entry, "tables");
    DIR *d = kept >= 0 ? fdopendir(dup(kept)) : NULL;

    for (struct dirent *one; d && present >= 0 && (one = readdir(d));)
        if (one->d_name[0] != '.')
            restore_one(c, kept, present, one->d_name, number);
    if (d)
        closedir(d);
    if (kept >= 0)
        close(kept);
    if (present >= 0)
        close(present);
}

void history_tables_remove(int entry)
{
    int kept = open_directory(entry, "tables");
    DIR *d = kept >= 0 ? fdopendir(kept) : NULL;

    for (struct dirent *one; d && (one = readdir(d));)
        if (one->d_name[0] != '.')
            (void)unlinkat(dirfd(d), one->d_name, 0);
    if (d)
        closedir(d);
    (void)unlinkat(entry, "tables", AT_REMOVEDIR);
}
