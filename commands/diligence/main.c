/* diligence - start, stop and look after an instance
 *
 * Usage: diligence [-Dv] [-c config_dir]
 * start|start-fg|stop|abort|reload|flush|status|check| logrotate|set-permissions.  Lines,
 * order of steps and exit statuses are those of postfix(1).  Ours are: check domain NAME,
 * lookup ADDRESS|DOMAIN..., trace [FILE]...
 */
#include "base/clock.h"
#include "base/log.h"
#include "diligence.h"
#include "queue/queue_admin.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* --- helpers --- */

static void pause_briefly(long milliseconds)
{
    struct timespec t = {.tv_sec = milliseconds / 1000,
                         .tv_nsec = milliseconds % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

/* The pid of the running master; ends with status 1 when there is none. */
static pid_t running_master(const struct control *c)
{
    pid_t pid = instance_master_pid(c->conf);

    if (pid == 0)
        log_fatal("the Postfix mail system is not running");
    return pid;
}

/* argv for master with LETTER ("-w", "-s", "-i"). */
static void exec_master(const struct control *c, const char *letter)
{
    struct str path = STR_INIT(4096);
    const char *argv[8];
    size_t n = 0;

    str_setf(&path, "%s/master", instance_libexec(c->conf));
    argv[n++] = str_cstr(&path);
    argv[n++] = "-c";
    argv[n++] = conf_directory(c->conf);
    argv[n++] = letter;
    if (c->verbose)
        argv[n++] = "-v";
    if (c->debug)
        argv[n++] = "-D";
    argv[n] = NULL;
    execv(argv[0], (char *const *)(uintptr_t)argv);
    log_fatal("run %s: %s", argv[0], strerror(errno));
}

/* --- sub-commands --- */

static void prepare_start(const struct control *c)
{
    struct error e = ERROR_INIT;

    if (instance_master_pid(c->conf) != 0)
        log_fatal("the Postfix mail system is already running");
    if (!directories_create(c, &e)) {
        log_error("%s", error_cstr(&e));
        log_fatal("Postfix integrity check failed!");
    }
    directories_check(c);
    log_info("starting the Postfix mail system");
}

static int start(const struct control *c)
{
    int status = 0;

    prepare_start(c);
    pid_t pid = fork();
    if (pid < 0)
        log_fatal("fork: %s", strerror(errno));
    if (pid == 0)
        exec_master(c, c->debug ? "-d" : "-w");
    if (c->debug)
        return 0; /* -w would wait for a debugger */
    if (waitpid(pid, &status, 0) < 0 || status != 0)
        log_fatal("mail system startup failed");
    return 0;
}

static int start_in_foreground(const struct control *c)
{
    prepare_start(c);
    exec_master(c, getpid() == 1 ? "-i" : "-s");
    return 1;
}

/* Wait until PID no longer holds the lock; false after SECONDS. */
static bool wait_for_end(const struct control *c, int seconds)
{
    enum { LOOK_MILLISECONDS = 5 };
    int64_t deadline = clock_in(seconds * CLOCK_SECOND);

    while (instance_master_pid(c->conf) != 0) {
        if (clock_mono() > deadline)
            return false;
        pause_briefly(LOOK_MILLISECONDS);
    }
    return true;
}

static void signal_master(pid_t pid, int signo)
{
    if (kill(pid, signo) < 0 && errno != ESRCH)
        log_fatal("signal process %d: %s", (int)pid, strerror(errno));
}

static int stop(const struct control *c)
{
    enum { TRIES = 5 };
    pid_t pid = running_master(c);

    log_info("stopping the Postfix mail system");
    signal_master(pid, SIGTERM);
    if (wait_for_end(c, 2))
        return 0;
    for (int i = 0; i < TRIES; i++) {
        log_info("waiting for the Postfix mail system to terminate");
        if (wait_for_end(c, 1))
            return 0;
    }
    log_warning("stopping the Postfix mail system with force");
    signal_master(-pid, SIGKILL);
    return wait_for_end(c, 1) ? 0 : 1;
}

/* At once: what is under way is repeated after the next start. */
static int abort_system(const struct control *c)
{
    pid_t pid = running_master(c);

    log_info("aborting the Postfix mail system");
    signal_master(-pid, SIGKILL);
    return wait_for_end(c, 2) ? 0 : 1;
}

static int reload(const struct control *c)
{
    pid_t pid = running_master(c);

    log_info("refreshing the Postfix mail system");
    signal_master(pid, SIGHUP);
    return 0;
}

static int flush(const struct control *c)
{
    struct queue_selection all = {.id = VIEW_NONE};
    struct error e = ERROR_INIT;
    uint64_t count;

    if (queue_admin_control(c->conf, QUEUE_FLUSH, &all, &count, &e) != OK)
        log_fatal("Cannot flush mail queue - %s", error_cstr(&e));
    return 0;
}

static int status(const struct control *c)
{
    pid_t pid = instance_master_pid(c->conf);

    if (pid == 0) {
        log_info("the Postfix mail system is not running");
        return 1;
    }
    log_info("the Postfix mail system is running: PID: %d", (int)pid);
    return 0;
}

static int check(const struct control *c)
{
    struct error e = ERROR_INIT;

    if (c->argc == 2 && strcmp(c->argv[0], "domain") == 0)
        return check_domain(c, c->argv[1]);
    if (c->argc > 0)
        log_fatal("usage: check, or check domain NAME");
    if (!directories_create(c, &e))
        log_fatal("unable to create missing queue directories: %s", error_cstr(&e));
    directories_check(c);
    commands_check(c);
    return configuration_check(c) ? 0 : 1;
}

static int set_permissions(const struct control *c)
{
    struct error e = ERROR_INIT;

    if (!directories_repair(c, &e))
        log_fatal("%s", error_cstr(&e));
    return 0;
}

/* Move maillog_file aside, compress it, and let everybody open a new one. */
static int rotate_log(const struct control *c)
{
    const char *file = conf_cstr(c->conf, P_maillog_file);
    struct str target = STR_INIT(4096);
    char suffix[128];
    time_t now = time(NULL);
    struct tm tm;

    if (file[0] == '\0' || strcmp(file, "/dev/stdout") == 0)
        log_fatal("unable to rotate logfile: maillog_file is \"%s\"", file);
    if (!localtime_r(&now, &tm) ||
        strftime(suffix, sizeof suffix, "%Y%m%d-%H%M%S", &tm) == 0)
        log_fatal("no time for a suffix");
    str_setf(&target, "%s.%s", file, suffix);
    if (rename(file, str_cstr(&target)) < 0)
        log_fatal("rename %s: %s", file, strerror(errno));
    pid_t master = instance_master_pid(c->conf);
    if (master)
        signal_master(master, SIGUSR1);
    pause_briefly(1000); /* lines on their way still reach the old file */
    const char *compressor = conf_cstr(c->conf, P_maillog_file_compressor);
    execlp(compressor, compressor, str_cstr(&target), (char *)NULL);
    log_fatal("run %s: %s", compressor, strerror(errno));
}

/* Nothing in the files needs an upgrade: they are read as they are. */
static int upgrade_configuration(const struct control *c)
{
    log_info(
        "%s: main.cf and master.cf of Postfix are used as they are, nothing to upgrade",
        conf_directory(c->conf));
    return 0;
}

static const struct verb {
    const char *name;
    int (*run)(const struct control *c);
    int min_arguments, max_arguments;
    bool needs_no_instance;
} verbs[] = {
    {.name = "start", .run = start},
    {.name = "start-fg", .run = start_in_foreground},
    {.name = "stop", .run = stop},
    {.name = "abort", .run = abort_system},
    {.name = "reload", .run = reload},
    {.name = "flush", .run = flush},
    {.name = "status", .run = status},
    {.name = "check", .run = check, .max_arguments = 2},
    {.name = "logrotate", .run = rotate_log},
    {.name = "set-permissions", .run = set_permissions},
    {.name = "upgrade-configuration", .run = upgrade_configuration},
    {.name = "lookup", .run = lookup, .min_arguments = 1, .max_arguments = INT_MAX},
    {.name = "trace",
     .run = trace_messages,
     .max_arguments = INT_MAX,
     .needs_no_instance = true},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    }
    return NULL;
}

/* --- start of the command --- */

static void usage(const char *name)
{
    log_fatal("usage: %s [-c config_dir] [-Dv] "
              "start|start-fg|stop|abort|reload|flush|status|check|logrotate|"
              "set-permissions|upgrade-configuration|check domain NAME|lookup "
              "ADDRESS|DOMAIN...|trace [FILE]...",
              name);
}

int main(int argc, char **argv)
{
    struct control c = {.verbose = 0};
    struct error e = ERROR_INIT;
    const char *directory = NULL;
    int letter;

    instance_keep_standard_fds();
    umask(022);
    log_set_command("postfix/postfix-script");
    while ((letter = getopt(argc, argv, "c:Dv")) != -1) {
        if (letter == 'c')
            directory = optarg;
        else if (letter == 'D')
            c.debug = true;
        else if (letter == 'v')
            log_verbose = ++c.verbose;
        else
            usage(argv[0]);
    }
    if (optind >= argc)
        usage(argv[0]);
    const struct verb *verb = find_verb(argv[optind]);
    if (!verb)
        log_fatal(
            "unknown command: '%s'. Usage: postfix start (or stop, reload, abort, flush, "
            "check, status, set-permissions, upgrade-configuration, logrotate, lookup, "
            "trace)",
            argv[optind]);
    c.argc = argc - optind - 1;
    c.argv = argv + optind + 1;
    if (c.argc < verb->min_arguments || c.argc > verb->max_arguments)
        usage(argv[0]);
    if (verb->needs_no_instance)
        return verb->run(&c);
    c.conf = instance_conf(directory);
    instance_log_command(c.conf, "postfix-script");
    if (!instance_owner(c.conf, &c.owner, &e))
        log_fatal("%s", error_cstr(&e));
    return verb->run(&c);
}
