/* master - start, lock, signals
 *
 * Usage: master [-Ddistvw] [-c config_directory] [-e exit_time], as master(8).  Runs as
 * root (or as the ordinary user who started the instance) all its life; opens no mail and
 * parses nothing from the network.
 */
#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "master.h"
#include "sandbox/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct master master = {.log_fd = -1};

/* What the command line asks for. */
struct options {
    const char *directory;
    bool is_attached;   /* -d, -i, -s: keep the terminal and the descriptors */
    bool is_init;       /* -i: process 1 of a container */
    bool is_foreground; /* -s */
    bool is_test;       /* -t: only look whether a master runs */
    bool must_wait;     /* -w: the parent waits until we serve */
    int exit_seconds;   /* -e */
    int ready_pipe;     /* -w: the parent's end to write to; -1 */
};

static void parse_options(struct options *o, int argc, char **argv)
{
    int letter;

    *o = (struct options){.ready_pipe = -1};
    while ((letter = getopt(argc, argv, "c:Dde:istvw")) != -1) {
        switch (letter) {
        case 'c':
            o->directory = optarg;
            break;
        case 'D': /* a debugger attaches to the daemons, see their -D; master itself needs
                     no help */
        case 'd':
            o->is_attached = true;
            break;
        case 'e':
            if (!number_parse_int(view_of(optarg), 1, INT_MAX, &o->exit_seconds))
                log_fatal("invalid exit time: %s", optarg);
            break;
        case 'i':
            o->is_init = o->is_attached = true;
            break;
        case 's':
            o->is_foreground = o->is_attached = true;
            break;
        case 't':
            o->is_test = true;
            break;
        case 'v':
            master.verbose++;
            log_verbose++;
            break;
        case 'w':
            o->must_wait = true;
            break;
        default:
            log_fatal("usage: master [-c config_dir] [-D (debug)] [-d (don't detach from "
                      "terminal)] "
                      "[-e exit_time] [-i (init mode)] [-s (foreground)] [-t (test)] "
                      "[-v] [-w (wait)]");
        }
    }
    if (o->must_wait && o->is_attached)
        log_fatal("-w cannot be combined with -d, -i or -s");
}

/* --- into the background --- */

