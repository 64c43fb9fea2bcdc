/* diligence - start, stop and look after an instance
 *
 * Usage: diligence [-Dv] [-c config_dir] WORD [ARGUMENT]...; the words of postfix(1) are
 * start start-fg stop abort reload flush status check set-permissions
 * upgrade-configuration logrotate tls non-bdb.  Ours are rollback [--list | NUMBER],
 * check domain NAME, check reputation [ADDRESS]..., lookup ADDRESS|DOMAIN..., trace
 * [FILE]..., watch, try [HOST], explain --client IP --from A --to B ...
 */
#include "base/arena.h"
#include "base/log.h"
#include "diligence.h"
#include "queue/queue_admin.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int flush(struct control *c)
{
    struct queue_selection all = {.id = VIEW_NONE};
    struct error e = ERROR_INIT;
    uint64_t count;

    if (queue_admin_control(c->conf, QUEUE_FLUSH, &all, &count, &e) != OK)
        log_fatal("Cannot flush mail queue - %s", error_cstr(&e));
    return 0;
}

static const struct verb {
    const char *name;
    int (*run)(struct control *c);
    int min_arguments, max_arguments;
    bool needs_no_instance;
    bool bears_broken; /* works although main.cf cannot be read */
} verbs[] = {
    {.name = "start", .run = start},
    {.name = "start-fg", .run = start_in_foreground},
    {.name = "stop", .run = stop, .bears_broken = true},
    {.name = "abort", .run = abort_system, .bears_broken = true},
    {.name = "reload", .run = reload, .bears_broken = true},
    {.name = "rollback", .run = rollback, .max_arguments = 1, .bears_broken = true},
    {.name = "flush", .run = flush},
    {.name = "status", .run = status, .bears_broken = true},
    {.name = "check", .run = check, .max_arguments = INT_MAX, .bears_broken = true},
    {.name = "logrotate", .run = rotate_log},
    {.name = "set-permissions", .run = set_permissions, .max_arguments = INT_MAX},
    {.name = "upgrade-configuration",
     .run = upgrade_configuration,
     .max_arguments = INT_MAX},
    {.name = "tls", .run = tls, .max_arguments = INT_MAX},
    {.name = "user", .run = user, .min_arguments = 1, .max_arguments = INT_MAX},
    {.name = "mailbox", .run = mailbox, .max_arguments = INT_MAX},
    {.name = "store", .run = store_care, .max_arguments = INT_MAX},
    {.name = "non-bdb", .run = non_bdb, .max_arguments = INT_MAX},
    {.name = "lookup", .run = lookup, .min_arguments = 1, .max_arguments = INT_MAX},
    {.name = "try", .run = try_server, .max_arguments = INT_MAX},
    {.name = "explain", .run = explain, .min_arguments = 2, .max_arguments = INT_MAX},
    {.name = "trace",
     .run = trace_messages,
     .max_arguments = INT_MAX,
     .needs_no_instance = true},
    {.name = "watch", .run = watch_log, .max_arguments = 2},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    }
    return NULL;
}

/* --- start of the command --- */

static void usage(const char *name)
{
    log_fatal("usage: %s [-c config_dir] [-Dv] "
              "start|start-fg|stop|abort|reload|flush|status|check|logrotate|"
              "set-permissions|upgrade-configuration|rollback [--list | NUMBER]|check "
              "domain NAME|check reputation [ADDRESS]...|lookup ADDRESS|DOMAIN...|trace "
              "[FILE]...|watch [-a] [WORD]|explain "
              "OPTION...|try [HOST]|user "
              "add|passwd|list|remove ...",
              name);
}

/* main.cf of C->directory; when it cannot be read and VERB does not bear that, the end.
 */
static void read_configuration(struct control *c, const struct verb *verb)
{
    /* Kept to the end; leak checkers find it here. */
    static struct conf *conf __attribute__((used));
    struct error e = ERROR_INIT;

    if (!conf_load(c->directory, NULL, 0, &conf, &e)) {
        if (!verb->bears_broken)
            log_fatal("%s", error_cstr(&e));
        conf = broken_conf(c->directory);
        c->is_broken = true;
    }
    c->conf = conf;
    if (setenv("MAIL_CONFIG", c->directory, 1) < 0)
        log_fatal("out of memory");
}

/* With several instances and none of them named the manager does it for all
 * (postmulti(1)). */
static void run_wrapper(const struct control *c, char **argv)
{
    struct view rest = conf_view(c->conf, P_multi_instance_wrapper), word;
    struct arena *a = arena_new();
    char **command = arena_alloc_array(a, rest.n + (size_t)c->argc + 3, sizeof *command);
    size_t n = 0;

    if (c->is_forced || conf_view(c->conf, P_multi_instance_directories).n == 0) {
        arena_free(a);
        return;
    }
    if (rest.n == 0)
        log_fatal("multi-instance support is requested, but multi_instance_wrapper is "
                  "empty");
    while (view_token(&rest, VIEW(", \t\r\n"), &word))
        command[n++] = arena_cstr(a, word);
    while (*argv)
        command[n++] = *argv++;
    execvp(command[0], command);
    log_fatal("execvp %s: %s", command[0], strerror(errno));
}

static void take_options(struct control *c, int argc, char **argv)
{
    struct error e = ERROR_INIT;
    const char *directory = NULL;
    int letter;

    while ((letter = getopt(argc, argv, "+c:Dv")) != -1) {
        if (letter == 'c')
            directory = optarg;
        else if (letter == 'D')
            c->debug = true;
        else if (letter == 'v')
            log_verbose = ++c->verbose;
        else
            usage(argv[0]);
    }
    if (optind >= argc)
        usage(argv[0]);
    c->is_forced = directory != NULL || getenv("MAIL_CONFIG") != NULL;
    c->directory = instance_directory(directory, &e);
    if (!c->directory)
        log_fatal("%s", error_cstr(&e));
    c->argc = argc - optind - 1;
    c->argv = argv + optind + 1;
}

int main(int argc, char **argv)
{
    struct control c = {.verbose = 0};
    static struct error e;

    instance_keep_standard_fds();
    umask(022);
    log_set_command("postfix/postfix-script");
    take_options(&c, argc, argv);
    const struct verb *verb = find_verb(argv[optind]);
    if (!verb)
        log_fatal(
            "unknown command: '%s'. Usage: postfix start (or stop, reload, abort, flush, "
            "check, status, set-permissions, upgrade-configuration, logrotate, rollback, "
            "lookup, explain, trace, try)",
            argv[optind]);
    if (c.argc < verb->min_arguments || c.argc > verb->max_arguments)
        usage(argv[0]);
    if (verb->needs_no_instance)
        return verb->run(&c);
    read_configuration(&c, verb);
    instance_log_command(c.conf, "postfix-script");
    run_wrapper(&c, argv + optind);
    if (!instance_owner(c.conf, &c.owner, &e))
        log_fatal("%s", error_cstr(&e));
    return verb->run(&c);
}
