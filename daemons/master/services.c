/* services - from the lines of master.cf to units
 *
 * The stock file of Postfix is taken unchanged.  Where a command's matter lies in another
 * of our programs no process is started for the line; its socket goes to the program that
 * holds the matter when somebody connects there.
 */
#include "base/log.h"
#include "base/memory.h"
#include "master.h"

#include <assert.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct program programs[] = {
    {"smtpd", "smtpd", NULL, SOCK_STREAM, PER_CORE},
    {"postscreen", "smtpd", NULL, SOCK_STREAM, PER_CORE}, /* tests, then the server */
    {"smtp", "smtp", NULL, SOCK_SEQPACKET, PER_CORE},
    {"lmtp", "smtp", NULL, SOCK_SEQPACKET, PER_CORE},
    {"local", "local", NULL, SOCK_SEQPACKET, 0},
    {"virtual", "virtual", NULL, SOCK_SEQPACKET, 0},
    {"pipe", "pipe", NULL, SOCK_SEQPACKET, 0},
    {"error", "error", NULL, SOCK_SEQPACKET, 0},
    {"discard", "discard", NULL, SOCK_SEQPACKET, 0},
    {"spawn", "spawn", NULL, SOCK_STREAM, 0},
    {"pickup", "pickup", NULL, SOCK_SEQPACKET, OWNER | SHARED},
    {"qmgr", "qmgr", NULL, SOCK_SEQPACKET, OWNER | SHARED},
    {"oqmgr", "qmgr", NULL, SOCK_SEQPACKET, OWNER | SHARED},
    {"bounce", "bounce", NULL, SOCK_SEQPACKET, SHARED},
    {"proxymap", "proxymap", NULL, SOCK_SEQPACKET, SHARED},
    {"anvil", "anvil", NULL, SOCK_SEQPACKET, SHARED},
    {"verify", "verify", NULL, SOCK_SEQPACKET, SHARED},
    {"tlsmgr", "tlsmgr", NULL, SOCK_SEQPACKET, SHARED},
    {"auth", "auth", NULL, SOCK_SEQPACKET, SHARED},
    {"dovecot-auth", "auth", NULL, SOCK_STREAM, SHARED},
    {"lmtpd", "smtpd", NULL, SOCK_STREAM, PER_CORE},
    {"qmqpd", "qmqpd", NULL, SOCK_STREAM, PER_CORE},
    {"login", "login", NULL, SOCK_STREAM, PER_CORE},
    {"imap-login", "login", NULL, SOCK_STREAM, PER_CORE},
    {"pop3-login", "login", NULL, SOCK_STREAM, PER_CORE},
    {"store", "store", NULL, SOCK_SEQPACKET, OWNER | SHARED},
    /* What others hold and somebody asks for over a socket. */
    {"showq", NULL, "qmgr", SOCK_SEQPACKET, 0},
    {"flush", NULL, "qmgr", SOCK_SEQPACKET, 0},
    {"postlogd", NULL, "pickup", SOCK_DGRAM, 0},
    /* Libraries in the programs that need them: nobody connects. */
    {"cleanup", NULL, NULL, 0, 0},
    {"trivial-rewrite", NULL, NULL, 0, 0},
    {"tlsproxy", NULL, NULL, 0, 0},
    {"scache", NULL, NULL, 0, 0},
    {"dnsblog", NULL, NULL, 0, 0},
};

const struct program *program_find(struct view command)
{
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        if (view_eq(command, view_of(programs[i].command)))
            return &programs[i];
    }
    return NULL;
}

static char *cstr(struct view v)
{
    char *copy = memory_alloc(v.n + 1);

    if (v.n)
        memcpy(copy, v.p, v.n);
    return copy;
}

static const char *type_name(enum service_type type)
{
    static const char *const names[] = {[SERVICE_INET] = "inet",
                                        [SERVICE_UNIX] = "unix",
                                        [SERVICE_UNIX_DGRAM] = "unix-dgram",
                                        [SERVICE_FIFO] = "fifo",
                                        [SERVICE_PASS] = "pass"};
    return names[type];
}

/* PROGRAM -n NAME -t TYPE -c DIRECTORY [-v] [-D] [-o name=value] -- arguments.  BEHIND,
 * the server that clients of a `postscreen` line get to, is the same process: its
 * settings come first, and how many SESSIONS it may have is the only argument. */
