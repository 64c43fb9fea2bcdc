/* check_owners - owners of mailboxes and processes that an ordinary user cannot give
 *
 * An instance that is not started by root does everything as its own user.
 */
#include "check/check_private.h"
#include "conf/parameter.h"

#include <unistd.h>

/* "user=" among the arguments of pipe and spawn, or the user of a spawn service. */
static bool names_user(const struct master_service *s)
{
    if (!view_eq(s->command, VIEW("pipe")) && !view_eq(s->command, VIEW("spawn")))
        return false;
    for (size_t i = 0; i < s->n_args; i++)
        if (view_starts(s->args[i], VIEW("user=")))
            return true;
    return false;
}

/* Does anything name the transport NAME?  The stock master.cf has many that nobody uses.
 */
static bool is_used(const struct check *k, struct view name)
{
    static const enum parameter transports[] = {
        P_default_transport, P_local_transport,    P_relay_transport, P_virtual_transport,
        P_mailbox_transport, P_fallback_transport, P_content_filter};

    for (size_t i = 0; i < sizeof transports / sizeof transports[0]; i++) {
        struct view value = conf_view(k->conf, transports[i]), head, rest;
        view_cut(value, ':', &head, &rest);
        if (view_eq(view_trim_space(head), name))
            return true;
    }
    return false;
}

void check_owners(struct check *k)
{
    static const enum parameter maps[] = {P_virtual_uid_maps, P_virtual_gid_maps};

    if (k->request->owners)
        return;
    for (size_t i = 0; i < 2; i++)
        if (conf_is_set(k->conf, maps[i]) && conf_view(k->conf, maps[i]).n > 0)
            check_found(k, CHECK_NOTE, k->main_path, check_line_of(k->conf, maps[i]),
                        "%s has no effect: not run by root, so all mailboxes belong to "
                        "uid %ld",
                        parameter_table[maps[i]].name, (long)getuid());
    for (size_t i = 0; i < k->services.n; i++) {
        const struct master_service *s = &k->services.items[i];
        if (names_user(s) && is_used(k, s->name))
            check_found(k, CHECK_NOTE, k->master_path, s->line,
                        "service %.*s: user= has no effect: not run by root, so the "
                        "command runs as uid %ld",
                        VIEW_FMT(s->name), (long)getuid());
    }
}
