/* directories - the tree below queue_directory, data_directory, and the set-gid commands
 *
 * Owners and modes are those of postfix-files(5) in Postfix.  An instance of an ordinary
 * user has the same modes and belongs to that user.
 */
#include "base/log.h"
#include "diligence.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum owner { ROOT, MAIL_OWNER };
enum group { ANY_GROUP, SETGID_GROUP };

struct directory {
    const char *name; /* below queue_directory */
    enum owner owner;
    enum group group;
    mode_t mode;
};

static const struct directory directories[] = {
    {".", ROOT, ANY_GROUP, 0755},
    {"active", MAIL_OWNER, ANY_GROUP, 0700},
    {"bounce", MAIL_OWNER, ANY_GROUP, 0700},
    {"corrupt", MAIL_OWNER, ANY_GROUP, 0700},
    {"defer", MAIL_OWNER, ANY_GROUP, 0700},
    {"deferred", MAIL_OWNER, ANY_GROUP, 0700},
    {"flush", MAIL_OWNER, ANY_GROUP, 0700},
    {"hold", MAIL_OWNER, ANY_GROUP, 0700},
    {"incoming", MAIL_OWNER, ANY_GROUP, 0700},
    {"private", MAIL_OWNER, ANY_GROUP, 0700},
    {"saved", MAIL_OWNER, ANY_GROUP, 0700},
    {"trace", MAIL_OWNER, ANY_GROUP, 0700},
    {"maildrop", MAIL_OWNER, SETGID_GROUP, 01730},
    {"public", MAIL_OWNER, SETGID_GROUP, 0710},
    {"pid", ROOT, ANY_GROUP, 0755},
};
enum { DIRECTORIES = sizeof directories / sizeof directories[0] };

static uid_t wanted_uid(const struct control *c, const struct directory *d)
{
    return d->owner == ROOT ? c->owner.uid : c->owner.mail_uid;
}

static gid_t wanted_gid(const struct control *c, const struct directory *d)
{
    if (d->group == SETGID_GROUP)
        return c->owner.setgid_gid;
    return d->owner == ROOT || !c->owner.is_root ? getgid() : c->owner.gid;
}

/* Give NAME below QUEUE its owner and mode.  Never follows a link. */
static bool set_rights(const struct control *c, int queue, const struct directory *d,
                       struct error *e)
{
    int fd = openat(queue, d->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool ok = fd >= 0;

    if (ok && c->owner.is_root)
        ok = fchown(fd, wanted_uid(c, d), wanted_gid(c, d)) == 0;
    ok = ok && fchmod(fd, d->mode) == 0;
    if (!ok)
        error_set_errno(e, "4.3.0", "set owner and mode of directory %s/%s",
                        conf_cstr(c->conf, P_queue_directory), d->name);
    if (fd >= 0)
        close(fd);
    return ok;
}

static int open_queue(const struct control *c, bool *made, struct error *e)
{
    const char *path = conf_cstr(c->conf, P_queue_directory);

    *made = mkdir(path, 0755) == 0;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        error_set_errno(e, "4.3.0", "queue directory %s", path);
    return fd;
}

/* The mail owner's directory for locks and caches.  An ordinary user's instance does
 * without one unless main.cf names it. */
static bool create_data_directory(const struct control *c, struct error *e)
{
    const char *path = conf_cstr(c->conf, P_data_directory);

    if (!c->owner.is_root && !conf_is_set(c->conf, P_data_directory))
        return true;
    if (mkdir(path, 0700) < 0) {
        if (errno == EEXIST)
            return true;
        error_set_errno(e, "4.3.0", "create data directory %s", path);
        return false;
    }
    if (c->owner.is_root && lchown(path, c->owner.mail_uid, c->owner.gid) < 0) {
        error_set_errno(e, "4.3.0", "set owner of %s", path);
        return false;
    }
    return true;
}

static bool prepare(const struct control *c, bool repair, struct error *e)
{
    bool made;
    int queue = open_queue(c, &made, e);
    bool ok = queue >= 0;

    for (size_t i = 0; ok && i < DIRECTORIES; i++) {
        const struct directory *d = &directories[i];
        bool is_new = i == 0 ? made : mkdirat(queue, d->name, 0700) == 0;
        if (!is_new && i > 0 && errno != EEXIST) {
            error_set_errno(e, "4.3.0", "create directory %s/%s",
                            conf_cstr(c->conf, P_queue_directory), d->name);
            ok = false;
        } else if (is_new || repair) {
            ok = set_rights(c, queue, d, e);
        }
    }
    if (queue >= 0)
        close(queue);
    return ok && create_data_directory(c, e);
}

bool directories_create(const struct control *c, struct error *e)
{
    return prepare(c, false, e);
}

/* --- the commands that any user runs with the rights of setgid_group --- */

static const char *const setgid_commands[] = {"postdrop", "postqueue", "postlog"};
enum {
    SETGID_COMMANDS = sizeof setgid_commands / sizeof setgid_commands[0],
    SETGID_MODE = 02755
};

static bool repair_command(const struct control *c, const char *path, struct error *e)
{
    if (chown(path, 0, c->owner.setgid_gid) == 0 && chmod(path, SETGID_MODE) == 0)
        return true;
    error_set_errno(e, "4.3.0", "set group and mode of %s", path);
    return false;
}

static void check_command(const struct control *c, const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0) {
        log_warning("%s: %s", path, strerror(errno));
        return;
    }
    if (st.st_gid != c->owner.setgid_gid)
        log_warning("not owned by group %s: %s", conf_cstr(c->conf, P_setgid_group),
                    path);
    if ((st.st_mode & 02111) != 02111)
        log_warning("not set-gid or not owner+group+world executable: %s", path);
}

