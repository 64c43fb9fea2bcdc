/* log - one line per event, in Postfix's form
 *
 * The syslog sink writes datagrams to /dev/log itself (RFC 3164 section 4.1) over
 * a connected socket, so that it goes on working after the program has locked
 * itself in.  The file sink appends each line with a single write(2).  Where a
 * sink fails the line goes to stderr: nothing is swallowed.
 */
#include "base/log.h"

#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST_LINE = 2000, LONGEST_NAME = 256, FACILITY_MAIL = 2 };

int log_verbose;

static _Thread_local const char *borrowed_tag; /* log_write_as */

static struct {
    char tag[LONGEST_NAME];
    char host[LONGEST_NAME];
    char command[LONGEST_NAME]; /* what stderr shows in place of the tag */
    const char *socket_path;
    enum log_sink sink;
    bool is_daemon;
    bool also_stderr;
    unsigned facility;
    int file, socket;
    void (*hook)(enum log_level level, const char *text);
    pthread_mutex_t lock; /* over `socket`, which is reopened on errors */
} state = {.socket_path = "/dev/log",
           .facility = FACILITY_MAIL,
           .file = -1,
           .socket = -1,
           .lock = PTHREAD_MUTEX_INITIALIZER};

/* What stands before the text, and the severity of RFC 3164 table 2. */
static const struct {
    const char *prefix;
    unsigned severity;
} levels[] = {
    [LOG_LEVEL_DEBUG] = {"", 6},
    [LOG_LEVEL_INFO] = {"", 6},
    [LOG_LEVEL_WARNING] = {"warning: ", 4},
    [LOG_LEVEL_ERROR] = {"error: ", 3},
    [LOG_LEVEL_FATAL] = {"fatal: ", 2},
    [LOG_LEVEL_PANIC] = {"panic: ", 2},
};

/* The codes of RFC 3164 table 1. */
static const struct {
    const char *name;
    unsigned code;
} facilities[] = {
    {"kern", 0},      {"user", 1},    {"mail", 2},    {"daemon", 3},  {"auth", 4},
    {"syslog", 5},    {"lpr", 6},     {"news", 7},    {"uucp", 8},    {"cron", 9},
    {"authpriv", 10}, {"ftp", 11},    {"local0", 16}, {"local1", 17}, {"local2", 18},
    {"local3", 19},   {"local4", 20}, {"local5", 21}, {"local6", 22}, {"local7", 23},
};

/* Connect the datagram socket; false when nobody listens there. */
static bool open_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    /* A stuck log daemon may hold us up this long, once per line. */
    struct timeval longest_wait = {.tv_sec = 1};

    snprintf(address.sun_path, sizeof address.sun_path, "%s", state.socket_path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        close(fd);
        return false;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &longest_wait, sizeof longest_wait);
    state.socket = fd;
    return true;
}

static void close_socket(void)
{
    if (state.socket >= 0)
        close(state.socket);
    state.socket = -1;
}

/* One datagram; the socket is opened anew once when the log daemon was restarted. */
static bool send_datagram(struct view line)
{
    bool sent = false;

    pthread_mutex_lock(&state.lock);
    for (int attempt = 0; attempt < 2 && !sent; attempt++) {
        if (state.socket < 0 && !open_socket())
            break;
        ssize_t n;
        do
            n = send(state.socket, line.p, line.n, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        sent = n >= 0;
        if (!sent)
            close_socket();
    }
    pthread_mutex_unlock(&state.lock);
    return sent;
}

/* Append LINE and a line end to FD at once. */
static bool write_line(int fd, struct view line)
{
    char end[] = "\n";
    struct iovec parts[] = {{.iov_base = (void *)(uintptr_t)line.p, .iov_len = line.n},
                            {.iov_base = end, .iov_len = 1}};
    ssize_t n;

    do
        n = writev(fd, parts, 2);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)line.n + 1;
}

