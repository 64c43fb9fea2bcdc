/* proxy_header - the PROXY protocol; see proxy_header.h */
#include "net/proxy_header.h"

#include "base/number.h"

#include <arpa/inet.h>

/* --- version 1: "PROXY TCP4 192.0.2.1 198.51.100.1 56324 25" --- */

static bool take_address(struct view *rest, int family, const char *who,
                         struct net_address *out, struct error *e)
{
    struct view word;
    if (!view_token(rest, VIEW(" "), &word)) {
        error_set(e, "4.3.0", "missing %s address from proxy", who);
        return false;
    }
    if (word.p[0] == '[' || view_starts_case(word, VIEW("IPv6:")) ||
        !net_address_parse(word, 0, out) || net_address_family(out) != family) {
        error_set(e, "4.3.0", "bad %s %s address syntax from proxy: %.*s",
                  family == AF_INET6 ? "IPv6" : "IPv4", who, VIEW_FMT(word));
        return false;
    }
    return true;
}

static bool take_port(struct view *rest, const char *who, struct net_address *address,
                      struct error *e)
{
    struct view word;
    int port;
    if (!view_token(rest, VIEW(" "), &word)) {
        error_set(e, "4.3.0", "missing %s port from proxy", who);
        return false;
    }
    if (!number_parse_int(word, 0, 65535, &port)) {
        error_set(e, "4.3.0", "bad TCP %s port number syntax from proxy: %.*s", who,
                  VIEW_FMT(word));
        return false;
    }
    net_address_set_port(address, (uint16_t)port);
    return true;
}

bool proxy_header_parse_line(struct view line, struct proxy_header *out, struct error *e)
{
    struct view rest = line, word, family;
    *out = (struct proxy_header){.is_local = false};
    if (!view_token(&rest, VIEW(" "), &word) || !view_eq(word, VIEW("PROXY")) ||
        !view_token(&rest, VIEW(" "), &family)) {
        error_set(e, "4.3.0", "unexpected protocol header from proxy");
        return false;
    }
    if (view_eq(family, VIEW("UNKNOWN"))) {
        out->is_local = true;
        return true;
    }
    int kind = view_eq(family, VIEW("TCP4"))   ? AF_INET
               : view_eq(family, VIEW("TCP6")) ? AF_INET6
                                               : AF_UNSPEC;
    if (kind == AF_UNSPEC) {
        error_set(e, "4.3.0", "unexpected protocol from proxy: %.*s", VIEW_FMT(family));
        return false;
    }
    if (!take_address(&rest, kind, "client", &out->client, e) ||
        !take_address(&rest, kind, "server", &out->server, e) ||
        !take_port(&rest, "client", &out->client, e) ||
        !take_port(&rest, "server", &out->server, e))
        return false;
    if (!view_is_empty(rest)) {
        error_set(e, "4.3.0", "unexpected text in the header from proxy");
        return false;
    }
    return true;
}

/* --- version 2 --- */

static unsigned u16(const char *p)
{
    return (unsigned)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

bool proxy_header_parse_head(struct view head, size_t *rest, struct error *e)
{
    if (head.n < PROXY_V2_HEAD || memcmp(head.p, PROXY_V2_START, PROXY_V2_START_N) != 0 ||
        ((unsigned char)head.p[12] >> 4) != 2) {
        error_set(e, "4.3.0", "unexpected protocol header from proxy");
        return false;
    }
    *rest = u16(head.p + 14);
    if (PROXY_V2_HEAD + *rest > PROXY_V2_MAX) {
        error_set(e, "4.3.0", "header from proxy is too long");
        return false;
    }
    return true;
}

static void set_ipv4(struct net_address *a, const char *bytes, unsigned port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    memcpy(&in.sin_addr, bytes, 4);
    net_address_set(a, (const struct sockaddr *)&in, sizeof in);
}

static void set_ipv6(struct net_address *a, const char *bytes, unsigned port)
{
    struct sockaddr_in6 in = {.sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)port)};
    memcpy(&in.sin6_addr, bytes, 16);
    net_address_set(a, (const struct sockaddr *)&in, sizeof in);
}

bool proxy_header_parse_binary(struct view bytes, struct proxy_header *out,
                               struct error *e)
{
    size_t n;
    *out = (struct proxy_header){.is_local = false};
    if (!proxy_header_parse_head(view_sub(bytes, 0, PROXY_V2_HEAD), &n, e))
        return false;
    unsigned command = bytes.p[12] & 15, family = (unsigned char)bytes.p[13];
    const char *p = bytes.p + PROXY_V2_HEAD;
    if (bytes.n - PROXY_V2_HEAD < n || command > 1) {
        error_set(e, "4.3.0", "malformed header from proxy");
        return false;
    }
    if (command == 0 || family == 0) {
        out->is_local = true;
    } else if (family == 0x11 && n >= 12) { /* TCP over IPv4 */
        set_ipv4(&out->client, p, u16(p + 8));
        set_ipv4(&out->server, p + 4, u16(p + 10));
    } else if (family == 0x21 && n >= 36) { /* TCP over IPv6 */
        set_ipv6(&out->client, p, u16(p + 32));
        set_ipv6(&out->server, p + 16, u16(p + 34));
    } else {
        error_set(e, "4.3.0", "unexpected protocol or short header from proxy");
        return false;
    }
    return true;
}

/* --- from a stream --- */

static bool failed(struct stream *s, enum stream_result r, struct error *e)
{
    error_set(e, "4.3.0", "read from proxy: %s", stream_strerror(s, r));
    return false;
}

static bool receive_line(struct stream *s, struct proxy_header *out, struct error *e)
{
    struct view line;
    int ending;
    enum stream_result r = stream_read_line(s, PROXY_V1_MAX - 2, &line, &ending);
    if (r != STREAM_OK || ending != 2)
        return failed(s, r == STREAM_OK ? STREAM_TOO_LONG : r, e);
    return proxy_header_parse_line(line, out, e);
}

bool proxy_header_receive(struct stream *s, struct proxy_header *out, struct error *e)
{
    struct view first;
    struct str bytes = STR_INIT(PROXY_V2_MAX);
    size_t rest;
    enum stream_result r = stream_read_some(s, 1, &first);
    if (r != STREAM_OK)
        return failed(s, r, e);
    bool is_text = first.p[0] != PROXY_V2_START[0];
    stream_unread(s, 1);
    if (is_text)
        return receive_line(s, out, e);
    r = stream_read_exact(s, PROXY_V2_HEAD, &bytes);
    bool good = r == STREAM_OK || failed(s, r, e);
    good = good && proxy_header_parse_head(str_view(&bytes), &rest, e);
    if (good) {
        r = stream_read_exact(s, rest, &bytes);
        good = (r == STREAM_OK || failed(s, r, e)) &&
               proxy_header_parse_binary(str_view(&bytes), out, e);
    }
    str_done(&bytes);
    return good;
}
