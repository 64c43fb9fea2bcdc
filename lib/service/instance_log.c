/* instance_log - the sinks of the log, as main.cf says
 *
 * syslog by default; with maillog_file the lines are appended to that file.  Only master
 * opens it: daemons inherit the descriptor, commands that may not open it speak to
 * public/postlog. MAILLOG_README.
 */
#include "base/log.h"
#include "base/number.h"
#include "service/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

/* maillog_file must start with one of maillog_file_prefixes. */
static bool has_allowed_prefix(const struct conf *c, struct view path)
{
    struct view rest = conf_view(c, P_maillog_file_prefixes), prefix;

    while (view_token(&rest, VIEW(", \t\r\n"), &prefix)) {
        if (view_starts(path, prefix))
            return true;
    }
    return false;
}

int instance_log_file(const struct conf *c, struct error *e)
{
    const char *path = conf_cstr(c, P_maillog_file);
    uint64_t mode = 0600;

    if (path[0] == '\0')
        return -1;
    if (!has_allowed_prefix(c, view_of(path))) {
        error_set(
            e, "5.3.5",
            "maillog_file value %s does not match any prefix in maillog_file_prefixes",
            path);
        return -1;
    }
    if (strcmp(path, "/dev/stdout") == 0) {
        int copy = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        if (copy < 0)
            error_set_errno(e, "4.3.0", "maillog_file %s", path);
        return copy;
    }
    if (!number_parse_base(conf_view(c, P_maillog_file_permissions), 8, 0777, &mode))
        mode = 0600;
    mode_t old = umask(0);
    int fd =
        open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, (mode_t)mode);
    umask(old);
    if (fd < 0)
        error_set_errno(e, "4.3.0", "open maillog_file %s", path);
    return fd;
}

static void set_tag(const struct conf *c, const char *name, enum log_sink sink)
{
    char tag[256];

    snprintf(tag, sizeof tag, "%s/%s", conf_cstr(c, P_syslog_name), name);
    if (!log_set_facility(conf_cstr(c, P_syslog_facility)))
        log_fatal("unknown syslog_facility: %s", conf_cstr(c, P_syslog_facility));
    log_open(tag, sink);
    /* As in Postfix, lines of the log file carry the first label of the mail system's
     * name. */
    struct view host = conf_view(c, P_myhostname);
    snprintf(tag, sizeof tag, "%.*s", VIEW_FMT(view_sub(host, 0, view_find(host, '.'))));
    log_set_host(tag);
}

void instance_log_open(const struct conf *c, const char *name, int log_fd)
{
    set_tag(c, name, log_fd >= 0 ? LOG_SINK_FILE : LOG_SINK_SYSLOG);
    if (log_fd >= 0)
        log_set_file(log_fd);
}

/* Where pickup takes lines for the log file from those who may not write it. */
static void use_postlog_socket(const struct conf *c)
{
    struct str path = STR_INIT(PATH_MAX);

    str_setf(&path, "%s/public/postlog", conf_cstr(c, P_queue_directory));
    log_set_socket_path(str_cstr(&path)); /* kept as a pointer: never freed */
}

void instance_log_command(const struct conf *c, const char *tag_name)
{
    struct error e = ERROR_INIT;
    const char *file = conf_cstr(c, P_maillog_file);
    int fd = -1;

    if (file[0] && strcmp(file, "/dev/stdout") != 0)
        fd = instance_log_file(c, &e);
    if (file[0] && fd < 0)
        use_postlog_socket(c);
    instance_log_open(c, tag_name, fd);
    log_also_stderr(true);
}
