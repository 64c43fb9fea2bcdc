/* iterate - the same for each instance: list, postfix(1) command, any command */
#include "postmulti.h"

#include "base/log.h"
#include "queue/queue_list.h"
#include "service/instance.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_active(const struct instance *i)
{
    return i->is_enabled || i->is_alone;
}

static void list_json(const struct instance *i)
{
    const char *const pairs[] = {"name",
                                 i->name,
                                 "group",
                                 i->group,
                                 "enabled",
                                 is_active(i) ? "y" : "n",
                                 "config_directory",
                                 i->directory};
    struct str out = STR_INIT(1 << 20);

    for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k += 2) {
        str_add_cstr(&out, k == 0 ? "{" : ", ");
        queue_json_string(view_of(pairs[k]), &out);
        str_add_cstr(&out, ": ");
        queue_json_string(view_of(pairs[k + 1]), &out);
    }
    str_add_char(&out, '}');
    puts(str_cstr(&out));
    str_done(&out);
}

static int list(const struct instance *i, bool json)
{
    if (json)
        list_json(i);
    else
        printf("%-15s %-15s %-9s %s\n", i->name[0] ? i->name : "-",
               i->group[0] ? i->group : "-", is_active(i) ? "y" : "n", i->directory);
    return 0;
}

static void describe_in_environment(const struct instances *all, const struct instance *i)
{
    const char *const pairs[] = {
        "MAIL_CONFIG",           i->directory,
        "command_directory",     conf_cstr(all->primary, P_command_directory),
        "daemon_directory",      conf_cstr(all->primary, P_daemon_directory),
        "meta_directory",        conf_cstr(all->primary, P_meta_directory),
        "shlib_directory",       conf_cstr(all->primary, P_shlib_directory),
        "config_directory",      i->directory,
        "queue_directory",       i->queue,
        "data_directory",        i->data,
        "multi_instance_name",   i->name,
        "multi_instance_group",  i->group,
        "multi_instance_enable", is_active(i) ? "yes" : "no"};

    for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k += 2)
        if (setenv(pairs[k], pairs[k + 1], 1) != 0)
            log_fatal("out of memory");
}

int run_for(const struct instances *all, const struct instance *i, char *const *argv)
{
    int status = 0;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid < 0)
        log_fatal("fork: %s", strerror(errno));
    if (pid == 0) {
        describe_in_environment(all, i);
        execvp(argv[0], argv);
        log_error("execvp %s: %s", argv[0], strerror(errno));
        _exit(127);
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            log_fatal("waitpid: %s", strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static bool is_listed(const struct instances *all, enum parameter p, const char *command)
{
    return is_word_of(conf_view(all->primary, p), view_of(command));
}

/* -p: an instance that is not enabled is checked instead of started, and passed over by
 * what needs it running. */
static int run_postfix(const struct instances *all, const struct instance *i,
                       const struct request *r)
{
    struct arena *a = all->arena;
    char **argv = arena_alloc_array(a, r->n_arguments + 4, sizeof *argv);
    const char *command = r->arguments[0];
    size_t n = 0;

    if (!is_active(i) && (is_listed(all, P_postmulti_stop_commands, command) ||
                          is_listed(all, P_postmulti_control_commands, command)))
        return 0;
    argv[n++] = arena_cstr(a, arena_printf(a, "%s/postfix", instance_bin(all->primary)));
    argv[n++] = arena_cstr(a, VIEW("-c"));
    argv[n++] = arena_cstr(a, view_of(i->directory));
    for (size_t k = 0; k < r->n_arguments; k++)
        argv[n++] = r->arguments[k];
    argv[n] = NULL;
    if (!is_active(i) && is_listed(all, P_postmulti_start_commands, command))
        argv[3] = arena_cstr(a, VIEW("check"));
    return run_for(all, i, argv);
}

static int do_one(const struct instances *all, const struct instance *i,
                  const struct request *r)
{
    if (r->mode == 'l')
        return list(i, r->json);
    return r->mode == 'p' ? run_postfix(all, i, r) : run_for(all, i, r->arguments);
}

int iterate(const struct instances *all, const struct request *r)
{
    bool reverse = r->mode == 'p'
                       ? is_listed(all, P_postmulti_stop_commands, r->arguments[0])
                       : r->reverse;
    bool fitted = false;
    int status = 0;

    for (size_t k = 0; k < all->n; k++) {
        const struct instance *i = &all->items[reverse ? all->n - 1 - k : k];
        if (!instance_fits(i, r))
            continue;
        int one = do_one(all, i, r);
        fitted = true;
        status = one != 0 ? 1 : status;
    }
    if (r->mode == 'l')
        return status; /* a list may be empty */
    if (!fitted)
        log_fatal("No matching instances");
    return status;
}
