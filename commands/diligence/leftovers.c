/* leftovers - files in the queue directory that tell of trouble
 *
 * Damaged messages, copies for chroot that differ from the originals, and the queue of
 * another mail system: sendmail's has two files a message, qf and df; no program here
 * reads it.  Nothing is changed.
 */
#include "base/log.h"
#include "base/str.h"
#include "conf/lines.h"
#include "diligence.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN_DIRECTORIES = 8 };

/* nftw has no argument to hand over. */
static const char *queue;

/* --- damaged messages --- */

static int tell_damaged(const char *path, const struct stat *st, int type,
                        struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    if (type == FTW_F)
        log_warning("damaged message: %s; look at it with postcat, then delete it", path);
    return 0;
}

/* --- copies for chroot --- */

/* Are the files at A and B the same, byte by byte? */
static bool are_same(const char *a, const char *b)
{
    struct str left = STR_INIT(LINES_FILE_MAX), right = STR_INIT(LINES_FILE_MAX);
    struct error e = ERROR_INIT;

    bool same = lines_read_file(a, &left, &e) && lines_read_file(b, &right, &e) &&
                view_eq(str_view(&left), str_view(&right));
    str_done(&left);
    str_done(&right);
    return same;
}

static int compare_copy(const char *path, const struct stat *st, int type,
                        struct FTW *ftw)
{
    const char *original = path + strlen(queue);

    (void)ftw;
    if (geteuid() == 0 && st->st_uid != 0)
        log_warning("not owned by root: %s", path);
    if (type == FTW_F && access(original, F_OK) == 0 && !are_same(path, original))
        log_warning("%s and %s differ", path, original);
    return 0;
}

/* --- sendmail's queue --- */

static void check_sendmail_queue(const char *directory)
{
    DIR *d = opendir(directory);
    struct str twin = STR_INIT(PATH_MAX);
    size_t n = 0;

    for (struct dirent *entry; d && (entry = readdir(d));) {
        if (entry->d_name[0] != 'q' || entry->d_name[1] != 'f')
            continue;
        str_setf(&twin, "%s/df%s", directory, entry->d_name + 2);
        n += access(str_cstr(&twin), F_OK) == 0;
    }
    if (n > 0)
        log_warning("%s: %zu messages of a sendmail queue (two files each, qf and df), "
                    "which nobody here reads; let sendmail deliver them first",
                    directory, n);
    if (d)
        closedir(d);
    str_done(&twin);
}

/* --- Postfix's queue --- */

static size_t n_looked_at, n_foreign, most_files;

/* A queue file of Postfix starts with a record of sizes ("C", a length, numbers), one in
 * its maildrop with the time ("T"); ours starts with the message. */
static bool is_postfix_file(const char *path)
{
    char head[18];
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, head, sizeof head) : -1;
    bool is = n == sizeof head && (head[0] == 'C' || head[0] == 'T');

    for (ssize_t i = 2; is && i < 12; i++)
        is = head[i] == ' ' || ascii_is_digit(head[i]);
    if (fd >= 0)
        close(fd);
    return is;
}

static int count_foreign(const char *path, const struct stat *st, int type,
                         struct FTW *ftw)
{
    (void)ftw;
    if (type != FTW_F || !S_ISREG(st->st_mode)) /* a named pipe would keep us waiting */
        return 0;
    n_foreign += is_postfix_file(path);
    return ++n_looked_at >= most_files;
}

void foreign_queue_check(const struct control *c, size_t most)
{
    static const char *const queues[] = {"maildrop", "incoming", "active", "deferred",
                                         "hold"};
    struct str path = STR_INIT(PATH_MAX);

    n_foreign = 0;
    most_files = most;
    for (size_t i = 0; i < sizeof queues / sizeof queues[0]; i++) {
        n_looked_at = 0;
        str_setf(&path, "%s/%s", conf_cstr(c->conf, P_queue_directory), queues[i]);
        (void)nftw(str_cstr(&path), count_foreign, OPEN_DIRECTORIES, FTW_PHYS);
    }
    if (n_foreign > 0)
        log_warning(
            "%s has at least %zu messages of Postfix, which are not read here and "
            "end in its directory corrupt; let Postfix deliver them first, or name "
            "another queue_directory",
            conf_cstr(c->conf, P_queue_directory), n_foreign);
    str_done(&path);
}

void leftovers_check(const struct control *c)
{
    enum { MOST_FILES = 10000 };

    static const char *const copies[] = {"bin", "etc", "lib", "sbin", "usr"};
    struct str path = STR_INIT(PATH_MAX);

    queue = conf_cstr(c->conf, P_queue_directory);
    str_setf(&path, "%s/corrupt", queue);
    (void)nftw(str_cstr(&path), tell_damaged, OPEN_DIRECTORIES, FTW_PHYS);
    for (size_t i = 0; i < sizeof copies / sizeof copies[0]; i++) {
        str_setf(&path, "%s/%s", queue, copies[i]);
        if (access(str_cstr(&path), F_OK) == 0)
            (void)nftw(str_cstr(&path), compare_copy, OPEN_DIRECTORIES, FTW_PHYS);
    }
    check_sendmail_queue(queue);
    foreign_queue_check(c, MOST_FILES);
    str_done(&path);
}
