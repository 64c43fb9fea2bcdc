/* interfaces - the addresses on which this system receives mail
 *
 * Source: postconf(5) inet_interfaces, proxy_interfaces.
 */
#include "rewrite/interfaces.h"

#include "base/log.h"
#include "base/memory.h"

#include <netdb.h>

#define INTERFACES_MAX 4096
#define NAME_MAX_BYTES 1025

struct interfaces {
    const struct conf *conf;
    struct net_address *proxies;
    size_t n, cap;
};

static void add(struct interfaces *i, const struct net_address *address)
{
    if (i->n >= INTERFACES_MAX)
        return;
    if (i->n == i->cap) {
        i->cap = i->cap ? 2 * i->cap : 8;
        i->proxies = memory_resize(i->proxies, i->cap * sizeof *i->proxies);
    }
    i->proxies[i->n++] = *address;
}

/* All addresses of a host name. */
static void add_name(struct interfaces *i, struct view name)
{
    char text[NAME_MAX_BYTES];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    if (name.n >= sizeof text)
        return;
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    int failure = getaddrinfo(text, NULL, &hints, &list);
    if (failure != 0) {
        log_warning("config variable proxy_interfaces: host not found: %s (%s)", text,
                    gai_strerror(failure));
        return;
    }
    for (const struct addrinfo *it = list; it; it = it->ai_next) {
        struct net_address address;
        net_address_set(&address, it->ai_addr, it->ai_addrlen);
        add(i, &address);
    }
    freeaddrinfo(list);
}

struct interfaces *interfaces_new(const struct conf *c)
{
    struct interfaces *i = NEW(struct interfaces);
    struct view word, rest = conf_view(c, P_proxy_interfaces);
    struct net_address address;
    size_t ignored;
    i->conf = c;
    (void)conf_interfaces(c, &ignored); /* asks the system now, while it still may */
    while (conf_list_next(&rest, &word)) {
        if (net_address_parse(word, 0, &address))
            add(i, &address);
        else
            add_name(i, word);
    }
    return i;
}

void interfaces_free(struct interfaces *i)
{
    if (!i)
        return;
    memory_free(i->proxies);
    memory_free(i);
}

bool interfaces_have_literal(const struct interfaces *i, struct view domain)
{
    struct net_address address;
    size_t n;
    if (domain.n < 3 || domain.p[0] != '[' || domain.p[domain.n - 1] != ']')
        return false;
    if (!net_address_parse(domain, 0, &address))
        return false;
    const struct conf_interface *own = conf_interfaces(i->conf, &n);
    for (size_t k = 0; k < n; k++)
        if (net_address_eq(&own[k].address, &address))
            return true;
    for (size_t k = 0; k < i->n; k++)
        if (net_address_eq(&i->proxies[k], &address))
            return true;
    return false;
}