/* Does another instance own the programs?  Those that the default main.cf lists share
 * them with it (postconf(5), multi_instance_directories). */
static bool shares_commands(const struct control *c)
{
    struct conf *primary;
    struct view rest, word;
    bool is_listed = false;

    if (strcmp(c->directory, INSTANCE_DEFAULT_DIRECTORY) == 0 ||
        !conf_load(INSTANCE_DEFAULT_DIRECTORY, NULL, 0, &primary, NULL))
        return false;
    rest = conf_view(primary, P_multi_instance_directories);
    while (!is_listed && view_token(&rest, VIEW(", \t\r\n"), &word))
        is_listed = view_eq(word, view_of(c->directory));
    conf_free(primary);
    return is_listed;
}

static bool repair_commands(const struct control *c, struct error *e)
{
    struct str path = STR_INIT(PATH_MAX);
    bool ok = true;

    if (shares_commands(c))
        return true;
    for (size_t i = 0; ok && c->owner.is_root && i < SETGID_COMMANDS; i++) {
        str_setf(&path, "%s/%s", instance_bin(c->conf), setgid_commands[i]);
        ok = repair_command(c, str_cstr(&path), e);
    }
    str_done(&path);
    return ok;
}

void commands_check(const struct control *c)
{
    struct str path = STR_INIT(PATH_MAX);

    for (size_t i = 0; c->owner.is_root && !shares_commands(c) && i < SETGID_COMMANDS;
         i++) {
        str_setf(&path, "%s/%s", instance_bin(c->conf), setgid_commands[i]);
        check_command(c, str_cstr(&path));
    }
    str_done(&path);
}

bool directories_repair(const struct control *c, struct error *e)
{
    return prepare(c, true, e) && repair_commands(c, e);
}

static void check_one(const struct control *c, const struct directory *d,
                      const char *path, const struct stat *st)
{
    if (st->st_uid != wanted_uid(c, d))
        log_warning("not owned by %s: %s",
                    d->owner == ROOT ? "root" : conf_cstr(c->conf, P_mail_owner), path);
    if (d->group == SETGID_GROUP && st->st_gid != wanted_gid(c, d))
        log_warning("not owned by group %s: %s", conf_cstr(c->conf, P_setgid_group),
                    path);
    mode_t excess = st->st_mode & 07777 & ~d->mode;
    if (excess & (S_IWGRP | S_IWOTH))
        log_warning("group or other writable: %s", path);
    else if (excess & (S_IRWXG | S_IRWXO))
        log_warning("group or other may look into: %s", path);
}

void directories_check(const struct control *c)
{
    struct str path = STR_INIT(PATH_MAX);
    struct stat st;

    for (size_t i = 0; i < DIRECTORIES; i++) {
        str_setf(&path, "%s/%s", conf_cstr(c->conf, P_queue_directory),
                 directories[i].name);
        if (lstat(str_cstr(&path), &st) < 0)
            log_warning("%s: %s", str_cstr(&path), strerror(errno));
        else
            check_one(c, &directories[i], str_cstr(&path), &st);
    }
    str_done(&path);
}
