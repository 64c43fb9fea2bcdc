/* postdrop - take a message from standard input into maildrop/
 *
 * Usage: postdrop [-rv] [-c config_dir].  Installed set-gid, so that every user may add
 * to maildrop/ and nobody may look into it.  The input (lib/submission) is checked as
 * hostile; the file gets its name only when it is on disk, so pickup never sees half of
 * one.  Exit statuses are those of sysexits.h.
 */
#include "base/clock.h"
#include "base/log.h"
#include "postdrop.h"
#include "queue/queue_id.h"
#include "service/instance.h"
#include "submission/submission.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define DIRECTORY "maildrop"

/* The file under way; removed when we do not finish. */
static char temporary[64];

static void remove_temporary(void)
{
    if (temporary[0])
        (void)unlink(temporary);
}

static void on_signal(int signo)
{
    remove_temporary();
    _exit(128 + signo);
}

void fail(int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_write(LOG_LEVEL_FATAL, format, args);
    va_end(args);
    remove_temporary();
    exit(status);
}

static void catch_signals(void)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    struct sigaction action = {.sa_handler = on_signal};

    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (signal(signals[i], SIG_IGN) != SIG_IGN)
            (void)sigaction(signals[i], &action, NULL);
    }
}

static int create_file(void)
{
    snprintf(temporary, sizeof temporary, DIRECTORY "/.%d.%lld", (int)getpid(),
             (long long)clock_wall());
    int fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        int saved = errno;
        const char *name = temporary;
        if (saved == EACCES)
            fail(EX_NOPERM, "create file %s: %s (is postdrop installed set-gid?)", name,
                 strerror(saved));
        fail(EX_TEMPFAIL, "create file %s: %s", name, strerror(saved));
    }
    return fd;
}

static void write_all(int fd, struct view v)
{
    while (v.n > 0) {
        ssize_t n = write(fd, v.p, v.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            fail(EX_TEMPFAIL, "write %s: %s", temporary, strerror(errno));
        v = view_from(v, (size_t)n);
    }
}

/* Copy standard input, at most LONGEST bytes; the number of bytes. */
static uint64_t copy_input(int fd, uint64_t longest)
{
    enum { PIECE = 1 << 16 };
    static char buffer[PIECE];
    uint64_t total = 0;

    for (;;) {
        ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            fail(EX_IOERR, "uid=%ld: read input: %s", (long)getuid(), strerror(errno));
        if (n == 0)
            return total;
        total += (uint64_t)n;
        if (total > longest)
            fail(EX_UNAVAILABLE, "uid=%ld: message file too big", (long)getuid());
        write_all(fd, (struct view){buffer, (size_t)n});
    }
}

static uint64_t size_limit(const struct conf *c)
{
    int64_t limit = conf_int(c, P_message_size_limit);

    return limit > 0 ? (uint64_t)limit : UINT64_MAX / 2;
}

static void check_sender(const struct conf *c, struct view sender)
{
    struct str login = STR_INIT(256);
    const struct passwd *user = getpwuid(getuid());

    if (user)
        str_set(&login, view_of(user->pw_name));
    else
        str_setf(&login, "uid:%ld", (long)getuid());
    if (!sender_is_allowed(c, getuid(), str_view(&login), sender))
        fail(EX_NOPERM, "User %s(%ld) is not authorized to use sender='%.*s'",
             str_cstr(&login), (long)getuid(), VIEW_FMT(sender));
    str_done(&login);
}

static void check_input(const struct conf *c, int fd, uint64_t size)
{
    struct arena *a = arena_new();
    struct submission s;
    struct error e = ERROR_INIT;
    uint64_t content_size;

    enum result r = submission_read(a, fd, size, &s, &content_size, &e);
    if (r == PERMFAIL)
        fail(EX_DATAERR, "uid=%ld: %s", (long)getuid(), error_cstr(&e));
    if (r != OK)
        fail(EX_TEMPFAIL, "uid=%ld: %s", (long)getuid(), error_cstr(&e));
    if (content_size > size_limit(c))
        fail(EX_UNAVAILABLE, "uid=%ld: message file too big", (long)getuid());
    check_sender(c, s.sender);
    arena_free(a);
}

static void sync_directory(void)
{
    /* Fails where we may add to the directory and not read it; then the file's own fsync
     * has to do, which on journaling file systems takes the new name along. */
    int fd = open(DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return;
    if (fsync(fd) < 0)
        fail(EX_TEMPFAIL, "fsync " DIRECTORY ": %s", strerror(errno));
    close(fd);
}

/* Make the file durable, readable for pickup, and give it its name. */
static void finish_file(int fd)
{
    enum { TRIES = 100 };
    struct stat st;
    struct queue_id id;
    char name[sizeof DIRECTORY + QUEUE_ID_MAX + 1];

    /* The execute bit says that the file is complete, as in Postfix. */
    if (fchmod(fd, 0744) < 0 || fstat(fd, &st) < 0)
        fail(EX_TEMPFAIL, "finish %s: %s", temporary, strerror(errno));
    for (int i = 0; i < TRIES; i++) {
        queue_id_make(&id, false, clock_wall(), (uint64_t)st.st_ino);
        snprintf(name, sizeof name, DIRECTORY "/%s", id.text);
        if (link(temporary, name) == 0)
            break;
        if (errno != EEXIST || i == TRIES - 1)
            fail(EX_TEMPFAIL, "link %s to %s: %s", temporary, name, strerror(errno));
    }
    if (unlink(temporary) < 0)
        log_warning("remove %s: %s", temporary, strerror(errno));
    temporary[0] = '\0';
    if (fsync(fd) < 0) {
        (void)unlink(name);
        fail(EX_TEMPFAIL, "fsync %s: %s", name, strerror(errno));
    }
    close(fd);
    sync_directory();
}

static void check_user(const struct conf *c)
{
    struct str name = STR_INIT(256);

    if (!submission_user_is_allowed(c, P_authorized_submit_users, getuid(), &name))
        fail(EX_NOPERM, "User %s(%ld) is not allowed to submit mail", str_cstr(&name),
             (long)getuid());
    str_done(&name);
}

static const char *parse_options(int argc, char **argv)
{
    const char *directory = NULL;
    int letter;

    while ((letter = getopt(argc, argv, "c:rv")) != -1) {
        switch (letter) {
        case 'c':
            directory = optarg;
            break;
        case 'r':
            break; /* the only way in: kept for callers that say so */
        case 'v':
            log_verbose += getuid() == 0;
            break;
        default:
            fail(EX_USAGE, "usage: postdrop [-c config_dir] [-v]");
        }
    }
    return directory;
}

int main(int argc, char **argv)
{
    struct error e = ERROR_INIT;

    instance_keep_standard_fds();
    umask(022);
    log_set_command("postdrop");
    const struct conf *c = instance_try_conf(parse_options(argc, argv), &e);
    if (!c)
        fail(EX_TEMPFAIL, "%s; nothing was sent, try again later", error_cstr(&e));
    instance_enter(c);
    instance_log_command(c, "postdrop");
    check_user(c);
    catch_signals();
    int fd = create_file();
    uint64_t limit = size_limit(c);
    uint64_t size = copy_input(fd, limit + SUBMISSION_RECORDS_MAX + QUEUE_FOOTER_SIZE);
    check_input(c, fd, size);
    finish_file(fd);
    if (!instance_trigger("public", "pickup", "W", &e))
        log_debug("%s (mail stays in maildrop until the system starts)", error_cstr(&e));
    return EX_OK;
}
