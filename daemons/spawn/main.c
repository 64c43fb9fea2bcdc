/* spawn - run an external command for each connection, as inetd does
 *
 * For policy servers and the like: `spawn user=nobody argv=/path/program arguments` in
 * master.cf.  The connection becomes standard input, output and error of the command,
 * which runs as `user` and never as root or the mail owner.  spawn(8).
 */
#include "agent/command.h"
#include "base/log.h"
#include "base/memory.h"
#include "run/process.h"
#include "service/service.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    const char *const *argv;
    uid_t uid;
    gid_t gid;
    int64_t time_limit;
} setup;

/* --- user=name[:group] argv=command... --- */

static bool find_user(const char *name, struct error *e)
{
    const char *colon = strchr(name, ':');
    struct str user_name = STR_INIT(256);

    str_set(&user_name,
            colon ? (struct view){name, (size_t)(colon - name)} : view_of(name));
    const struct passwd *user = getpwnam(str_cstr(&user_name));
    str_done(&user_name);
    if (!user) {
        error_set(e, "4.3.5", "unknown user in user=%s", name);
        return false;
    }
    setup.uid = user->pw_uid;
    setup.gid = user->pw_gid;
    const struct group *group = colon && colon[1] ? getgrnam(colon + 1) : NULL;
    if (group)
        setup.gid = group->gr_gid;
    else if (colon && colon[1])
        error_set(e, "4.3.5", "unknown group in user=%s", name);
    return !error_is_set(e);
}

static bool check_user(const struct service *s, struct error *e)
{
    if (setup.uid == 0 || setup.gid == 0)
        error_set(e, "4.3.5", "user= command-line attribute specifies root privileges");
    else if (s->is_root && (setup.uid == s->owner_uid || setup.gid == s->owner_gid))
        error_set(e, "4.3.5",
                  "user= command-line attribute specifies mail system owner %s",
                  conf_cstr(s->conf, P_mail_owner));
    return !error_is_set(e);
}

/* The rest of the arguments behind "argv=" is the command. */
static void take_command(const struct service *s, size_t first)
{
    enum { PREFIX = sizeof "argv=" - 1 };
    const char **argv = memory_alloc_array(s->n_args - first + 1, sizeof *argv);

    for (size_t i = first; i < s->n_args; i++)
        argv[i - first] = s->args[i] + (i == first ? PREFIX : 0);
    setup.argv = argv;
}

static bool prepare(struct service *s, struct error *e)
{
    const char *user = NULL;

    for (size_t i = 0; i < s->n_args && !setup.argv; i++) {
        if (view_starts(view_of(s->args[i]), VIEW("user=")))
            user = s->args[i] + strlen("user=");
        else if (view_starts(view_of(s->args[i]), VIEW("argv=")))
            take_command(s, i);
        else
            log_fatal("unknown attribute name: %s", s->args[i]);
    }
    if (!user || !setup.argv || !setup.argv[0][0]) {
        error_set(e, "4.3.5", "missing user= or argv= command-line attribute");
        return false;
    }
    setup.time_limit =
        conf_transport_time(s->conf, view_of(s->name), P_command_time_limit);
    return find_user(user, e) && check_user(s, e);
}

/* --- a connection --- */

static void report_end(const char *command, int status)
{
    if (WIFSIGNALED(status))
        log_warning("command %s killed by signal %d", command, WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        log_warning("command %s exit status %d", command, WEXITSTATUS(status));
}

static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    static const struct command_variable none[1];
    enum { GRACE_SECONDS = 2 };
    struct error e = ERROR_INIT;
    struct arena *a = arena_new();
    struct process_setup process = {.argv = setup.argv,
                                    .env = command_environment(s->conf, a, none, 0),
                                    .fds = {fd, fd, fd},
                                    .set_ids = s->is_root,
                                    .uid = setup.uid,
                                    .gid = setup.gid,
                                    .new_session = true};
    int status = 0;

    (void)socket;
    (void)peer;
    /* Commands of others expect to wait in read(2). */
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) < 0)
        log_warning("set blocking: %s", strerror(errno));
    pid_t pid = process_start(&process, &e);
    close(fd);
    if (pid < 0) {
        log_warning("%s", error_cstr(&e));
    } else if (process_wait(pid, clock_in(setup.time_limit), &status) == WAKE_OK) {
        report_end(setup.argv[0], status);
    } else {
        log_warning("command %s: time limit exceeded", setup.argv[0]);
        process_end(pid, GRACE_SECONDS * CLOCK_SECOND);
    }
    arena_free(a);
}

int main(int argc, char **argv)
{
    static const struct service_program program = {
        .name = "spawn", .user = SERVICE_AS_ROOT, .prepare = prepare, .session = session};
    return service_main(argc, argv, &program);
}
