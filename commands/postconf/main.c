/* postconf - show and change main.cf and master.cf
 *
 * options.c: the command line.  show.c, edit.c: main.cf.  master.c, master_edit.c:
 * master.cf.  unused.c: names that nothing reads.  why.c: --why.
 * other.c: -a -A -b -l -m -t -T.
 * Source: postconf(1).
 */
#include "postconf.h"

#include "base/log.h"
#include "base/memory.h"
#include "service/instance.h"

static int run(const struct options *o)
{
    switch (o->mode) {
    case 'a':
    case 'A':
        return show_sasl_types(o->mode == 'A');
    case 'b':
    case 't':
        return show_templates(o, o->mode == 't');
    case 'l':
        return show_locks();
    case 'm':
        return show_table_types();
    case 'T':
        return show_tls(o);
    case 'M':
        return o->edit ? edit_master(o) : show_services(o);
    case 'F':
        return o->edit ? edit_master(o) : show_fields(o);
    case 'P':
        return o->edit ? edit_master(o) : show_parameters(o);
    default:
        return o->edit ? edit_main(o) : show_main(o);
    }
}

int main(int argc, char **argv)
{
    struct options o = {.mode = 0};
    struct error e = ERROR_INIT;
    int status;

    log_set_command("postconf");
    int why = argc > 3 && strcmp(argv[1], "-c") == 0 ? 3 : 1; /* no directory matters */
    if (argc > why && strcmp(argv[why], "--why") == 0)
        return show_why(argv + why + 1, (size_t)(argc - why - 1));
    o.arena = arena_new();
    /* Room for each -o, and for config_directory, service_name and process_name. */
    o.overrides = memory_alloc_array((size_t)argc + 4, sizeof(char *));
    options_parse(&o, argc, argv);
    o.directory_given = o.directory != NULL;
    o.directory = instance_directory(o.directory, &e);
    if (o.directory == NULL)
        log_fatal("%s", error_cstr(&e));
    if (o.directory_given)
        o.overrides[o.n_overrides++] =
            arena_printf(o.arena, "config_directory=%s", o.directory).p;
    status = run(&o);
    if (fflush(stdout) != 0)
        log_fatal("write to standard output failed");
    memory_free(o.overrides);
    arena_free(o.arena);
    return status;
}
