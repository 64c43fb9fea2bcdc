/* service_arguments - what a daemon is told at its start by master */
#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "service/service_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

/* The descriptor (or count) in environment variable NAME, taken out of it; -1 when there
 * is none. */
static int take_number(const char *name)
{
    const char *text = getenv(name);
    int value = -1;

    if (text && !number_parse_int(view_of(text), 0, INT_MAX, &value))
        log_fatal("bad value of %s", name);
    unsetenv(name);
    return value;
}

static void set_flags(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        log_fatal("inherited descriptor %d: %s", fd, strerror(errno));
}

/* DILIGENCE_SOCKETS "smtp submission": listening descriptors 3 and 4. */
static void take_sockets(struct service *s)
{
    enum { FIRST_FD = 3, MOST_SOCKETS = 1000 };
    const char *text = getenv("DILIGENCE_SOCKETS");
    struct view rest = view_of(text ? memory_cstr(text) : ""), name;

    s->sockets = memory_alloc_array(MOST_SOCKETS, sizeof *s->sockets);
    while (s->n_sockets < MOST_SOCKETS && view_token(&rest, VIEW(" "), &name)) {
        char *copy = memory_alloc(name.n + 1);
        memcpy(copy, name.p, name.n);
        int fd = FIRST_FD + (int)s->n_sockets;
        set_flags(fd);
        s->sockets[s->n_sockets++] = (struct service_socket){copy, fd};
    }
    unsetenv("DILIGENCE_SOCKETS");
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
    if (a->is_standalone)
        take_standalone_socket(s);
    else
        take_sockets(s);
    int sessions = take_number("DILIGENCE_SESSIONS");
    s->max_sessions = sessions > 0 ? (unsigned)sessions : UINT_MAX;
    int status = take_number("DILIGENCE_STATUS");
    if (status >= 0) {
        set_flags(status);
        r->status = ipc_open(status);
    }
}

bool service_conf_load(const struct service_run *r, struct conf **out, struct error *e)
{
    const struct service_arguments *a = &r->arguments;

    return conf_load(a->directory, a->overrides, a->n_overrides, out, e);
}