/* The parent's part of -w: end with the child's success. */
__attribute__((noreturn)) static void wait_until_ready(int fd)
{
    char byte;
    ssize_t n;

    do
        n = read(fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    _exit(n == 1 ? 0 : 1);
}

static void go_to_background(struct options *o)
{
    int pair[2];

    if (!o->must_wait)
        return;
    if (pipe2(pair, O_CLOEXEC) < 0)
        log_fatal("pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        log_fatal("fork: %s", strerror(errno));
    if (pid > 0) {
        close(pair[1]);
        wait_until_ready(pair[0]);
    }
    close(pair[0]);
    o->ready_pipe = pair[1];
}

/* Nothing of the caller's terminal remains, unless asked for. */
static void leave_terminal(const struct options *o)
{
    if (!o->is_init && getsid(0) != getpid())
        (void)setsid();
    if (o->is_attached)
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        log_fatal("open /dev/null: %s", strerror(errno));
    for (int fd = 0; fd < 3; fd++)
        (void)dup2(null, fd);
    close(null);
}

static void tell_ready(const struct options *o)
{
    if (o->ready_pipe < 0)
        return;
    if (write(o->ready_pipe, "", 1) != 1)
        log_warning("tell the waiting parent: %s", strerror(errno));
    close(o->ready_pipe);
}

/* --- the lock --- */

/* Take the lock of this queue and write our process id there, as Postfix does.  The
 * descriptor stays open for as long as we live. */
static void take_lock(const struct conf *c)
{
    enum { PID_WIDTH = 32 };
    struct str path = STR_INIT(PATH_MAX);

    str_setf(&path, "%s/master.pid", conf_cstr(c, P_process_id_directory));
    int fd = open(path.p, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        log_fatal("open lock file %s: %s", path.p, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        log_fatal("open lock file %s: unable to set exclusive lock: %s", path.p,
                  strerror(errno));
    if (ftruncate(fd, 0) < 0 ||
        dprintf(fd, "%*lu\n", PID_WIDTH, (unsigned long)getpid()) < 0)
        log_fatal("write lock file %s: %s", path.p, strerror(errno));
    str_done(&path);
}

/* -t: status 0 when no master runs here. */
static void test_lock(const struct conf *c)
{
    if (instance_master_pid(c) == 0)
        exit(0);
    log_fatal("open lock file %s/master.pid: unable to set exclusive lock: %s",
              conf_cstr(c, P_process_id_directory), strerror(EAGAIN));
}

/* --- signals --- */

static void stop_fiber(void *arg)
{
    (void)arg;
    master_stop_children();
    loop_stop();
}

static void on_stop(int signo, void *arg)
{
    (void)arg;
    if (master.is_stopping)
        return;
    log_info("terminating on signal %d", signo);
    master.is_stopping = true;
    fiber_spawn("stop", stop_fiber, NULL);
}

static void on_reload(int signo, void *arg)
{
    (void)signo;
    (void)arg;
    if (!master.is_stopping)
        master_reload();
}

static void on_logrotate(int signo, void *arg)
{
    (void)signo;
    (void)arg;
    master_reopen_log();
}

static void on_exit_time(struct timer *t)
{
    (void)t;
    on_stop(SIGTERM, NULL);
}

/* --- start --- */

static void start_fiber(void *arg)
{
    static struct timer exit_timer;
    const struct options *o = arg;

    LIST_FOR_EACH (struct unit, u, &master.setup->units, link)
        unit_start(u);
    log_info("daemon started -- version %s, configuration %s",
             conf_cstr(master.setup->conf, P_mail_version), master.directory);
    tell_ready(o);
    if (o->exit_seconds)
        timer_set(&exit_timer, clock_in(o->exit_seconds * CLOCK_SECOND), on_exit_time);
}

/* Where the log goes; /dev/stdout makes sense in the foreground only. */
static void open_log(const struct conf *c, const struct options *o, struct error *e)
{
    if (strcmp(conf_cstr(c, P_maillog_file), "/dev/stdout") == 0 && !o->is_attached)
        log_fatal("maillog_file = /dev/stdout requires start-fg");
    master.log_fd = instance_log_file(c, e);
    if (error_is_set(e))
        log_fatal("%s", error_cstr(e));
    instance_log_open(c, "master", master.log_fd);
    log_also_stderr(!o->is_attached ||
                    isatty(STDERR_FILENO)); /* until the terminal is left */
}

__attribute__((returns_nonnull)) static struct setup *read_setup(const struct options *o,
                                                                 struct error *e)
{
    const char *directory = instance_directory(o->directory, e);

    if (!directory)
        log_fatal("%s", error_cstr(e));
    master.directory = memory_cstr(directory);
    struct setup *setup = setup_load(directory, e);
    if (!setup)
        log_fatal("%s", error_cstr(e));
    master.libexec = memory_cstr(instance_libexec(setup->conf));
    master.setup = setup;
    return setup;
}

int main(int argc, char **argv)
{
    struct options o;
    struct error e = ERROR_INIT;

    log_set_tag("postfix/master");
    umask(077);
    (void)signal(SIGPIPE, SIG_IGN);
    parse_options(&o, argc, argv);
    go_to_background(&o);
    struct setup *setup = read_setup(&o, &e);
    list_init(&master.leaving);
    instance_enter(setup->conf);
    if (o.is_test)
        test_lock(setup->conf);
    open_log(setup->conf, &o, &e);
    take_lock(setup->conf);
    if (!endpoints_open(setup, NULL, &e))
        log_fatal("%s", error_cstr(&e));
    log_also_stderr(false);
    leave_terminal(&o);
    loop_init();
    loop_on_signal(SIGTERM, on_stop, NULL);
    loop_on_signal(SIGINT, on_stop, NULL);
    loop_on_signal(SIGHUP, on_reload, NULL);
    loop_on_signal(SIGUSR1, on_logrotate, NULL);
    fiber_spawn("start", start_fiber, &o);
    loop_run();
    _exit(0); /* fibers are dropped where they wait */
}
