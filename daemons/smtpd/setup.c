/* setup - tables and lists of the server; see setup.h */
#include "setup.h"

#include "access/hosts_access.h"
#include "access/milters.h"
#include "base/log.h"
#include "base/memory.h"
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

static bool check_upstream(const struct conf *c, struct error *e)
{
    struct view protocol = conf_view(c, P_smtpd_upstream_proxy_protocol);
    if (view_is_empty(protocol) || view_eq_case(protocol, VIEW("haproxy")))
        return true;
    error_set(e, "4.3.5", "unsupported smtpd_upstream_proxy_protocol value: %.*s",
              VIEW_FMT(protocol));
    return false;
}

/* What policy needs. */
static bool open_policy(struct smtpd *d, struct error *e)
{
    const struct conf *c = d->conf;
    d->rewrite = rewrite_new(c);
    d->recipients = recipients_new(c, d->rewrite);
    d->access = access_new(c, d->rewrite, d->recipients, e);
    if (!d->access)
        return false;
    d->hosts = hosts_access_open(c);
    d->cleanup = cleanup_setup_new(c, d->rewrite);
    d->queue = queue_link_open(c);
    d->bare_newline_exclusions = match_open(c, P_smtpd_forbid_bare_newline_exclusions, 0);
    d->local_rewrite_clients = local_rewrite_tables(c);
    d->etrn_domains = match_open(c, P_fast_flush_domains, 0);
    d->debug_peers = match_open(c, P_debug_peer_list, 0);
    d->verp_clients = match_open(c, P_smtpd_authorized_verp_clients, 0);
    d->limit_exceptions = match_open(c, P_smtpd_client_event_limit_exceptions, 0);
    d->xclient_hosts = match_open(c, P_smtpd_authorized_xclient_hosts, 0);
    d->xforward_hosts = match_open(c, P_smtpd_authorized_xforward_hosts, 0);
    d->notify = notice_classes(c);
    d->milters = access_milters_new(d->conf, e);
    if (!d->milters)
        return false;
    return check_upstream(c, e);
}

static bool read_settings(struct smtpd *d, struct error *e)
{
    const struct conf *c = d->conf;
    struct view mode = conf_view(c, P_smtpd_forbid_bare_newline), unknown = VIEW_NONE;
    if (!dot_mode_parse(mode, &d->dot_mode)) {
        error_set(e, "4.3.5", "smtpd_forbid_bare_newline: bad value \"%.*s\"",
                  VIEW_FMT(mode));
        return false;
    }
    d->ehlo_discard =
        ehlo_discard_parse(conf_view(c, P_smtpd_discard_ehlo_keywords), &unknown);
    if (!view_is_empty(unknown))
        log_warning("smtpd_discard_ehlo_keywords: unknown EHLO keyword: %.*s",
                    VIEW_FMT(unknown));
    return true;
}

struct smtpd *smtpd_new(const struct conf *c, bool standalone, struct error *e)
{
    struct smtpd *d = NEW(struct smtpd);
    d->conf = c;
    d->standalone = standalone;
    d->sink = standalone                                          ? &postdrop_sink
              : view_is_empty(conf_view(c, P_smtpd_proxy_filter)) ? &queue_sink
                                                                  : &proxy_sink;
    d->forbidden_commands =
        words(c, "smtpd_forbidden_commands", P_smtpd_forbidden_commands);
    d->noop_commands = words(c, "smtpd_noop_commands", P_smtpd_noop_commands);
    d->command_filter = maps_open(c, conf_view(c, P_smtpd_command_filter), 0);
    d->ehlo_discard_by_address =
        maps_open(c, conf_view(c, P_smtpd_discard_ehlo_keyword_address_maps), TABLE_FOLD);
    d->reject_filters = maps_open(c, conf_view(c, P_smtpd_reject_filter_maps), 0);
    d->user_limit_exceptions =
        maps_open(c, conf_view(c, P_smtpd_user_limit_exceptions), TABLE_FOLD);
    d->reject_footers = maps_open(c, conf_view(c, P_smtpd_reject_footer_maps), 0);
    smtpd_tls_setup(d);
    if (read_settings(d, e) && smtpd_auth_setup(d, e) &&
        (standalone || open_policy(d, e)))
        return d;
    smtpd_free(d);
    return NULL;
}

static void close_list(struct match_list *m)
{
    if (m)
        match_close(m);
}

void smtpd_free(struct smtpd *d)
{
    smtpd_tls_free(d);
    smtpd_auth_free(d);
    close_list(d->verp_clients);
    close_list(d->limit_exceptions);
    close_list(d->xclient_hosts);
    close_list(d->xforward_hosts);
    close_list(d->debug_peers);
    close_list(d->etrn_domains);
    close_list(d->local_rewrite_clients);
    close_list(d->bare_newline_exclusions);
    if (d->queue)
        queue_link_close(d->queue);
    if (d->cleanup)
        cleanup_setup_free(d->cleanup);
    access_free(d->access);
    hosts_access_close(d->hosts);
    if (d->recipients)
        recipients_free(d->recipients);
    if (d->rewrite)
        rewrite_free(d->rewrite);
    access_milters_free(d->milters);
    maps_close(d->user_limit_exceptions);
    maps_close(d->reject_footers);
    maps_close(d->reject_filters);
    maps_close(d->ehlo_discard_by_address);
    maps_close(d->command_filter);
    match_close(d->noop_commands);
    match_close(d->forbidden_commands);
    memory_free(d);
}

static bool is_listed(const struct session *s, struct match_list *list)
{
    struct error e = ERROR_INIT;
    return match_client(list, s->facts.client_name, s->facts.client_address, &e) ==
           MATCH_YES;
}

void smtpd_judge_client(struct session *s)
{
    const struct smtpd *d = s->server;
    if (d->standalone)
        return;
    s->may_use_verp = is_listed(s, d->verp_clients);
    s->debug = 0;
    s->may_xclient = is_listed(s, d->xclient_hosts);
    s->may_xforward = is_listed(s, d->xforward_hosts);
    s->trusted_newlines = is_listed(s, d->bare_newline_exclusions);
    if (is_listed(s, d->debug_peers))
        s->debug = (unsigned)conf_int(d->conf, P_debug_peer_level);
    s->facts.debug = s->debug > 1;
    session_trail_begin(s);
}
