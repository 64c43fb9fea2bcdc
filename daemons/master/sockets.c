/* sockets - the listening sockets of all services
 *
 * They are opened once, with the rights of the start, and kept over reloads: no
 * connection is lost while programs come and go.  Names follow master(5): "smtp", "2525",
 * "127.0.0.1:2525", "[::1]:25", "host:submission"; without a host inet_interfaces says
 * where.
 */
#include "base/log.h"
#include "base/memory.h"
#include "master.h"
#include "net/listen.h"

#include <errno.h>
#include <netdb.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

static void add_endpoint(struct unit *u, struct view name, const char *key)
{
    char *copy = memory_alloc(name.n + 1);

    memcpy(copy, name.p, name.n);
    u->endpoints =
        memory_resize(u->endpoints, (u->n_endpoints + 1) * sizeof *u->endpoints);
    u->endpoints[u->n_endpoints++] = (struct endpoint){copy, memory_cstr(key), -1, false};
}

static void add_inet(struct unit *u, struct view name, const struct net_address *at)
{
    char key[NET_ADDRESS_TEXT + 32], text[NET_ADDRESS_TEXT];

    snprintf(key, sizeof key, "inet %s %u", net_address_text(at, text),
             net_address_port(at));
    for (size_t i = 0; i < u->n_endpoints; i++) {
        if (strcmp(u->endpoints[i].key, key) == 0)
            return;
    }
    add_endpoint(u, name, key);
}

/* --- which addresses --- */

static bool has_protocol(const struct conf *c, const char *wanted)
{
    struct view rest = conf_view(c, P_inet_protocols), token;

    while (view_token(&rest, VIEW(", \t\r\n"), &token)) {
        if (view_eq_case(token, VIEW("all")) || view_eq_case(token, view_of(wanted)))
            return true;
    }
    return false;
}

static bool may_use_family(const struct conf *c, int family)
{
    return has_protocol(c, family == AF_INET6 ? "ipv6" : "ipv4");
}

