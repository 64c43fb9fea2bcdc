/* setup - tables, lists and addresses of the client; see setup.h */
#include "setup.h"

#include "base/log.h"
#include "base/memory.h"

static bool bind_to(const struct conf *c, enum parameter p, const char *name,
                    struct net_address *out, bool *has, struct error *e)
{
    struct view text = view_trim_space(conf_view(c, p));
    if (view_is_empty(text))
        return true;
    *has = net_address_parse(text, 0, out);
    if (!*has)
        error_set(e, "4.3.5", "bad %s parameter: %.*s", name, VIEW_FMT(text));
    return *has;
}

/* Where inet_interfaces names one address of a family, and that is not loopback, our
 * connections come from it too. */
static void bind_to_interface(struct client *c, int family, struct net_address *out,
                              bool *has)
{
    size_t n, found = 0;
    const struct conf_interface *own = conf_interfaces(c->conf, &n);
    struct net_address only = {.length = 0};
    for (size_t i = 0; i < n; i++) {
        if (net_address_family(&own[i].address) != family)
            continue;
        found++;
        only = own[i].address;
    }
    if (*has || found != 1 || net_address_is_loopback(&only))
        return;
    net_address_set_port(&only, 0);
    *out = only;
    *has = true;
}

static bool find_bind_addresses(struct client *c, struct error *e)
{
    if (!bind_to(c->conf, PARAMETER(c, bind_address), "smtp_bind_address", &c->bind4,
                 &c->has_bind4, e) ||
        !bind_to(c->conf, PARAMETER(c, bind_address6), "smtp_bind_address6", &c->bind6,
                 &c->has_bind6, e))
        return false;
    if (view_eq_case(view_trim_space(conf_view(c->conf, P_inet_interfaces)), VIEW("all")))
        return true;
    bind_to_interface(c, AF_INET, &c->bind4, &c->has_bind4);
    bind_to_interface(c, AF_INET6, &c->bind6, &c->has_bind6);
    return true;
}

static struct maps *open_maps(const struct client *c, enum parameter p)
{
    return maps_open(c->conf, conf_view(c->conf, p), 0);
}

static void open_tables(struct client *c)
{
    const struct conf *conf = c->conf;
    c->rewrite = rewrite_new(conf);
    c->generic = maps_open(conf, conf_view(conf, PARAMETER(c, generic_maps)), TABLE_FOLD);
    c->header_checks = open_maps(c, PARAMETER(c, header_checks));
    c->mime_header_checks = open_maps(c, PARAMETER(c, mime_header_checks));
    c->nested_header_checks = open_maps(c, PARAMETER(c, nested_header_checks));
    c->body_checks = open_maps(c, PARAMETER(c, body_checks));
    c->reply_filter = open_maps(c, PARAMETER(c, reply_filter));
    c->discard_by_address =
        open_maps(c, c->lmtp ? P_lmtp_discard_lhlo_keyword_address_maps
                             : P_smtp_discard_ehlo_keyword_address_maps);
    c->always_cached = match_open(conf, PARAMETER(c, connection_cache_destinations), 0);
    c->debug_peers = match_open(conf, P_debug_peer_list, 0);
    if (!c->lmtp && conf_view(conf, P_smtp_policy_fallback_transport).n > 0)
        c->policy_fallback = match_open(conf, P_smtp_policy_fallback_destinations, 0);
}

static void read_discards(struct client *c)
{
    struct view unknown = VIEW_NONE;
    enum parameter p =
        c->lmtp ? P_lmtp_discard_lhlo_keywords : P_smtp_discard_ehlo_keywords;
    c->discard = ehlo_discard_parse(conf_view(c->conf, p), &unknown);
    if (!view_is_empty(unknown))
        log_warning("unknown EHLO keyword \"%.*s\"", VIEW_FMT(unknown));
}

/* master.cf: smtp flags=DORX. */
static bool read_flags(struct client *c, struct error *e)
{
    static const struct {
        char letter;
        unsigned flag;
    } letters[] = {{'D', FLAG_DELIVERED_TO},
                   {'O', FLAG_ORIGINAL_TO},
                   {'R', FLAG_RETURN_PATH},
                   {'X', FLAG_FINAL}};
    for (size_t i = 0; i < c->service->n_args; i++) {
        struct view arg = view_of(c->service->args[i]);
        if (!view_starts(arg, VIEW("flags="))) {
            error_set(e, "4.3.5", "unknown attribute name: %.*s", VIEW_FMT(arg));
            return false;
        }
        for (size_t at = 6; at < arg.n; at++) {
            size_t k = 0;
            while (k < 4 && letters[k].letter != arg.p[at])
                k++;
            if (k == 4) {
                error_set(e, "4.3.5", "unknown command flag: %c", arg.p[at]);
                return false;
            }
            c->flags |= letters[k].flag;
        }
    }
    return true;
}

/* Notices to postmaster need a way into the queue. */
static void prepare_notices(struct client *c)
{
    c->notify = notice_classes(c->conf) & (NOTICE_PROTOCOL | NOTICE_DATA);
    if (!c->notify)
        return;
    c->cleanup = cleanup_setup_new(c->conf, c->rewrite);
    c->queue = queue_link_open(c->conf);
}

/* Keys and policies, where anything asks for TLS. */
static bool prepare_tls(struct client *c, struct error *e)
{
    struct error problem = ERROR_INIT;
    c->tls_policies = tls_policies_new(c->conf, c->lmtp, e);
    if (!c->tls_policies)
        return false;
    if (!tls_policies_want_tls(c->tls_policies))
        return true;
    c->tls_loglevels = open_maps(c, PARAMETER(c, tls_loglevel_maps));
    c->tls = tls_client_new(c->conf, c->lmtp, &problem);
    if (!c->tls) /* what needs it waits, what does not goes in clear */
        log_warning("%s", problem.text);
    return true;
}

struct client *client_new(struct service *s, struct error *e)
{
    struct client *c = NEW(struct client);
    c->conf = s->conf;
    c->service = s;
    c->lmtp = strcmp(s->process_name, "lmtp") == 0;
    list_init(&c->cached);
    open_tables(c);
    host_search_init(&c->search, c->conf, c->rewrite, c->lmtp);
    read_discards(c);
    prepare_notices(c);
    if (read_flags(c, e) && find_bind_addresses(c, e) && prepare_tls(c, e) &&
        client_auth_setup(c, e))
        return c;
    client_free(c);
    return NULL;
}

void client_free(struct client *c)
{
    if (c->cleanup)
        cleanup_setup_free(c->cleanup);
    if (c->queue)
        queue_link_close(c->queue);
    client_auth_free(c);
    tls_client_free(c->tls);
    if (c->tls_loglevels)
        maps_close(c->tls_loglevels);
    if (c->tls_policies)
        tls_policies_free(c->tls_policies);
    if (c->policy_fallback)
        match_close(c->policy_fallback);
    match_close(c->debug_peers);
    match_close(c->always_cached);
    maps_close(c->discard_by_address);
    maps_close(c->reply_filter);
    maps_close(c->body_checks);
    maps_close(c->nested_header_checks);
    maps_close(c->mime_header_checks);
    maps_close(c->header_checks);
    maps_close(c->generic);
    rewrite_free(c->rewrite);
    memory_free(c);
}
