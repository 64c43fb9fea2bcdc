/* postlock - run a command while a mailbox file is locked
 *
 * Usage: postlock [-c config_dir] [-l lock_style] [-v] file command...  The lock is that
 * of local delivery (mailbox_delivery_lock).  Exit status 75 when it cannot be had, else
 * the command's.  postlock(1).
 */
#include "base/log.h"
#include "service/instance.h"
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_write(LOG_LEVEL_FATAL, format, args);
    va_end(args);
    exit(EX_TEMPFAIL);
}

static struct lock_policy make_policy(const struct conf *c, const char *style)
{
    struct lock_policy p = {.attempts = 0};
    struct error e = ERROR_INIT;
    struct view methods = style ? view_of(style) : conf_view(c, P_mailbox_delivery_lock);

    if (!lock_policy_parse(methods, &p, &e))
        fail("unknown mailbox_delivery_lock value in \"%.*s\": %s", VIEW_FMT(methods),
             error_cstr(&e));
    p.attempts = (unsigned)conf_int(c, P_deliver_lock_attempts);
    p.delay = conf_time(c, P_deliver_lock_delay);
    p.stale = conf_time(c, P_stale_lock_time);
    return p;
}

static int run(char **command)
{
    int status = 0;
    pid_t pid = fork();

    if (pid < 0)
        fail("fork %s: %s", command[0], strerror(errno));
    if (pid == 0) {
        execvp(command[0], command);
        log_fatal("execvp %s: %s", command[0], strerror(errno));
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            fail("waitpid: %s", strerror(errno));
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    const char *directory = NULL, *style = NULL;
    struct error e = ERROR_INIT;
    bool has_dot_lock = false;
    int letter;

    log_set_command("postlock");
    while ((letter = getopt(argc, argv, "+c:l:v")) != -1) {
        if (letter == 'c')
            directory = optarg;
        else if (letter == 'l')
            style = optarg;
        else if (letter == 'v')
            log_verbose++;
        else
            optind = argc;
    }
    if (argc - optind < 2)
        fail("usage: postlock [-c config_dir] [-l lock_style] [-v] folder command...");
    const char *file = argv[optind];
    struct lock_policy policy = make_policy(instance_conf(directory), style);
    if (policy.use_dotlock && lock_dot_take(&policy, file, &has_dot_lock, &e) != OK)
        fail("%s", error_cstr(&e));
    int fd = open(file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int status = EX_TEMPFAIL;
    if (fd < 0)
        error_set_errno(&e, "4.2.0", "open file %s", file);
    else if (lock_file_take(&policy, fd, &e) == OK)
        status = run(argv + optind + 1);
    if (has_dot_lock)
        lock_dot_give(file);
    if (error_is_set(&e))
        fail("%s", error_cstr(&e));
    return status;
}
