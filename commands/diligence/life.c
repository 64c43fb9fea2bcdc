/* life - start, stop, abort, status
 *
 * Lines, order of steps and exit statuses are those of postfix(1).
 */
#include "base/clock.h"
#include "base/log.h"
#include "diligence.h"
#include "history.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void pause_briefly(long milliseconds)
{
    struct timespec t = {.tv_sec = milliseconds / 1000,
                         .tv_nsec = milliseconds % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

pid_t running_master(const struct control *c)
{
    pid_t pid = instance_master_pid(c->conf);

    if (pid == 0)
        log_fatal("the Postfix mail system is not running");
    return pid;
}

void signal_master(pid_t pid, int signo)
{
    if (kill(pid, signo) < 0 && errno != ESRCH)
        log_fatal("signal process %d: %s", (int)pid, strerror(errno));
}

/* --- start --- */

/* argv for master with LETTER ("-w", "-s", "-i"). */
static void exec_master(const struct control *c, const char *letter)
{
    struct str path = STR_INIT(4096);
    const char *argv[8];
    size_t n = 0;

    str_setf(&path, "%s/master", instance_libexec(c->conf));
    argv[n++] = str_cstr(&path);
    argv[n++] = "-c";
    argv[n++] = c->directory;
    argv[n++] = letter;
    if (c->verbose)
        argv[n++] = "-v";
    if (c->debug)
        argv[n++] = "-D";
    argv[n] = NULL;
    execv(argv[0], (char *const *)(uintptr_t)argv);
    log_fatal("run %s: %s", argv[0], strerror(errno));
}

static void prepare_start(const struct control *c)
{
    enum { FEW_FILES = 50 };
    struct error e = ERROR_INIT;

    if (instance_master_pid(c->conf) != 0)
        log_fatal("the Postfix mail system is already running");
    if (!directories_create(c, &e)) {
        log_error("%s", error_cstr(&e));
        log_fatal("Postfix integrity check failed!");
    }
    directories_check(c);
    foreign_queue_check(c, FEW_FILES);
    log_info("starting the Postfix mail system");
}

/* What the system started with is what a later reload can go back to. */
static void remember(const struct control *c)
{
    struct error e = ERROR_INIT;

    if (!history_save(c, &e))
        log_warning("%s; rollback will not know this configuration", error_cstr(&e));
}

int start(struct control *c)
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
    remember(c);
    return 0;
}

int start_in_foreground(struct control *c)
{
    if (!c->is_forced && conf_view(c->conf, P_multi_instance_directories).n > 0)
        log_fatal("start-fg does not support multi_instance_directories");
    prepare_start(c);
    if (configuration_errors(c) == 0)
        remember(c);
    exec_master(c, getpid() == 1 ? "-i" : "-s");
    return 1;
}

/* --- end --- */

/* Wait until the master no longer holds the lock; false after SECONDS. */
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

int stop(struct control *c)
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
int abort_system(struct control *c)
{
    pid_t pid = running_master(c);

    log_info("aborting the Postfix mail system");
    signal_master(-pid, SIGKILL);
    return wait_for_end(c, 2) ? 0 : 1;
}

int status(struct control *c)
{
    pid_t pid = instance_master_pid(c->conf);

    if (pid == 0) {
        log_info("the Postfix mail system is not running");
        return 1;
    }
    log_info("the Postfix mail system is running: PID: %d", (int)pid);
    return 0;
}