/* "Nov 22 03:05:55", made once a second per thread. */
static const char *date(void)
{
    static _Thread_local char text[32];
    static _Thread_local time_t made_at = -1;
    time_t now = time(NULL);
    struct tm tm;

    if (now != made_at && localtime_r(&now, &tm)) {
        static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        snprintf(text, sizeof text, "%s %2d %02d:%02d:%02d", months[tm.tm_mon % 12],
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        made_at = now;
    }
    return text;
}

/* Foreign bytes cannot forge lines or drive terminals: '?' stands for what is not
 * printable; well-formed UTF-8 stays, but for the control codes U+0080 to U+009F. */
static void clean(char *text, size_t n)
{
    for (size_t i = 0, length; i < n; i += length) {
        length = view_utf8_length((struct view){text + i, n - i});
        bool is_control =
            (unsigned char)text[i] < 0x20 || text[i] == 0x7f ||
            (length == 2 && text[i] == '\xc2' && (unsigned char)text[i + 1] < 0xa0);
        if (length > 0 && !is_control)
            continue;
        length = length ? length : 1;
        memset(text + i, '?', length);
    }
}

/* Format into BUFFER, clean; the length. */
__attribute__((format(printf, 3, 0))) static size_t
format_text(char *buffer, enum log_level level, const char *format, va_list args)
{
    int n = snprintf(buffer, LONGEST_LINE, "%s", levels[level].prefix);
    size_t used = (size_t)n;

    n = vsnprintf(buffer + used, LONGEST_LINE - used, format, args);
    if (n > 0)
        used += (size_t)n;
    if (used > LONGEST_LINE - 1)
        used = LONGEST_LINE - 1;
    clean(buffer, used);
    return used;
}

/* "tag: text" on stderr. */
static void to_stderr(const char *text)
{
    static _Thread_local char line[LONGEST_LINE + LONGEST_NAME + 4];
    const char *name = state.command[0] ? state.command : log_tag();
    int n = snprintf(line, sizeof line, "%s: %s", name, text);

    if (n > 0)
        (void)write_line(STDERR_FILENO, (struct view){line, (size_t)n});
}

static bool to_syslog(enum log_level level, const char *text)
{
    static _Thread_local char line[LONGEST_LINE + LONGEST_NAME + 64];
    int n = snprintf(line, sizeof line, "<%u>%s %s[%d]: %s",
                     state.facility * 8 + levels[level].severity, date(), log_tag(),
                     getpid(), text);

    return n > 0 && send_datagram((struct view){line, (size_t)n});
}

static bool to_file(const char *text)
{
    static _Thread_local char line[LONGEST_LINE + 2 * LONGEST_NAME + 64];
    int n = snprintf(line, sizeof line, "%s %s %s[%d]: %s", date(), state.host, log_tag(),
                     getpid(), text);

    return n > 0 && state.file >= 0 &&
           write_line(state.file, (struct view){line, (size_t)n});
}

/* To the sink that was chosen; false when it failed. */
static bool to_sink(enum log_level level, const char *text)
{
    switch (state.sink) {
    case LOG_SINK_SYSLOG:
        return to_syslog(level, text);
    case LOG_SINK_FILE:
        return to_file(text);
    case LOG_SINK_STDERR:
    default:
        return false;
    }
}

void log_write(enum log_level level, const char *format, va_list args)
{
    static _Thread_local char text[LONGEST_LINE];
    int saved = errno;

    (void)format_text(text, level, format, args);
    if (state.hook)
        state.hook(level, text);
    else if (!to_sink(level, text) || state.also_stderr)
        to_stderr(text);
    errno = saved;
}

void log_foreign(struct view line)
{
    static _Thread_local char text[LONGEST_LINE], full[LONGEST_LINE + LONGEST_NAME + 64];
    size_t used = line.n < sizeof text - 1 ? line.n : sizeof text - 1;

    if (line.n == 0)
        return;
    memcpy(text, line.p, used);
    text[used] = '\0';
    clean(text, used);
    int n = snprintf(full, sizeof full, "%s %s %s", date(), state.host, text);
    if (n <= 0 || state.sink != LOG_SINK_FILE ||
        !write_line(state.file, (struct view){full, (size_t)n}))
        log_info("%s", text);
}

static void take_host_name(void)
{
    char name[LONGEST_NAME] = "localhost";

    if (gethostname(name, sizeof name) == 0)
        name[sizeof name - 1] = '\0';
    log_set_host(name);
    char *dot = strchr(state.host, '.');
    if (dot)
        *dot = '\0';
}

void log_open(const char *tag, enum log_sink sink)
{
    tzset();
    log_set_tag(tag);
    if (state.host[0] == '\0')
        take_host_name();
    state.sink = sink;
    state.is_daemon = sink != LOG_SINK_STDERR;
    pthread_mutex_lock(&state.lock);
    close_socket();
    if (sink == LOG_SINK_SYSLOG)
        (void)open_socket(); /* tried again at each line */
    pthread_mutex_unlock(&state.lock);
}

void log_set_tag(const char *tag)
{
    snprintf(state.tag, sizeof state.tag, "%s", tag);
}

const char *log_tag(void)
{
    if (borrowed_tag)
        return borrowed_tag;
    return state.tag[0] ? state.tag : program_invocation_short_name;
}

void log_set_file(int fd)
{
    if (state.file >= 0 && state.file != fd)
        close(state.file);
    state.file = fd;
    state.sink = LOG_SINK_FILE;
    state.is_daemon = true;
}

int log_file(void)
{
    return state.sink == LOG_SINK_FILE ? state.file : -1;
}

int log_after_fork(void)
{
    pthread_mutex_init(&state.lock, NULL);
    return state.sink == LOG_SINK_FILE ? state.file : state.socket;
}

void log_set_host(const char *host)
{
    snprintf(state.host, sizeof state.host, "%s", host);
}

void log_set_socket_path(const char *path)
{
    pthread_mutex_lock(&state.lock);
    close_socket();
    state.socket_path = path;
    pthread_mutex_unlock(&state.lock);
}

bool log_set_facility(const char *name)
{
    for (size_t i = 0; i < sizeof facilities / sizeof facilities[0]; i++) {
        if (strcasecmp(facilities[i].name, name) == 0) {
            state.facility = facilities[i].code;
            return true;
        }
    }
    return false;
}

void log_also_stderr(bool on)
{
    state.also_stderr = on;
}

void log_set_command(const char *name)
{
    snprintf(state.command, sizeof state.command, "%s", name);
}

void log_set_hook(void (*hook)(enum log_level level, const char *text))
{
    state.hook = hook;
}

/* The body of the functions below. */
#define LOG_AT(level, format)                                                            \
    do {                                                                                 \
        va_list args;                                                                    \
        va_start(args, format);                                                          \
        log_write(level, format, args);                                                  \
        va_end(args);                                                                    \
    } while (0)

void log_debug(const char *format, ...)
{
    if (log_verbose > 0)
        LOG_AT(LOG_LEVEL_DEBUG, format);
}

void log_info(const char *format, ...)
{
    LOG_AT(LOG_LEVEL_INFO, format);
}

void log_warning(const char *format, ...)
{
    LOG_AT(LOG_LEVEL_WARNING, format);
}

void log_error(const char *format, ...)
{
    LOG_AT(LOG_LEVEL_ERROR, format);
}

void log_fatal(const char *format, ...)
{
    LOG_AT(LOG_LEVEL_FATAL, format);
    /* A daemon that fails at start must not make master(8) spin. */
    if (state.is_daemon && state.command[0] == '\0')
        (void)nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    exit(1);
}

void log_panic(const char *format, ...)
{
    LOG_AT(LOG_LEVEL_PANIC, format);
    abort();
}

void log_write_as(const char *tag, enum log_level level, const char *format, va_list args)
{
    borrowed_tag = tag;
    log_write(level, format, args);
    borrowed_tag = NULL;
}

void log_info_as(const char *tag, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_write_as(tag, LOG_LEVEL_INFO, format, args);
    va_end(args);
}

void log_warning_as(const char *tag, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_write_as(tag, LOG_LEVEL_WARNING, format, args);
    va_end(args);
}
