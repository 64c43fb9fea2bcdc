/* dialogue - sendmail -bs: our smtpd on standard input and output
 *
 * smtpd wants one socket; standard input and output may be a terminal, pipes or files, so
 * bytes are carried between them and a socket pair.
 */
#include "base/log.h"
#include "sendmail.h"
#include "service/instance.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

__attribute__((noreturn)) static void run_smtpd(const struct conf *c, int fd)
{
    struct str path = STR_INIT(4096);

    str_setf(&path, "%s/smtpd", instance_libexec(c));
    if (dup2(fd, STDIN_FILENO) >= 0)
        execl(str_cstr(&path), "smtpd", "-S", "-n", "stdio", "-t", "unix", "-c",
              conf_directory(c), (char *)NULL);
    log_error("run %s: %s", str_cstr(&path), strerror(errno));
    _exit(EX_OSERR);
}

/* Carry what is there; false at the end. */
static bool carry(int from, int to)
{
    static char buffer[1 << 15];
    ssize_t n = read(from, buffer, sizeof buffer);

    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0)
        return false;
    for (ssize_t done = 0; done < n;) {
        ssize_t sent = write(to, buffer + done, (size_t)(n - done));
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        done += sent;
    }
    return true;
}

static void carry_both_ways(int fd)
{
    struct pollfd p[] = {{.fd = fd, .events = POLLIN},
                         {.fd = STDIN_FILENO, .events = POLLIN}};

    for (;;) {
        if (poll(p, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return;
        }
        if (p[0].revents && !carry(fd, STDOUT_FILENO))
            return;
        if (p[1].revents && !carry(STDIN_FILENO, fd)) {
            (void)shutdown(fd, SHUT_WR);
            p[1].fd = -1;
        }
    }
}

int run_dialogue(const struct request *r)
{
    int pair[2], status = 0;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        fatal(EX_OSERR, "socketpair: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        fatal(EX_OSERR, "fork: %s", strerror(errno));
    if (pid == 0)
        run_smtpd(r->conf, pair[1]);
    close(pair[1]);
    (void)signal(SIGPIPE, SIG_IGN);
    carry_both_ways(pair[0]);
    close(pair[0]);
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            fatal(EX_OSERR, "waitpid: %s", strerror(errno));
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}
