/* address - socket addresses, networks and endpoints as text and as bytes */
#include "net/address.h"

#include "base/number.h"
#include "net/settings.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <stdio.h>

/* V as a C string in BUF; false when it is too long or holds a NUL. */
static bool to_cstr(struct view v, char *buf, size_t size)
{
    if (v.n == 0 || v.n >= size || view_has(v, '\0'))
        return false;
    memcpy(buf, v.p, v.n);
    buf[v.n] = '\0';
    return true;
}

/* Take "[...]" or "IPv6:" off, in this order; *V is what is inside. */
static bool strip_literal(struct view *v)
{
    if (view_starts(*v, VIEW("["))) {
        if (!view_ends(*v, VIEW("]")))
            return false;
        *v = view_sub(*v, 1, v->n - 2);
    }
    if (view_starts_case(*v, VIEW("IPv6:"))) {
        *v = view_from(*v, 5);
        return view_has(*v, ':');
    }
    return true;
}

bool net_address_parse(struct view text, uint16_t port, struct net_address *out)
{
    char buf[INET6_ADDRSTRLEN];

    *out = (struct net_address){.length = 0};
    if (!strip_literal(&text) || !to_cstr(text, buf, sizeof(buf)))
        return false;
    if (inet_pton(AF_INET, buf, &out->in.sin_addr) == 1) {
        out->in.sin_family = AF_INET;
        out->in.sin_port = htons(port);
        out->length = sizeof(out->in);
        return true;
    }
    if (inet_pton(AF_INET6, buf, &out->in6.sin6_addr) == 1) {
        out->in6.sin6_family = AF_INET6;
        out->in6.sin6_port = htons(port);
        out->length = sizeof(out->in6);
        return true;
    }
    return false;
}

void net_address_set(struct net_address *a, const struct sockaddr *sa, socklen_t n)
{
    assert(n <= sizeof(a->storage));
    *a = (struct net_address){.length = n};
    memcpy(&a->storage, sa, n);
    if (a->sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
        return;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = a->in6.sin6_port};
    memcpy(&in.sin_addr, a->in6.sin6_addr.s6_addr + 12, 4);
    *a = (struct net_address){.in = in, .length = sizeof(in)};
}

bool net_address_unix(struct view path, struct net_address *out)
{
    *out = (struct net_address){.length = 0};
    if (!to_cstr(path, out->un.sun_path, sizeof(out->un.sun_path)))
        return false;
    out->un.sun_family = AF_UNIX;
    out->length = sizeof(out->un);
    return true;
}

const char *net_address_text(const struct net_address *a, char buf[NET_ADDRESS_TEXT])
{
    const void *bytes = NULL;

    buf[0] = '\0';
    if (a->length == 0)
        return buf;
    if (a->sa.sa_family == AF_INET)
        bytes = &a->in.sin_addr;
    else if (a->sa.sa_family == AF_INET6)
        bytes = &a->in6.sin6_addr;
    if (bytes)
        inet_ntop(a->sa.sa_family, bytes, buf, NET_ADDRESS_TEXT);
    else if (a->sa.sa_family == AF_UNIX)
        snprintf(buf, NET_ADDRESS_TEXT, "%.*s", NET_ADDRESS_TEXT - 1, a->un.sun_path);
    return buf;
}

int net_address_family(const struct net_address *a)
{
    return a->length ? a->sa.sa_family : AF_UNSPEC;
}

uint16_t net_address_port(const struct net_address *a)
{
    switch (net_address_family(a)) {
    case AF_INET:
        return ntohs(a->in.sin_port);
    case AF_INET6:
        return ntohs(a->in6.sin6_port);
    default:
        return 0;
    }
}

void net_address_set_port(struct net_address *a, uint16_t port)
{
    if (net_address_family(a) == AF_INET)
        a->in.sin_port = htons(port);
    else if (net_address_family(a) == AF_INET6)
        a->in6.sin6_port = htons(port);
}

bool net_address_eq(const struct net_address *a, const struct net_address *b)
{
    if (net_address_family(a) != net_address_family(b))
        return false;
    switch (net_address_family(a)) {
    case AF_INET:
        return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
    case AF_INET6:
        return IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr) &&
               a->in6.sin6_scope_id == b->in6.sin6_scope_id;
    case AF_UNIX:
        return view_eq(view_of(a->un.sun_path), view_of(b->un.sun_path));
    default:
        return true;
    }
}

