/* setup - what the sessions of a process share, from the configuration */
#include "login.h"

#include "access/hosts_access.h"
#include "base/log.h"
#include "base/memory.h"

#define SERVER_TIMEOUT (100 * CLOCK_SECOND)

static const struct login_protocol *const protocols[] = {&login_imap, &login_pop3,
                                                         &login_poppassd};

/* login_protocol, or the name of the command: "imap-login", "pop3-login". */
static const struct login_protocol *find_protocol(const struct conf *c,
                                                  const char *command, struct error *e)
{
    struct view name = conf_view(c, P_login_protocol), rest;
    if (name.n == 0)
        (void)view_cut(view_of(command), '-', &name, &rest);
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++)
        if (view_eq_case(name, view_of(protocols[i]->name)))
            return protocols[i];
    error_set(e, "4.3.5", "login_protocol: \"%.*s\" is not imap, pop3 or poppassd",
              VIEW_FMT(name));
    return NULL;
}

static bool check_upstream(const struct conf *c, struct error *e)
{
    struct view protocol = conf_view(c, P_login_upstream_proxy_protocol);
    if (view_is_empty(protocol) || view_eq_case(protocol, VIEW("haproxy")))
        return true;
    error_set(e, "4.3.5", "unsupported login_upstream_proxy_protocol value: %.*s",
              VIEW_FMT(protocol));
    return false;
}

struct login *login_new(struct service *service, struct error *e)
{
    const struct conf *c = service->conf;
    struct login *l = NEW(struct login);
    char tag[128];

    l->conf = c;
    l->service = service;
    l->is_standalone = service->is_standalone;
    l->protocol = find_protocol(c, service->process_name, e);
    if (!l->protocol || !check_upstream(c, e))
        return NULL;
    login_tls_setup(l);
    (void)snprintf(tag, sizeof tag, "%s/%s", conf_cstr(c, P_syslog_name),
                   l->protocol->name);
    log_set_tag(tag);
    l->auth = (struct auth_server){
        .conf = c,
        .type = conf_view(c, P_login_sasl_type),
        .path = conf_view(c, P_login_sasl_path),
        .service = view_of(l->protocol->name),
        .unwanted_clear = conf_view(c, P_login_sasl_security_options),
        .unwanted_tls = conf_view(c, P_login_sasl_tls_security_options),
        .filter = conf_view(c, P_login_sasl_mechanism_filter),
        .timeout = SERVER_TIMEOUT};
    l->limit_exceptions = match_open(c, P_login_client_event_limit_exceptions, 0);
    l->hosts = service->is_standalone ? NULL : hosts_access_open(c);
    l->store = store_link_new(l);
    return auth_server_check(&l->auth, e) ? l : NULL;
}

void login_free(struct login *l)
{
    login_tls_free(l);
    match_close(l->limit_exceptions);
    hosts_access_close(l->hosts);
    store_link_free(l->store);
    memory_free(l);
}
