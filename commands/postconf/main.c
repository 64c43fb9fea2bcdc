/* postconf - show and change main.cf and master.cf
 *
 * Usage: postconf [-defFhHlmMnpPxX#v] [-c config_dir] [-C class,...] [-o name=value]
 * [name...] postconf(1).
 */
#include "postconf.h"

#include "base/log.h"
#include "base/memory.h"
#include "service/instance.h"

#include <unistd.h>

struct arguments {
    struct options options;
    int mode; /* 'p' main.cf, 'M', 'F', 'P'; 'm', 'l' lists */
};

__attribute__((noreturn)) static void usage(void)
{
    log_fatal(
        "usage: postconf [-c config_dir] [-C param_class] [-d (parameter defaults)] "
        "[-e (edit configuration)] [-f (fold lines)] [-F (master.cf fields)] "
        "[-h (no names)] [-H (no values)] [-l (lock types)] [-m (map types)] "
        "[-M (master.cf)] [-n (non-default parameters)] "
        "[-o name=value (override parameter value)] [-p (main.cf, default)] "
        "[-P (master.cf parameters)] [-v (verbose)] [-x (expand parameter values)] "
        "[-X (exclude)] [-# (comment-out)] [name...]");
}

static void refuse(int letter)
{
    static const struct {
        char letter;
        const char *what;
    } known[] = {
        {'a', "SASL types (-a)"},       {'A', "SASL types (-A)"},
        {'b', "bounce templates (-b)"}, {'t', "bounce templates (-t)"},
        {'T', "TLS features (-T)"},     {'E', "output for other programs (-E)"},
        {'j', "output in JSON (-j)"},   {'q', "quiet mode (-q)"},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].letter == letter)
            log_fatal("%s: not available in this release", known[i].what);
    usage();
}

static void take_classes(struct options *o, const char *text)
{
    struct view rest = view_of(text), word;

    while (view_token(&rest, VIEW(", \t"), &word)) {
        bool all = view_eq(word, VIEW("all"));
        if (!all && !view_eq(word, VIEW("builtin")) && !view_eq(word, VIEW("service")) &&
            !view_eq(word, VIEW("user")))
            log_fatal("bad parameter class: '%.*s'", VIEW_FMT(word));
        o->class_builtin = o->class_builtin || all || view_eq(word, VIEW("builtin"));
        o->class_service = o->class_service || all || view_eq(word, VIEW("service"));
        o->class_user = o->class_user || all || view_eq(word, VIEW("user"));
    }
}

/* One option that only sets a flag; false when LETTER is none. */
static bool take_flag(struct options *o, int letter)
{
    bool *const flags[] = {&o->defaults, &o->set_only, &o->expand,
                           &o->fold,     &o->no_names, &o->no_values};
    static const char letters[] = "dnxfhH";
    const char *at = strchr(letters, letter);

    if (at == NULL)
        return false;
    *flags[at - letters] = true;
    return true;
}

static void set_mode(struct arguments *a, int letter)
{
    if (a->mode != 0 && a->mode != letter)
        log_fatal("specify one of -l, -m, -M, -F, -P and -p only");
    a->mode = letter;
}

static void set_edit(struct arguments *a, int letter)
{
    if (a->options.edit != EDIT_NONE)
        log_fatal("specify one of -e, -X and -# only");
    a->options.edit = letter == 'e'   ? EDIT_SET
                      : letter == 'X' ? EDIT_REMOVE
                                      : EDIT_COMMENT_OUT;
}

static void parse(struct arguments *a, int argc, char **argv)
{
    struct options *o = &a->options;
    int letter;

    opterr = 0;
    while ((letter = getopt(argc, argv, "+#aAbc:C:deEfFhHjlmMno:pPqtT:vxX")) != -1) {
        if (letter == 'c')
            o->directory = optarg;
        else if (letter == 'C')
            take_classes(o, optarg);
        else if (letter == 'o')
            o->overrides[o->n_overrides++] = optarg;
        else if (letter == 'v')
            log_verbose++;
        else if (letter == 'e' || letter == 'X' || letter == '#')
            set_edit(a, letter);
        else if (strchr("lmMFPp", letter))
            set_mode(a, letter);
        else if (!take_flag(o, letter))
            refuse(letter == '?' ? optopt : letter);
    }
    o->names = argv + optind;
    o->n_names = (size_t)(argc - optind);
}

/* "postconf name=value" is -e. */
static void guess_edit(struct options *o)
{
    size_t n = 0;

    for (size_t i = 0; i < o->n_names; i++)
        n += strchr(o->names[i], '=') != NULL;
    if (o->edit == EDIT_NONE && n > 0) {
        if (n < o->n_names)
            log_fatal("need an '=' in every argument, or in none");
        o->edit = EDIT_SET;
    }
    if (o->edit != EDIT_NONE && o->n_names == 0)
        log_fatal("-e, -X, or -# requires one or more names");
    if (o->edit != EDIT_NONE && (o->defaults || o->set_only))
        log_fatal("-d and -n go with neither -e nor -X nor -#");
}

static int print_list(const char *const *names)
{
    for (; *names; names++)
        puts(*names);
    return 0;
}

static int run(struct arguments *a)
{
    static const char *const locks[] = {"flock", "fcntl", "dotlock", NULL};
    const struct options *o = &a->options;

    switch (a->mode) {
    case 'l':
        return print_list(locks);
    case 'm':
        return show_tables_types();
    case 'M':
        return o->edit ? edit_master(o, 'M') : show_services(o);
    case 'F':
        return o->edit ? edit_master(o, 'F') : show_fields(o);
    case 'P':
        return o->edit ? edit_master(o, 'P') : show_parameters(o);
    default:
        return o->edit ? edit_main(o) : show_main(o);
    }
}

int main(int argc, char **argv)
{
    struct arguments a = {.mode = 0};
    struct options *o = &a.options;
    struct error e = ERROR_INIT;
    int status;

    log_set_command("postconf");
    o->arena = arena_new();
    o->overrides = memory_alloc_array((size_t)argc + 1, sizeof(char *));
    parse(&a, argc, argv);
    guess_edit(o);
    if (!o->class_builtin && !o->class_service && !o->class_user)
        o->class_builtin = o->class_service = o->class_user = true;
    o->directory_given = o->directory != NULL;
    o->directory = instance_directory(o->directory, &e);
    if (o->directory == NULL)
        log_fatal("%s", error_cstr(&e));
    if (o->directory_given)
        o->overrides[o->n_overrides++] =
            arena_printf(o->arena, "config_directory=%s", o->directory).p;
    status = run(&a);
    if (fflush(stdout) != 0)
        log_fatal("write to standard output failed");
    memory_free(o->overrides);
    arena_free(o->arena);
    return status;
}
