/* client - who has connected: address, name, and whether the two agree
 *
 * The name of a client counts only when it leads back to the address (S048);
 * else it is "unknown", and the PTR name is kept apart as the reverse name.
 */
#include "base/log.h"
#include "net/proxy_header.h"
#include "session.h"

static void set_server(struct session *s, const struct net_address *server)
{
    char text[NET_ADDRESS_TEXT];
    s->facts.server_address =
        arena_dup(s->arena, view_of(net_address_text(server, text)));
    s->facts.server_port =
        arena_printf(s->arena, "%u", (unsigned)net_address_port(server));
}

/* Where the client has connected to, unless a proxy said it. */
static void identify_server(struct session *s)
{
    struct sockaddr_storage storage;
    struct net_address server;
    socklen_t n = sizeof storage;
    int fd = stream_fd(s->stream);
    if (!view_is_empty(s->facts.server_address) || fd < 0 ||
        getsockname(fd, (struct sockaddr *)&storage, &n) != 0)
        return;
    net_address_set(&server, (const struct sockaddr *)&storage, n);
    if (net_address_family(&server) != AF_UNIX)
        set_server(s, &server);
}

void client_identify(struct session *s, const struct net_address *peer)
{
    const struct conf *c = s->server->conf;
    struct access_subject *f = &s->facts;
    char text[NET_ADDRESS_TEXT];
    f->client_name = f->reverse_name = VIEW("unknown");
    f->name_status = f->reverse_name_status = ACCESS_NAME_PERMFAIL;
    if (peer && net_address_family(peer) != AF_UNIX) {
        f->client_address = arena_dup(s->arena, view_of(net_address_text(peer, text)));
        s->facts.client_port =
            arena_printf(s->arena, "%u", (unsigned)net_address_port(peer));
        if (conf_bool(c, P_smtpd_peername_lookup))
            access_find_names(f, s->arena, peer);
    } else {
        f->client_name = f->reverse_name = VIEW("localhost");
        f->client_address = VIEW("127.0.0.1");
        s->facts.client_port = VIEW("0");
        f->name_status = f->reverse_name_status = ACCESS_NAME_OK;
    }
    identify_server(s);
    client_show(s);
}

bool client_behind_proxy(struct session *s, struct net_address *peer)
{
    const struct conf *c = s->server->conf;
    struct error e = ERROR_INIT;
    struct proxy_header header;
    char text[NET_ADDRESS_TEXT];
    if (view_is_empty(conf_view(c, P_smtpd_upstream_proxy_protocol)))
        return true;
    stream_set_deadline(s->stream,
                        clock_in(conf_time(c, P_smtpd_upstream_proxy_timeout)));
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

void client_show(struct session *s)
{
    struct access_subject *f = &s->facts;
    if (conf_bool(s->server->conf, P_smtpd_client_port_logging))
        f->client_display =
            arena_printf(s->arena, "%.*s[%.*s]:%.*s", VIEW_FMT(f->client_name),
                         VIEW_FMT(f->client_address), VIEW_FMT(s->facts.client_port));
    else
        f->client_display = arena_printf(s->arena, "%.*s[%.*s]", VIEW_FMT(f->client_name),
                                         VIEW_FMT(f->client_address));
}
