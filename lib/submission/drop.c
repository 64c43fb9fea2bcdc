/* drop - hand a submission to postdrop, which may write to maildrop/ when we may not */
#include "base/log.h"
#include "queue/queue_file.h"
#include "service/instance.h"
#include "submission/submission.h"
#include "table/match.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static bool write_all(int fd, struct view v)
{
    while (v.n > 0) {
        ssize_t n = write(fd, v.p, v.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        v = view_from(v, (size_t)n);
    }
    return true;
}

/* Copy SIZE bytes of FROM, from its start. */
static bool copy_content(int to, int from, uint64_t size)
{
    enum { PIECE = 1 << 16 };
    static char buffer[PIECE];

    for (uint64_t done = 0; done < size;) {
        size_t piece = size - done < PIECE ? (size_t)(size - done) : PIECE;
        if (!queue_read_full(from, buffer, piece, done) ||
            !write_all(to, (struct view){buffer, piece}))
            return false;
        done += piece;
    }
    return true;
}

__attribute__((noreturn)) static void run_postdrop(const struct conf *c, int input)
{
    struct str path = STR_INIT(4096);

    str_setf(&path, "%s/postdrop", instance_bin(c));
    if (dup2(input, STDIN_FILENO) >= 0)
        execl(str_cstr(&path), "postdrop", "-c", conf_directory(c), (char *)NULL);
    log_error("run %s: %s", str_cstr(&path), strerror(errno));
    _exit(EX_OSERR);
}

/* Start postdrop; *INPUT leads to its standard input. */
static pid_t start_postdrop(const struct conf *c, int *input)
{
    int pair[2];

    if (pipe(pair) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[1]);
        run_postdrop(c, pair[0]);
    }
    close(pair[0]);
    *input = pair[1];
    return pid;
}

static int wait_for(pid_t pid, struct error *e)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            error_set_errno(e, "4.3.0", "wait for postdrop");
            return EX_OSERR;
        }
    }
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    error_set(e, "4.3.0", "postdrop was killed by signal %d", WTERMSIG(status));
    return EX_SOFTWARE;
}

int submission_drop(const struct conf *c, const struct submission *s, int content_fd,
                    uint64_t content_size, struct error *e)
{
    struct str tail = STR_INIT(SUBMISSION_RECORDS_MAX + QUEUE_FOOTER_SIZE);
    uint32_t sum;
    int input, status = EX_DATAERR;

    if (!queue_file_checksum(content_fd, 0, content_size, &sum, e))
        return EX_OSERR;
    if (!submission_write(s, content_size, sum, &tail)) {
        error_set(e, "5.1.0", "address or parameter too long, or with a line end in it");
        str_done(&tail);
        return status;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    pid_t pid = start_postdrop(c, &input);
    if (pid < 0) {
        error_set_errno(e, "4.3.0", "start postdrop");
        status = EX_OSERR;
    } else {
        /* When postdrop gives up early its exit status tells why. */
        bool written = copy_content(input, content_fd, content_size) &&
                       write_all(input, str_view(&tail));
        close(input);
        status = wait_for(pid, e);
        if (!written && status == 0)
            status = EX_TEMPFAIL;
    }
    str_done(&tail);
    return status;
}

bool submission_user_is_allowed(const struct conf *c, enum parameter parameter, uid_t uid,
                                struct str *name)
{
    struct error e = ERROR_INIT;
    const struct passwd *user = getpwuid(uid);

    if (user)
        str_set(name, view_of(user->pw_name));
    else
        str_setf(name, "unknown");
    struct match_list *list = match_open(c, parameter, 0);
    enum match_result result = match_string(list, str_view(name), &e);
    match_close(list);
    if (result == MATCH_ERROR)
        log_fatal("%s", error_cstr(&e));
    return result == MATCH_YES;
}
