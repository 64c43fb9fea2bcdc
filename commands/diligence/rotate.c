/* rotate - logrotate: put maillog_file aside, go on in a new one, pack the old one
 *
 * Source: postfix(1), logrotate.
 */
#include "base/log.h"
#include "diligence.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The value of P, which must not be empty. */
static const char *wanted(const struct control *c, enum parameter p, const char *name)
{
    const char *value = conf_cstr(c->conf, p);

    if (value[0] == '\0')
        log_fatal("empty '%s' parameter value - logfile rotation failed", name);
    return value;
}

/* The suffix is the site's own strftime() format. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static bool make_suffix(const char *format, char *out, size_t size)
{
    time_t now = time(NULL);
    struct tm tm;

    return localtime_r(&now, &tm) && strftime(out, size, format, &tm) > 0;
}
#pragma GCC diagnostic pop

static void make_target(const char *file, const char *format, struct str *out)
{
    char suffix[200];

    if (!make_suffix(format, suffix, sizeof suffix))
        log_fatal("logfile '%s' rotation failed: bad maillog_file_rotate_suffix \"%s\"",
                  file, format);
    if (strchr(suffix, '/'))
        log_fatal("logfile '%s' rotation failed: \"/\" in maillog_file_rotate_suffix",
                  file);
    str_setf(out, "%s.%s", file, suffix);
}

/* Run COMPRESSOR on FILE; what it says goes to our stderr. */
static bool pack(const char *compressor, const char *file)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        execlp(compressor, compressor, file, (char *)NULL);
        log_error("run %s: %s", compressor, strerror(errno));
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int rotate_log(struct control *c)
{
    const char *file = wanted(c, P_maillog_file, "maillog_file");
    const char *compressor =
        wanted(c, P_maillog_file_compressor, "maillog_file_compressor");
    const char *format =
        wanted(c, P_maillog_file_rotate_suffix, "maillog_file_rotate_suffix");
    struct str target = STR_INIT(4096);

    if (strncmp(file, "/dev/", 5) == 0)
        log_fatal("not rotating '%s'", file);
    make_target(file, format, &target);
    if (rename(file, str_cstr(&target)) < 0)
        log_fatal("logfile '%s' rotation failed: rename to %s: %s", file,
                  str_cstr(&target), strerror(errno));
    pid_t master = instance_master_pid(c->conf);
    if (master)
        signal_master(master, SIGUSR1);
    pause_briefly(1000); /* lines on their way still reach the old file */
    if (!pack(compressor, str_cstr(&target)))
        log_fatal("logfile '%s' rotation failed: %s does not pack %s", file, compressor,
                  str_cstr(&target));
    str_done(&target);
    return 0;
}
