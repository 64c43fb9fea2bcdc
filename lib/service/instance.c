/* instance - where an instance lives, who owns it, where its programs are */
#include "service/instance.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "net/settings.h"
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

void instance_keep_standard_fds(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd < 0)
        _exit(1);
    close(fd);
}

const struct conf *instance_conf(const char *given)
{
    struct error e = ERROR_INIT;
    const struct conf *c = instance_try_conf(given, &e);

    if (!c)
        log_fatal("%s", error_cstr(&e));
    return c;
}

const struct conf *instance_try_conf(const char *given, struct error *e)
{
    /* A command keeps its configuration to the end; leak checkers find it here. */
    static struct conf *c __attribute__((used));
    const char *directory = instance_directory(given, e);

    if (!directory || !conf_load(directory, NULL, 0, &c, e))
        return NULL;
    if (setenv("MAIL_CONFIG", directory, 1) < 0)
        log_fatal("out of memory");
    instance_use_network(c);
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
    struct str path = STR_INIT(PATH_MAX);

    bool has = str_setf(&path, "%s/%s", directory, name) && access(path.p, X_OK) == 0;
    str_done(&path);
    return has;
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

/* The first of PLACES (relative to the executable) that has PROGRAM; allocated, NULL when
 * none. */
static char *find_beside(const char *const *places, const char *program)
{
    struct str path = STR_INIT(PATH_MAX);
    char *found = NULL;

    for (; *places && !found; places++) {
        if (str_setf(&path, "%s%s", executable_directory(), *places) &&
            has_program(path.p, program))
            found = realpath(path.p, NULL);
    }
    str_done(&path);
    return found;
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
    static const char *path;
    const char *own = configured(c, P_daemon_directory, "auth");

    if (own)
        return own;
    if (!path)
        path = find_beside(places, "master");
    if (!path)
        log_fatal("no daemons of this mail system beside %s", executable_directory());
    if (conf_is_set(c, P_daemon_directory))
        log_debug("daemon_directory %s is not ours: using %s",
                  conf_cstr(c, P_daemon_directory), path);
    return path;
}

const char *instance_bin(const struct conf *c)
{
    static const char *const places[] = {"", "/../../bin", "/../../sbin", NULL};
    static const char *path;
    const char *own = configured(c, P_command_directory, "diligence");

    if (own)
        return own;
    if (!path)
        path = find_beside(places, "diligence");
    if (!path)
        log_fatal("no commands of this mail system beside %s", executable_directory());
    return path;
}

/* --- the running system --- */

void instance_enter(const struct conf *c)
{
    const char *directory = conf_cstr(c, P_queue_directory);

    if (chdir(directory) < 0)
        log_fatal("chdir %s: %s", directory, strerror(errno));
}

pid_t instance_master_pid(const struct conf *c)
{
    char text[64];
    int pid = 0;
    struct str path = STR_INIT(PATH_MAX);

    str_setf(&path, "%s/%s/master.pid", conf_cstr(c, P_queue_directory),
             conf_cstr(c, P_process_id_directory));
    int fd = open(str_cstr(&path), O_RDONLY | O_CLOEXEC);
    str_done(&path);
    if (fd < 0)
        return 0;
    if (flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
        ssize_t n = pread(fd, text, sizeof text, 0);
        struct view digits = view_trim_space((struct view){text, n > 0 ? (size_t)n : 0});
        if (!number_parse_int(digits, 1, INT_MAX, &pid))
            pid = 0;
    }
    close(fd);
    return pid;
}

void instance_use_network(const struct conf *c)
{
    struct view bad;
    net_set_idna2003(conf_bool(c, P_enable_idna2003_compatibility));
    net_set_window((int)conf_int(c, P_tcp_windowsize));
    if (!net_set_known_ports(conf_view(c, P_known_tcp_ports), &bad))
        log_warning("known_tcp_ports: malformed element \"%.*s\"", VIEW_FMT(bad));
}
