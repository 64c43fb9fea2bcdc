/* log - one line per event, in Postfix's form
 *
 *     Nov 22 03:05:55 gw1 postfix/smtpd[4711]: 351BD800081: client=...
 *
 * Foreign bytes in a line that are not printable become '?' (UTF-8 stays).
 * Lines are cut at 2,000 bytes.  Never log bodies or secrets.  Safe to call
 * from worker threads.  Does not suspend: sinks are a datagram socket
 * (/dev/log) or an append-only descriptor.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "view.h"

#include <stdarg.h>

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_FATAL,
    LOG_LEVEL_PANIC
};
enum log_sink { LOG_SINK_STDERR, LOG_SINK_SYSLOG, LOG_SINK_FILE };

/* TAG is "postfix/smtpd" (syslog_name/process name).  Before this call lines
 * go to stderr as "tag: level: text" (commands stay in that form). */
void log_open(const char *tag, enum log_sink sink);
/* In a child that goes on after fork(2): other threads' use of the log is forgotten. The
 * descriptor that lines go to, to be kept open; -1 when there is none at this time. */
int log_after_fork(void);
/* The log file in use, -1 for none. */
int log_file(void);
/* Change the tag ("postfix/submission/smtpd"). */
void log_set_tag(const char *tag);
const char *log_tag(void);
/* Write full lines (date, host, tag[pid]) to descriptor FD (append-only); takes FD
 * over, closes the previous one.  Used at start and when the log is rotated. */
void log_set_file(int fd);
/* The host name printed in file lines; default from gethostname. */
void log_set_host(const char *host);
/* syslog facility by name ("mail", "local0" ...); false when unknown. */
bool log_set_facility(const char *name);
/* Another datagram socket than /dev/log; kept as a pointer.  For tests. */
void log_set_socket_path(const char *path);
/* Also copy each line to stderr (start-fg, -v on a terminal). */
void log_also_stderr(bool on);
/* -v count; log_debug prints when > 0. */
extern int log_verbose;

void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Log "fatal: ..." and exit(1) after log's own one second pause in daemons. */
void log_fatal(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* A bug of ours: log "panic: ..." and abort(). */
void log_panic(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void log_write(enum log_level level, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* One line under another tag ("postfix/cleanup"): what Postfix would have had another of
 * its programs say. */
void log_write_as(const char *tag, enum log_level level, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
void log_info_as(const char *tag, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_warning_as(const char *tag, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A finished "tag[pid]: text" of another program: into the log file, with date and host.
 * Without a log file it is logged as a text of ours.  LINE is foreign. */
void log_foreign(struct view line);
/* This is a command, not a daemon: its lines on stderr start with NAME whatever the tag
 * is, and a fatal error ends it without the pause. */
void log_set_command(const char *name);
/* Tests: call HOOK with every finished text ("warning: ..."; without date and tag)
 * instead of a sink. */
void log_set_hook(void (*hook)(enum log_level level, const char *text));

#endif
