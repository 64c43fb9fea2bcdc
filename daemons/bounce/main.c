/* bounce - delivery status notifications
 *
 * qmgr tells what happened to the recipients of a message; this program tells the sender,
 * or the postmaster, by a new message.  It answers on the sockets bounce, defer and trace
 * alike.  Runs as the mail owner, without network, reading its tables and templates
 * alone.  bounce(8), bounce(5).
 */
#include "bounce.h"

#include "base/log.h"
#include "base/memory.h"
#include "service/service.h"
#include "table/paths.h"

static bool prepare(struct service *s, struct error *e)
{
    struct bouncer *b = NEW(struct bouncer);
    struct error mistake = ERROR_INIT;
    (void)e;
    b->conf = s->conf;
    b->arena = arena_new();
    b->rewrite = rewrite_new(s->conf);
    b->cleanup = cleanup_setup_new(s->conf, b->rewrite);
    b->queue = queue_link_open(s->conf);
    b->notify = notice_classes(s->conf);
    if (!dsn_templates_load(&b->templates, s->conf, b->arena, &mistake))
        log_warning("%s; the built-in templates are used", mistake.text);
    s->state = b;
    return true;
}

static void sandbox(struct service *s, struct sandbox_profile *profile)
{
    profile->readable = table_paths(s->conf);
    /* Reports may pass milters: internal_mail_filter_classes. */
    profile->network = !view_is_empty(conf_view(s->conf, P_non_smtpd_milters));
}

static void session(struct service *s, const struct service_socket *socket, int fd,
                    const struct net_address *peer)
{
    (void)socket;
    (void)peer;
    bounce_session(s->state, fd, conf_time(s->conf, P_ipc_timeout));
}

int main(int argc, char **argv)
{
    static const struct service_program program = {
        .name = "bounce",
        .user = SERVICE_AS_MAIL_OWNER,
        .has_lasting_sessions = true,
        .prepare = prepare,
        .sandbox = sandbox,
        .session = session,
    };
    return service_main(argc, argv, &program);
}
