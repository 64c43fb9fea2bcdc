/* smtpd - the SMTP server
 *
 * Runs as the mail owner, locked into the network and read-only tables; one
 * fiber a session.  Mail goes through lib/cleanup to qmgr, which alone owns the
 * queue.  With -S (sendmail -bs) it serves one session on standard input and
 * gives the mail to postdrop.  smtpd(8).
 */
#include "base/log.h"
#include "base/number.h"
#include "lmtp.h"
#include "net/dns.h"
#include "screen.h"
#include "setup.h"
#include "table/dns_filter.h"
#include "table/paths.h"

/* A `postscreen` line: master gives how many sessions the server behind may have. */
static bool prepare_screen(const struct service *service, struct smtpd *d,
                           struct error *e)
{
    uint64_t sessions = 0;
    char tag[128];
    if (service->n_args > 0 &&
        !number_parse_u64(view_of(service->args[0]), 0, UINT32_MAX, &sessions)) {
        error_set(e, "4.3.5", "bad argument: %s", service->args[0]);
        return false;
    }
    d->service_name = conf_cstr(d->conf, P_smtpd_service_name);
    (void)snprintf(tag, sizeof tag, "%s/smtpd", conf_cstr(d->conf, P_syslog_name));
    log_set_tag(tag);
    d->screen = screen_new(d->conf, (unsigned)sessions, e);
    return d->screen != NULL;
}

static bool prepare(struct service *service, struct error *e)
{
    struct smtpd *d = smtpd_new(service->conf, service->is_standalone, e);
    if (!d)
        return false;
    service->state = d;
    d->service_name = service->name;
    if (strcmp(service->process_name, "lmtpd") == 0)
        lmtp_setup(d);
    if (strcmp(service->process_name, "postscreen") == 0 &&
        !prepare_screen(service, d, e))
        return false;
    if (!d->standalone) {
        dns_init(conf_view(d->conf, P_resolver_nameservers));
        dns_filter_use(d->conf, P_smtpd_dns_reply_filter);
    }
    return true;
}

static void sandbox(struct service *service, struct sandbox_profile *profile)
{
    profile->network = true;
    profile->readable = table_paths(service->conf);
    profile->may_exec = service->is_standalone;
    const struct smtpd *d = service->state;
    static const char *writable[2];
    /* The arena is for the life of the process. */
    writable[0] = d->screen ? screen_writable(arena_new(), service->conf) : NULL;
    if (writable[0])
        profile->writable = writable;
}

static void serve(struct service *service, const struct service_socket *socket, int fd,
                  const struct net_address *peer)
{
    (void)socket;
    struct session s = {.server = service->state, .facts.where = "CONNECT"};
    s.arena = arena_new();
    s.stream = stream_open_fd(fd);
    struct net_address client = *peer;
    session_trail_begin(&s);
    struct screen *screen = s.server->screen;
    if (screen && !screen_admits(screen, &s, &client)) {
        session_trail_end();
        stream_close(s.stream);
        arena_free(s.arena);
        return;
    }
    if (screen || s.server->standalone || client_behind_proxy(&s, &client)) {
        client_identify(&s, s.server->standalone ? NULL : &client);
        smtpd_judge_client(&s);
        session_run(&s);
    }
    session_trail_end();
    if (screen)
        screen_leave(screen);
    stream_close(s.stream);
    arena_free(s.arena);
}

/* A certificate was renewed, and only a new process may read it. */
static void retire(void *arg)
{
    service_retire(arg);
}

static bool start(struct service *service, struct error *e)
{
    struct smtpd *d = service->state;
    (void)e;
    if (d->tls)
        tls_server_watch(d->tls, retire, service);
    if (d->screen)
        screen_start(d->screen);
    return true;
}

int main(int argc, char **argv)
{
    static const struct service_program program = {
        .name = "smtpd",
        .user = SERVICE_AS_MAIL_OWNER,
        .prepare = prepare,
        .sandbox = sandbox,
        .start = start,
        .session = serve,
    };
    return service_main(argc, argv, &program);
}
