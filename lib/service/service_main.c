/* service_main - the start of every daemon
 *
 * Order matters: configuration and log while everything may be read, prepare() with the
 * rights of the start, then the drop to the mail owner, then the sandbox, and only then
 * the first byte from outside.
 */
#include "base/log.h"
#include "base/memory.h"
#include "run/loop.h"
#include "sandbox/privileges.h"
#include "service/service_private.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

struct service_run service_self;

void service_fail(const struct error *e)
{
    log_fatal("%s", error_cstr(e));
}

static void read_configuration(struct service_run *r, struct error *e)
{
    struct conf *c;

    r->arguments.directory = instance_directory(r->arguments.directory, e);
    if (!r->arguments.directory || !service_conf_load(r, &c, e))
        service_fail(e);
    r->s.conf = c;
    if (setenv("MAIL_CONFIG", r->arguments.directory, 1) < 0)
        log_fatal("out of memory");
}

/* -D: start debugger_command beside this process (DEBUG_README). */
static void start_debugger(const struct service_run *r)
{
    const char *command = conf_cstr(r->s.conf, P_debugger_command);

    if (!r->arguments.is_debugged)
        return;
    if (command[0] == '\0') {
        log_warning("-D: the parameter debugger_command is empty");
        return;
    }
    log_info("running: %s", command);
    if (system(command) != 0)
        log_warning("debugger_command failed: %s", command);
}

/* The limits that bound one process: master.cf's, then sessions_per_process. */
static void set_limits(struct service_run *r)
{
    enum { SESSIONS_PER_USE = 1000 };
    const struct conf *c = r->s.conf;
    int64_t most = conf_int(c, P_sessions_per_process);

    if (most > 0 && most < (int64_t)r->s.max_sessions)
        r->s.max_sessions = (unsigned)most;
    /* Postfix counts a process that serves one client at a time; one of ours serves as
     * many as its default of 100 processes would.  A number that was set is taken as it
     * is. */
    r->max_use = (uint64_t)conf_int(c, P_max_use);
    if (!conf_is_set(c, P_max_use))
        r->max_use *= SESSIONS_PER_USE;
}

static void enter_sandbox(struct service_run *r, struct error *e)
{
    struct sandbox_profile profile = {.name = r->s.process_name};

    if (!r->s.program->sandbox || r->s.is_standalone)
        return;
    r->s.program->sandbox(&r->s, &profile);
    if (!sandbox_enter(&profile, e))
        service_fail(e);
}

/* From the rights of the start to those of the program. */
static void drop_privileges(struct service_run *r, struct error *e)
{
    const struct service_program *program = r->s.program;

    if (program->prepare && !program->prepare(&r->s, e))
        service_fail(e);
    if (program->user == SERVICE_AS_MAIL_OWNER &&
        !instance_become_owner(r->s.conf, &r->owner, e))
        service_fail(e);
}

/* Declared to return, for callers; ends the process. */
int service_main(int argc, char **argv, const struct service_program *program)
{
    struct service_run *r = &service_self;
    struct error e = ERROR_INIT;

    r->s.program = program;
    umask(077);
    (void)signal(SIGPIPE, SIG_IGN);
    service_arguments_take(r, argc, argv);
    read_configuration(r, &e);
    instance_log_open(r->s.conf, r->s.process_name, r->log_fd);
    instance_use_network(r->s.conf);
    r->s.is_root = privileges_are_root() && !r->s.is_standalone;
    if (r->s.is_standalone)
        r->owner = (struct instance_owner){getuid(), getuid(), getgid(), getgid(), false};
    else if (!instance_owner(r->s.conf, &r->owner, &e))
        service_fail(&e);
    r->s.owner_uid = r->owner.mail_uid;
    r->s.owner_gid = r->owner.gid;
    set_limits(r);
    if (!r->s.is_standalone && chdir(conf_cstr(r->s.conf, P_queue_directory)) < 0)
        log_fatal("chdir %s: %s", conf_cstr(r->s.conf, P_queue_directory),
                  strerror(errno));
    start_debugger(r);
    drop_privileges(r, &e);
    enter_sandbox(r, &e);
    int status = service_run(r);
    /* Fibers that still wait are dropped where they stand; nothing that matters is at
     * their ends. */
    (void)fflush(NULL);
    _exit(status);
}
