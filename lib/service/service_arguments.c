/* service_arguments - what a daemon is told at its start by master */
#include "base/log.h"
#include "base/memory.h"
#include "conf/lines.h"
#include "ipc/endpoint.h"
#include "service/service_private.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

/* What master passes on in the environment. */
static void take_inherited(struct service_run *r)
{
    struct error e = ERROR_INIT;
    struct endpoint_inherited in;
    struct service *s = &r->s;

    r->arena = arena_new();
    if (!endpoint_inherit(r->arena, &in, &e))
        log_fatal("%s", error_cstr(&e));
    s->sockets = memory_alloc_array(in.n + 1, sizeof *s->sockets);
    for (size_t i = 0; i < in.n; i++)
        s->sockets[i] = (struct service_socket){in.sockets[i].name, in.sockets[i].fd};
    s->n_sockets = in.n;
    s->max_sessions = in.sessions ? in.sessions : UINT_MAX;
    r->status_fd = in.status_fd;
    r->log_fd = in.log_fd;
    r->main_cf_fd = in.main_cf_fd;
}

static void take_standalone_socket(struct service *s)
{
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);

    if (fd < 0)
        log_fatal("standalone mode: no descriptor 0");
    s->is_standalone = true;
    s->sockets = NEW(struct service_socket);
    *s->sockets = (struct service_socket){"-S", fd};
    s->n_sockets = 1;
}

static void add_override(struct service_arguments *a, const char *name, const char *value)
{
    size_t room = strlen(name) + strlen(value) + 2;
    char *text = memory_alloc(room);

    snprintf(text, room, "%s=%s", name, value);
    a->overrides[a->n_overrides++] = text;
}

/* The macros that values in master.cf and main.cf may use. */
static void add_macros(struct service_run *r)
{
    char pid[16];

    snprintf(pid, sizeof pid, "%d", getpid());
    add_override(&r->arguments, "service_name", r->s.name);
    add_override(&r->arguments, "process_name", r->s.process_name);
    add_override(&r->arguments, "process_id", pid);
}

static void parse_options(struct service_run *r, int argc, char **argv)
{
    enum { MACROS = 3 };
    struct service_arguments *a = &r->arguments;
    int letter;

    a->overrides = memory_alloc_array((size_t)argc + MACROS, sizeof *a->overrides);
    a->n_overrides = MACROS; /* kept free: they come first, -o wins */
    opterr = 0;
    while ((letter = getopt(argc, argv, "+n:t:c:o:vDSd")) != -1) {
        switch (letter) {
        case 'n':
            a->name = optarg;
            break;
        case 't':
            break; /* the sockets tell */
        case 'c':
            a->directory = optarg;
            break;
        case 'o':
            a->overrides[a->n_overrides++] = optarg;
            break;
        case 'v':
            log_verbose++;
            break;
        case 'D':
            a->is_debugged = true;
            break;
        case 'S':
            a->is_standalone = true;
            break;
        case 'd':
            break; /* master's "do not detach": a daemon never does */
        default:
            log_fatal(
                "usage: %s -n service -t type [-c directory] [-o name=value] [-DSv]",
                argv[0]);
        }
    }
    a->rest = memory_alloc_array((size_t)(argc - optind) + 1, sizeof *a->rest);
    for (int i = optind; i < argc; i++)
        a->rest[a->n_rest++] = argv[i];
}

void service_arguments_take(struct service_run *r, int argc, char **argv)
{
    struct service *s = &r->s;
    struct service_arguments *a = &r->arguments;
    const char *slash = strrchr(argv[0], '/');

    s->process_name = slash ? slash + 1 : argv[0];
    log_set_tag(s->process_name);
    parse_options(r, argc, argv);
    s->name = s->transport = a->name ? a->name : r->s.program->name;
    size_t given = a->n_overrides;
    a->n_overrides = 0;
    add_macros(r);
    a->n_overrides = given;
    s->args = a->rest;
    s->n_args = a->n_rest;
    take_inherited(r);
    if (a->is_standalone)
        take_standalone_socket(s);
}

/* The text that master passed on.  Others hold the same descriptor: its offset stays. */
static bool read_text(int fd, struct str *out, struct error *e)
{
    enum { CHUNK = 16384 };
    ssize_t n;

    do {
        char *room = str_reserve(out, CHUNK);
        n = room ? pread(fd, room, CHUNK, (off_t)out->n) : -1;
        if (n > 0)
            out->n += (size_t)n;
    } while (n > 0);
    if (n < 0)
        error_set_errno(e, "4.3.5", "read main.cf from master");
    return n == 0;
}

bool service_conf_load(const struct service_run *r, struct conf **out, struct error *e)
{
    const struct service_arguments *a = &r->arguments;
    struct str text = STR_INIT(LINES_FILE_MAX);

    if (r->main_cf_fd < 0)
        return conf_load(a->directory, a->overrides, a->n_overrides, out, e);
    *out = NULL;
    bool ok = read_text(r->main_cf_fd, &text, e) &&
              conf_load_text(a->directory, str_view(&text), a->overrides, a->n_overrides,
                             out, e);
    str_done(&text);
    return ok;
}
