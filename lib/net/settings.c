/* settings - what main.cf says of the network as a whole; see settings.h */
#include "net/settings.h"

#include "base/number.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define PORTS_MAX 64

static int window;
static bool idna2003;
static struct {
    char name[32];
    uint16_t port;
} ports[PORTS_MAX];
static size_t n_ports;

void net_set_idna2003(bool on)
{
    idna2003 = on;
}

bool net_uses_idna2003(void)
{
    return idna2003;
}

void net_set_window(int bytes)
{
    window = bytes;
}

void net_apply_window(int fd)
{
    if (window <= 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &window, sizeof window);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
}

/* "name=name=25": every name gets the number at the end. */
static bool add_names(struct view element)
{
    struct view names, number, name;
    int port;
    if (!view_rcut(element, '=', &names, &number) ||
        !number_parse_int(number, 1, 65535, &port))
        return false;
    while (view_token(&names, VIEW("="), &name)) {
        if (n_ports == PORTS_MAX || name.n >= sizeof ports[0].name)
            return false;
        (void)snprintf(ports[n_ports].name, sizeof ports[0].name, "%.*s", VIEW_FMT(name));
        ports[n_ports++].port = (uint16_t)port;
    }
    return true;
}

bool net_set_known_ports(struct view list, struct view *bad)
{
    n_ports = 0;
    while (view_token(&list, VIEW(", \t\r\n"), bad)) {
        if (!add_names(*bad))
            return false;
    }
    return true;
}

uint16_t net_known_port(struct view name)
{
    for (size_t i = 0; i < n_ports; i++) {
        if (view_eq_case(name, view_of(ports[i].name)))
            return ports[i].port;
    }
    return 0;
}
