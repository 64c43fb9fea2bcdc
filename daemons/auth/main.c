/* auth - who knows the password: asked by smtpd and login, and by others as Dovecot is
 *
 * The one program that sees what is stored of passwords.  It faces no network: those who
 * do carry challenges and answers (lib/auth).  Runs as the mail owner; as root only where
 * auth_system_users wants shadow or PAM.  As "dovecot-auth" it speaks Dovecot's client
 * protocol.
 */
#include "auth.h"

#include "base/memory.h"
#include "run/thread.h"
#include "sandbox/privileges.h"
#include "table/paths.h"

#include <unistd.h>

/* Slow hashes at a time; each may hold 19 MiB. */
enum { WORKERS = 4 };

static bool needs_root(const struct conf *c)
{
    return conf_choice(c, P_auth_system_users) != 0;
}

static bool prepare(struct service *s, struct error *e)
{
    struct auth *a = NEW(struct auth);
    a->conf = s->conf;
    a->speaks_dovecot = strcmp(s->process_name, "dovecot-auth") == 0;
    a->keys = keyring_open(s->conf, e);
    s->state = a;
    if (a->keys == NULL)
        return false;
    if (s->is_root && !needs_root(s->conf) &&
        !privileges_drop(conf_cstr(s->conf, P_mail_owner), NULL, e))
        return false;
    thread_set_workers(WORKERS);
    a->passwords =
        maps_open(s->conf, conf_view(s->conf, P_auth_password_maps), TABLE_FOLD);
    return true;
}

static void sandbox(struct service *s, struct sandbox_profile *profile)
{
    bool is_system = needs_root(s->conf);
    profile->readable = table_paths(s->conf);
    profile->writable = table_paths(s->conf); /* a better hash, beside the old one */
    profile->may_fork = profile->may_change_ids = profile->may_exec = is_system;
}

static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    struct auth *a = s->state;
    (void)socket;
    (void)peer;
    if (a->speaks_dovecot)
        dovecot_session(a, fd);
    else
        auth_session(a, fd);
}

int main(int argc, char **argv)
{
    static const struct service_program program = {.name = "auth",
                                                   .user = SERVICE_AS_ROOT,
                                                   .prepare = prepare,
                                                   .sandbox = sandbox,
                                                   .session = session};
    return service_main(argc, argv, &program);
}
