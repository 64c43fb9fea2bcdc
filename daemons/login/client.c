/* client - who has connected, and how often it may */
#include "login.h"

#include "access/access.h"
#include "access/anvil.h"
#include "access/hosts_access.h"
#include "base/log.h"
#include "net/proxy_header.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static void set_server(struct session *s, const struct net_address *server)
{
    char text[NET_ADDRESS_TEXT];
    s->server_address = arena_dup(s->arena, view_of(net_address_text(server, text)));
    s->server_port = arena_printf(s->arena, "%u", (unsigned)net_address_port(server));
}

/* Behind a load balancer *PEER becomes who it says. */
static bool find_client(struct session *s, struct net_address *peer)
{
    const struct conf *c = s->login->conf;
    struct error e = ERROR_INIT;
    struct proxy_header header;
    char text[NET_ADDRESS_TEXT];
    if (s->login->is_standalone ||
        view_is_empty(conf_view(c, P_login_upstream_proxy_protocol)))
        return true;
    stream_set_deadline(s->stream,
                        clock_in(conf_time(c, P_login_upstream_proxy_timeout)));
    bool good = proxy_header_receive(s->stream, &header, &e);
    stream_set_deadline(s->stream, CLOCK_NEVER);
    if (!good) {
        log_warning("%s: proxy [%s]", e.text, net_address_text(peer, text));
        return false;
    }
    if (header.is_local)
        return true;
    *peer = header.client;
    set_server(s, &header.server);
    return true;
}

/* Where the client has connected to, unless a proxy said it. */
static void find_server(struct session *s)
{
    struct sockaddr_storage storage;
    struct net_address server;
    socklen_t n = sizeof storage;
    int fd = stream_fd(s->stream);
    s->server_address = s->server_address.n ? s->server_address : VIEW("127.0.0.1");
    if (s->server_port.n > 0 || fd < 0 ||
        getsockname(fd, (struct sockaddr *)&storage, &n) != 0)
        return;
    net_address_set(&server, (const struct sockaddr *)&storage, n);
    if (net_address_family(&server) != AF_UNIX)
        set_server(s, &server);
}

/* A client that is gone without a word is noticed, however long its session sleeps. */
static void keep_alive(int fd)
{
    int on = 1, idle = 600, interval = 60, count = 5;
    if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) < 0)
        return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Names of this service that a rule of hosts.allow may have. */
static bool may_connect(struct session *s, const struct access_subject *f)
{
    const struct login *l = s->login;
    const struct view names[] = {view_of(l->service->process_name),
                                 view_of(l->service->name), view_of(l->protocol->name)};
    const struct hosts_client client = {.services = names,
                                        .n_services = sizeof names / sizeof names[0],
                                        .name = f->client_name,
                                        .is_paranoid =
                                            f->name_status != ACCESS_NAME_OK &&
                                            !view_eq(f->reverse_name, VIEW("unknown")),
                                        .address = s->client_address,
                                        .server_address = s->server_address};
    enum hosts_verdict verdict = hosts_access_ask(l->hosts, &client);
    if (verdict == HOSTS_LET_IN)
        return true;
    log_warning("refused connect from %.*s[%.*s]", VIEW_FMT(f->client_name),
                VIEW_FMT(s->client_address));
    if (!l->tls_wrapper)
        l->protocol->say_bye(s, "LIMIT", "Access denied.");
    (void)(stream_flush(s->stream) == STREAM_OK);
    return false;
}

/* The name, where somebody wants to know it; false: it may not connect. */
static bool judge(struct session *s, const struct net_address *peer)
{
    struct access_subject f = {.client_name = VIEW("unknown"),
                               .reverse_name = VIEW("unknown"),
                               .name_status = ACCESS_NAME_PERMFAIL,
                               .reverse_name_status = ACCESS_NAME_PERMFAIL};
    if (conf_bool(s->login->conf, P_login_peername_lookup))
        access_find_names(&f, s->arena, peer);
    s->client_name = f.client_name;
    return may_connect(s, &f);
}

bool client_identify(struct session *s, const struct net_address *peer)
{
    struct net_address client = *peer;
    char text[NET_ADDRESS_TEXT];
    if (!find_client(s, &client))
        return false;
    find_server(s);
    if (s->login->is_standalone || net_address_family(&client) == AF_UNIX) {
        s->client_name = VIEW("localhost");
        s->client_address = VIEW("127.0.0.1");
        s->client_port = VIEW("0");
    } else {
        s->client_address = arena_dup(s->arena, view_of(net_address_text(&client, text)));
        s->client_port =
            arena_printf(s->arena, "%u", (unsigned)net_address_port(&client));
        keep_alive(stream_fd(s->stream));
        if (!judge(s, &client))
            return false;
    }
    s->client_display = arena_printf(s->arena, "%.*s[%.*s]", VIEW_FMT(s->client_name),
                                     VIEW_FMT(s->client_address));
    return true;
}

/* --- limits --- */

static bool is_over(const struct session *s, uint64_t value, enum parameter limit)
{
    int64_t most = conf_int(s->login->conf, limit);
    return most > 0 && value > (uint64_t)most;
}

static bool refuse(struct session *s, const char *what, uint64_t value)
{
    s->login->protocol->say_bye(s, "LIMIT", "too many connections");
    log_warning("Connection %s limit exceeded: %llu from %.*s for service %s", what,
                (unsigned long long)value, VIEW_FMT(s->client_display),
                s->login->service->name);
    return false;
}

bool client_limits_begin(struct session *s)
{
    struct login *l = s->login;
    struct anvil_counts counts;
    struct error e = ERROR_INIT;
    if (l->is_standalone || s->anvil ||
        match_client(l->limit_exceptions, s->client_name, s->client_address, &e) ==
            MATCH_YES)
        return true;
    struct view client =
        anvil_client(s->arena, s->client_address,
                     (unsigned)conf_int(l->conf, P_smtpd_client_ipv4_prefix_length),
                     (unsigned)conf_int(l->conf, P_smtpd_client_ipv6_prefix_length));
    s->anvil = anvil_connect(l->conf, view_of(l->service->name), client, &counts);
    if (!s->anvil)
        return true;
    if (is_over(s, counts.count, P_login_client_connection_count_limit))
        return refuse(s, "concurrency", counts.count);
    if (is_over(s, counts.rate, P_login_client_connection_rate_limit))
        return refuse(s, "rate", counts.rate);
    return true;
}

bool client_may_try(struct session *s)
{
    struct anvil_counts counts;
    if (!s->anvil || conf_int(s->login->conf, P_login_client_auth_rate_limit) == 0 ||
        !anvil_count(s->anvil, ANVIL_AUTH, &counts) ||
        !is_over(s, counts.rate, P_login_client_auth_rate_limit))
        return true;
    log_warning("AUTH command rate limit exceeded: %llu from %.*s for service %s",
                (unsigned long long)counts.rate, VIEW_FMT(s->client_display),
                s->login->service->name);
    return false;
}

void client_limits_end(struct session *s)
{
    if (s->anvil)
        ipc_close(s->anvil);
    s->anvil = NULL;
}