static char **make_argv(const struct master_service *line,
                        const struct master_service *behind, unsigned sessions,
                        const char *directory)
{
    enum { FIXED = 16 };
    size_t verbose = (size_t)line->verbose + (size_t)master.verbose;
    char **argv =
        memory_alloc_array(FIXED + verbose + 2 * line->n_overrides + line->n_args +
                               (behind ? 2 * behind->n_overrides : 0),
                           sizeof *argv);
    size_t n = 0;

    argv[n++] = cstr(line->command);
    argv[n++] = memory_cstr("-n");
    argv[n++] = cstr(line->name);
    argv[n++] = memory_cstr("-t");
    argv[n++] = memory_cstr(type_name(line->type));
    argv[n++] = memory_cstr("-c");
    argv[n++] = memory_cstr(directory);
    for (size_t i = 0; i < verbose; i++)
        argv[n++] = memory_cstr("-v");
    if (line->debug)
        argv[n++] = memory_cstr("-D");
    for (size_t i = 0; behind && i < behind->n_overrides; i++) {
        argv[n++] = memory_cstr("-o");
        argv[n++] = memory_cstr(behind->overrides[i]);
    }
    for (size_t i = 0; i < line->n_overrides; i++) {
        argv[n++] = memory_cstr("-o");
        argv[n++] = memory_cstr(line->overrides[i]);
    }
    argv[n++] = memory_cstr("--");
    for (size_t i = 0; !behind && i < line->n_args; i++)
        argv[n++] = cstr(line->args[i]);
    if (behind) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", sessions);
        argv[n++] = memory_cstr(text);
    }
    return argv;
}

/* How many processes of PROGRAM share the sessions of a service, where they can. */
static uint64_t first_processes(const struct conf *c, const struct program *program)
{
    int64_t wanted = conf_int(c, P_processes_per_service);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (!(program->traits & PER_CORE))
        return 1;
    if (wanted > 0)
        return (uint64_t)wanted;
    return cores > 1 ? (uint64_t)cores : 1;
}

/* How many processes, and how many sessions in each: master.cf's limit counts clients
 * (one process each in Postfix), so it bounds the sum of the sessions here. */
static void set_limits(const struct conf *c, const struct master_service *line,
                       struct unit *u)
{
    uint64_t per_service = first_processes(c, u->program);
    uint64_t limit = line->maxproc > 0 ? (uint64_t)line->maxproc : 0;
    uint64_t most = per_service;

    u->most_processes = u->first_processes = 1;
    if (u->program->traits & SHARED)
        return;
    if (line->maxproc < 0 && conf_is_set(c, P_default_process_limit))
        limit = (uint64_t)conf_int(c, P_default_process_limit);
    uint64_t sessions = (uint64_t)conf_int(c, P_sessions_per_process);
    uint64_t clients = limit ? limit : (uint64_t)conf_int(c, P_default_process_limit);
    if ((u->program->traits & PER_CORE) && conf_is_set(c, P_sessions_per_process) &&
        sessions > 0 && sessions * most < clients)
        most = (clients + sessions - 1) / sessions;
    if (limit && limit < most)
        most = limit;
    assert(most > 0);
    u->most_processes = (unsigned)most;
    u->first_processes = (unsigned)(most < per_service ? most : per_service);
    if (limit)
        u->session_limit = (unsigned)((limit + most - 1) / most);
}

/* The same with the settings that LINE has of its own. */
static void set_own_limits(const struct conf *c, const struct master_service *line,
                           struct unit *u)
{
    struct error e = ERROR_INIT;
    struct conf *own;

    if (line->n_overrides > 0 &&
        conf_load_text(conf_directory(c), conf_source(c), line->overrides,
                       line->n_overrides, &own, &e)) {
        set_limits(own, line, u);
        conf_free(own);
        return;
    }
    if (error_is_set(&e)) /* the program itself will not start with them */
        log_warning("service %.*s in master.cf: %s", VIEW_FMT(line->name),
                    error_cstr(&e));
    set_limits(c, line, u);
}

static struct unit *unit_new(const struct conf *c, const struct master_service *line,
                             const struct master_service *behind,
                             const struct program *program, const char *directory)
{
    struct unit *u = NEW(struct unit);
    struct str name = STR_INIT(4096);

    str_setf(&name, "%.*s/%s", VIEW_FMT(line->name), type_name(line->type));
    u->name = memory_cstr(str_cstr(&name));
    str_done(&name);
    u->program = program;
    u->wakeup = line->wakeup * CLOCK_SECOND;
    u->wakeup_only_if_used = line->wakeup_only_if_used;
    u->references = 1;
    list_init(&u->children);
    WAITQ_INIT(&u->changed);
    set_own_limits(c, behind ? behind : line, u);
    u->argv = make_argv(line, behind, u->session_limit, directory);
    if (behind)
        u->session_limit = 0; /* clients under test are more */
    return u;
}

static struct unit *find_unit(struct setup *s, const char *command)
{
    LIST_FOR_EACH (struct unit, u, &s->units, link)
        if (strcmp(u->program->command, command) == 0)
            return u;
    return NULL;
}

/* smtpd_service_name, as LINE has it. */
static struct view name_behind(const struct conf *c, const struct master_service *line)
{
    static const char option[] = "smtpd_service_name=";

    for (size_t i = line->n_overrides; i > 0; i--)
        if (strncmp(line->overrides[i - 1], option, sizeof option - 1) == 0)
            return view_of(line->overrides[i - 1] + sizeof option - 1);
    return conf_view(c, P_smtpd_service_name);
}