bool net_address_is_loopback(const struct net_address *a)
{
    switch (net_address_family(a)) {
    case AF_INET:
        return ntohl(a->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
    default:
        return false;
    }
}

/* Where the address bytes are, and how many; 0 for other families. */
static size_t address_bytes(const struct net_address *a, const uint8_t **out)
{
    switch (net_address_family(a)) {
    case AF_INET:
        *out = (const uint8_t *)&a->in.sin_addr;
        return 4;
    case AF_INET6:
        *out = a->in6.sin6_addr.s6_addr;
        return 16;
    default:
        *out = NULL;
        return 0;
    }
}

/* "[addr]/bits", "[addr/bits]" and "addr/bits" cut at the slash. */
static bool network_split(struct view text, struct view *address, struct view *mask)
{
    if (view_starts(text, VIEW("[")) && view_ends(text, VIEW("]")))
        text = view_sub(text, 1, text.n - 2);
    bool has_mask = view_cut(text, '/', address, mask);
    if (view_starts(*address, VIEW("["))) {
        if (!view_ends(*address, VIEW("]")))
            return false;
        *address = view_sub(*address, 1, address->n - 2);
    }
    return !has_mask || mask->n > 0;
}

/* Clear what is behind the first BITS; true when nothing had to be cleared. */
static bool clear_host_bits(uint8_t bytes[16], unsigned bits)
{
    bool clean = true;

    for (unsigned i = 0; i < 16; i++) {
        unsigned keep = bits <= i * 8 ? 0 : bits >= i * 8 + 8 ? 8 : bits - i * 8;
        uint8_t masked = (uint8_t)(bytes[i] & (0xff00U >> keep));
        clean = clean && masked == bytes[i];
        bytes[i] = masked;
    }
    return clean;
}

/* Words of Postfix, which says what the pattern should have been. */
static void host_bits_error(struct view text, const struct net_network *n,
                            struct error *e)
{
    char buf[INET6_ADDRSTRLEN] = "";

    inet_ntop(n->family, n->bytes, buf, sizeof(buf));
    error_set(e, "4.3.5",
              "non-null host address bits in \"%.*s\", perhaps you should use "
              "\"%s%s%s/%u\" instead",
              VIEW_FMT(view_sub(text, 0, 100)), n->family == AF_INET6 ? "[" : "", buf,
              n->family == AF_INET6 ? "]" : "", n->bits);
}

bool net_network_parse(struct view text, struct net_network *out, struct error *e)
{
    struct view address, mask;
    struct net_address parsed;
    const uint8_t *bytes;

    *out = (struct net_network){.family = AF_UNSPEC};
    if (!network_split(text, &address, &mask) ||
        !net_address_parse(address, 0, &parsed)) {
        error_set(e, "4.3.5", "bad net/mask pattern: \"%.*s\"",
                  VIEW_FMT(view_sub(text, 0, 100)));
        return false;
    }
    size_t n = address_bytes(&parsed, &bytes);
    int bits = (int)n * 8;
    if (mask.n && !number_parse_int(mask, 0, (int)n * 8, &bits)) {
        error_set(e, "4.3.5", "bad mask value in \"%.*s\"",
                  VIEW_FMT(view_sub(text, 0, 100)));
        return false;
    }
    out->family = net_address_family(&parsed);
    out->bits = (unsigned)bits;
    memcpy(out->bytes, bytes, n);
    if (!clear_host_bits(out->bytes, out->bits)) {
        host_bits_error(text, out, e);
        return false;
    }
    return true;
}

bool net_network_has(const struct net_network *n, const struct net_address *a)
{
    const uint8_t *bytes;
    uint8_t masked[16] = {0};

    if (net_address_family(a) != n->family)
        return false;
    size_t length = address_bytes(a, &bytes);
    if (length == 0)
        return false;
    memcpy(masked, bytes, length);
    clear_host_bits(masked, n->bits);
    return memcmp(masked, n->bytes, sizeof(masked)) == 0;
}

/* "[host]" or "[host]:port". */
static bool endpoint_bracketed(struct view text, struct net_endpoint *out)
{
    struct view rest;

    out->bracketed = true;
    if (!view_cut(view_from(text, 1), ']', &out->host, &rest) || out->host.n == 0)
        return false;
    if (rest.n == 0)
        return true;
    out->port = view_from(rest, 1);
    return rest.p[0] == ':' && out->port.n > 0;
}

bool net_endpoint_parse(struct view text, struct net_endpoint *out)
{
    struct net_address literal;

    *out = (struct net_endpoint){.unix_path = false};
    if (view_starts(text, VIEW("unix:")) || view_starts(text, VIEW("local:"))) {
        view_cut(text, ':', &(struct view){NULL, 0}, &out->host);
        out->unix_path = true;
        return out->host.n > 0;
    }
    if (view_starts(text, VIEW("inet:")))
        text = view_from(text, 5);
    if (view_has(text, '\0') || view_find_any(text, VIEW(" \t\r\n")) != VIEW_NPOS)
        return false;
    if (view_starts(text, VIEW("[")))
        return endpoint_bracketed(text, out);
    if (net_address_parse(text, 0, &literal)) {
        out->host = text;
        return true;
    }
    if (!view_rcut(text, ':', &out->host, &out->port))
        return out->host.n > 0;
    return out->port.n > 0 && !view_has(out->host, '[') && !view_has(out->host, ']');
}

/* For a chroot without /etc/services. */
static const struct {
    const char *name;
    uint16_t port;
} well_known_ports[] = {
    {"smtp", 25},   {"submission", 587}, {"submissions", 465}, {"smtps", 465},
    {"lmtp", 24},   {"pop3", 110},       {"pop3s", 995},       {"imap", 143},
    {"imap2", 143}, {"imaps", 993},      {"sieve", 4190},      {"http", 80},
    {"https", 443},
};

uint16_t net_port_parse(struct view port)
{
    uint64_t number;
    char name[64], buf[1024];
    struct servent entry, *found = NULL;

    if (view_is_number(port))
        return number_parse_u64(port, 1, UINT16_MAX, &number) ? (uint16_t)number : 0;
    if (net_known_port(port) != 0)
        return net_known_port(port);
    if (!to_cstr(port, name, sizeof(name)))
        return 0;
    if (getservbyname_r(name, "tcp", &entry, buf, sizeof(buf), &found) == 0 && found)
        return ntohs((uint16_t)found->s_port);
    for (size_t i = 0; i < sizeof(well_known_ports) / sizeof(well_known_ports[0]); i++) {
        if (view_eq(port, view_of(well_known_ports[i].name)))
            return well_known_ports[i].port;
    }
    return 0;
}
