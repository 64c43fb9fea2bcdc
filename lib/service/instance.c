/* instance - where an instance lives, who owns it, where its programs are */
#include "service/instance.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "sandbox/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <unistd.h>

/* --- configuration --- */

/* Does the default main.cf list DIRECTORY as one that anybody may name to a set-gid
 * command? */
static bool is_listed_directory(const char *directory)
{
    static const enum parameter lists[] = {P_alternate_config_directories,
                                           P_multi_instance_directories};
    struct conf *c;
    struct view token;
    bool found = false;

    if (!conf_load(INSTANCE_DEFAULT_DIRECTORY, NULL, 0, &c, NULL))
        return false;
    for (size_t i = 0; i < 2 && !found; i++) {
        struct view rest = conf_view(c, lists[i]);
        while (!found && view_token(&rest, VIEW(", \t\r\n"), &token))
            found = view_eq(token, view_of(directory));
    }
    conf_free(c);
    return found;
}

const char *instance_directory(const char *given, struct error *e)
{
    static char path[PATH_MAX];
    const char *wanted = given;

    if (!wanted)
        wanted = getenv("MAIL_CONFIG");
    if (!wanted || strcmp(wanted, INSTANCE_DEFAULT_DIRECTORY) == 0)
        return INSTANCE_DEFAULT_DIRECTORY;
    if (getauxval(AT_SECURE) && getuid() != 0 && !is_listed_directory(wanted)) {
        error_set(e, "5.3.5",
                  "non-default config directory is not listed in "
                  "alternate_config_directories of "
                  "%s/main.cf: %s",
                  INSTANCE_DEFAULT_DIRECTORY, wanted);
        return NULL;
    }
    if (!realpath(wanted, path)) {
        error_set_errno(e, "5.3.5", "configuration directory %s", wanted);
        return NULL;
    }
    return path;
}

const struct conf *instance_conf(const char *given)
{
    struct error e = ERROR_INIT;
    struct conf *c;
    const char *directory = instance_directory(given, &e);

    if (!directory || !conf_load(directory, NULL, 0, &c, &e))
        log_fatal("%s", error_cstr(&e));
    if (setenv("MAIL_CONFIG", directory, 1) < 0)
        log_fatal("out of memory");
    return c;
}

/* --- owner --- */

/* A group or user that must exist, or an error that says how to make it. */
static bool check_exists(bool exists, const char *parameter, const char *name,
                         const char *command, struct error *e)
{
    if (!exists)
        error_set(e, "5.3.5", "parameter %s: unknown name \"%s\"; make it with: %s %s",
                  parameter, name, command, name);
    return exists;
}

bool instance_owner(const struct conf *c, struct instance_owner *out, struct error *e)
{
    *out =
        (struct instance_owner){getuid(), getuid(), getgid(), getgid(), geteuid() == 0};
    if (!out->is_root)
        return true;
    const char *name = conf_cstr(c, P_mail_owner);
    const struct passwd *user = getpwnam(name);
    if (!check_exists(user != NULL, "mail_owner", name,
                      "useradd --system --no-create-home --home-dir /var/spool/postfix"
                      " --shell /usr/sbin/nologin",
                      e))
        return false;
    if (user->pw_uid == 0) {
        error_set(e, "5.3.5", "parameter mail_owner: user %s has privileged user id",
                  name);
        return false;
    }
    out->mail_uid = user->pw_uid;
    out->gid = user->pw_gid;
    name = conf_cstr(c, P_setgid_group);
    const struct group *group = getgrnam(name);
    if (!check_exists(group != NULL, "setgid_group", name, "groupadd --system", e))
        return false;
    out->setgid_gid = group->gr_gid;
    if (out->setgid_gid == out->gid) {
        error_set(
            e, "5.3.5",
            "main.cf: group %s of setgid_group is the group of mail_owner %s: it must "
            "be a group of its own",
            name, conf_cstr(c, P_mail_owner));
        return false;
    }
    return true;
}

bool instance_become_owner(const struct conf *c, const struct instance_owner *o,
                           struct error *e)
{
    if (!o->is_root)
        return true;
    return privileges_drop_ids(o->mail_uid, o->gid, conf_cstr(c, P_mail_owner), e);
}

/* --- programs --- */

/* DIRECTORY/NAME is a program that can be run. */
static bool has_program(const char *directory, const char *name)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", directory, name);
    return n > 0 && (size_t)n < sizeof path && access(path, X_OK) == 0;
}

/* The directory of the running executable, without the trailing slash. */
static const char *executable_directory(void)
{
    static char path[PATH_MAX];

    if (path[0] == '\0') {
        ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
        path[n > 0 ? n : 0] = '\0';
        char *slash = strrchr(path, '/');
        if (slash)
            *slash = '\0';
    }
    return path;
}

/* The first of PLACES (relative to the executable) that has PROGRAM, in OUT. */
static bool find_beside(const char *const *places, const char *program,
                        char out[PATH_MAX])
{
    char path[PATH_MAX];

    for (; *places; places++) {
        int n = snprintf(path, sizeof path, "%s%s", executable_directory(), *places);
        if (n > 0 && (size_t)n < sizeof path && has_program(path, program) &&
            realpath(path, out))
            return true;
    }
    return false;
}

/* Does PARAMETER name a directory with our own programs?  Another mail system has no
 * program with the name MARK. */
static const char *configured(const struct conf *c, enum parameter parameter,
                              const char *mark)
{
    const char *directory = conf_cstr(c, parameter);

    return directory[0] == '/' && has_program(directory, mark) ? directory : NULL;
}

const char *instance_libexec(const struct conf *c)
{
    static const char *const places[] = {"/../libexec/diligence", "",
                                         "/../../libexec/diligence", "/../lib/diligence",
                                         NULL};
    static char path[PATH_MAX];
    const char *own = configured(c, P_daemon_directory, "store");

    if (own)
        return own;
    if (path[0] == '\0' && !find_beside(places, "master", path))
        log_fatal("no daemons of this mail system beside %s", executable_directory());
    if (conf_is_set(c, P_daemon_directory))
        log_debug("daemon_directory %s is not ours: using %s",
                  conf_cstr(c, P_daemon_directory), path);
    return path;
}

const char *instance_bin(const struct conf *c)
{
    static const char *const places[] = {"", "/../../bin", "/../../sbin", NULL};
    static char path[PATH_MAX];
    const char *own = configured(c, P_command_directory, "diligence");

    if (own)
        return own;
    if (path[0] == '\0' && !find_beside(places, "diligence", path))
        log_fatal("no commands of this mail system beside %s", executable_directory());
    return path;
}

/* --- the running system --- */

const char *instance_socket_path(const struct conf *c, const char *class,
                                 const char *name)
{
    static char path[PATH_MAX];
    struct view queue = conf_queue_directory(c);

    snprintf(path, sizeof path, "%.*s/%s/%s", VIEW_FMT(queue), class, name);
    return path;
}

pid_t instance_master_pid(const struct conf *c)
{
    char text[32];
    int pid = 0;
    const char *path =
        instance_socket_path(c, conf_cstr(c, P_process_id_directory), "master.pid");
    int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return 0;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
        ssize_t n = pread(fd, text, sizeof text, 0);
        struct view digits = view_trim_space((struct view){text, n > 0 ? (size_t)n : 0});
        if (!number_parse_int(digits, 1, INT_MAX, &pid))
            pid = 0;
    }
    close(fd);
    return pid;
}