/* The server that clients of a `postscreen` line get to: smtpd_service_name's `pass`
 * line, else the line itself stands for it. */
static const struct master_service *find_behind(const struct conf *c,
                                                const struct master_cf *file,
                                                const struct master_service *line)
{
    struct view name = name_behind(c, line);

    if (!view_eq(line->command, VIEW("postscreen")))
        return NULL;
    for (size_t i = 0; i < file->n; i++) {
        const struct master_service *s = &file->items[i];
        if (s->type == SERVICE_PASS && view_eq(s->name, name))
            return s;
    }
    log_warning("service %.*s in master.cf: no service %.*s of type pass behind it",
                VIEW_FMT(line->name), VIEW_FMT(name));
    return line;
}

static bool has_file(const struct conf *c, const struct program *program)
{
    struct str path = STR_INIT(4096);

    str_setf(&path, "%s/%s", instance_libexec(c), program->file);
    bool has = access(str_cstr(&path), X_OK) == 0;
    str_done(&path);
    return has;
}

static bool fail(struct error *e, const char *directory,
                 const struct master_service *line, const char *text)
{
    struct str path = STR_INIT(4096);

    error_set(e, "5.3.5", "service %.*s: %s: %.*s", VIEW_FMT(line->name), text,
              VIEW_FMT(line->command));
    str_setf(&path, "%s/master.cf", directory);
    error_at(e, str_cstr(&path), line->line);
    str_done(&path);
    return false;
}

/* The rest of the system works without it; what needs it is deferred. */
static bool lack(const struct master_service *line, const struct program *program)
{
    log_warning("service %.*s in master.cf: this installation lacks the program %s",
                VIEW_FMT(line->name), program->file);
    return true;
}

/* First pass: lines with a process of their own. */
static bool add_unit(struct setup *s, const char *directory, const struct master_cf *file,
                     const struct master_service *line, struct error *e)
{
    const struct program *program = program_find(line->command);

    if (!program)
        return fail(e, directory, line, "unknown command");
    if (!program->file)
        return true;
    if (!has_file(s->conf, program))
        return lack(line, program);
    if (line->type == SERVICE_PASS)
        return true; /* the program in front of it is the same process */
    struct unit *u = program->traits & SHARED ? find_unit(s, program->command) : NULL;
    if (!u) {
        u = unit_new(s->conf, line, find_behind(s->conf, file, line), program, directory);
        list_append(&s->units, &u->link);
    }
    return endpoints_plan(s->conf, line, program, u, e);
}

/* Second pass: sockets of lines whose matter another program holds. */
static bool add_held(struct setup *s, const struct master_service *line, struct error *e)
{
    const struct program *program = program_find(line->command);
    struct unit *u;

    if (!program || !program->holder || !(u = find_unit(s, program->holder)))
        return true;
    return endpoints_plan(s->conf, line, program, u, e);
}

/* Take out what master_service_disable switches off. */
static void drop_disabled(const struct conf *c, struct master_cf *file)
{
    struct view list = conf_view(c, P_master_service_disable);
    size_t kept = 0;

    for (size_t i = 0; i < file->n; i++)
        if (!master_service_is_disabled(&file->items[i], list))
            file->items[kept++] = file->items[i];
    file->n = kept;
}

/* TEXT as a file in memory that nobody changes. */
static int keep_text(struct view text, struct error *e)
{
    int fd = memfd_create("main.cf", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n &&
        fcntl(fd, F_ADD_SEALS,
              F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return fd;
    error_set_errno(e, "4.3.0", "keep the text of main.cf");
    if (fd >= 0)
        close(fd);
    return -1;
}

struct setup *setup_load(const char *directory, struct error *e)
{
    struct setup *s = NEW(struct setup);
    struct arena *a = arena_new();
    struct master_cf file;
    struct conf *c;
    bool ok = true;

    list_init(&s->units);
    s->main_cf = -1;
    if (!conf_load(directory, NULL, 0, &c, e)) {
        arena_free(a);
        memory_free(s);
        return NULL;
    }
    s->conf = c;
    instance_use_network(c);
    s->main_cf = keep_text(conf_source(c), e);
    ok = s->main_cf >= 0 && instance_owner(c, &s->owner, e) &&
         master_cf_load(directory, a, &file, e);
    if (ok)
        drop_disabled(c, &file);
    for (size_t i = 0; ok && i < file.n; i++)
        ok = add_unit(s, directory, &file, &file.items[i], e);
    for (size_t i = 0; ok && i < file.n; i++)
        ok = add_held(s, &file.items[i], e);
    arena_free(a);
    if (ok)
        return s;
    setup_free(s);
    return NULL;
}

void setup_free(struct setup *s)
{
    LIST_FOR_EACH_SAFE (struct unit, u, &s->units, link) {
        list_remove(&u->link);
        unit_unref(u);
    }
    if (s->main_cf >= 0)
        close(s->main_cf);
    conf_free((struct conf *)(uintptr_t)s->conf);
    memory_free(s);
}
