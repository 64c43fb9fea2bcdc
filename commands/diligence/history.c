/* history - the last good readings of main.cf and master.cf */
#include "history.h"
#include "history_tables.h"

#include "base/number.h"
#include "conf/lines.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const files[] = {"main.cf", "master.cf"};
enum { FILES = sizeof files / sizeof files[0] };

/* --- the directory --- */

static bool is_kept(const struct control *c)
{
    return c->owner.is_root || conf_is_set(c->conf, P_data_directory);
}

/* Is FD a directory of ours that nobody else writes to? */
static bool is_ours(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
           (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Open configurations; with MAKE it is made when missing.  -1 with *E. */
static int open_history(const struct control *c, bool make, struct error *e)
{
    const char *data = conf_cstr(c->conf, P_data_directory);
    int parent = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;

    if (parent >= 0 && make)
        (void)mkdirat(parent, "configurations", 0700);
    if (parent >= 0)
        fd = openat(parent, "configurations",
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        error_set_errno(e, "4.3.0", "%s/configurations", data);
    else if (!is_ours(fd)) {
        error_set(e, "4.3.0", "%s/configurations belongs to somebody else: remove it",
                  data);
        close(fd);
        fd = -1;
    }
    if (parent >= 0)
        close(parent);
    return fd;
}

static int open_entry(int history, const char *name)
{
    return openat(history, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* --- files --- */

/* main.cf as it stands in the configuration directory. */
static bool read_present(const struct control *c, const char *file, struct str *out,
                         struct error *e)
{
    struct str path = STR_INIT(4096);

    str_setf(&path, "%s/%s", c->directory, file);
    bool ok = lines_read_file(str_cstr(&path), out, e);
    str_done(&path);
    return ok;
}

static bool write_file(int directory, const char *file, struct view text, struct error *e)
{
    int fd = openat(directory, file,
                    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool ok = fd >= 0;

    while (ok && text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        ok = n > 0 || errno == EINTR;
        if (n > 0)
            text = view_from(text, (size_t)n);
    }
    ok = ok && fsync(fd) == 0;
    if (!ok)
        error_set_errno(e, "4.3.0", "write a copy of %s", file);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Remove entry NAME of HISTORY. */
static void remove_entry(int history, const char *name)
{
    int entry = open_entry(history, name);

    if (entry < 0)
        return;
    for (size_t i = 0; i < FILES; i++)
        (void)unlinkat(entry, files[i], 0);
    history_tables_remove(entry);
    close(entry);
    (void)unlinkat(history, name, AT_REMOVEDIR);
}

static void remove_number(int history, unsigned number)
{
    struct str name = STR_INIT(32);

    str_setf(&name, "%u", number);
    remove_entry(history, str_cstr(&name));
    str_done(&name);
}

/* --- the list --- */

static int newest_first(const void *a, const void *b)
{
    const struct history_entry *left = a, *right = b;

    return left->number < right->number ? 1 : left->number > right->number ? -1 : 0;
}

/* Entries of HISTORY, newest first, at most MAX; FD stays open. */
static size_t list_numbers(int history, struct history_entry *out, size_t max)
{
    DIR *d = fdopendir(dup(history));
    size_t n = 0;

    if (!d)
        return 0;
    rewinddir(d);
    for (struct dirent *entry; n < max && (entry = readdir(d));) {
        uint64_t number;
        struct stat st;
        if (!number_parse_u64(view_of(entry->d_name), 1, UINT32_MAX, &number) ||
            fstatat(history, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        out[n++] = (struct history_entry){(unsigned)number, st.st_mtime};
    }
    closedir(d);
    if (n > 0)
        qsort(out, n, sizeof *out, newest_first);
    return n;
}

size_t history_list(const struct control *c, struct history_entry out[HISTORY_MAX])
{
    struct error e = ERROR_INIT;
    int history = is_kept(c) ? open_history(c, false, &e) : -1;

    if (history < 0)
        return 0;
    size_t n = list_numbers(history, out, HISTORY_MAX);
    close(history);
    return n;
}

bool history_read(const struct control *c, unsigned number, const char *file,
                  struct str *out, struct error *e)
{
    struct str name = STR_INIT(300);
    int history = open_history(c, false, e), fd = -1;

    if (history < 0)
        return false;
    str_setf(&name, "%u/%s", number, file);
    fd = openat(history, str_cstr(&name), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    bool ok = fd >= 0 && lines_read_fd(fd, out, e);
    if (fd < 0)
        error_set(e, "4.3.0", "no configuration %u is kept", number);
    if (fd >= 0)
        close(fd);
    close(history);
    str_done(&name);
    return ok;
}

void history_restore_tables(const struct control *c, unsigned number)
{
    struct error e = ERROR_INIT;
    struct str name = STR_INIT(32);
    int history = open_history(c, false, &e), entry = -1;

    str_setf(&name, "%u", number);
    if (history >= 0)
        entry = open_entry(history, str_cstr(&name));
    if (entry >= 0) {
        history_tables_restore(c, entry, number);
        close(entry);
    }
    if (history >= 0)
        close(history);
    str_done(&name);
}

void history_in_force(const struct control *c, struct str *out)
{
    struct history_entry entries[HISTORY_MAX];
    struct error e = ERROR_INIT;
    struct str text = STR_INIT(HISTORY_TEXT_MAX);

    if (history_list(c, entries) > 0)
        for (size_t i = 0; i < FILES; i++) {
            str_clear(&text);
            if (history_read(c, entries[0].number, files[i], &text, &e))
                str_add(out, str_view(&text));
        }
    str_done(&text);
}

/* --- keeping --- */

/* Does entry NUMBER hold what stands in the configuration directory? */
static bool is_present(const struct control *c, unsigned number)
{
    struct str kept = STR_INIT(HISTORY_TEXT_MAX), present = STR_INIT(HISTORY_TEXT_MAX);
    struct error e = ERROR_INIT;
    bool same = true;

    for (size_t i = 0; same && i < FILES; i++) {
        str_clear(&kept);
        str_clear(&present);
        same = history_read(c, number, files[i], &kept, &e) &&
               read_present(c, files[i], &present, &e) &&
               view_eq(str_view(&kept), str_view(&present));
    }
    str_done(&kept);
    str_done(&present);
    return same;
}

/* Copy both files and their tables into the directory NAME of HISTORY. */
static bool copy_present(const struct control *c, int history, const char *name,
                         struct error *e)
{
    struct str text = STR_INIT(HISTORY_TEXT_MAX);
    remove_entry(history, name); /* of one that was not finished */
    bool ok = mkdirat(history, name, 0700) == 0 || errno == EEXIST;
    int entry = ok ? open_entry(history, name) : -1;

    if (entry < 0)
        error_set_errno(e, "4.3.0", "make a place for copies of the configuration");
    ok = entry >= 0;
    for (size_t i = 0; ok && i < FILES; i++) {
        str_clear(&text);
        ok = read_present(c, files[i], &text, e) &&
             write_file(entry, files[i], str_view(&text), e) &&
             history_tables_keep(c, entry, str_view(&text), e);
    }
    if (entry >= 0)
        close(entry);
    str_done(&text);
    return ok;
}

/* Make the new entry whole under another name first. */
static bool add_entry(const struct control *c, int history, struct error *e)
{
    struct history_entry entries[2 * HISTORY_MAX];
    size_t n = list_numbers(history, entries, 2 * HISTORY_MAX);
    struct str name = STR_INIT(32);
    bool ok;

    str_setf(&name, "%u", n > 0 ? entries[0].number + 1 : 1);
    ok = copy_present(c, history, "new", e);
    if (ok && renameat(history, "new", history, str_cstr(&name)) < 0) {
        error_set_errno(e, "4.3.0", "keep the configuration as %s", str_cstr(&name));
        ok = false;
    }
    for (size_t i = HISTORY_MAX - 1; ok && i < n; i++)
        remove_number(history, entries[i].number);
    str_done(&name);
    return ok;
}

bool history_save(const struct control *c, struct error *e)
{
    struct history_entry entries[HISTORY_MAX];

    if (!is_kept(c))
        return true;
    if (history_list(c, entries) > 0 && is_present(c, entries[0].number))
        return true;
    int history = open_history(c, true, e);
    if (history < 0)
        return false;
    bool ok = add_entry(c, history, e);
    close(history);
    return ok;
}

void history_forget_after(const struct control *c, unsigned number)
{
    struct history_entry entries[HISTORY_MAX];
    struct error e = ERROR_INIT;
    int history = open_history(c, false, &e);

    if (history < 0)
        return;
    size_t n = list_numbers(history, entries, HISTORY_MAX);
    for (size_t i = 0; i < n; i++)
        if (entries[i].number > number)
            remove_number(history, entries[i].number);
    close(history);
}

bool history_keep_undone(const struct control *c, const char *file, struct view text,
                         struct error *e)
{
    int history = open_history(c, true, e), entry = -1;
    bool ok = false;

    if (history < 0)
        return false;
    if (mkdirat(history, "undone", 0700) == 0 || errno == EEXIST)
        entry = open_entry(history, "undone");
    if (entry < 0)
        error_set_errno(e, "4.3.0", "make a place for what is undone");
    else
        ok = write_file(entry, file, text, e);
    if (entry >= 0)
        close(entry);
    close(history);
    return ok;
}