/* Is there IPv6 in this kernel at all? */
static bool has_family(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void add_numeric(const struct conf *c, struct unit *u, struct view name,
                        const char *text, uint16_t port)
{
    struct net_address at;

    if (net_address_parse(view_of(text), port, &at) &&
        may_use_family(c, net_address_family(&at)) && has_family(net_address_family(&at)))
        add_inet(u, name, &at);
}

/* All addresses of HOST (a name or an address). */
static bool add_host(const struct conf *c, struct unit *u, struct view name,
                     struct view host, uint16_t port, struct error *e)
{
    struct net_address at;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    struct str text = STR_INIT(1024);
    bool found = false;

    if (net_address_parse(host, port, &at)) {
        add_inet(u, name, &at);
        return true;
    }
    if (!str_set(&text, host) || getaddrinfo(str_cstr(&text), NULL, &hints, &list) != 0)
        list = NULL;
    str_done(&text);
    for (struct addrinfo *i = list; i; i = i->ai_next) {
        if (!may_use_family(c, i->ai_family))
            continue;
        net_address_set(&at, i->ai_addr, i->ai_addrlen);
        net_address_set_port(&at, port);
        add_inet(u, name, &at);
        found = true;
    }
    if (list)
        freeaddrinfo(list);
    if (!found)
        error_set(e, "5.3.5", "host not found: %.*s (service %.*s, inet_interfaces)",
                  VIEW_FMT(host), VIEW_FMT(name));
    return found;
}

static bool plan_interfaces(const struct conf *c, struct unit *u, struct view name,
                            uint16_t port, struct error *e)
{
    struct view rest = conf_view(c, P_inet_interfaces), token;
    size_t before = u->n_endpoints;

    while (view_token(&rest, VIEW(", \t\r\n"), &token)) {
        if (view_eq_case(token, VIEW("all"))) {
            add_numeric(c, u, name, "0.0.0.0", port);
            add_numeric(c, u, name, "::", port);
        } else if (view_eq_case(token, VIEW("loopback-only"))) {
            add_numeric(c, u, name, "127.0.0.1", port);
            add_numeric(c, u, name, "::1", port);
        } else if (!add_host(c, u, name, token, port, e)) {
            return false;
        }
    }
    if (u->n_endpoints > before)
        return true;
    error_set(e, "5.3.5",
              "service %.*s: inet_interfaces and inet_protocols leave no address",
              VIEW_FMT(name));
    return false;
}

static bool plan_inet(const struct conf *c, const struct master_service *line,
                      struct unit *u, struct error *e)
{
    struct net_endpoint parts = {.port = line->name};

    /* A name without ':' is a port. */
    if (view_has(line->name, ':') && !net_endpoint_parse(line->name, &parts)) {
        error_set(e, "5.3.5", "bad address in master.cf: %.*s", VIEW_FMT(line->name));
        return false;
    }
    uint16_t port = net_port_parse(parts.port);
    if (port == 0) {
        error_set(e, "5.3.5", "unknown service name or port in master.cf: %.*s",
                  VIEW_FMT(line->name));
        return false;
    }
    if (!view_is_empty(parts.host))
        return add_host(c, u, line->name, parts.host, port, e);
    return plan_interfaces(c, u, line->name, port, e);
}

bool endpoints_plan(const struct conf *c, const struct master_service *line,
                    const struct program *program, struct unit *u, struct error *e)
{
    struct str key = STR_INIT(256);

    if (line->type == SERVICE_INET)
        return plan_inet(c, line, u, e);
    if (view_has(line->name, '/') || line->name.n == 0 || line->name.p[0] == '.') {
        error_set(e, "5.3.5", "bad service name in master.cf: %.*s",
                  VIEW_FMT(line->name));
        return false;
    }
    const char *type = program->socket_type == SOCK_STREAM      ? "stream"
                       : program->socket_type == SOCK_SEQPACKET ? "unix"
                                                                : "dgram";
    bool fits = str_setf(&key, "%s %s/%.*s", type,
                         line->is_private ? "private" : "public", VIEW_FMT(line->name));
    if (fits)
        add_endpoint(u, line->name, key.p);
    else
        error_set(e, "5.3.5", "service name too long in master.cf");
    str_done(&key);
    return fits;
}

/* --- open and close --- */

static int open_inet(struct view where, struct error *e)
{
    struct view host, port;
    struct net_address at;

    (void)view_cut(where, ' ', &host, &port);
    if (!net_address_parse(host, net_port_parse(port), &at)) {
        error_set(e, "5.3.5", "bad address: %.*s", VIEW_FMT(where));
        return -1;
    }
    int fd = listen_tcp(&at, BACKLOG, e);
    if (fd < 0)
        error_set(e, "4.3.0", "bind %.*s port %.*s: %s", VIEW_FMT(host), VIEW_FMT(port),
                  strerror(errno));
    return fd;
}

static bool open_one(struct endpoint *p, struct error *e)
{
    enum { SOCKET_MODE = 0666 }; /* the directories guard them */
    struct view type, where;

    (void)view_cut(view_of(p->key), ' ', &type, &where);
    if (view_eq(type, VIEW("inet"))) {
        p->fd = open_inet(where, e);
    } else {
        int socket_type = view_eq(type, VIEW("stream")) ? SOCK_STREAM
                          : view_eq(type, VIEW("unix")) ? SOCK_SEQPACKET
                                                        : SOCK_DGRAM;
        p->fd = listen_unix(where.p, socket_type, SOCKET_MODE, BACKLOG, e);
    }
    return p->fd >= 0;
}

static struct endpoint *find_endpoint(struct setup *s, const char *key)
{
    LIST_FOR_EACH (struct unit, u, &s->units, link) {
        for (size_t i = 0; i < u->n_endpoints; i++) {
            if (strcmp(u->endpoints[i].key, key) == 0)
                return &u->endpoints[i];
        }
    }
    return NULL;
}

/* Close again what this attempt opened; what was taken over stays OLD's. */
static void undo(struct setup *s, struct setup *old)
{
    LIST_FOR_EACH (struct unit, u, &s->units, link) {
        for (size_t i = 0; i < u->n_endpoints; i++) {
            struct endpoint *p = &u->endpoints[i];
            struct endpoint *kept = old ? find_endpoint(old, p->key) : NULL;
            if (kept)
                kept->is_kept = false;
            else if (p->fd >= 0)
                close(p->fd);
            p->fd = -1;
        }
    }
}

bool endpoints_open(struct setup *s, struct setup *old, struct error *e)
{
    LIST_FOR_EACH (struct unit, u, &s->units, link) {
        for (size_t i = 0; i < u->n_endpoints; i++) {
            struct endpoint *p = &u->endpoints[i];
            struct endpoint *kept = old ? find_endpoint(old, p->key) : NULL;
            if (kept && !kept->is_kept) {
                kept->is_kept = true;
                p->fd = kept->fd;
            } else if (!open_one(p, e)) {
                undo(s, old);
                return false;
            }
        }
    }
    return true;
}

void endpoints_close(struct unit *u)
{
    struct view type, where;

    for (size_t i = 0; i < u->n_endpoints; i++) {
        struct endpoint *p = &u->endpoints[i];
        if (!p->is_kept && p->fd >= 0) {
            close(p->fd);
            (void)view_cut(view_of(p->key), ' ', &type, &where);
            if (!view_eq(type, VIEW("inet")) && unlink(where.p) < 0)
                log_warning("remove %s: %s", where.p, strerror(errno));
        }
        p->fd = -1;
    }
}
