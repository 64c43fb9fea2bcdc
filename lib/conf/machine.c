/* machine - defaults that depend on this machine: names and paths
 *
 * The host's name comes from the system, completed with mydomain; programs are where this
 * program's own file is ("PREFIX/bin/x", "PREFIX/libexec/diligence/x"), so a tree that
 * was not installed works from where it stands.
 */
#include "conf/conf_private.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#define DAEMONS "libexec/diligence"

/* Put TEXT in place of P's default. */
static void set_default(struct conf *c, enum parameter p, struct view text)
{
    if (!c->values[p].is_set)
        c->values[p].raw = text;
}

/* The directory above the last part of *PATH; the part in *LAST. */
static bool go_up(struct view *path, struct view *last)
{
    return view_rcut(*path, '/', path, last) && last->n > 0;
}

static void default_paths(struct conf *c)
{
    char *self = arena_alloc(c->arena, PATH_MAX);
    ssize_t n = readlink("/proc/self/exe", self, PATH_MAX);
    struct view path = {self, n > 0 ? (size_t)n : 0}, file, room, above;

    set_default(c, P_command_directory, VIEW("/usr/sbin"));
    set_default(c, P_daemon_directory, VIEW("/usr/" DAEMONS));
    if (!go_up(&path, &file))
        return;
    struct view directory = path;
    if (!go_up(&path, &room))
        return;
    struct view prefix = path;
    if (view_eq(room, VIEW("bin")) || view_eq(room, VIEW("sbin"))) {
        set_default(c, P_command_directory, arena_dup(c->arena, directory));
    } else if (go_up(&prefix, &above) && view_eq(room, VIEW("diligence")) &&
               view_eq(above, VIEW("libexec"))) {
        const char *bin = view_eq(prefix, VIEW("/usr")) ? "sbin" : "bin";
        set_default(c, P_command_directory,
                    arena_printf(c->arena, "%.*s/%s", VIEW_FMT(prefix), bin));
    } else {
        return;
    }
    set_default(c, P_daemon_directory,
                arena_printf(c->arena, "%.*s/" DAEMONS, VIEW_FMT(prefix)));
}

/* The part behind the first dot of NAME; "localdomain" when there is none. */
static struct view domain_of(struct view name)
{
    struct view host, domain;

    if (view_cut(name, '.', &host, &domain) && domain.n > 0)
        return domain;
    return VIEW("localdomain");
}

static void default_host_name(struct conf *c)
{
    char name[HOST_NAME_MAX + 1] = "";
    struct view text = VIEW("localhost");

    if (gethostname(name, sizeof name - 1) == 0 && name[0] != '\0')
        text = view_of(name);
    if (view_has(text, '.'))
        set_default(c, P_myhostname, arena_dup(c->arena, text));
    else
        set_default(
            c, P_myhostname,
            arena_printf(c->arena, "%.*s.%s", VIEW_FMT(text),
                         c->values[P_mydomain].is_set ? "$mydomain" : "localdomain"));
}

void conf_machine_defaults(struct conf *c)
{
    default_host_name(c);
    default_paths(c);
    c->values[P_config_directory].raw = view_of(c->directory);
    set_default(c, P_process_name, view_of(program_invocation_short_name));
    set_default(c, P_process_id, arena_printf(c->arena, "%ld", (long)getpid()));
}

/* mydomain is what follows the first dot of myhostname. */
static bool default_domain(struct conf *c, struct conf_value *v, struct error *e)
{
    struct conf_value *host = &c->values[P_myhostname];

    /* myhostname = host.$mydomain, and nobody set mydomain */
    if (host->progress == CONF_BUSY) {
        v->raw = VIEW("localdomain");
        return true;
    }
    if (!conf_resolve(c, host, e))
        return false;
    v->raw = domain_of(host->text);
    return true;
}

bool conf_late_default(struct conf *c, struct conf_value *v, struct error *e)
{
    if (v == &c->values[P_mydomain])
        return default_domain(c, v, e);
    if (v == &c->values[P_mynetworks])
        return conf_default_networks(c, v, e);
    return true;
}
