/* postlog - log lines for scripts
 *
 * Usage: postlog [-iv] [-c config_dir] [-p priority] [-t tag] [text...].  Without text
 * each line of standard input is one record.  postlog(1).
 */
#include "base/log.h"
#include "service/instance.h"

#include <errno.h>
#include <unistd.h>

static enum log_level parse_priority(const char *text)
{
    static const struct {
        const char *name;
        enum log_level level;
    } names[] = {{"info", LOG_LEVEL_INFO},       {"warn", LOG_LEVEL_WARNING},
                 {"warning", LOG_LEVEL_WARNING}, {"error", LOG_LEVEL_ERROR},
                 {"err", LOG_LEVEL_ERROR},       {"fatal", LOG_LEVEL_FATAL},
                 {"crit", LOG_LEVEL_FATAL},      {"panic", LOG_LEVEL_PANIC}};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(names[i].name, text) == 0)
            return names[i].level;
    }
    log_fatal("bad severity: \"%s\"", text);
}

__attribute__((format(printf, 2, 3))) static void write_log(enum log_level level,
                                                            const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_write(level, format, args);
    va_end(args);
}

static void log_input(enum log_level level)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;

    while ((n = getline(&line, &room, stdin)) >= 0)
        write_log(level, "%.*s", (int)(n > 0 && line[n - 1] == '\n' ? n - 1 : n), line);
    free(line);
}

static void log_arguments(enum log_level level, char **texts)
{
    struct str line = STR_INIT(2000);

    for (size_t i = 0; texts[i]; i++)
        str_addf(&line, "%s%s", i ? " " : "", texts[i]);
    write_log(level, "%s", str_cstr(&line));
    str_done(&line);
}

int main(int argc, char **argv)
{
    const char *directory = NULL, *tag = NULL;
    enum log_level level = LOG_LEVEL_INFO;
    int letter;

    log_set_command("postlog");
    while ((letter = getopt(argc, argv, "c:ip:t:v")) != -1) {
        switch (letter) {
        case 'c':
            directory = optarg;
            break;
        case 'i':
            break; /* the pid is always there */
        case 'p':
            level = parse_priority(optarg);
            break;
        case 't':
            tag = optarg;
            break;
        case 'v':
            log_verbose++;
            break;
        default:
            log_fatal(
                "usage: postlog [-c config_dir] [-i] [-p priority] [-t tag] [-v] [text]");
        }
    }
    const struct conf *c = instance_conf(directory);
    instance_log_command(c, "postlog");
    if (tag) {
        log_set_tag(tag);
        log_set_command(tag);
    }
    /* What is not a terminal gets no copy. */
    if (isatty(STDERR_FILENO))
        log_also_stderr(true);
    else if (!freopen("/dev/null", "w", stderr))
        log_fatal("open /dev/null: %s", strerror(errno));
    if (argv[optind])
        log_arguments(level, argv + optind);
    else
        log_input(level);
    return 0;
}
