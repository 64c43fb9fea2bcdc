/* postmulti - look after several instances on one host
 *
 * Usage: postmulti -l|-p|-x|-e action ...  Only the default instance can be the primary
 * one; it lists the others in multi_instance_directories.  -j (JSON with -l) is from
 * Postfix 3.11.  postmulti(1), postfix-wrapper(5).
 */
#include "postmulti.h"

#include "base/log.h"
#include "service/instance.h"

#include <sys/stat.h>
#include <unistd.h>

__attribute__((noreturn)) static void usage(void)
{
    log_fatal("Usage:postmulti -l [-v] [-a] [-j] [-g group] [-i instance] | "
              "postmulti -p [-v] [-a] [-g group] [-i instance] command... | "
              "postmulti -x [-v] [-a] [-i name] [-g group] command... | "
              "postmulti -e action [-v] [-a] [-i name] [-g group] [-I name] [-G group] "
              "[param=value ...]");
}

static void set_mode(struct request *r, int mode)
{
    if (r->mode != 0)
        log_fatal("Specify exactly one of '-e', '-l', '-p', '-x'");
    r->mode = mode;
}

static void select_by(struct request *r, enum selection selection, const char *wanted)
{
    if (r->is_selected)
        log_fatal("Specify no more than one of '-a', '-g', '-i'");
    r->is_selected = true;
    r->selection = selection;
    r->wanted = wanted;
}

/* NAME goes into files and shell commands. */
static void check_safe(const char *what, const char *name)
{
    for (const char *p = name; *p; p++)
        if (!ascii_is_alnum((unsigned char)*p) && !strchr("-_.", *p))
            log_fatal("Unsafe characters in %s: '%s'", what, name);
}

static void take_new_name(struct request *r, const char *name)
{
    if (r->new_name)
        log_fatal("Specify at most one '-I' option");
    if (strchr(name, '/'))
        log_fatal("Illegal '/' character in new instance name: '%s'", name);
    check_safe("new instance name", name);
    if (strcmp(name, "-") != 0 && strncmp(name, "postfix-", 8) != 0)
        log_fatal("New instance name must start with 'postfix-'");
    r->new_name = name;
}

static void take_new_group(struct request *r, const char *name)
{
    if (r->new_group)
        log_fatal("Specify at most one '-G' option");
    check_safe("'-G'", name);
    r->new_group = name;
}

static void check_action(const struct request *r)
{
    static const char actions[] =
        "create import destroy deport enable disable assign init";
    bool names = r->new_name || r->new_group;

    if (!is_word_of(view_of(actions), view_of(r->action)))
        log_fatal("Invalid '-e' edit action '%s'. Specify 'create', 'destroy', "
                  "'import', 'deport', 'enable', 'disable', 'assign' or 'init'",
                  r->action);
    if (names && !is_word_of(VIEW("create import assign"), view_of(r->action)))
        log_fatal("Cannot assign instance name or group with '-e %s'", r->action);
    if (!names && strcmp(r->action, "assign") == 0)
        log_fatal("Specify new instance name or group with '-e %s'", r->action);
    if (r->n_arguments > 0 && !is_word_of(VIEW("create import"), view_of(r->action)))
        log_fatal("Parameter overrides not valid with '-e %s'", r->action);
}

static void check_together(const struct request *r)
{
    if (r->mode == 0)
        log_fatal("Specify exactly one of '-e', '-l', '-p', '-x'");
    if (r->mode == 'l' && r->n_arguments > 0)
        log_fatal("Command not allowed with '-l'");
    if ((r->mode == 'p' || r->mode == 'x') && r->n_arguments == 0)
        log_fatal("Command required with '-p' or '-x' option");
    if ((r->mode == 'p' || r->mode == 'e') && r->reverse)
        log_fatal("The '-p' and '-e' options preclude the use of '-R'");
    if (r->mode != 'l' && r->json)
        usage();
    if (r->mode == 'e')
        check_action(r);
    else if (r->new_name || r->new_group)
        log_fatal("Cannot assign instance name or group without '-e'");
}

static void parse(struct request *r, int argc, char **argv)
{
    int letter;

    while ((letter = getopt(argc, argv, "+ae:g:i:jG:I:lpRvx")) != -1) {
        if (letter == '?')
            usage();
        else if (letter == 'a')
            select_by(r, SELECT_ALL, NULL);
        else if (letter == 'g')
            select_by(r, SELECT_GROUP, optarg);
        else if (letter == 'i')
            select_by(r, SELECT_NAME, optarg);
        else if (letter == 'G')
            take_new_group(r, optarg);
        else if (letter == 'I')
            take_new_name(r, optarg);
        else if (letter == 'R')
            r->reverse = true;
        else if (letter == 'j')
            r->json = true;
        else if (letter == 'v')
            log_verbose++;
        else
            set_mode(r, letter);
        if (letter == 'e')
            r->action = optarg;
    }
    r->arguments = argv + optind;
    r->n_arguments = (size_t)(argc - optind);
    check_together(r);
}

int main(int argc, char **argv)
{
    struct request r = {.mode = 0};
    struct instances all = {.n = 0};
    const char *given = getenv("MAIL_CONFIG");
    int status;

    instance_keep_standard_fds();
    umask(022);
    log_set_command("postmulti");
    parse(&r, argc, argv);
    if (given && strcmp(given, INSTANCE_DEFAULT_DIRECTORY) != 0)
        log_fatal("Non-default configuration directory: MAIL_CONFIG=%s", given);
    if (log_verbose > 0 && setenv("MAIL_VERBOSE", "", 1) != 0)
        log_fatal("out of memory");
    all.arena = arena_new();
    instances_load(&all);
    instance_log_command(all.primary, "postmulti");
    status = r.mode == 'e' ? change(&all, &r) : iterate(&all, &r);
    conf_free(all.primary);
    arena_free(all.arena);
    return status;
}
