/* smtpd - the SMTP server
 *
 * Runs as the mail owner, locked into the network and read-only tables; one
 * fiber a session.  Mail goes through lib/cleanup to qmgr, which alone owns the
 * queue.  With -S (sendmail -bs) it serves one session on standard input and
 * gives the mail to postdrop.  smtpd(8).
 */
#include "base/log.h"
#include "base/memory.h"
#include "net/dns.h"
#include "table/paths.h"
#include "transaction.h"

/* Tables that are lists of networks among local_header_rewrite_clients:
 * "check_address_map type:table". */
static struct match_list *local_rewrite_tables(const struct conf *c)
{
    struct str list = STR_INIT(4096);
    struct view rest = conf_view(c, P_local_header_rewrite_clients), word;
    while (view_token(&rest, VIEW(", \t\r\n"), &word)) {
        if (view_has(word, ':')) {
            str_add(&list, word);
            str_add_char(&list, ' ');
        }
    }
    struct match_list *m =
        list.n == 0
            ? NULL
            : match_open_view(c, "local_header_rewrite_clients", str_view(&list), false);
    str_done(&list);
    return m;
}

static struct match_list *words(const struct conf *c, const char *title, enum parameter p)
{
    return match_open_view(c, title, conf_view(c, p), false);
}

static bool open_tables(struct smtpd *d, struct error *e)
{
    const struct conf *c = d->conf;
    d->rewrite = rewrite_new(c);
    d->recipients = recipients_new(c, d->rewrite);
    d->access = access_new(c, d->rewrite, d->recipients, e);
    if (!d->access)
        return false;
    d->cleanup = cleanup_setup_new(c, d->rewrite);
    d->queue = queue_link_open(c);
    d->bare_newline_exclusions = match_open(c, P_smtpd_forbid_bare_newline_exclusions, 0);
    d->local_rewrite_clients = local_rewrite_tables(c);
    d->etrn_domains = match_open(c, P_fast_flush_domains, 0);
    d->debug_peers = match_open(c, P_debug_peer_list, 0);
    d->notify = notice_classes(c);
    d->ehlo_discard_by_address =
        maps_open(c, conf_view(c, P_smtpd_discard_ehlo_keyword_address_maps), TABLE_FOLD);
    return true;
}

static bool prepare(struct service *service, struct error *e)
{
    const struct conf *c = service->conf;
    struct smtpd *d = NEW(struct smtpd);
    d->conf = c;
    d->standalone = service->is_standalone;
    d->sink = d->standalone ? &postdrop_sink : &queue_sink;
    if (!dot_mode_parse(conf_view(c, P_smtpd_forbid_bare_newline), &d->dot_mode)) {
        error_set(e, "4.3.5", "smtpd_forbid_bare_newline: bad value \"%.*s\"",
                  VIEW_FMT(conf_view(c, P_smtpd_forbid_bare_newline)));
        return false;
    }
    struct view unknown = VIEW_NONE;
    d->ehlo_discard =
        ehlo_discard_parse(conf_view(c, P_smtpd_discard_ehlo_keywords), &unknown);
    if (!view_is_empty(unknown))
        log_warning("smtpd_discard_ehlo_keywords: unknown EHLO keyword: %.*s",
                    VIEW_FMT(unknown));
    d->forbidden_commands =
        words(c, "smtpd_forbidden_commands", P_smtpd_forbidden_commands);
    d->noop_commands = words(c, "smtpd_noop_commands", P_smtpd_noop_commands);
    d->command_filter = maps_open(c, conf_view(c, P_smtpd_command_filter), 0);
    d->ehlo_discard_by_address = maps_open(c, VIEW_NONE, 0);
    d->reject_footers = maps_open(c, conf_view(c, P_smtpd_reject_footer_maps), 0);
    service->state = d;
    if (d->standalone)
        return true;
    dns_init(conf_view(c, P_resolver_nameservers));
    return open_tables(d, e);
}

static void sandbox(struct service *service, struct sandbox_profile *profile)
{
    profile->network = true;
    profile->readable = table_paths(service->conf);
    profile->may_exec = service->is_standalone;
}

/* smtpd_forbid_bare_newline_exclusions. */
static bool is_excluded_client(struct session *s)
{
    struct error e = ERROR_INIT;
    return !s->server->standalone &&
           match_client(s->server->bare_newline_exclusions, s->facts.client_name,
                        s->facts.client_address, &e) == MATCH_YES;
}

/* debug_peer_list: how much of this client's session is logged. */
static unsigned debug_level(const struct session *s)
{
    struct error e = ERROR_INIT;
    if (s->server->standalone ||
        match_client(s->server->debug_peers, s->facts.client_name,
                     s->facts.client_address, &e) != MATCH_YES)
        return 0;
    return (unsigned)conf_int(s->server->conf, P_debug_peer_level);
}

static void serve(struct service *service, const struct service_socket *socket, int fd,
                  const struct net_address *peer)
{
    (void)socket;
    struct session s = {.server = service->state, .where = "CONNECT"};
    s.arena = arena_new();
    s.stream = stream_open_fd(fd);
    client_identify(&s, s.server->standalone ? NULL : peer);
    s.trusted_newlines = is_excluded_client(&s);
    s.debug = debug_level(&s);
    s.facts.debug = s.debug > 1;
    session_run(&s);
    stream_close(s.stream);
    arena_free(s.arena);
}

int main(int argc, char **argv)
{
    static const struct service_program program = {
        .name = "smtpd",
        .user = SERVICE_AS_MAIL_OWNER,
        .prepare = prepare,
        .sandbox = sandbox,
        .session = serve,
    };
    return service_main(argc, argv, &program);
}
