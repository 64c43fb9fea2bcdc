/* check_services - programs that master.cf names, and transports that settings name */
#include "check/check_private.h"
#include "conf/parameter.h"

#include <pwd.h>
#include <unistd.h>

/* Commands of the stock master.cf that are done by a program of another name, or by a
 * library in the program that needs it (docs/architecture.md). */
static const char *const answered[] = {
    "lmtp",    "virtual",    "oqmgr",      "showq",    "flush",   "postlogd",
    "cleanup", "tlsmgr",     "tlsproxy",   "verify",   "anvil",   "trivial-rewrite",
    "scache",  "dnsblog",    "postscreen", "proxymap", "discard", "dovecot-auth",
    "lmtpd",   "imap-login", "pop3-login"};

/* --- programs --- */

static bool has_program(const struct check *k, struct view command)
{
    for (size_t i = 0; i < sizeof answered / sizeof answered[0]; i++)
        if (view_eq(command, view_of(answered[i])))
            return true;
    const char *path =
        arena_printf(k->arena, "%s/%.*s", k->request->programs, VIEW_FMT(command)).p;
    return access(path, X_OK) == 0;
}

/* Programs of Postfix that an installation may lack; the rest works without. */
static bool is_optional(struct view command)
{
    static const char *const names[] = {"qmqpd", "nbdb_reindexd"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (view_eq(command, view_of(names[i])))
            return true;
    return false;
}

static void check_command(struct check *k, const struct master_service *s)
{
    static const struct view known[] = {
        {"smtpd", 5},       {"smtp", 4},        {"local", 5},   {"pipe", 4},
        {"pickup", 6},      {"qmgr", 4},        {"bounce", 6},  {"error", 5},
        {"lmtp", 4},        {"virtual", 7},     {"cleanup", 7}, {"discard", 7},
        {"proxymap", 8},    {"flush", 5},       {"showq", 5},   {"tlsmgr", 6},
        {"verify", 6},      {"postscreen", 10}, {"spawn", 5},   {"anvil", 5},
        {"imap-login", 10}, {"pop3-login", 10}, {"login", 5},   {"store", 5},
        {"auth", 4}};

    if (k->request->programs == NULL || has_program(k, s->command))
        return;
    if (is_optional(s->command)) {
        check_found(
            k, CHECK_WARNING, k->master_path, s->line,
            "service %.*s: this installation lacks the program %.*s; install it, or "
            "put # in front of the line",
            VIEW_FMT(s->name), VIEW_FMT(s->command));
        return;
    }
    struct view near = check_nearest(s->command, known, sizeof known / sizeof known[0]);
    if (near.n > 0)
        check_found(k, CHECK_ERROR, k->master_path, s->line,
                    "service %.*s: no program \"%.*s\"; did you mean %.*s?",
                    VIEW_FMT(s->name), VIEW_FMT(s->command), VIEW_FMT(near));
    else
        check_found(
            k, CHECK_ERROR, k->master_path, s->line,
            "service %.*s: no program \"%.*s\"; correct the name, or put # in front "
            "of the line",
            VIEW_FMT(s->name), VIEW_FMT(s->command));
}

static void check_twice(struct check *k, const struct master_service *s)
{
    if (s->replaces > 0)
        check_found(
            k, CHECK_WARNING, k->master_path, s->line,
            "service %.*s/%s stands already in line %u; the last one counts, delete "
            "the other",
            VIEW_FMT(s->name), master_service_type_name(s->type), s->replaces);
}

/* --- what pipe and spawn run --- */

/* The value of "NAME=value" among the arguments; empty when none. */
static struct view argument(const struct master_service *s, struct view name)
{
    for (size_t i = 0; i < s->n_args; i++)
        if (view_starts(s->args[i], name))
            return view_from(s->args[i], name.n);
    return VIEW_NONE;
}

static void check_user(struct check *k, const struct master_service *s)
{
    struct view user = argument(s, VIEW("user=")), name, group;

    view_cut(user, ':', &name, &group);
    if (user.n == 0)
        check_found(k, CHECK_WARNING, k->master_path, s->line,
                    "service %.*s: %.*s needs user=NAME; add it", VIEW_FMT(s->name),
                    VIEW_FMT(s->command));
    else if (getpwnam(arena_cstr(k->arena, name)) == NULL)
        check_found(k, CHECK_WARNING, k->master_path, s->line,
                    "service %.*s: there is no user \"%.*s\"; make it, or name another",
                    VIEW_FMT(s->name), VIEW_FMT(name));
}

/* Only of transports that something names: the stock file has many that nobody uses. */
static void check_pipe(struct check *k, const char *path, unsigned line,
                       const struct master_service *s)
{
    struct view program = argument(s, VIEW("argv="));

    if (!view_eq(s->command, VIEW("pipe")))
        return;
    check_user(k, s);
    if (program.n > 0 && program.p[0] == '/' &&
        access(arena_cstr(k->arena, program), X_OK) < 0)
        check_found(
            k, CHECK_WARNING, k->master_path, s->line,
            "service %.*s, used in %s:%u: cannot run %.*s; install it, or correct "
            "argv=",
            VIEW_FMT(s->name), path, line, VIEW_FMT(program));
}

/* --- transports --- */

static const struct master_service *find_transport(const struct check *k,
                                                   struct view name)
{
    for (size_t i = 0; i < k->services.n; i++) {
        const struct master_service *s = &k->services.items[i];
        if (s->type != SERVICE_INET && view_eq(s->name, name))
            return s;
    }
    return NULL;
}

void check_transport(struct check *k, const char *path, unsigned line,
                     struct view setting, struct view text)
{
    struct view name, nexthop, names[200];
    size_t n = 0;

    view_cut(text, ':', &name, &nexthop);
    name = view_trim_space(name);
    if (!k->has_services || name.n == 0)
        return;
    const struct master_service *s = find_transport(k, name);
    if (s != NULL) {
        check_pipe(k, path, line, s);
        return;
    }
    for (size_t i = 0; i < k->services.n && n < 200; i++)
        if (k->services.items[i].type != SERVICE_INET)
            names[n++] = k->services.items[i].name;
    struct view near = check_nearest(name, names, n);
    if (near.n > 0)
        check_found(k, CHECK_WARNING, path, line,
                    "%.*s: master.cf has no transport \"%.*s\"; did you mean %.*s?",
                    VIEW_FMT(setting), VIEW_FMT(name), VIEW_FMT(near));
    else
        check_found(k, CHECK_WARNING, path, line,
                    "%.*s: master.cf has no transport \"%.*s\"; mail for it stays in the "
                    "queue, add the service",
                    VIEW_FMT(setting), VIEW_FMT(name));
}

static void check_parameters(struct check *k, const struct check_scene *scene)
{
    static const enum parameter transports[] = {
        P_default_transport, P_local_transport,   P_relay_transport,
        P_virtual_transport, P_mailbox_transport, P_fallback_transport,
        P_content_filter,    P_error_service_name};

    for (size_t i = 0; i < sizeof transports / sizeof transports[0]; i++) {
        const char *path;
        unsigned line = check_place_of(k, scene, transports[i], &path);
        if (scene->service && path == k->main_path)
            continue;
        if (!conf_is_set(scene->conf, transports[i]))
            continue;
        check_transport(k, path, line, view_of(parameter_table[transports[i]].name),
                        conf_view(scene->conf, transports[i]));
    }
}

void check_services(struct check *k)
{
    for (size_t i = 0; i < k->services.n; i++) {
        check_command(k, &k->services.items[i]);
        check_twice(k, &k->services.items[i]);
    }
    for (size_t i = 0; i < k->n_scenes; i++)
        check_parameters(k, &k->scenes[i]);
}
